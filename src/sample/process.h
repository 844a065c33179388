/* One Python process while it is profiled. Not thread-safe: the profiler's lock is held around every call. */
#ifndef PYR_SAMPLE_PROCESS_H
#define PYR_SAMPLE_PROCESS_H

#include "record/writer.h"
#include "sample/names.h"
#include "sample/sampled.h"
#include "sample/tids.h"
#include "target/group.h"

#define PYR_PULSE_SPAN 512

/* What the threads of one interpreter share, read with every tick. */
struct pyr_pulse {
    uint8_t span[PYR_PULSE_SPAN]; /* of the interpreter: threads_head and gc_collecting are in it where they are near
                                     each other */
    uint64_t threads_head;
    struct {
        uint64_t holder;
        int32_t locked;
    } gil; /* in the order of struct _gil_runtime_state */
    int32_t gc_collecting;
};

/* The threads that rest for longer: none of them is looked at while figures of the whole process prove that none of
 * them ran. See rest.h. */
struct pyr_rested {
    size_t count, truncated;
    uint64_t slices, run_ns;             /* the sums of theirs */
    uint64_t slices_apart, run_ns_apart; /* what the process's figures hold beside those of living threads */
    bool slices_apart_known, run_ns_apart_known;
    struct pyr_vec holders; /* of struct pyr_sampled *: those that were last seen with the GIL */
};

/* Which kinds of tick it gets: see regime.h. */
enum pyr_regime { PYR_CALM, PYR_LIVELY, PYR_RESTLESS };

struct pyr_process {
    pid_t pid;
    bool is_python;
    uint32_t number; /* in the recording */
    struct pyr_target *target;
    struct pyr_python python;
    struct pyr_view view;
    struct pyr_writer *writer;
    struct pyr_quality *quality; /* the profiler's */
    struct pyr_codes codes;
    struct pyr_vec interps;   /* of struct pyr_interp */
    struct pyr_vec pulses;    /* of struct pyr_pulse, one for each interpreter */
    struct pyr_vec threads;   /* of struct pyr_sampled * */
    struct pyr_vec active;    /* of them, those that are looked at with every tick; the others are rested */
    struct pyr_map by_tid;    /* threads by their number, as of the last refresh */
    struct pyr_map by_state;  /* the same by the addresses of their thread states */
    struct pyr_vec strangers; /* of struct pyr_task: threads of the process that are not Python's */
    struct pyr_rested rested;
    struct pyr_group group;
    struct pyr_vec local, remote; /* of struct iovec: the pieces of a tick */
    uint64_t exec_id;
    uint64_t interps_ns; /* when to look for new interpreters */
    uint64_t refresh_ns; /* when to look for new threads without being told to */
    struct pyr_tids tids;
    struct pyr_names names;
    uint64_t cpu_due_ns; /* when CPU times are to be read */
    uint64_t soon_ns;    /* how long until the next look at what is incomplete: a thread that starts; 0: nothing is */
    bool starting;       /* a thread state had no thread yet at the last refresh */
    size_t renamed;      /* the thread whose name is to be looked at next */
    pid_t namespace_pid;
    bool stale; /* the list of threads is known to be out of date */
    bool gone;
    double piece_ns;   /* what reading one piece takes usually */
    double torn;       /* share of the last glances at active threads that were torn */
    unsigned glances;  /* at active threads, that this share is of: at most PYR_REGIME_GLANCES */
    double surprising; /* share of the last looks before a glance that found frames where none were foreseen */
    enum pyr_regime regime;
    bool may_be_restless; /* it gets exact ticks as well as glances */
    uint64_t regime_ns;   /* since when */
    unsigned failures;    /* ticks in a row that could not read it */
    size_t left_out;      /* threads that there were no descriptors for */
    bool hidden;          /* it may not be read any more */
};

/* Opens a process: not necessarily Python, or not yet (is_python false). */
int pyr_process_open(struct pyr_process **out, pid_t pid, struct pyr_writer *writer, struct pyr_quality *quality,
                     struct pyr_err *err);
void pyr_process_close(struct pyr_process *process);

/* Looks whether it is Python by now: 1 yes, 0 not yet, or why it cannot be profiled. time_ns: since the recording's
 * start. Registers it in the recording. */
int pyr_process_detect(struct pyr_process *process, uint64_t time_ns, struct pyr_err *err);

/* The same for a process that was forked from one that is Python, and has not executed another program since. 0 also
 * for one that runs no Python, being only on its way to an exec. */
int pyr_process_inherit(struct pyr_process *process, const struct pyr_process *from, uint64_t time_ns,
                        struct pyr_err *err);

/* Whether a thread of the kernel's is one of Python's: 1, 0, or a negative status. In a process forked by C code alone
 * none is, since Python has not been told of the fork. */
int pyr_roster_any(struct pyr_process *process);

