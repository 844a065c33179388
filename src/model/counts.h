/* Private to model: counts ticks per thread, stack and state while the recording streams by. */
#ifndef PYR_MODEL_COUNTS_H
#define PYR_MODEL_COUNTS_H

#include "base/vec.h"
#include "record/format.h"

struct pyr_event;
struct pyr_reader;
struct pyr_model;
struct pyr_model_filter;

/* How far the counters of a process had come. */
struct pyr_ticks {
    uint64_t glance, exact;
    uint64_t only; /* exact ticks while there were no glances */
};

struct pyr_live_process {
    struct pyr_ticks now, before; /* after and before the last tick */
    uint64_t mixed_ns, only_ns;   /* time that ticks of each regime stand for */
    uint64_t first_ns, last_ns, end_ns, cpu_ns, peak_rss_bytes;
    uint32_t on_cpu, gil_held, gil_wanted, in_gc; /* threads that are, now */
    uint64_t overlap_on_cpu, overlap_gil_held, overlap_gil_wanted, overlap_in_gc;
    int exit_status;
    bool ended, known;
};

/* A thread repeats its last sample until it is named again: only the start of the run is kept. */
struct pyr_live_thread {
    uint32_t node, process;
    uint8_t flags;
    bool alive, known;
    struct pyr_ticks since;
    uint32_t last_tally; /* number + 1 of the tally used last; a thread often returns to it */
};

struct pyr_counts {
    const struct pyr_reader *reader;
    struct pyr_vec processes; /* of struct pyr_live_process */
    struct pyr_vec threads;   /* of struct pyr_live_thread */
    struct pyr_vec tallies;   /* of struct pyr_tally */
    uint32_t *slots;          /* tally number + 1; 0 is free */
    size_t mask;
    uint64_t from_ns, to_ns, end_ns;
};

int pyr_counts_event(struct pyr_counts *counts, const struct pyr_event *event);
int pyr_counts_finish(struct pyr_counts *counts); /* ends every run that is still open */
void pyr_counts_release(struct pyr_counts *counts);

#endif
