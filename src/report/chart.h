/* A line chart of bytes over seconds, as SVG: opens in any browser, needs nothing else. */
#ifndef PYR_REPORT_CHART_H
#define PYR_REPORT_CHART_H

#include "base/vec.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct pyr_chart_point {
    double seconds;
    uint64_t bytes;
};

struct pyr_chart_series {
    const char *name;      /* shown cleaned */
    const char *colour;    /* "#rrggbb" */
    bool filled;           /* down to zero */
    struct pyr_vec points; /* of struct pyr_chart_point, by time */
};

/* A moment worth a word. */
struct pyr_chart_mark {
    double seconds;
    uint64_t bytes;
    const char *text; /* shown cleaned */
};

struct pyr_chart {
    const char *title; /* shown cleaned */
    const struct pyr_chart_series *series;
    size_t count;
    const struct pyr_chart_mark *mark; /* NULL: none */
};

/* Writes the whole file. At most a few points for each pixel are drawn: of many, those that are lowest and highest, so
 * that no peak is lost. Failures of `out` are the caller's to find. */
void pyr_chart_write(const struct pyr_chart *chart, FILE *out);

#endif
