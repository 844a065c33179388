/* A drawing made by Graphviz. */
#ifndef PYR_CLI_SVG_H
#define PYR_CLI_SVG_H

#include "pyrometer/heap.h"

bool pyr_svg_wanted(const char *path); /* whether the name ends in .svg; NULL is allowed */

/* The report, which must be DOT, through `dot -Tsvg`. PYR_E_NOT_FOUND if that is not there. */
int pyr_svg_report(const char *snapshot, const struct pyr_heap_report_options *options, FILE *out, struct pyr_err *err);

#endif
