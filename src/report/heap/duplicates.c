#include "graph/duplicates.h"

#include "base/alloc.h"
#include "report/heap/heap.h"

#include <inttypes.h>

static void write_types(struct pyr_heap *heap, const struct pyr_duplicates *duplicates)
{
    pyr_heap_heading(heap, "By type");
    fprintf(heap->out, "%10s %12s  %s\n", "saved", "too many", "type");
    for (uint32_t i = 0; i < heap->snapshot->types; i++) {
        const struct pyr_duplicate *row = &duplicates->types[i];
        char saved[PYR_FIGURE];
        if (row->count)
            fprintf(heap->out, "%10s %12" PRIu32 "  %s\n", pyr_heap_bytes(saved, row->saved), row->count,
                    pyr_heap_type(heap, i));
    }
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
    write_types(heap, &duplicates);
    write_top(heap, &duplicates);
    pyr_duplicates_release(&duplicates);
    return 0;
}
