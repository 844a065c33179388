#include "graph/pools.h"

#include "base/map.h"

#include <stdlib.h>
#include <string.h>

static uint64_t used_bytes(const struct pyr_snapshot_pool *pool)
{
    return (uint64_t)pool->used * pool->block_size;
}

uint32_t pyr_pool_class_of(const struct pyr_snapshot_pool *pool)
{
    uint32_t class = pool->block_size / PYR_POOL_CLASS_STEP + (pool->block_size % PYR_POOL_CLASS_STEP != 0);
    return class < PYR_POOL_CLASSES ? class : PYR_POOL_CLASSES - 1;
}

unsigned pyr_pool_eighth(const struct pyr_snapshot_pool *pool)
{
    uint64_t eighth = pool->total ? (uint64_t)pool->used * PYR_POOL_EIGHTHS / pool->total : 0;
    return eighth < PYR_POOL_EIGHTHS ? (unsigned)eighth : PYR_POOL_EIGHTHS - 1;
}

static void count(struct pyr_pool_class *row, const struct pyr_snapshot_pool *pool)
{
    uint64_t free = pool->total > pool->used ? pool->total - pool->used : 0;
    row->pools++;
    row->used += pool->used;
    row->total += pool->total;
    row->bytes += pool->size;
    row->used_bytes += used_bytes(pool);
    row->free_bytes += free * pool->block_size;
    row->eighths[pyr_pool_eighth(pool)]++;
}

void pyr_pool_census_make(struct pyr_pool_census *census, const struct pyr_snapshot *snapshot, bool ours)
{
    memset(census, 0, sizeof *census);
    for (uint32_t i = 0; i < snapshot->arenas; i++) {
        const struct pyr_snapshot_arena *arena = &snapshot->arena_rows[i];
        if ((arena->ours != 0) != ours)
            continue;
        census->arenas++;
        census->arena_bytes += arena->size;
        for (uint32_t n = 0; n < arena->pools; n++) {
            const struct pyr_snapshot_pool *pool = &snapshot->pool_rows[arena->first_pool + n];
            count(&census->classes[pyr_pool_class_of(pool)], pool);
            if (pool->block_size)
                count(&census->all, pool);
        }
    }
}

/* ---- what keeps pools that are nearly empty ---- */

struct finding {
    struct pyr_pins *pins;
    const struct pyr_snapshot *snapshot;
    bool by_site;
    struct pyr_map rows; /* number -> row */
    struct pyr_map seen; /* number -> the pool in which it was counted last, + 1 */
};

static int hold(struct finding *finding, uint32_t number, uint32_t pool, uint64_t blocks, double kept)
{
    const uint64_t *known = pyr_map_find(&finding->rows, number);
    size_t row = known ? (size_t)*known : finding->pins->rows.count;
    int rc = 0;
    if (!known) {
        const struct pyr_pin new = {.number = number};
        rc = pyr_vec_push(&finding->pins->rows, &new) ? pyr_map_put(&finding->rows, number, row) : PYR_E_NOMEM;
    }
    if (rc < 0)
        return rc;
    struct pyr_pin *pin = PYR_VEC_AT(&finding->pins->rows, struct pyr_pin, row);
    const uint64_t *last = pyr_map_find(&finding->seen, number);
    pin->blocks += blocks;
    pin->free_bytes += kept;
    pin->pools += !last || *last != (uint64_t)pool + 1;
    return pyr_map_put(&finding->seen, number, (uint64_t)pool + 1);
}

static uint32_t first_from(const struct pyr_snapshot *snapshot, uint64_t address)
{
    uint32_t low = 0, high = snapshot->objects;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (snapshot->address[middle] < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint32_t number_of(const struct finding *finding, uint32_t object)
{
    if (finding->by_site)
        return finding->snapshot->site ? finding->snapshot->site[object] : 0;
    return pyr_snapshot_form(finding->snapshot, object)->type;
}

static int find_in(struct finding *finding, uint32_t number)
{
    const struct pyr_snapshot *snapshot = finding->snapshot;
    const struct pyr_snapshot_pool *pool = &snapshot->pool_rows[number];
    uint64_t used = used_bytes(pool), free = pool->size > used ? pool->size - used : 0, blocks = 0;
    double each = pool->used ? (double)free / pool->used : 0;
    int rc = 0;
    finding->pins->pools++;
    finding->pins->bytes += pool->size;
    finding->pins->used_bytes += used;
    finding->pins->free_bytes += free;
    for (uint32_t i = first_from(snapshot, pool->address);
         rc == 0 && i < snapshot->objects && snapshot->address[i] - pool->address < pool->size && blocks < pool->used;
         i++, blocks++)
        rc = hold(finding, number_of(finding, i), number, 1, each);
    if (rc == 0 && blocks < pool->used)
        rc = hold(finding, PYR_SNAPSHOT_NONE, number, pool->used - blocks, each * (double)(pool->used - blocks));
    return rc;
}

static int more_kept(const void *left, const void *right)
{
    const struct pyr_pin *a = left, *b = right;
    if (a->free_bytes != b->free_bytes)
        return a->free_bytes < b->free_bytes ? 1 : -1;
    return a->number < b->number ? -1 : a->number > b->number;
}

int pyr_pins_find(struct pyr_pins *pins, const struct pyr_snapshot *snapshot, bool by_site)
{
    struct finding finding = {.pins = pins, .snapshot = snapshot, .by_site = by_site};
    int rc = 0;
    *pins = (struct pyr_pins){.rows = PYR_VEC(struct pyr_pin)};
    for (uint32_t i = 0; rc == 0 && i < snapshot->pools; i++) {
        const struct pyr_snapshot_pool *pool = &snapshot->pool_rows[i];
        if (pool->block_size && used_bytes(pool) * PYR_POOL_NEARLY_EMPTY <= pool->size)
            rc = find_in(&finding, i);
    }
    if (pins->rows.count)
        qsort(pins->rows.items, pins->rows.count, sizeof(struct pyr_pin), more_kept);
    pyr_map_release(&finding.rows);
    pyr_map_release(&finding.seen);
    return rc;
}

void pyr_pins_release(struct pyr_pins *pins)
{
    pyr_vec_release(&pins->rows);
}
