/* How full pools and arenas are: a pool that is not empty keeps its arena from going back to the system. */
#include "report/heap/heap.h"

#include <inttypes.h>
#include <string.h>

enum { CLASSES = 64, CLASS_BYTES = 16 };

struct occupancy {
    uint64_t pools, used, total, bytes, used_bytes;
};

static void count_pool(struct occupancy *row, const struct pyr_snapshot_pool *pool)
{
    row->pools++;
    row->used += pool->used;
    row->total += pool->total;
    row->bytes += pool->size;
    row->used_bytes += (uint64_t)pool->used * pool->block_size;
}

static double percent(uint64_t part, uint64_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void write_classes(struct pyr_heap *heap)
{
    struct occupancy classes[CLASSES];
    memset(classes, 0, sizeof classes);
    for (uint32_t i = 0; i < heap->snapshot->pools; i++) {
        const struct pyr_snapshot_pool *pool = &heap->snapshot->pool_rows[i];
        uint32_t number = (pool->block_size + CLASS_BYTES - 1) / CLASS_BYTES;
        count_pool(&classes[number < CLASSES ? number : CLASSES - 1], pool);
    }
    pyr_heap_heading(heap, "Pools by size of block");
    fprintf(heap->out, "%10s %10s %12s %12s %7s %10s\n", "block", "pools", "blocks", "used", "full %", "bytes");
    for (uint32_t i = 0; i < CLASSES; i++) {
        char block[PYR_FIGURE] = "free", bytes[PYR_FIGURE];
        const struct occupancy *row = &classes[i];
        if (!row->pools)
            continue;
        if (i)
            snprintf(block, sizeof block, "%s%u", i == CLASSES - 1 ? "from " : "", i * CLASS_BYTES);
        fprintf(heap->out, "%10s %10" PRIu64 " %12" PRIu64 " %12" PRIu64 " %7.1f %10s\n", block, row->pools, row->total,
                row->used, percent(row->used, row->total), pyr_heap_bytes(bytes, row->bytes));
    }
}

static struct occupancy count_arena(const struct pyr_heap *heap, const struct pyr_snapshot_arena *arena)
{
    struct occupancy sum = {0};
    for (uint32_t i = 0; i < arena->pools; i++)
        count_pool(&sum, &heap->snapshot->pool_rows[arena->first_pool + i]);
    return sum;
}

static void write_arenas(struct pyr_heap *heap)
{
    uint32_t by_tenth[11] = {0};
    uint64_t bytes = 0, used = 0;
    char total[PYR_FIGURE], in_use[PYR_FIGURE];
    for (uint32_t i = 0; i < heap->snapshot->arenas; i++) {
        const struct pyr_snapshot_arena *arena = &heap->snapshot->arena_rows[i];
        struct occupancy sum = count_arena(heap, arena);
        uint64_t tenth = arena->size ? sum.used_bytes * 10 / arena->size : 0;
        by_tenth[tenth > 10 ? 10 : tenth]++;
        bytes += arena->size;
        used += sum.used_bytes;
    }
    pyr_heap_heading(heap, "Arenas");
    fprintf(heap->out, "  %u arenas of %s, %s of them in used blocks (%.1f %%)\n", heap->snapshot->arenas,
            pyr_heap_bytes(total, bytes), pyr_heap_bytes(in_use, used), percent(used, bytes));
    for (unsigned i = 0; i <= 10; i++)
        if (by_tenth[i])
            fprintf(heap->out, "%12" PRIu32 " arenas are %s%u %% full\n", by_tenth[i], i < 10 ? "from " : "", i * 10);
}

int pyr_heap_write_arenas(struct pyr_heap *heap)
{
    pyr_heap_write_summary(heap);
    if (!heap->snapshot->arenas && !heap->snapshot->pools) {
        fputs("\n  The snapshot has no arenas: the program's allocator has none that are known.\n", heap->out);
        return 0;
    }
    write_arenas(heap);
    write_classes(heap);
    return 0;
}
