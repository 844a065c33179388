/* Reports from heap snapshots (.pyroheap). Functions may be called from several threads, for different files. */
#ifndef PYROMETER_HEAP_H
#define PYROMETER_HEAP_H

#include "pyrometer/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum pyr_heap_view {
    PYR_HEAP_CENSUS,     /* objects and bytes by type, module, size, generation, site */
    PYR_HEAP_SUSPECTS,   /* in words: what keeps much */
    PYR_HEAP_TOP,        /* the objects that keep most */
    PYR_HEAP_DOMINATORS, /* the dominator tree, from the roots or from one object */
    PYR_HEAP_PATHS,      /* shortest ways from roots to an object, or to those of a type, merged */
    PYR_HEAP_CYCLES,     /* garbage that only the collector can free */
    PYR_HEAP_DUPLICATES, /* equal objects that are there several times */
    PYR_HEAP_CONTAINERS, /* memory that containers take and need not */
    PYR_HEAP_ARENAS,     /* how full pools and arenas are */
    PYR_HEAP_GC,         /* the collector's generations */
    PYR_HEAP_DOT,        /* the ways to `what`, or the top of the dominator tree, for Graphviz */
    PYR_HEAP_JSON,       /* everything, for programs */
    PYR_HEAP_VIEWS
};

struct pyr_heap_report_options {
    enum pyr_heap_view view;
    const char *what; /* DOMINATORS: "0x…" or NULL. PATHS: a type's name or "0x…". DOT: as PATHS, or NULL */
    unsigned limit;   /* rows of tables; 0: default */
    bool colour;
};

/* Writes what a snapshot says to out. PYR_E_NOT_FOUND: no such file, type or object; PYR_E_FORMAT: no snapshot, or
 * damaged; PYR_E_UNSUPPORTED: of a later version; PYR_E_NOMEM; PYR_E_IO. */
int pyr_heap_report(const char *snapshot, const struct pyr_heap_report_options *options, FILE *out,
                    struct pyr_err *err);

/* What came, what went and what grew between two snapshots, of one program or of two. Of options limit and colour
 * count.
 */
int pyr_heap_diff(const char *before, const char *after, const struct pyr_heap_report_options *options, FILE *out,
                  struct pyr_err *err);

/* Whether the file begins as a snapshot does. */
bool pyr_heap_is_snapshot(const char *path);

#endif