/* Brings the list of threads up to date where it is known, or due, to be stale. Within a tick. */
int pyr_roster_keep(struct pyr_process *process, uint64_t now_ns);

/* One tick while the target runs: two reads, what differs is unresolved; or, where one thread runs, up to so many ticks
 * at once. HOT: no allocation but for what is new. time_ns: since the recording's start. */
int pyr_process_glance(struct pyr_process *process, unsigned ticks, uint64_t now_ns, uint64_t time_ns);

enum pyr_hold { PYR_HOLD_SIT, PYR_HOLD_STOP };

/* One tick with every stack certain: each thread that could run is read while it cannot, by sitting on its CPU or by
 * stopping it. The calling thread's CPU may be changed. */
int pyr_process_exact(struct pyr_process *process, enum pyr_hold hold, enum pyr_tick_kind kind, uint64_t now_ns,
                      uint64_t time_ns);

/* Before a glance at a lively process: foresees its frames from where they are now. How long it takes depends on the
 * program, so the glance is due at a time that does not. */
int pyr_process_look(struct pyr_process *process);

/* A glance that is not recorded: only to see how much is torn now. */
int pyr_process_probe(struct pyr_process *process, uint64_t now_ns);

/* ---- shared by both kinds of tick ---- */

/* Sorts the threads: those that did not run since their last sample are as they were; those off the CPU are read; the
 * rest are PYR_ACTIVE. Returns how many are active. */
enum pyr_screen {
    PYR_SCREEN_ALL,
    PYR_SCREEN_RESTING, /* those that were active are looked at by the caller */
};
int pyr_process_screen(struct pyr_process *process, enum pyr_screen which, uint64_t now_ns);

/* Samples of the threads that rest: nothing to read, but who has the GIL may have changed. */
int pyr_process_settle_resting(struct pyr_process *process);

/* A double read of one thread, and of the pulse in between. Its node; PYR_E_TORN;
 * PYR_E_AGAIN if the read was interrupted. */
int pyr_process_glance_one(struct pyr_process *process, struct pyr_sampled *sampled, uint64_t now_ns, uint32_t *node);

/* Whether a thread rests, and has not run since its CPU time was recorded. */
bool pyr_process_cpu_time_known(const struct pyr_sampled *sampled);

/* Records the CPU times of active threads where it is time to (a thread is rested when its is known). Last in a tick.
 */
int pyr_process_read_cpu_times(struct pyr_process *process, uint64_t now_ns);

/* The only active thread's samples, in up to so many ticks, the first of which has begun, and the last of which is left
 * open. Its window must not be empty. */
int pyr_process_burst(struct pyr_process *process, struct pyr_sampled *sampled, unsigned ticks, uint64_t now_ns,
                      uint64_t time_ns);

/* Makes room for the pieces of a tick. */
int pyr_process_room(struct pyr_process *process);

/* Reads an off-CPU thread's stack: 0 and it rests; PYR_E_AGAIN if it woke up meanwhile. slices_before must have been
 * read before its state was seen to be off the CPU. futex: what it waits for, or 0. */
int pyr_process_read_resting(struct pyr_process *process, struct pyr_sampled *sampled, uint64_t futex, uint64_t now_ns);

/* Appends the pieces that read the pulse. Returns how many. After the read, pyr_process_pulse_take. */
unsigned pyr_process_pulse_pieces(struct pyr_process *process, struct iovec *local, struct iovec *remote);
void pyr_process_pulse_take(struct pyr_process *process);

/* Reads the stack of a thread that holds still, and the pulse with it, as often as it takes to know its thread states.
 */
int pyr_process_read_still(struct pyr_process *process, struct pyr_sampled *sampled);

/* Whether the pulse that was read with a thread's frames agrees with the order of its thread states, and with there
 * being no new one. If not, the next try knows better. */
bool pyr_process_nest_holds(struct pyr_process *process, struct pyr_sampled *sampled);
/* Sets the thread's sample: written only if it differs from its last one. */
int pyr_process_sample(struct pyr_process *process, struct pyr_sampled *sampled, uint32_t node, uint8_t flags);

/* The same without counting it. */
int pyr_process_write(struct pyr_process *process, struct pyr_sampled *sampled, uint32_t node, uint8_t flags);

/* The flags of a thread by the pulse just read and its activity. */
uint8_t pyr_process_flags(const struct pyr_process *process, const struct pyr_sampled *sampled);

static inline struct pyr_sampled *pyr_process_thread(const struct pyr_process *process, size_t i)
{
    return *PYR_VEC_AT(&process->threads, struct pyr_sampled *, i);
}

static inline struct pyr_sampled *pyr_process_active(const struct pyr_process *process, size_t i)
{
    return *PYR_VEC_AT(&process->active, struct pyr_sampled *, i);
}

#endif
