/* Private to memory: the arenas of a private heap, read while its process runs. */
#ifndef PYR_MEMORY_ARENAS_H
#define PYR_MEMORY_ARENAS_H

#include "base/map.h"
#include "base/vec.h"
#include "record/format.h"
#include "target/target.h"

enum { PYR_SIZE_CLASSES = 33 }; /* of 16, 32, … 512 bytes, by size / 16 */

struct pyr_pinned_pool {
    uint64_t at, free_bytes;
};

/* Zeroed but for target, pages and the vectors it is empty and releasable. */
struct pyr_arenas {
    const struct pyr_target *target;
    int pages; /* of pyr_resident_pages_open */
    uint64_t parts[PYR_RESIDENT_PARTS];
    uint64_t seen; /* places of arenas that were looked at */
    uint64_t arenas, empty_pools;
    struct pyr_resident_class classes[PYR_SIZE_CLASSES];
    uint64_t pinned_pools, pinned_used_bytes, pinned_free_bytes, pinned_read;
    struct pyr_vec pinned; /* of struct pyr_pinned_pool: those that are at most a quarter full */
    struct pyr_map rows;   /* site -> row of sites */
    struct pyr_vec sites;  /* of struct pyr_site_pins */
};

struct pyr_site_pins {
    uint32_t site;
    uint64_t blocks, pools, last_pool;
    double free_bytes;
};

/* Adds the arena at an address: its pages in memory to parts, its pools to classes. What cannot be read is left out. */
void pyr_arenas_add(struct pyr_arenas *arenas, uint64_t at);

/* Looks up whose the blocks in pinned pools are; of very many pools only of some. */
void pyr_arenas_find_pins(struct pyr_arenas *arenas);
void pyr_arenas_release(struct pyr_arenas *arenas);

#endif
