/* The pieces of a thread's memory that hold its frames, foreseen from its last sample, so that all of it can be read in
 * one system call; and the copies that were read. */
#ifndef PYR_SAMPLE_WINDOW_H
#define PYR_SAMPLE_WINDOW_H

#include "layout/layout.h"
#include "sample/chain.h"

#include <sys/uio.h>

#define PYR_REGIONS_MAX 640
#define PYR_REGION_PIECES 4 /* a large region is read back in this many pieces, the innermost first */
#define PYR_BURST 16        /* ticks in one burst at most */

struct pyr_region {
    uint64_t start;
    uint32_t size;
    uint32_t at;  /* of its copy, in each pass */
    uint32_t age; /* times the window was foreseen anew without a frame in it */
};

/* Root to leaf, leaf to root. A burst has one more for each of its ticks: of the innermost region only, but for the
 * first and the last. */
enum pyr_pass { PYR_PASS_IN, PYR_PASS_OUT, PYR_PASSES = PYR_BURST + 1 };

struct pyr_frame;

/* A frame that was decoded, as a link of a chain. */
struct pyr_link pyr_link_of(uint64_t at, const struct pyr_frame *frame);

/* Zeroed it is empty and releasable. Regions stand outermost first. */
struct pyr_window {
    struct pyr_region *regions; /* room for PYR_REGIONS_MAX, from first use on */
    unsigned count;
    uint32_t size;
    uint8_t *copies[PYR_PASSES]; /* of each pass, as many as are used */
    unsigned passes;             /* how many that is */
    uint32_t capacity;
};

void pyr_window_release(struct pyr_window *window);

/* Foresees the next sample from this chain: its frames, those near each other as one region, and some room for deeper
 * calls; and the places where frames were lately, since generators and entry frames come again. The copies are lost.
 * PYR_E_LIMIT: the frames are scattered over too many places (the outer ones are left out). */
int pyr_window_foresee(struct pyr_window *window, const struct pyr_layout *layout, const struct pyr_chain *chain);

/* Makes room for the copies of so many passes, at least two. */
int pyr_window_make_passes(struct pyr_window *window, unsigned passes);

/* Appends the pieces of one pass in its order; room for count + PYR_REGION_PIECES must be there. HOT. Returns how many.
 */
unsigned pyr_window_pieces(const struct pyr_window *window, enum pyr_pass pass, struct iovec *local,
                           struct iovec *remote);

/* The same in two parts, for bursts: the innermost region into any pass, and all others into the first or, inside out,
 * the last one. The window must not be empty. */
unsigned pyr_window_inner_piece(const struct pyr_window *window, unsigned pass, struct iovec *local,
                                struct iovec *remote);
unsigned pyr_window_outer_pieces(const struct pyr_window *window, unsigned pass, bool inside_out, struct iovec *local,
                                 struct iovec *remote);

/* The passes whose copies tell one side of an instant. */
struct pyr_side {
    unsigned inner, outer; /* of the innermost region, of all others */
};

/* Follows the frames through copies from *at (a frame's address) outwards, adding them to the chain. 0 at the
 * outermost; PYR_E_FAULT where the window has not the frame that *at then names: extend, and follow on; PYR_E_TORN
 * where frames make no sense. HOT. */
int pyr_window_follow(const struct pyr_window *window, struct pyr_side side, const struct pyr_layout *layout,
                      uint64_t *at, struct pyr_chain *chain);

/* Adds a region for the frame at an address and up to `span` bytes below it, to be read into pass IN by the caller:
 * *local and *remote say what. PYR_E_LIMIT when there are too many. */
int pyr_window_extend(struct pyr_window *window, const struct pyr_layout *layout, uint64_t frame, uint32_t span,
                      struct iovec *local, struct iovec *remote);

/* Takes the last extension back: it could not be read. */
void pyr_window_unextend(struct pyr_window *window);

#endif
