/* What bounds a program: the CPU, waiting, the GIL or the collector, with the figures that say so. */
#ifndef PYR_ANALYZE_VERDICT_H
#define PYR_ANALYZE_VERDICT_H

#include "analyze/view.h"

enum pyr_bound {
    PYR_BOUND_NONE /* too little was seen */,
    PYR_BOUND_CPU,
    PYR_BOUND_IO,
    PYR_BOUND_GIL,
    PYR_BOUND_GC,
    PYR_BOUND_MIXED
};

struct pyr_verdict {
    enum pyr_bound bound;
    uint32_t process; /* that it is about: the one that used most CPU; meaningless for NONE */
    /* Shares of its time in which some thread … */
    double on_cpu, gil_held, gil_wanted, in_gc;
    bool gc_measured;       /* in_gc is the length of all its collections, not a share of samples */
    double waiting_for_cpu; /* … could run, but none did: the machine was busy */
    /* Threads, on average over its time. */
    double threads_on_cpu, threads_waiting_for_cpu, threads_wanting_gil;
    char sentence[400];
};

const char *pyr_bound_name(enum pyr_bound bound); /* "CPU-bound" */
void pyr_verdict_find(struct pyr_verdict *verdict, const struct pyr_shown *view);

#endif
