/* The text of source files, where they can be read. Their paths come from a recording: only regular files of a bounded
 * size are opened, and what is shown of them is cleaned. */
#ifndef PYR_REPORT_SOURCE_H
#define PYR_REPORT_SOURCE_H

#include "base/vec.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Zeroed it is empty and releasable. */
struct pyr_source {
    char *bytes;
    size_t size;
    struct pyr_vec starts; /* of uint32_t: where each line begins */
    uint64_t changed_ns;   /* its last change, since 1970 */
    const char *path;      /* borrowed; what is open (or could not be), NULL: nothing */
};

/* Opens path unless it is what is open already. PYR_E_NOT_FOUND: it cannot be read, and has no lines. */
int pyr_source_open(struct pyr_source *source, const char *path);
void pyr_source_release(struct pyr_source *source);

uint32_t pyr_source_lines(const struct pyr_source *source);

/* Puts a line (from 1), cut to width characters; indented: with its indentation, else without. Nothing where there is
 * none. */
void pyr_source_put(const struct pyr_source *source, uint32_t line, bool indented, unsigned width, FILE *out);

/* How many characters of a line come before the byte with this number (from 0) in it; -1 if there is no such byte or
 * the line is not UTF-8. The byte may be the one behind the last. */
int32_t pyr_source_characters(const struct pyr_source *source, uint32_t line, int32_t byte);

/* Columns of a terminal: how many lie before a part of a line that pyr_source_put has put with its indentation, and how
 * many it takes. */
struct pyr_extent {
    unsigned before, marked;
};

/* The part is from the byte `from` to before `to` (negative: to the end). False if it is not there or was cut. */
bool pyr_source_extent(const struct pyr_source *source, uint32_t line, int32_t from, int32_t to, unsigned width,
                       struct pyr_extent *extent);

#endif
