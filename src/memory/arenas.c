#include "memory/arenas.h"

#include "record/heap_arena.h"
#include "target/resident.h"

#include <string.h>

enum {
    PAGES = PYR_ARENA_BYTES / PYR_PAGE_BYTES,
    POOL_PAGES = PYR_POOL_BYTES / PYR_PAGE_BYTES,
    NEARLY_EMPTY = 4, /* at most one in so many bytes is in use */
    POOLS_READ_MAX = 256,
    PINNED_MAX = 1 << 20,
    BLOCKS_MAX = PYR_POOL_BYTES / PYR_CLASS_STEP,
};

static uint64_t resident(const uint8_t *present, unsigned pool)
{
    uint64_t pages = 0;
    for (unsigned i = 0; i < POOL_PAGES; i++)
        pages += present[pool * POOL_PAGES + i];
    return pages * PYR_PAGE_BYTES;
}

/* ---- occupancy ---- */

static bool is_sound(const struct pyr_pool *pool)
{
    uint32_t size = pyr_pool_size(pool);
    return size % PYR_CLASS_STEP == 0 && size / PYR_CLASS_STEP < PYR_SIZE_CLASSES && pool->end <= PYR_POOL_BYTES &&
           pool->fresh <= pool->end && pyr_pool_used(pool) <= pool->end / size;
}

static void count_class(struct pyr_arenas *arenas, const struct pyr_pool *pool)
{
    uint32_t size = pyr_pool_size(pool), total = pool->end / size;
    struct pyr_resident_class *row = &arenas->classes[size / PYR_CLASS_STEP];
    uint32_t eighth = total ? pyr_pool_used(pool) * PYR_RESIDENT_EIGHTHS / total : 0;
    row->block_size = size;
    row->pools++;
    row->used += pyr_pool_used(pool);
    row->total += total;
    row->eighths[eighth < PYR_RESIDENT_EIGHTHS ? eighth : PYR_RESIDENT_EIGHTHS - 1]++;
}

static void add_pool(struct pyr_arenas *arenas, const struct pyr_pool *pool, uint64_t at, uint64_t bytes)
{
    if (!is_sound(pool)) {
        arenas->parts[PYR_RESIDENT_FREE] += bytes; /* torn: it was being made */
        return;
    }
    uint64_t used = (uint64_t)pyr_pool_used(pool) * pyr_pool_size(pool), there = used < bytes ? used : bytes;
    arenas->parts[PYR_RESIDENT_BLOCKS] += there;
    arenas->parts[PYR_RESIDENT_FREE] += bytes - there;
    count_class(arenas, pool);
    if (!pyr_pool_used(pool) || used * NEARLY_EMPTY > PYR_POOL_BYTES)
        return;
    arenas->pinned_pools++;
    arenas->pinned_used_bytes += used;
    arenas->pinned_free_bytes += bytes - there;
    const struct pyr_pinned_pool pinned = {at, bytes - there};
    if (arenas->pinned.count < PINNED_MAX)
        pyr_vec_push(&arenas->pinned, &pinned);
}

/* Of one that was given back the first page stays, without memory: reading it would map a page of zeros there. */
void pyr_arenas_add(struct pyr_arenas *arenas, uint64_t at)
{
    uint8_t present[PAGES];
    union {
        struct pyr_heap_arena arena;
        struct pyr_pool pools[PYR_POOLS_PER_ARENA];
    } head;
    arenas->seen++;
    if (pyr_resident_pages(arenas->pages, at, PAGES, present) < 0 || !present[0] ||
        pyr_target_read(arenas->target, PYR_ADDR(at), &head, sizeof head) < 0)
        return;
    arenas->parts[PYR_RESIDENT_AGENT] += resident(present, 0);
    arenas->arenas += head.arena.heap != NULL;
    for (unsigned i = 1; i < PYR_POOLS_PER_ARENA; i++) {
        uint64_t bytes = resident(present, i);
        if (head.arena.heap && !(head.arena.free >> i & 1)) {
            add_pool(arenas, &head.pools[i], at + ((uint64_t)i << PYR_POOL_SHIFT), bytes);
        } else {
            arenas->parts[PYR_RESIDENT_EMPTY] += bytes;
            arenas->empty_pools += bytes != 0;
        }
    }
}

/* ---- whose blocks are in pools that are nearly empty ---- */

struct pool_copy {
    struct pyr_pool pool;
    uint64_t at;
    uint8_t bytes[PYR_POOL_BYTES];
    uint8_t free[BLOCKS_MAX]; /* by number of the block */
};

static uint64_t descriptor_of(uint64_t at)
{
    uint64_t arena = at & ~(uint64_t)(PYR_ARENA_BYTES - 1);
    return arena + (at - arena) / PYR_POOL_BYTES * sizeof(struct pyr_pool);
}

