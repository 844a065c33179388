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

#endif
