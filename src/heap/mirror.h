/* The memory of a target that stands still, read as it is looked at, so that no object costs a system call: some pages
 * at a time where others near are wanted, else few, into a ring of pages in which the newest take the place of the
 * oldest. And marks for each address. Two threads may each have a view of their own, with the same marks. */
#ifndef PYR_HEAP_MIRROR_H
#define PYR_HEAP_MIRROR_H

#include "target/target.h"

#include <stdint.h>

enum {
    PYR_MIRROR_PAGE_SHIFT = 12,
    PYR_MIRROR_PAGE = 1 << PYR_MIRROR_PAGE_SHIFT,
    PYR_MIRROR_ALIGN_SHIFT = 3,    /* objects lie at multiples of 8 */
    PYR_MIRROR_RUN_MAX = 1 << 4,   /* pages: of what lies together so much is read without need */
    PYR_MIRROR_SIZE_MAX = 1 << 22, /* bytes that can be had together */
    PYR_MIRROR_SIZE_MIN = 5 << 22, /* bytes of the ring */
    PYR_MIRROR_CHUNK_SHIFT = 20,   /* of memory, from where a region begins, that one thread goes over at a time */
};

enum pyr_mark {
    PYR_MARK_FOUND,   /* there is an object */
    PYR_MARK_GIVEN,   /* it was given to the writer, or put off; changed only by the thread that goes over the chunk */
    PYR_MARK_TRACKED, /* it is in a list of the collector, */
    PYR_MARK_LOW,     /* whose number is that of these two bits but for PYR_MARK_USUAL: most are in one list, */
    PYR_MARK_HIGH,    /* so that what has no bit takes no memory */
    PYR_MARKS,
};
#define PYR_MARK_USUAL 2u
#define PYR_MIRROR_GONE ((uint32_t)1 << 31)

struct pyr_mirror_region {
    uint64_t start, end;
    uint32_t *place; /* of each page in the ring, + 1; 0: it was never there; PYR_MIRROR_GONE and when it went */
    uint64_t *marks[PYR_MARKS]; /* a bit for each 8 bytes */
    uint8_t *waiting;           /* for each chunk: something may have been found and not given */
    bool is_module;             /* data of a file that is mapped, or of the main program: not allocated */
    bool writable;
    const char *path; /* borrowed from the target's maps; of is_module */
};

struct pyr_mirror_place {
    uint64_t at; /* of the page that is there, in the target; 0: none */
};

struct pyr_mirror {
    struct pyr_target *target;
    struct pyr_mirror_region *regions; /* sorted */
    size_t count;
    struct pyr_mirror_region *recent[1 << 10]; /* by address: the region that was there last */
    uint8_t *ring;
    struct pyr_mirror_place *places;
    uint32_t ring_pages, next; /* next: place that is filled next */
    uint32_t limit;            /* places that are filled at all: more when what gave way is wanted again */
    uint32_t missed;           /* since the first place was filled last: pages that the whole ring would have kept */
    uint32_t pages_read;       /* in all */
    bool full;                 /* something was dropped */
    bool is_view;              /* the marks are another one's */
};

/* limit_bytes: how much of it may be in memory at once; at least 20 MiB. The target's maps are read anew. Release it in
 * any case. */
int pyr_mirror_open(struct pyr_mirror *mirror, struct pyr_target *target, uint64_t limit_bytes, struct pyr_err *err);

/* The same memory and marks for another thread. `of` must outlive it; release it in any case. PYR_E_NOMEM. */
int pyr_mirror_view(struct pyr_mirror *view, const struct pyr_mirror *of);
void pyr_mirror_release(struct pyr_mirror *mirror);

struct pyr_mirror_region *pyr_mirror_find(struct pyr_mirror *mirror, uint64_t at);
const void *pyr_mirror_load(struct pyr_mirror *mirror, struct pyr_mirror_region *region, uint64_t at, uint64_t size);

static inline struct pyr_mirror_region *pyr_mirror_region(struct pyr_mirror *mirror, uint64_t at)
{
    struct pyr_mirror_region *region = mirror->recent[(at >> 20) & 1023];
    return region && at >= region->start && at < region->end ? region : pyr_mirror_find(mirror, at);
}

static inline bool pyr_mirror_is_there(const struct pyr_mirror *mirror, uint32_t place)
{
    return place - 1 < mirror->ring_pages;
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
    if (pyr_mirror_is_there(mirror, place) && last - first <= 1 && region->place[last] == place + (last - first))
        return mirror->ring + (uint64_t)(place - 1) * PYR_MIRROR_PAGE + (at - region->start) % PYR_MIRROR_PAGE;
    return pyr_mirror_load(mirror, region, at, size);
}

static inline bool pyr_mirror_has(const struct pyr_mirror_region *region, enum pyr_mark mark, uint64_t at)
{
    uint64_t bit = (at - region->start) >> PYR_MIRROR_ALIGN_SHIFT;
    return __atomic_load_n(&region->marks[mark][bit >> 6], __ATOMIC_RELAXED) >> (bit & 63) & 1;
}

/* Whether it had none before. What is written before is seen by who sees it. */
static inline bool pyr_mirror_mark(struct pyr_mirror_region *region, enum pyr_mark mark, uint64_t at)
{
    uint64_t bit = (at - region->start) >> PYR_MIRROR_ALIGN_SHIFT, one = (uint64_t)1 << (bit & 63);
    return !(__atomic_fetch_or(&region->marks[mark][bit >> 6], one, __ATOMIC_SEQ_CST) & one);
}

static inline void pyr_mirror_unmark(struct pyr_mirror_region *region, enum pyr_mark mark, uint64_t at)
{
    uint64_t bit = (at - region->start) >> PYR_MIRROR_ALIGN_SHIFT;
    __atomic_fetch_and(&region->marks[mark][bit >> 6], ~((uint64_t)1 << (bit & 63)), __ATOMIC_SEQ_CST);
}

#endif
