/* What is known of a block of the C library: whose it is and what was asked for. Up to PYR_TRAILER_MAX usable bytes it
 * is in the block's last eight, which are asked for in addition where the block has no slack; of larger ones it is in a
 * table. Nothing goes before a block: one that we know nothing about is freed like any other. */
#ifndef PYR_AGENT_BLOCK_H
#define PYR_AGENT_BLOCK_H

#include "direct.h"
#include "next.h"

enum { PYR_TRAILER_BYTES = 8, PYR_TRAILER_MAX = 1032 };

/* How much more than `size` to ask for. A block of PYR_TRAILER_MAX has it too, lest it come out with no more. */
static inline size_t pyr_block_room(size_t size)
{
    return size <= PYR_TRAILER_MAX ? PYR_TRAILER_BYTES : 0;
}

/* What the program may use of a block: not what we keep at its end. */
size_t pyr_block_usable(void *block);

/* Counts a block that has just been allocated, with the room. Returns it; NULL is allowed. */
void *pyr_block_add(void *block, size_t size, enum pyr_heap_domain domain);

struct pyr_block_known {
    uint32_t number; /* of the figures; 0: nothing is known */
    size_t size;
};

/* Forgets what is known of a block that is about to be freed or moved. */
struct pyr_block_known pyr_block_take(void *block);

/* It was not moved after all. */
void pyr_block_put_back(void *block, struct pyr_block_known known);

/* Counts that it is freed, by this thread. */
void pyr_block_count_freed(struct pyr_block_known known);

void pyr_blocks_before_fork(void);
void pyr_blocks_in_parent(void);
void pyr_blocks_in_child(void);
void pyr_blocks_open(void);

#endif
