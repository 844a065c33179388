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

struct pyr_chart_span {
    double from_s, to_s;
};

/* Brackets around what is of one kind, on the last series. */
struct pyr_chart_brackets {
    const char *name;            /* shown cleaned */
    const struct pyr_vec *spans; /* of struct pyr_chart_span */
};

struct pyr_chart {
    const char *title; /* shown cleaned */
    const struct pyr_chart_series *series;
    size_t count;
    const struct pyr_chart_mark *mark; /* NULL: none */
    const struct pyr_chart_brackets *brackets;
    size_t bracket_count;
};

/* Writes the whole file. At most a few points for each pixel are drawn: of many, those that are lowest and highest, so
 * that no peak is lost; and brackets that would be closer than a pixel are one. Failures of `out` are the caller's to
 * find. */
void pyr_chart_write(const struct pyr_chart *chart, FILE *out);

#endif
