/* When chosen functions ran, as the samples saw it. */
#ifndef PYR_REPORT_SPANS_H
#define PYR_REPORT_SPANS_H

#include "base/vec.h"
#include "report/chart.h"
#include "report/report.h"

enum { PYR_SPAN_FUNCTIONS_MAX = 8 };

struct pyr_spans {
    unsigned count; /* functions */
    char names[PYR_SPAN_FUNCTIONS_MAX][80];
    struct pyr_vec of[PYR_SPAN_FUNCTIONS_MAX]; /* of struct pyr_chart_span, in order of their ends */
};

/* Of the functions that report->options->functions names: those with this qualified name, or whose ends with a dot and
 * it. Each from where it is first on a thread's stack to where it is gone, whether it runs or waits. 0;
 * PYR_E_NOT_FOUND: one of them was never seen; PYR_E_MISUSE: too many. Release it in any case. */
int pyr_spans_read(struct pyr_spans *spans, struct pyr_report *report);
void pyr_spans_release(struct pyr_spans *spans);

#endif
