/* The thread states of one kernel thread. It has several where it runs code in several interpreters: the code of one is
 * called from the code of another, so that their stacks are one, and the thread states stand in it in some order.
 *
 * That order is read with the stacks: where C calls Python, the interpreter leaves something on the C stack, which
 * grows downwards; so whichever has it lower was called later. Versions that leave nothing there say who is innermost
 * only by the GIL: see pyr_nest_raise. */
#ifndef PYR_SAMPLE_NEST_H
#define PYR_SAMPLE_NEST_H

#include "pyobj/interp.h"
#include "sample/window.h"

#define PYR_ANCHOR_SPAN 256
#define PYR_ANCHOR_PIECES 3
#define PYR_NEST_MAX 256 /* thread states of one thread; more are left out */

/* Where the interpreter keeps a thread state's innermost frame: one word, or on some versions two hops. */
struct pyr_anchor {
    uint64_t unique_id;            /* of the thread state that is there now */
    uint8_t span[PYR_ANCHOR_SPAN]; /* of the thread state, from the first to the last word wanted of it */
    uint64_t words[2];             /* frame; or cframe, and the frame of the foreseen cframe */
    uint64_t cframe;               /* foreseen */
    uint64_t executor;             /* the compiled code that it runs; 0: none, or the version has no such thing */
    uint64_t on_stack;             /* an address on the C stack of the thread that runs it, where the version has one */
};

struct pyr_nested {
    struct pyr_thread_state state;
    struct pyr_anchor anchor;
    uint64_t leaf; /* its innermost frame; 0: there is none */
    bool runs;     /* Python code, when its frames were last followed; of a nest of several */
    bool marked;   /* during a refresh: it is still there */
};

/* Zeroed it is empty and releasable. Outermost first, as far as is known. */
struct pyr_nest {
    struct pyr_nested *states;
    unsigned count, capacity;
    uint64_t stack_low, stack_high; /* the thread's C stack; 0 where it is not known */
    bool outdated;                  /* the list of thread states has to be read anew */
    bool changed;                   /* it was found to be another, or in another order: worth reading again at once */
};

void pyr_nest_release(struct pyr_nest *nest);

/* The thread state at an address; NULL if it is not one of this thread's. */
struct pyr_nested *pyr_nest_find(const struct pyr_nest *nest, uint64_t at);

/* Brings the nest up to date: begin, then each thread state there is, oldest first, then end, which returns whether it
 * has changed. add: PYR_E_NOMEM, PYR_E_LIMIT. */
void pyr_nest_begin(struct pyr_nest *nest);
int pyr_nest_add(struct pyr_nest *nest, const struct pyr_thread_state *state);
bool pyr_nest_end(struct pyr_nest *nest);

/* Appends the pieces that read a thread state into an anchor, its own or another with the same foreseen cframe. HOT.
 * Returns how many (at most PYR_ANCHOR_PIECES). */
unsigned pyr_anchor_pieces(const struct pyr_thread_state *state, const struct pyr_layout *layout,
                           struct pyr_anchor *anchor, struct iovec *local, struct iovec *remote);

/* The most pieces that pyr_nest_pieces will append. */
static inline unsigned pyr_nest_pieces_max(const struct pyr_nest *nest)
{
    return nest->count * PYR_ANCHOR_PIECES;
}

/* Appends the pieces that read where each thread state's innermost frame is. HOT. Returns how many. */
unsigned pyr_nest_pieces(struct pyr_nest *nest, const struct pyr_layout *layout, struct iovec *local,
                         struct iovec *remote);

/* Takes what those pieces brought. PYR_E_TORN if a frame was not where foreseen (and foresees anew), or the nest is not
 * what is there (and is outdated then); PYR_E_GONE if the only thread state is another's by now. */
int pyr_nest_leaves(struct pyr_nest *nest, const struct pyr_layout *layout);

/* Only whether another thread has begun to run one of them, which makes the nest outdated: pieces, at most one for each
 * thread state; and what they brought. */
unsigned pyr_nest_stack_pieces(struct pyr_nest *nest, const struct pyr_layout *layout, struct iovec *local,
                               struct iovec *remote);
void pyr_nest_stack_take(struct pyr_nest *nest, const struct pyr_layout *layout);

/* Nothing is foreseen any more. */
void pyr_nest_forget(struct pyr_nest *nest);

/* Where a walk through all its frames is. */
struct pyr_nest_walk {
    unsigned left;    /* thread states still to be walked, this one included */
    unsigned begun;   /* the chain's depth where this one began */
    uint64_t at;      /* the next frame of this one */
    uint64_t deepest; /* where on the C stack the one that was walked before begins */
    bool any;         /* one that runs Python code was walked before */
};

struct pyr_nest_walk pyr_nest_walk_begin(const struct pyr_nest *nest);

/* Follows all frames through the copies of one side, innermost first, as pyr_window_follow does, which see: after
 * PYR_E_FAULT, extend for walk->at and follow on. PYR_E_TORN also where the thread states turn out to stand in another
 * order, which is kept for the next try. HOT. */
int pyr_nest_follow(struct pyr_nest *nest, const struct pyr_window *window, struct pyr_side side,
                    const struct pyr_layout *layout, struct pyr_nest_walk *walk, struct pyr_chain *chain);

/* Whether the innermost code was being run as compiled by CPython's JIT when it was last read. Then the frame's own
 * instruction is only brought up to date where it calls something. */
bool pyr_nest_runs_compiled(const struct pyr_nest *nest);

/* Where the order cannot be read: this one is innermost now, since it holds the GIL. False if it was not known to be.
 */
bool pyr_nest_raise(struct pyr_nest *nest, const struct pyr_layout *layout, const struct pyr_nested *nested);

#endif
