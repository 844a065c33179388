/* Private to model: counts ticks per thread, stack and state while the recording streams by (counts.c), gives each tick
 * the time that it stands for (segment.c), and divides the time of a thread that could run by what the kernel measured
 * (cpu_time.c). */
#ifndef PYR_MODEL_COUNTS_H
#define PYR_MODEL_COUNTS_H

#include "base/vec.h"
#include "record/format.h"

struct pyr_event;
struct pyr_reader;
struct pyr_model;
struct pyr_model_filter;
struct pyr_tally;

/* How far the counters of a process had come. */
struct pyr_ticks {
    uint64_t glance, exact;
    uint64_t only; /* exact ticks while there were no glances */
};

static inline uint64_t pyr_ticks_between(const struct pyr_ticks *from, const struct pyr_ticks *to)
{
    return to->glance - from->glance + (to->exact - from->exact) + (to->only - from->only);
}

/* The time that ticks stand for, and the sum of the squares of each one's. */
struct pyr_worth {
    double seconds, square;
};

/* The usual interval between ticks of one regime. */
struct pyr_pace {
    double interval_ns;
    uint64_t seen;
    unsigned gaps;    /* in a row */
    uint64_t gaps_ns; /* by which they are longer */
};

/* A stretch of ticks that are worth the same: what passed, divided by how many they are. */
struct pyr_segment {
    uint64_t number; /* from 1 */
    struct pyr_ticks base;
    struct pyr_worth before; /* of all segments before it */
    uint64_t start_ns;       /* the tick before its first; or its first, where there is none before */
    uint64_t quiet_ns;       /* since when no long gap */
    uint64_t gaps_ns;        /* long ones in it */
    bool is_first, only;
    struct pyr_vec threads, tallies; /* of uint32_t: those that changed, or were counted, in it */
};

struct pyr_live_process {
    struct pyr_ticks now, before; /* after and before the last tick */
    struct pyr_segment segment;
    struct pyr_pace pace[2]; /* of both regimes */
    uint64_t first_ns, last_ns, end_ns, cpu_ns, peak_rss_bytes;
    uint64_t unobserved_ns, longest_gap_ns;
    double ran_s, could_run_s;                      /* where both are known: the share for threads of which it is not */
    uint32_t runnable, gil_held, gil_wanted, in_gc; /* threads that are, now */
    uint64_t overlap_runnable, overlap_gil_held, overlap_gil_wanted, overlap_in_gc;
    int exit_status;
    bool ended, known, measured;
};

/* Time of one thread that is not yet given to its stacks, for want of samples or of a reading of its CPU time. */
struct pyr_stratum {
    struct pyr_vec tallies; /* of uint32_t */
    struct pyr_worth run, rest;
    uint64_t run_ticks, rest_ticks; /* run: it could run */
    double ran_s, waited_s;         /* as the kernel measured them … */
    double read_s;                  /* … over this time … */
    double covered_s;               /* … and this part of `run` */
    bool is_first, read_now;
};

/* A thread repeats its last sample until it is named again: only the start of the run is kept. */
struct pyr_live_thread {
    uint32_t node, process;
    uint8_t flags;
    bool alive, known;
    struct pyr_ticks since;
    struct pyr_worth since_worth;
    uint32_t last_tally; /* number + 1 of the tally used last; a thread often returns to it */
    uint64_t segment;    /* the last in which it changed */
    bool measured;       /* its CPU time is known */
    uint64_t reading_ns;
    struct pyr_stratum stratum;
};

/* Of a tally: what is not in it yet. */
struct pyr_open_tally {
    uint64_t segment_ticks;
    uint64_t stratum_ticks;
    struct pyr_worth worth; /* in its thread's stratum */
};

struct pyr_counts {
    const struct pyr_reader *reader;
    struct pyr_vec processes; /* of struct pyr_live_process */
    struct pyr_vec threads;   /* of struct pyr_live_thread */
    struct pyr_vec tallies;   /* of struct pyr_tally */
    struct pyr_vec open;      /* of struct pyr_open_tally, as tallies */
    uint32_t *slots;          /* tally number + 1; 0 is free */
    size_t mask;
    uint64_t from_ns, to_ns, end_ns;
    double rate_hz; /* asked for; 0: as many as possible */
};

void pyr_counts_init(struct pyr_counts *counts, const struct pyr_reader *reader, const struct pyr_model_filter *filter);
int pyr_counts_event(struct pyr_counts *counts, const struct pyr_event *event);
int pyr_counts_finish(struct pyr_counts *counts); /* ends every run that is still open */
int pyr_counts_pause(struct pyr_counts *counts);  /* tallies are as they stand now; more may come */
void pyr_counts_release(struct pyr_counts *counts);

/* ---- shared by its files ---- */

static inline struct pyr_live_process *pyr_counts_process(const struct pyr_counts *counts, uint32_t number)
{
    return PYR_VEC_AT(&counts->processes, struct pyr_live_process, number);
}

static inline struct pyr_live_thread *pyr_counts_thread(const struct pyr_counts *counts, uint32_t number)
{
    return PYR_VEC_AT(&counts->threads, struct pyr_live_thread, number);
}

static inline struct pyr_open_tally *pyr_counts_open(const struct pyr_counts *counts, uint32_t number)
{
    return PYR_VEC_AT(&counts->open, struct pyr_open_tally, number);
}

static inline bool pyr_counts_in_window(const struct pyr_counts *counts, uint64_t time_ns)
{
    return time_ns >= counts->from_ns && time_ns < counts->to_ns;
}

/* The number + 1 of the tally, which may be new; or a negative status. */
int64_t pyr_counts_tally(struct pyr_counts *counts, uint32_t thread, uint32_t node, uint8_t flags);

/* Books the run that a thread has had since its last change, up to `until`. */
int pyr_counts_close_run(struct pyr_counts *counts, uint32_t number, struct pyr_live_thread *thread,
                         const struct pyr_ticks *until);

/* Before the thread changes: what it did in the segments before is booked. */
int pyr_segment_touch(struct pyr_counts *counts, uint32_t number, struct pyr_live_thread *thread);

/* Before a tick in the window, and after it: which segment it is of. */
int pyr_segment_before_tick(struct pyr_counts *counts, struct pyr_live_process *process, const struct pyr_event *event);
void pyr_segment_take_tick(struct pyr_live_process *process, const struct pyr_event *event);

/* After a tick at which CPU times were read. */
int pyr_segment_after_reading(struct pyr_counts *counts, struct pyr_live_process *process);

/* All ticks so far get what they are worth. */
int pyr_segment_end(struct pyr_counts *counts, struct pyr_live_process *process);
void pyr_segment_release(struct pyr_segment *segment);

/* The thread's readings. */
int pyr_cpu_time_read(struct pyr_counts *counts, struct pyr_live_process *process, const struct pyr_event *event);

/* Gives the tally ticks of a known worth: at once, or when it is known how much of them the thread ran. */
int pyr_cpu_time_book(struct pyr_counts *counts, uint32_t tally, uint64_t ticks, struct pyr_worth worth);

/* At the end of a segment. */
enum pyr_settle {
    PYR_SETTLE_IF_ENOUGH,
    PYR_SETTLE_NOW,  /* somebody wants to see it */
    PYR_SETTLE_LAST, /* no reading will come any more */
};
int pyr_cpu_time_settle(struct pyr_counts *counts, uint32_t number, enum pyr_settle when);

#endif
