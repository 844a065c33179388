/* How full pools and arenas are: a pool that is not empty keeps its arena from going back to the system. */
#include "base/alloc.h"
#include "graph/pools.h"
#include "report/bars.h"
#include "report/heap/heap.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { CELLS = 64, PIN_ROWS = 10, MAP_ROWS = 16 };

static double percent(uint64_t part, uint64_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

/* ---- what the arenas consist of ---- */

static void write_part(struct pyr_heap *heap, const char *what, uint64_t bytes, uint64_t whole)
{
    char figure[PYR_FIGURE];
    if (bytes)
        fprintf(heap->out, "%12s %6.1f %%  %s\n", pyr_heap_bytes(figure, bytes), percent(bytes, whole), what);
}

static void write_parts(struct pyr_heap *heap, const struct pyr_pool_census *census)
{
    uint64_t whole = census->arena_bytes, empty = census->classes[0].bytes, own;
    own = census->all.bytes - census->all.used_bytes - census->all.free_bytes;
    write_part(heap, "blocks in use", census->all.used_bytes, whole);
    write_part(heap, "free blocks in pools that hold others", census->all.free_bytes, whole);
    write_part(heap, "heads and ends of these pools", own, whole);
    write_part(heap, "empty pools", empty, whole);
    write_part(heap, "not used for pools, or given back", whole - census->all.bytes - empty, whole);
}

/* ---- by size ---- */

static void write_classes(struct pyr_heap *heap, const struct pyr_pool_census *census)
{
    fprintf(heap->out, "\n%10s %8s %10s %10s %7s %10s  %s\n", "block", "pools", "used", "free", "full %", "free bytes",
            "pools by how full they are: empty to full");
    for (uint32_t i = 0; i < PYR_POOL_CLASSES; i++) {
        char block[PYR_FIGURE] = "empty", bytes[PYR_FIGURE], bars[PYR_POOL_EIGHTHS * PYR_BAR_BYTES + 1] = "";
        const struct pyr_pool_class *row = &census->classes[i];
        if (!row->pools)
            continue;
        if (i) {
            snprintf(block, sizeof block, "%s%u", i == PYR_POOL_CLASSES - 1 ? "from " : "", i * PYR_POOL_CLASS_STEP);
            pyr_bars(bars, sizeof bars, row->eighths, PYR_POOL_EIGHTHS);
        }
        fprintf(heap->out, "%10s %8" PRIu64 " %10" PRIu64 " %10" PRIu64 " %7.1f %10s  %s\n", block, row->pools,
                row->used, row->total - row->used, percent(row->used, row->total),
                pyr_heap_bytes(bytes, i ? row->free_bytes : row->bytes), bars);
    }
}

/* ---- the map ---- */

struct filling {
    uint32_t arena;
    uint64_t used_bytes, free_bytes; /* the latter of pools that hold something */
};

static struct filling fill(const struct pyr_snapshot *snapshot, uint32_t number)
{
    const struct pyr_snapshot_arena *arena = &snapshot->arena_rows[number];
    struct filling filling = {.arena = number};
    for (uint32_t i = 0; i < arena->pools; i++) {
        const struct pyr_snapshot_pool *pool = &snapshot->pool_rows[arena->first_pool + i];
        uint64_t used = (uint64_t)pool->used * pool->block_size;
        filling.used_bytes += used;
        filling.free_bytes += pool->block_size && pool->size > used ? pool->size - used : 0;
    }
    return filling;
}

static int emptier(const void *left, const void *right)
{
    const struct filling *a = left, *b = right;
    if (a->used_bytes != b->used_bytes)
        return a->used_bytes < b->used_bytes ? -1 : 1;
    return a->arena < b->arena ? -1 : a->arena > b->arena;
}

/* A cell for each pool, where it lies. */
static void write_cells(struct pyr_heap *heap, const struct pyr_snapshot_arena *arena)
{
    const char *cells[CELLS];
    uint64_t each = arena->size / CELLS ? arena->size / CELLS : 1;
    for (unsigned i = 0; i < CELLS; i++)
        cells[i] = " ";
    for (uint32_t i = 0; i < arena->pools; i++) {
        const struct pyr_snapshot_pool *pool = &heap->snapshot->pool_rows[arena->first_pool + i];
        uint64_t cell = (pool->address - arena->address) / each;
        if (cell < CELLS)
            cells[cell] = pool->block_size ? pyr_bar(pyr_pool_eighth(pool) + 1) : "·";
    }
    for (unsigned i = 0; i < CELLS; i++)
        fputs(cells[i], heap->out);
}

static void write_filling(struct pyr_heap *heap, const struct filling *filling)
{
    const struct pyr_snapshot_arena *arena = &heap->snapshot->arena_rows[filling->arena];
    char used[PYR_FIGURE];
    fprintf(heap->out, "  %14" PRIx64 " %10s %5.1f %%  |", arena->address, pyr_heap_bytes(used, filling->used_bytes),
            percent(filling->used_bytes, arena->size));
    write_cells(heap, arena);
    fputs("|\n", heap->out);
}

static int write_map(struct pyr_heap *heap, bool ours, uint32_t arenas)
{
    struct filling *fillings = pyr_alloc((arenas + 1) * sizeof *fillings);
    unsigned limit = pyr_heap_limit(heap, MAP_ROWS);
    uint32_t count = 0;
    if (!fillings)
        return pyr_heap_no_memory(heap);
    for (uint32_t i = 0; i < heap->snapshot->arenas && count < arenas; i++)
        if ((heap->snapshot->arena_rows[i].ours != 0) == ours)
            fillings[count++] = fill(heap->snapshot, i);
    qsort(fillings, count, sizeof *fillings, emptier);
    fprintf(heap->out, "\n  Arenas, the emptiest first. A bar is a pool: ▁ nearly empty to █ full, · empty\n");
    for (uint32_t i = 0; i < count && i < limit; i++)
        write_filling(heap, &fillings[i]);
    if (count > limit)
        fprintf(heap->out, "%12s and %" PRIu32 " more\n", "", count - limit);
    pyr_free(fillings);
    return 0;
}

static int write_allocator(struct pyr_heap *heap, bool ours)
{
    struct pyr_pool_census census;
    char title[128], bytes[PYR_FIGURE];
    pyr_pool_census_make(&census, heap->snapshot, ours);
    if (!census.arenas)
        return 0;
    snprintf(title, sizeof title, "%s: %" PRIu32 " arenas of %s", ours ? "pyrometer's heap" : "CPython's allocator",
             census.arenas, pyr_heap_bytes(bytes, census.arena_bytes));
    pyr_heap_heading(heap, title);
    write_parts(heap, &census);
    write_classes(heap, &census);
    return write_map(heap, ours, census.arenas);
}

/* ---- what keeps pools ---- */

static const char *pin_name(struct pyr_heap *heap, const struct pyr_pin *pin, bool by_site)
{
    if (pin->number == PYR_SNAPSHOT_NONE)
        return "<parts of objects and other memory>";
    if (by_site)
        return pin->number ? pyr_heap_site(heap, pin->number) : "<not known>";
    return pyr_heap_type(heap, pin->number);
}

static int write_pins(struct pyr_heap *heap, bool by_site)
{
    struct pyr_pins pins;
    char bytes[PYR_FIGURE], used[PYR_FIGURE], title[160];
    unsigned limit = pyr_heap_limit(heap, PIN_ROWS);
    if (pyr_pins_find(&pins, heap->snapshot, by_site) < 0) {
        pyr_pins_release(&pins);
        return pyr_heap_no_memory(heap);
    }
    if (pins.rows.count) {
        snprintf(title, sizeof title, "What is in the %" PRIu64 " pools (%s) that are at most a quarter full: %s",
                 pins.pools, pyr_heap_bytes(bytes, pins.bytes), pyr_heap_bytes(used, pins.used_bytes));
        pyr_heap_heading(heap, title);
        fprintf(heap->out, "%12s %10s %12s  %s\n", "blocks", "in pools", "free in them", by_site ? "line" : "type");
    }
    for (size_t i = 0; i < pins.rows.count && i < limit; i++) {
        const struct pyr_pin *pin = PYR_VEC_AT(&pins.rows, struct pyr_pin, i);
        fprintf(heap->out, "%12" PRIu64 " %10" PRIu64 " %12s  %s\n", pin->blocks, pin->pools,
                pyr_heap_bytes(bytes, (uint64_t)(pin->free_bytes + 0.5)), pin_name(heap, pin, by_site));
    }
    if (pins.rows.count > limit)
        fprintf(heap->out, "%12s and %zu more\n", "", pins.rows.count - limit);
    pyr_pins_release(&pins);
    return 0;
}

int pyr_heap_write_arenas(struct pyr_heap *heap)
{
    pyr_heap_write_summary(heap);
    if (!heap->snapshot->arenas) {
        fputs("\n  The snapshot has no arenas: the program's allocator has none that are known.\n", heap->out);
        return 0;
    }
    int rc = write_allocator(heap, false);
    if (rc == 0)
        rc = write_allocator(heap, true);
    if (rc == 0)
        rc = write_pins(heap, false);
    if (rc == 0 && heap->snapshot->site)
        rc = write_pins(heap, true);
    return rc;
}
