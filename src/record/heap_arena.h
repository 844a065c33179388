/* An arena of the private heap as it lies in memory: what the agent works with, and what others read of a process from
 * outside. It changes under who reads it there: every field is to be bounded. Pointers are the process's own. */
#ifndef PYR_RECORD_HEAP_ARENA_H
#define PYR_RECORD_HEAP_ARENA_H

#include "record/heap_file.h"

#include <stdint.h>

enum {
    PYR_ARENA_SHIFT = 20,
    PYR_ARENA_BYTES = 1 << PYR_ARENA_SHIFT,
    PYR_ARENA_SLOTS = 1 << 20, /* 1 TiB: so many may lie side by side */
    PYR_POOL_SHIFT = 14,
    PYR_POOL_BYTES = 1 << PYR_POOL_SHIFT,
    PYR_POOLS_PER_ARENA = PYR_ARENA_BYTES / PYR_POOL_BYTES,
    PYR_CLASS_STEP = 16,
};

/* The tag of a block: from the lowest bit on the rest of the size that was asked for, less one, by PYR_CLASS_STEP; its
 * site; two flags; and its place among the allocations made last (`recent` of the heap). */
#define PYR_TAG_REST 15u
#define PYR_TAG_SITE_SHIFT 4
#define PYR_TAG_FRAME (1u << 24) /* with the next: a frame object that is a mark; see stacks.h */
#define PYR_TAG_CODE (1u << 25)  /* a code object that sites know by address */
#define PYR_TAG_RECENT_SHIFT 26
#define PYR_TAG_RECENT ((PYR_HEAP_RECENT - 1u) << PYR_TAG_RECENT_SHIFT)

struct pyr_heap;

/* 16 KiB of blocks of one size. The descriptors of an arena's pools lie together at its start, not in the pools: those
 * of 16 KiB-aligned pools would all fall into one set of the first-level cache, and a free pool can be given back
 * whole.
 *
 * A block's tag is at tags + pyr_tag_offset. Where at least four bytes of each block are slack, it is in them: the last
 * four of the block. Else the tags are an array at the end of the pool. */
struct pyr_pool {
    void *free;    /* list of free blocks, through their first words */
    uint32_t left; /* blocks in use that may be freed before something must be done */
    uint32_t kept; /* blocks in use besides: none but in a pool that was full, and is in no list. When so few are in use
                      it has room enough to be worth a place there */
    char *tags;
    uint32_t tag_step; /* what a byte of a block adds to the offset of a tag, times 2^PYR_TAG_STEP_SHIFT, rounded up */
    uint32_t unused;
    uint16_t least; /* bytes that a block of its class can have been asked for; see pyr_pool_size */
    uint16_t fresh; /* from this offset on, blocks have never been used */
    uint16_t end;   /* offset behind the last block */
    uint8_t class;
    uint8_t number; /* in its arena */
    struct pyr_heap *heap;
    struct pyr_pool *next, *previous; /* of the same class, that have room; a ring through none: see heap->pools */
} __attribute__((aligned(64)));

enum { PYR_TAG_STEP_SHIFT = 18 };

/* In the place of the descriptor of the pool that the descriptors lie in. */
struct pyr_heap_arena {
    uint64_t free;    /* a bit for each pool */
    uint64_t idle;    /* free for all the time since the last review */
    uint64_t touched; /* it has memory: not since it was last given back to the system */
    uint32_t free_count;
    struct pyr_heap *heap;
    struct pyr_heap_arena *next, *previous; /* with as many free pools */
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct pyr_pool) == 64 && sizeof(struct pyr_heap_arena) == 64, "one cache line");

/* Of the tag of the block that begins at an offset in the pool. Blocks are multiples of 16 bytes and tags are four: the
 * same instructions serve both kinds, and divide by the size where that is one. */
static inline uint32_t pyr_tag_offset(const struct pyr_pool *pool, uint32_t offset)
{
    return offset * pool->tag_step >> PYR_TAG_STEP_SHIFT;
}

static inline uint32_t pyr_pool_used(const struct pyr_pool *pool)
{
    return pool->left + pool->kept;
}

static inline uint32_t pyr_pool_size(const struct pyr_pool *pool)
{
    return pool->least + PYR_CLASS_STEP - 1u;
}

/* Blocks above 512 bytes, which lie in the C heap: those in use. */
struct pyr_large_sum {
    uint64_t blocks, bytes;
};

/* Where the agent's own tables lie, beside the arenas and the file. */
enum { PYR_TABLES_MAX = 64 };
struct pyr_tables {
    struct {
        uint64_t at, bytes; /* 0: none */
    } tables[PYR_TABLES_MAX];
};

#endif
