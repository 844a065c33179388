/* The memory of a target that stands still, read as it is looked at, so that no object costs a system call: some pages
 * at a time where one follows the other, else few, into a ring of pages in which the newest take the place of the
 * oldest. And a mark for each address. */
#ifndef PYR_HEAP_MIRROR_H
#define PYR_HEAP_MIRROR_H

#include "target/target.h"

#include <stdint.h>

enum {
    PYR_MIRROR_PAGE_SHIFT = 12,
    PYR_MIRROR_PAGE = 1 << PYR_MIRROR_PAGE_SHIFT,
    PYR_MIRROR_ALIGN_SHIFT = 3,    /* objects lie at multiples of 8 */
    PYR_MIRROR_RUN_MAX = 1 << 4,   /* pages that are read together without need */
    PYR_MIRROR_SIZE_MAX = 1 << 22, /* bytes that can be had together */
    PYR_MIRROR_SIZE_MIN = 1 << 26, /* bytes of the ring */
};

struct pyr_mirror_region {
    uint64_t start, end;
    uint32_t *place; /* of each page in the ring, + 1; 0: it is not there */
    uint64_t *marks; /* a bit for each 8 bytes */
    bool is_module;  /* data of a file that is mapped, or of the main program: not allocated */
    bool writable;
    const char *path; /* borrowed from the target's maps; of is_module */
};

struct pyr_mirror_place {
    uint64_t at;  /* of the page that is there, in the target; 0: none */
    uint32_t run; /* how many were read together */
};

struct pyr_mirror {
    struct pyr_target *target;
    struct pyr_mirror_region *regions; /* sorted */
    size_t count;
    struct pyr_mirror_region *recent[1 << 10]; /* by address: the region that was there last */
    uint8_t *ring;
    struct pyr_mirror_place *places;
    uint32_t ring_pages, next; /* next: place that is filled next */
    bool full;                 /* something was dropped */
};

/* limit_bytes: how much of it may be in memory at once; at least 64 MiB. The target's maps are read anew. Release it in
 * any case. */
int pyr_mirror_open(struct pyr_mirror *mirror, struct pyr_target *target, uint64_t limit_bytes, struct pyr_err *err);
void pyr_mirror_release(struct pyr_mirror *mirror);

struct pyr_mirror_region *pyr_mirror_find(struct pyr_mirror *mirror, uint64_t at);
const void *pyr_mirror_load(struct pyr_mirror *mirror, struct pyr_mirror_region *region, uint64_t at, uint64_t size);

static inline struct pyr_mirror_region *pyr_mirror_region(struct pyr_mirror *mirror, uint64_t at)
{
    struct pyr_mirror_region *region = mirror->recent[(at >> 20) & 1023];
    return region && at >= region->start && at < region->end ? region : pyr_mirror_find(mirror, at);
}

/* The bytes at an address, NULL if they are not all mapped. Borrowed until 16 MiB more are read: ask for large things
 * in parts. Not aligned more than the address is. HOT: no system call but for new pages. */
static inline const void *pyr_mirror_at(struct pyr_mirror *mirror, uint64_t at, uint64_t size)
{
    struct pyr_mirror_region *region = pyr_mirror_region(mirror, at);
    if (!region || size > region->end - at)
        return NULL;
    uint64_t first = (at - region->start) >> PYR_MIRROR_PAGE_SHIFT;
    uint64_t last = (at - region->start + size - (size != 0)) >> PYR_MIRROR_PAGE_SHIFT;
    uint32_t place = region->place[first];
    if (place && last - first <= 1 && region->place[last] == place + (last - first))
        return mirror->ring + (uint64_t)(place - 1) * PYR_MIRROR_PAGE + (at - region->start) % PYR_MIRROR_PAGE;
    return pyr_mirror_load(mirror, region, at, size);
}

static inline bool pyr_mirror_is_marked(const struct pyr_mirror_region *region, uint64_t at)
{
    uint64_t bit = (at - region->start) >> PYR_MIRROR_ALIGN_SHIFT;
    return region->marks[bit >> 6] >> (bit & 63) & 1;
}

static inline void pyr_mirror_mark(struct pyr_mirror_region *region, uint64_t at)
{
    uint64_t bit = (at - region->start) >> PYR_MIRROR_ALIGN_SHIFT;
    region->marks[bit >> 6] |= (uint64_t)1 << (bit & 63);
}

static inline void pyr_mirror_unmark(struct pyr_mirror_region *region, uint64_t at)
{
    uint64_t bit = (at - region->start) >> PYR_MIRROR_ALIGN_SHIFT;
    region->marks[bit >> 6] &= ~((uint64_t)1 << (bit & 63));
}

#endif
