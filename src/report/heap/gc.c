#include "report/heap/heap.h"

#include <inttypes.h>

static uint64_t garbage_bytes(const struct pyr_heap *heap, unsigned generation, uint64_t *count)
{
    uint64_t bytes = 0;
    *count = 0;
    for (uint32_t i = 0; i < heap->graph->objects; i++) {
        const struct pyr_snapshot_form *form = pyr_snapshot_form(heap->snapshot, i);
        if (heap->graph->dominator[i] != PYR_GRAPH_GARBAGE || form->generation != generation)
            continue;
        bytes += form->size;
        ++*count;
    }
    return bytes;
}

/* What gc.freeze() has put out of the collector's reach. */
static void write_frozen(struct pyr_heap *heap)
{
    uint64_t count = 0, bytes = 0;
    char figure[PYR_FIGURE];
    for (uint32_t i = 0; i < heap->graph->objects; i++) {
        const struct pyr_snapshot_form *form = pyr_snapshot_form(heap->snapshot, i);
        count += form->generation == PYR_SNAPSHOT_PERMANENT;
        bytes += form->generation == PYR_SNAPSHOT_PERMANENT ? form->size : 0;
    }
    fprintf(heap->out, "  %" PRIu64 " objects of %s are frozen (gc.freeze): never looked at.\n", count,
            pyr_heap_bytes(figure, bytes));
}

int pyr_heap_write_gc(struct pyr_heap *heap)
{
    const struct pyr_snapshot_facts *facts = heap->snapshot->facts;
    pyr_heap_write_summary(heap);
    pyr_heap_heading(heap, "Garbage collector");
    fprintf(heap->out, "  %s%s\n", facts->collector_enabled ? "enabled" : "disabled",
            facts->collecting ? "; it was collecting" : "");
    fprintf(heap->out, "%12s %10s %8s %12s %12s %14s %10s %12s\n", "generation", "threshold", "count", "collections",
            "collected", "uncollectable", "objects", "garbage now");
    for (unsigned i = 0; i < 3; i++) {
        const struct pyr_snapshot_generation *row = &facts->generations[i];
        char bytes[PYR_FIGURE];
        uint64_t garbage, size = garbage_bytes(heap, i, &garbage);
        fprintf(heap->out,
                "%12u %10" PRIu64 " %8" PRIu64 " %12" PRIu64 " %12" PRIu64 " %14" PRIu64 " %10" PRIu64 " %12" PRIu64
                " (%s)\n",
                i, row->threshold, row->count, row->collections, row->collected, row->uncollectable, row->objects,
                garbage, pyr_heap_bytes(bytes, size));
    }
    write_frozen(heap);
    return 0;
}
