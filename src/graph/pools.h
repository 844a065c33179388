/* How full the allocators' pools are, and what keeps those that are nearly empty. */
#ifndef PYR_GRAPH_POOLS_H
#define PYR_GRAPH_POOLS_H

#include "graph/graph.h"

enum {
    PYR_POOL_CLASSES = 64, /* by size of block in steps of 16 bytes; 0: pools that are empty; the last: and above */
    PYR_POOL_CLASS_STEP = 16,
    PYR_POOL_EIGHTHS = 8,
    PYR_POOL_NEARLY_EMPTY = 4, /* at most one in so many of its bytes is in use */
};

/* Pools whose blocks are of one size. */
struct pyr_pool_class {
    uint64_t pools, used, total;        /* blocks */
    uint64_t bytes, used_bytes;         /* of the pools; of blocks in use */
    uint64_t free_bytes;                /* of blocks that are free; what is left of bytes is the pools' own */
    uint64_t eighths[PYR_POOL_EIGHTHS]; /* pools by how much of them is in use; the last: above seven eighths */
};

/* One allocator: CPython's, or the private heap. */
struct pyr_pool_census {
    uint32_t arenas;
    uint64_t arena_bytes;
    struct pyr_pool_class classes[PYR_POOL_CLASSES];
    struct pyr_pool_class all; /* pools that hold something */
};

void pyr_pool_census_make(struct pyr_pool_census *census, const struct pyr_snapshot *snapshot, bool ours);
uint32_t pyr_pool_class_of(const struct pyr_snapshot_pool *pool);
unsigned pyr_pool_eighth(const struct pyr_snapshot_pool *pool); /* below PYR_POOL_EIGHTHS */

/* What lies in pools that are nearly empty. Free bytes of a pool count for those who hold it, each by its blocks. */
struct pyr_pin {
    uint32_t number;        /* of a type, or a site + 1; PYR_SNAPSHOT_NONE: blocks that are no objects */
    uint64_t blocks, pools; /* pools in which it has any */
    double free_bytes;      /* that it keeps */
};

struct pyr_pins {
    uint64_t pools, bytes, used_bytes, free_bytes; /* of all pools that are nearly empty */
    struct pyr_vec rows;                           /* of struct pyr_pin, those that keep most first */
};

/* By type of object, or by what allocated it where the snapshot knows. PYR_E_NOMEM; release it in any case. */
int pyr_pins_find(struct pyr_pins *pins, const struct pyr_snapshot *snapshot, bool by_site);
void pyr_pins_release(struct pyr_pins *pins);

#endif