/* What was never touched is not read: the kernel would map a page of zeros there. */
static bool read_pages(const struct pyr_arenas *arenas, struct pool_copy *copy)
{
    uint8_t present[POOL_PAGES];
    memset(copy->bytes, 0, sizeof copy->bytes);
    if (pyr_resident_pages(arenas->pages, copy->at, POOL_PAGES, present) < 0)
        return false;
    for (unsigned i = 0; i < POOL_PAGES; i++)
        if (present[i] && pyr_target_read(arenas->target, PYR_ADDR(copy->at + i * PYR_PAGE_BYTES),
                                          copy->bytes + i * PYR_PAGE_BYTES, PYR_PAGE_BYTES) < 0)
            return false;
    return true;
}

/* The process runs: what changed meanwhile is left out. */
static bool copy_pool(const struct pyr_arenas *arenas, struct pool_copy *copy)
{
    struct pyr_pool after;
    pyr_addr descriptor = PYR_ADDR(descriptor_of(copy->at));
    return pyr_target_read(arenas->target, descriptor, &copy->pool, sizeof copy->pool) == 0 &&
           read_pages(arenas, copy) && pyr_target_read(arenas->target, descriptor, &after, sizeof after) == 0 &&
           memcmp(&copy->pool, &after, sizeof after) == 0 && is_sound(&copy->pool);
}

/* Blocks of the list. False if it is torn. */
static bool mark_free(struct pool_copy *copy)
{
    uint32_t size = pyr_pool_size(&copy->pool), fresh = copy->pool.fresh / size, free = 0;
    uint64_t at = (uintptr_t)copy->pool.free;
    memset(copy->free, 0, sizeof copy->free);
    for (; at; free++) {
        uint64_t offset = at - copy->at;
        if (offset >= copy->pool.fresh || offset % size != 0 || copy->free[offset / size])
            return false;
        copy->free[offset / size] = 1;
        memcpy(&at, copy->bytes + offset, sizeof at);
    }
    return free + pyr_pool_used(&copy->pool) == fresh;
}

static bool site_of(const struct pool_copy *copy, uint32_t block, uint32_t *site)
{
    uint32_t size = pyr_pool_size(&copy->pool);
    uint64_t offset = (uintptr_t)copy->pool.tags - copy->at + pyr_tag_offset(&copy->pool, block * size);
    uint32_t tag;
    if (offset > PYR_POOL_BYTES - sizeof tag)
        return false;
    memcpy(&tag, copy->bytes + offset, sizeof tag);
    *site = (tag & (PYR_TAG_FRAME - 1)) >> PYR_TAG_SITE_SHIFT;
    return true;
}

static struct pyr_site_pins *row_of(struct pyr_arenas *arenas, uint32_t site)
{
    const uint64_t *known = pyr_map_find(&arenas->rows, site);
    const struct pyr_site_pins fresh = {.site = site};
    if (known)
        return PYR_VEC_AT(&arenas->sites, struct pyr_site_pins, *known);
    struct pyr_site_pins *row = pyr_vec_push(&arenas->sites, &fresh);
    if (!row || pyr_map_put(&arenas->rows, site, arenas->sites.count - 1) == 0)
        return row;
    arenas->sites.count--;
    return NULL;
}

static void add_pins(struct pyr_arenas *arenas, struct pool_copy *copy, uint64_t free_bytes)
{
    if (!copy_pool(arenas, copy) || !pyr_pool_used(&copy->pool) || !mark_free(copy))
        return;
    uint32_t size = pyr_pool_size(&copy->pool);
    double each = (double)free_bytes / pyr_pool_used(&copy->pool);
    for (uint32_t block = 0; block < copy->pool.fresh / size; block++) {
        uint32_t site;
        struct pyr_site_pins *row = copy->free[block] || !site_of(copy, block, &site) ? NULL : row_of(arenas, site);
        if (!row)
            continue;
        row->blocks++;
        row->free_bytes += each;
        row->pools += row->last_pool != copy->at;
        row->last_pool = copy->at;
    }
    arenas->pinned_read++;
}

void pyr_arenas_find_pins(struct pyr_arenas *arenas)
{
    struct pool_copy copy;
    size_t step = arenas->pinned.count / POOLS_READ_MAX + 1;
    for (size_t i = 0; i < arenas->pinned.count; i += step) {
        const struct pyr_pinned_pool *pinned = PYR_VEC_AT(&arenas->pinned, struct pyr_pinned_pool, i);
        copy.at = pinned->at;
        add_pins(arenas, &copy, pinned->free_bytes);
    }
}

void pyr_arenas_release(struct pyr_arenas *arenas)
{
    pyr_vec_release(&arenas->pinned);
    pyr_vec_release(&arenas->sites);
    pyr_map_release(&arenas->rows);
}
