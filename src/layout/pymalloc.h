/* CPython's own allocator of small blocks as it lies in memory: the same in all versions, but for the sizes of pools
 * and arenas, which each pool tells. Where the vector of arenas is, no version tells: it is known by its shape. */
#ifndef PYR_LAYOUT_PYMALLOC_H
#define PYR_LAYOUT_PYMALLOC_H

#include <stdint.h>

enum {
    PYR_PYMALLOC_STEP = 16,      /* between sizes of blocks */
    PYR_PYMALLOC_CLASSES = 64,   /* more than any version has */
    PYR_PYMALLOC_PAGE = 4096,    /* arenas begin at a page, pools are one or several */
    PYR_PYMALLOC_IN_STATE = 512, /* 3.12+: in the allocator's state of an interpreter, where its vector is pointed to */
};

/* struct pool_header: at the start of each pool that was ever used. */
struct pyr_pymalloc_pool {
    uint32_t used; /* ref.count */
    uint32_t padding;
    uint64_t free, next, previous;
    uint32_t arena; /* index into the vector */
    uint32_t class; /* its blocks have (class + 1) * PYR_PYMALLOC_STEP bytes */
    uint32_t fresh; /* nextoffset: from here on blocks were never used */
    uint32_t last;  /* maxnextoffset: of the last block */
};

/* struct arena_object: an item of the vector. */
struct pyr_pymalloc_arena {
    uint64_t address; /* 0: none */
    uint64_t fresh;   /* pool_address: from here on pools were never used */
    uint32_t free_pools, pools;
    uint64_t free, next, previous;
};

_Static_assert(sizeof(struct pyr_pymalloc_pool) == 48 && sizeof(struct pyr_pymalloc_arena) == 48, "as CPython has it");

#endif
