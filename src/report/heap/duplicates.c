#include "graph/duplicates.h"

#include "base/alloc.h"
#include "report/heap/heap.h"

#include <inttypes.h>
#include <stdlib.h>

static int by_saved(const void *a, const void *b, void *context)
{
    const struct pyr_duplicate *rows = context;
    uint64_t x = rows[*(const uint32_t *)a].saved, y = rows[*(const uint32_t *)b].saved;
    return x != y ? (x < y ? 1 : -1) : *(const uint32_t *)a < *(const uint32_t *)b ? -1 : 1;
}

static int write_types(struct pyr_heap *heap, const struct pyr_duplicates *duplicates)
{
    uint32_t *order = pyr_alloc(heap->snapshot->types * sizeof *order), count = 0;
    if (!order)
        return pyr_heap_no_memory(heap);
    for (uint32_t i = 0; i < heap->snapshot->types; i++)
        if (duplicates->types[i].count)
            order[count++] = i;
    qsort_r(order, count, sizeof *order, by_saved, duplicates->types);
    pyr_heap_heading(heap, "By type");
    fprintf(heap->out, "%10s %12s  %s\n", "saved", "too many", "type");
    for (uint32_t i = 0; i < count; i++) {
        const struct pyr_duplicate *row = &duplicates->types[order[i]];
        char saved[PYR_FIGURE];
        fprintf(heap->out, "%10s %12" PRIu32 "  %s\n", pyr_heap_bytes(saved, row->saved), row->count,
                pyr_heap_type(heap, order[i]));
    }
    pyr_free(order);
    return 0;
}

static void write_top(struct pyr_heap *heap, const struct pyr_duplicates *duplicates)
{
    pyr_heap_heading(heap, "Equal objects");
    fprintf(heap->out, "%10s %10s %10s  %s\n", "saved", "bytes", "objects", "each, and where one of them is");
    for (size_t i = 0; i < duplicates->top.count; i++) {
        const struct pyr_duplicate *row = PYR_VEC_AT(&duplicates->top, struct pyr_duplicate, i);
        char saved[PYR_FIGURE], bytes[PYR_FIGURE];
        fprintf(heap->out, "%10s %10s %10" PRIu32 "  %s %s  %s\n", pyr_heap_bytes(saved, row->saved),
                pyr_heap_bytes(bytes, row->bytes), row->count,
                pyr_heap_type(heap, pyr_graph_type(heap->graph, row->object)), pyr_heap_object(heap, row->object),
                pyr_heap_path(heap, row->object));
    }
}

int pyr_heap_write_duplicates(struct pyr_heap *heap)
{
    struct pyr_duplicates duplicates;
    char saved[PYR_FIGURE];
    int rc = pyr_heap_need_paths(heap);
    if (rc < 0)
        return rc;
    if (pyr_duplicates_find(&duplicates, heap->graph, pyr_heap_limit(heap, 20)) < 0)
        return pyr_heap_no_memory(heap);
    pyr_heap_write_summary(heap);
    fprintf(heap->out, "\n  %s would be saved by one of each.\n", pyr_heap_bytes(saved, duplicates.saved));
    rc = write_types(heap, &duplicates);
    if (rc == 0)
        write_top(heap, &duplicates);
    pyr_duplicates_release(&duplicates);
    return rc;
}
