/* Which objects there are, and their numbers in the order of addresses: 104 bytes for each page of 4 KiB that has any.
 * Nothing is sorted but pages, so objects may come in any order. */
#ifndef PYR_RECORD_SNAPSHOT_INDEX_H
#define PYR_RECORD_SNAPSHOT_INDEX_H

#include "base/map.h"
#include "base/vec.h"

#include <stdbool.h>
#include <stdint.h>

struct pyr_snapshot_index {
    struct pyr_map regions;   /* address / REGION → row of pages / PAGES_IN_REGION */
    struct pyr_vec pages;     /* of uint32_t: page + 1 */
    struct pyr_vec bits;      /* of struct pyr_snapshot_page */
    struct pyr_vec first;     /* of struct pyr_snapshot_page_first; once numbered */
    struct pyr_vec addresses; /* of uint64_t: page's address */
    uint64_t last_region, last_pages;
    uint64_t count;
};

struct pyr_snapshot_page {
    uint64_t bits[8]; /* one for each 8 bytes */
};

struct pyr_snapshot_page_first {
    uint32_t objects[8]; /* before those of each word of bits */
};

/* PYR_OK; PYR_E_EXISTS: known already; PYR_E_MISUSE: not a multiple of 8; PYR_E_NOMEM. */
int pyr_snapshot_index_add(struct pyr_snapshot_index *index, uint64_t address);

/* Adds those of another one. PYR_E_EXISTS: one is in both; PYR_E_NOMEM. */
int pyr_snapshot_index_join(struct pyr_snapshot_index *index, const struct pyr_snapshot_index *other);

/* When all are there. */
int pyr_snapshot_index_number(struct pyr_snapshot_index *index);

/* Where the last one was found: most are near the one before. Of one thread; zeroed it is nowhere. */
struct pyr_snapshot_index_near {
    const uint32_t *pages;
    uint64_t region;
};

/* PYR_SNAPSHOT_NONE if there is none. Numbered only; then threads may share it. near may be NULL. */
uint32_t pyr_snapshot_index_find(const struct pyr_snapshot_index *index, struct pyr_snapshot_index_near *near,
                                 uint64_t address);
void pyr_snapshot_index_release(struct pyr_snapshot_index *index);

#endif
