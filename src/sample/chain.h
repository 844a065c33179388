/* A thread's frames as found in memory, before anything is looked up: addresses and words. */
#ifndef PYR_SAMPLE_CHAIN_H
#define PYR_SAMPLE_CHAIN_H

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>

#define PYR_CHAIN_MAX 8192 /* frames kept; deeper stacks are truncated and marked */

struct pyr_link {
    uint64_t frame;   /* address of the frame */
    uint64_t code;    /* address of its code object; 0 for an entry frame of the interpreter itself */
    uint64_t instr;   /* as the version keeps it */
    uint8_t activity; /* enum pyr_frame_activity */
    bool is_entry;    /* called by C code */
    bool is_generator;
};

/* Leaf first. Zeroed it is empty and releasable; links grow and are kept from sample to sample. */
struct pyr_chain {
    struct pyr_link *links;
    unsigned depth;
    unsigned capacity;
    bool truncated;
};

int pyr_chain_push(struct pyr_chain *chain, const struct pyr_link *link);
void pyr_chain_release(struct pyr_chain *chain);

/* Whether the frames agree among themselves that they call each other: one that was called in the interpreter's own
 * loop has a caller that waits, and the innermost one does not wait. Words read a moment apart may not. */
bool pyr_chain_plausible(const struct pyr_chain *chain);

/* Whether the innermost frames are such that two equal reads are not equal by chance, where much changes between them:
 * generators are left and entered again in less time than lies between two reads, at the same place. */
bool pyr_chain_steady(const struct pyr_chain *chain);

/* Whether both say the same of where the thread is. The leaf's instruction may differ: it moves all the time, and each
 * of both values was true. */
bool pyr_chain_same(const struct pyr_chain *a, const struct pyr_chain *b);

#endif
