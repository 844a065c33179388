/* Figures about the run as a whole, its threads and the quality of what was measured. */
#ifndef PYR_ANALYZE_FACTS_H
#define PYR_ANALYZE_FACTS_H

#include "analyze/view.h"

const char *pyr_mode_name(enum pyr_mode mode);

/* CPU used by the selected processes, and the peak of the largest; 0: the recording does not say. */
struct pyr_usage_sum {
    uint64_t cpu_ns, peak_rss_bytes;
};

struct pyr_usage_sum pyr_shown_usage(const struct pyr_shown *view);

/* Samples of the selected threads; left_s: seconds that stayed without a stack. */
struct pyr_sample_sums {
    uint64_t glance, exact, unresolved;
    uint64_t only; /* of the exact ones: while there were no glances */
    double left_s, truncated_s, all_s;
};

struct pyr_sample_sums pyr_shown_samples(const struct pyr_shown *view);

/* Time without samples between the ticks of the selected process that has most of it; and its own time. */
struct pyr_gap_sum {
    double unobserved_s, longest_s, elapsed_s;
};

struct pyr_gap_sum pyr_shown_gaps(const struct pyr_shown *view);

/* What was asked for; with rate "max", what was reached. */
double pyr_shown_rate_hz(const struct pyr_shown *view);

/* Ticks per second, the mean of all processes. */
double pyr_shown_density_hz(const struct pyr_shown *view);

/* Samples of one thread by state. */
struct pyr_thread_sum {
    const struct pyr_thread_facts *facts;
    double ticks, on_cpu, waits_cpu, has_gil, waits_gil, in_gc; /* samples */
    double seconds, busy_s, cpu_s;
};

/* One for each thread of the model. NULL: no memory. */
struct pyr_thread_sum *pyr_shown_threads(const struct pyr_shown *view);
void pyr_shown_threads_release(struct pyr_thread_sum *threads);

#endif
