/* The objects that keep most, whatever they are kept by. */
#include "report/heap/heap.h"

#include <inttypes.h>

#define TOP_MAX 1000u

/* The most retaining of all reachable objects, in order. */
static uint32_t find_top(const struct pyr_graph *graph, uint32_t *top, uint32_t max)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < graph->objects; i++) {
        uint64_t retained = graph->retained[i];
        uint32_t at;
        if (graph->dominator[i] == PYR_GRAPH_GARBAGE || (kept == max && graph->retained[top[max - 1]] >= retained))
            continue;
        for (at = kept < max ? kept++ : max - 1; at > 0 && graph->retained[top[at - 1]] < retained; at--)
            top[at] = top[at - 1];
        top[at] = i;
    }
    return kept;
}

void pyr_heap_write_top_alone(struct pyr_heap *heap, unsigned limit)
{
    uint32_t top[TOP_MAX];
    uint32_t count = find_top(heap->graph, top, limit < TOP_MAX ? limit : TOP_MAX);
    pyr_heap_heading(heap, "Objects that keep most");
    fprintf(heap->out, "%10s %6s %10s  %-18s  %s\n", "retained", "%", "bytes", "address", "object");
    for (uint32_t i = 0; i < count; i++) {
        char retained[PYR_FIGURE], bytes[PYR_FIGURE];
        uint64_t kept = heap->graph->retained[top[i]];
        fprintf(heap->out, "%10s %6.1f %10s  0x%-16" PRIx64 "  %s  (%s)\n", pyr_heap_bytes(retained, kept),
                pyr_heap_share(heap, kept), pyr_heap_bytes(bytes, pyr_graph_size(heap->graph, top[i])),
                heap->snapshot->address[top[i]], pyr_heap_path(heap, top[i]),
                pyr_heap_type(heap, pyr_graph_type(heap->graph, top[i])));
    }
}

int pyr_heap_write_top(struct pyr_heap *heap)
{
    int rc = pyr_heap_need_paths(heap);
    if (rc < 0)
        return rc;
    pyr_heap_write_summary(heap);
    pyr_heap_write_top_alone(heap, pyr_heap_limit(heap, 25));
    return 0;
}
