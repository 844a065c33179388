/* One thread of the target while it is profiled: how it is read, and what was last seen of it. */
#ifndef PYR_SAMPLE_SAMPLED_H
#define PYR_SAMPLE_SAMPLED_H

#include "pyobj/interp.h"
#include "sample/chain.h"
#include "sample/codes.h"
#include "sample/window.h"
#include "target/task.h"

#define PYR_ANCHOR_SPAN 256

/* Where the interpreter keeps a thread's innermost frame: one word, or on some versions two hops. */
struct pyr_anchor {
    uint64_t unique_id;            /* of the thread state that is there now */
    uint8_t span[PYR_ANCHOR_SPAN]; /* of the thread state, from the first to the last word wanted of it */
    uint64_t words[2];             /* frame; or cframe, and the frame of the foreseen cframe */
    uint64_t cframe;               /* foreseen */
};

enum pyr_activity {
    PYR_ACTIVE,  /* running or able to run: its frames may change at any time */
    PYR_RESTING, /* off the CPU since it was last read: its frames are as they were */
};

#define PYR_ANCHOR_PIECES 3

struct pyr_sampled {
    struct pyr_thread_state state;
    pid_t tid; /* as we see it */
    struct pyr_task task;
    uint32_t number;    /* in the recording */
    uint64_t name_hash; /* of its name there */
    unsigned nameless;  /* looks that found no name of Python's */
    enum pyr_activity activity;
    uint64_t resting_slices; /* it has not run while its slices are these */
    uint64_t slices_before;  /* during one tick */
    uint64_t odd_slices;     /* the slices at which its frames last did not fit together */
    bool waits_gil;          /* it rests because another thread has the GIL */
    int cpu;                 /* where it ran last */
    struct pyr_anchor anchor;
    struct pyr_window window;
    struct pyr_chain seen;       /* of pass IN, or of a still read */
    struct pyr_chain seen_again; /* of pass OUT */
    struct pyr_chain known;      /* the last that was resolved, root to leaf as nodes are */
    uint32_t *nodes;             /* of known, same order */
    unsigned nodes_capacity;
    uint32_t node; /* last written */
    uint8_t flags;
    bool written;
    bool gone;
    bool marked; /* during a refresh: it is still there */
    bool taken;  /* during an exact tick */
};

int pyr_sampled_open(struct pyr_sampled *sampled, pid_t pid, pid_t tid, const struct pyr_thread_state *state);
void pyr_sampled_release(struct pyr_sampled *sampled);

/* Appends the pieces that read where its innermost frame is, into an anchor: its own, or another with the same foreseen
 * cframe. HOT. Returns how many (at most PYR_ANCHOR_PIECES). */
unsigned pyr_sampled_anchor_pieces(const struct pyr_sampled *sampled, const struct pyr_layout *layout,
                                   struct pyr_anchor *anchor, struct iovec *local, struct iovec *remote);

/* The innermost frame that those pieces brought; PYR_E_TORN if it was not where foreseen (and foresees anew);
 * PYR_E_GONE if the thread state is another's by now. */
int pyr_sampled_leaf(const struct pyr_sampled *sampled, const struct pyr_layout *layout, struct pyr_anchor *anchor,
                     uint64_t *leaf);

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

#endif
