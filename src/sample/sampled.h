/* One thread of the target while it is profiled: how it is read, and what was last seen of it. */
#ifndef PYR_SAMPLE_SAMPLED_H
#define PYR_SAMPLE_SAMPLED_H

#include "sample/chain.h"
#include "sample/codes.h"
#include "sample/nest.h"
#include "target/task.h"

enum pyr_activity {
    PYR_ACTIVE,  /* running or able to run: its frames may change at any time */
    PYR_RESTING, /* off the CPU since it was last read: its frames are as they were */
};

struct pyr_sampled {
    struct pyr_nest nest; /* its thread states */
    uint64_t ident;
    pid_t tid; /* as we see it */
    struct pyr_task task;
    uint32_t number;    /* in the recording */
    uint64_t name_hash; /* of its name there */
    unsigned nameless;  /* looks that found no name of Python's */
    enum pyr_activity activity;
    uint64_t resting_slices; /* it has not run while its slices are these */
    uint64_t run_ns;         /* with them */
    uint64_t resting_since_ns;
    bool rested;            /* not looked at by itself any more: see rest.c */
    uint64_t slices_before; /* during one tick */
    uint64_t odd_slices;    /* the slices at which its frames last did not fit together */
    bool waits_gil;         /* it rests because another thread has the GIL */
    int cpu;                /* where it ran last */
    struct pyr_window window;
    struct pyr_chain seen;       /* of pass IN, or of a still read */
    struct pyr_chain seen_again; /* of pass OUT */
    struct pyr_chain known;      /* the last that was resolved, root to leaf as nodes are */
    bool surprised;              /* its frames were not where they were foreseen, at the last read that found them */
    uint32_t *nodes;             /* of known, same order */
    unsigned nodes_capacity;
    unsigned calls_kept; /* of known, from the root: their calls are in codes */
    uint32_t node;       /* last written */
    uint8_t flags;
    bool written;
    bool gone;
    uint64_t cpu_due_ns, cpu_wait_ns; /* when its CPU time is to be read, and how long until the next time */
    uint64_t cpu_slices;              /* at the last reading; it rested then, if cpu_settled */
    bool cpu_settled;
    bool marked; /* during a refresh: it is still there */
    bool taken;  /* during an exact tick */
};

/* Without any thread state yet. */
int pyr_sampled_open(struct pyr_sampled *sampled, pid_t pid, pid_t tid, uint64_t ident);
void pyr_sampled_release(struct pyr_sampled *sampled);

/* More pieces to read in the same call; not more than PYR_EXTRA_MAX. */
#define PYR_EXTRA_MAX 512

struct pyr_extra {
    const struct iovec *local, *remote;
    unsigned count;
};

/* Reads the whole stack of a thread that holds still, into `seen`, with as many reads as it takes; extra may be NULL.
 */
int pyr_sampled_read_still(struct pyr_sampled *sampled, struct pyr_view view, const struct pyr_extra *extra);

/* Turns `seen` into a node of the recording. A thread that holds still may have unknown code: it is learnt. Else
 * unknown or replaced code makes it PYR_E_TORN (and is learnt for next time). */
int pyr_sampled_resolve(struct pyr_sampled *sampled, struct pyr_codes *codes, bool still, uint64_t now_ns,
                        uint32_t *node);

/* After a resolve of a stack that is certain by now: its calls are believed from now on. HOT: new ones only. */
void pyr_sampled_keep_calls(struct pyr_sampled *sampled, struct pyr_codes *codes);

#endif
