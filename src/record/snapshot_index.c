/* HOT: find is called for every edge. Two reads of memory that may be far: the page's number, and its bits. */
#include "record/snapshot_index.h"

#include "base/alloc.h"
#include "pyrometer/err.h"
#include "record/snapshot_file.h"

#include <stdlib.h>

#define PAGE_SHIFT 12
#define REGION_SHIFT 21 /* 512 pages */
#define PAGES_IN_REGION ((size_t)1 << (REGION_SHIFT - PAGE_SHIFT))

/* Without an instruction for it, which not all processors of this kind have, the compiler calls a function. */
static uint32_t bits_in(uint64_t word)
{
    word -= word >> 1 & 0x5555555555555555;
    word = (word & 0x3333333333333333) + (word >> 2 & 0x3333333333333333);
    word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0f;
    return (uint32_t)(word * 0x0101010101010101 >> 56);
}

static int region_add(struct pyr_snapshot_index *index, uint64_t region)
{
    size_t at = index->pages.count;
    index->pages.item_size = sizeof(uint32_t);
    if (pyr_map_put(&index->regions, region, at) < 0)
        return PYR_E_NOMEM;
    for (size_t i = 0; i < PAGES_IN_REGION; i++)
        if (!pyr_vec_push(&index->pages, NULL))
            return PYR_E_NOMEM;
    return 0;
}

static uint32_t *page_slot(struct pyr_snapshot_index *index, uint64_t address)
{
    uint64_t region = address >> REGION_SHIFT;
    if (index->last_region != region || !index->pages.count) {
        const uint64_t *found = pyr_map_find(&index->regions, region);
        if (!found && region_add(index, region) < 0)
            return NULL;
        index->last_pages = *pyr_map_find(&index->regions, region);
        index->last_region = region;
    }
    return PYR_VEC_AT(&index->pages, uint32_t, index->last_pages + ((address >> PAGE_SHIFT) & (PAGES_IN_REGION - 1)));
}

static int page_add(struct pyr_snapshot_index *index, uint32_t *slot, uint64_t address)
{
    uint64_t page = address >> PAGE_SHIFT << PAGE_SHIFT;
    index->bits.item_size = sizeof(struct pyr_snapshot_page);
    index->addresses.item_size = sizeof(uint64_t);
    if (index->bits.count >= UINT32_MAX - 1)
        return PYR_E_LIMIT;
    if (!pyr_vec_push(&index->addresses, &page))
        return PYR_E_NOMEM;
    if (!pyr_vec_push(&index->bits, NULL)) {
        index->addresses.count--;
        return PYR_E_NOMEM;
    }
    *slot = (uint32_t)index->bits.count;
    return 0;
}

int pyr_snapshot_index_add(struct pyr_snapshot_index *index, uint64_t address)
{
    if (address & 7)
        return PYR_E_MISUSE;
    uint32_t *slot = page_slot(index, address);
    if (!slot)
        return PYR_E_NOMEM;
    int rc = *slot ? 0 : page_add(index, slot, address);
    if (rc < 0)
        return rc;
    uint64_t *word = &PYR_VEC_AT(&index->bits, struct pyr_snapshot_page, *slot - 1)->bits[(address >> 9) & 7];
    uint64_t bit = (uint64_t)1 << ((address >> 3) & 63);
    if (*word & bit)
        return PYR_E_EXISTS;
    *word |= bit;
    index->count++;
    return 0;
}

int pyr_snapshot_index_join(struct pyr_snapshot_index *index, const struct pyr_snapshot_index *other)
{
    for (size_t i = 0; i < other->bits.count; i++) {
        uint64_t address = *PYR_VEC_AT(&other->addresses, uint64_t, i);
        const struct pyr_snapshot_page *from = PYR_VEC_AT(&other->bits, struct pyr_snapshot_page, i);
        uint32_t *slot = page_slot(index, address);
        int rc = !slot ? PYR_E_NOMEM : *slot ? 0 : page_add(index, slot, address);
        if (rc < 0)
            return rc;
        struct pyr_snapshot_page *to = PYR_VEC_AT(&index->bits, struct pyr_snapshot_page, *slot - 1);
        for (int w = 0; w < 8; w++) {
            if (to->bits[w] & from->bits[w])
                return PYR_E_EXISTS;
            to->bits[w] |= from->bits[w];
        }
    }
    index->count += other->count;
    return 0;
}

struct order {
    uint64_t address;
    uint32_t page;
};

static int by_address(const void *a, const void *b)
{
    const struct order *x = a, *y = b;
    return x->address < y->address ? -1 : x->address > y->address;
}

int pyr_snapshot_index_number(struct pyr_snapshot_index *index)
{
    size_t pages = index->bits.count;
    struct order *order = pyr_alloc(pages * sizeof *order);
    index->first = PYR_VEC(struct pyr_snapshot_page_first);
    if (!order || pyr_vec_reserve(&index->first, pages) < 0) {
        pyr_free(order);
        return PYR_E_NOMEM;
    }
    for (size_t i = 0; i < pages; i++)
        order[i] = (struct order){.address = *PYR_VEC_AT(&index->addresses, uint64_t, i), .page = (uint32_t)i};
    if (pages)
        qsort(order, pages, sizeof *order, by_address);
    uint32_t before = 0;
    for (size_t i = 0; i < pages; i++) {
        const struct pyr_snapshot_page *page = PYR_VEC_AT(&index->bits, struct pyr_snapshot_page, order[i].page);
        uint32_t *first = PYR_VEC_AT(&index->first, struct pyr_snapshot_page_first, order[i].page)->objects;
        for (int w = 0; w < 8; w++) {
            first[w] = before;
            before += bits_in(page->bits[w]);
        }
    }
    index->first.count = pages;
    pyr_free(order);
    return 0;
}

static const uint32_t *pages_of(const struct pyr_snapshot_index *index, uint64_t region)
{
    const uint64_t *found = pyr_map_find(&index->regions, region);
    return found ? PYR_VEC_AT(&index->pages, uint32_t, *found) : NULL;
}

uint32_t pyr_snapshot_index_find(const struct pyr_snapshot_index *index, struct pyr_snapshot_index_near *near,
                                 uint64_t address)
{
    uint64_t region = address >> REGION_SHIFT;
    const uint32_t *pages = near && near->pages && near->region == region ? near->pages : pages_of(index, region);
    if (!pages || address & 7)
        return PYR_SNAPSHOT_NONE;
    if (near)
        *near = (struct pyr_snapshot_index_near){pages, region};
    uint32_t page = pages[(address >> PAGE_SHIFT) & (PAGES_IN_REGION - 1)];
    if (!page--)
        return PYR_SNAPSHOT_NONE;
    const uint64_t *bits = PYR_VEC_AT(&index->bits, struct pyr_snapshot_page, page)->bits;
    unsigned word = (address >> 9) & 7;
    uint64_t bit = (uint64_t)1 << ((address >> 3) & 63);
    if (!(bits[word] & bit))
        return PYR_SNAPSHOT_NONE;
    return PYR_VEC_AT(&index->first, struct pyr_snapshot_page_first, page)->objects[word] +
           bits_in(bits[word] & (bit - 1));
}

void pyr_snapshot_index_release(struct pyr_snapshot_index *index)
{
    pyr_map_release(&index->regions);
    pyr_vec_release(&index->pages);
    pyr_vec_release(&index->bits);
    pyr_vec_release(&index->first);
    pyr_vec_release(&index->addresses);
    *index = (struct pyr_snapshot_index){0};
}
