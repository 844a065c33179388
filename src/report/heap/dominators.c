/* The dominator tree: what would be freed with what. Objects that keep little are left out. */
#include "report/heap/heap.h"

#include <inttypes.h>

#define DEPTH_MAX 12
#define CHILDREN_MAX 100u
#define SHARE_MIN 0.01 /* of what the tree's first object keeps */

/* Where the way to it leads through its dominator, the step from there says more than the whole way. */
static const char *name_of(struct pyr_heap *heap, uint32_t above, uint32_t object, enum pyr_name_state *state)
{
    bool next = above < heap->graph->objects && heap->paths.from[object] == above;
    const char *step = next ? pyr_heap_step(heap, above, object, state) : "";
    if (next && !*step && *state == PYR_NAME_DICT)
        return ".__dict__";
    if (*step)
        return step;
    *state = PYR_NAME_PLAIN;
    return pyr_heap_path(heap, object);
}

static void write_object(struct pyr_heap *heap, uint32_t above, uint32_t object, int depth, enum pyr_name_state *state)
{
    char retained[PYR_FIGURE], bytes[PYR_FIGURE];
    const struct pyr_graph *graph = heap->graph;
    fprintf(heap->out, "%10s %6.1f %10s  0x%-16" PRIx64 "  %*s%s  (%s)\n",
            pyr_heap_bytes(retained, graph->retained[object]), pyr_heap_share(heap, graph->retained[object]),
            pyr_heap_bytes(bytes, pyr_graph_size(graph, object)), heap->snapshot->address[object], 2 * depth, "",
            name_of(heap, above, object, state), pyr_heap_type(heap, pyr_graph_type(graph, object)));
}

static void write_rest(struct pyr_heap *heap, uint32_t parent, const uint32_t *shown, uint32_t count, int depth)
{
    char retained[PYR_FIGURE];
    const struct pyr_children *children = &heap->children;
    uint32_t others = children->at[parent + 1] - children->at[parent] - count;
    uint64_t kept = 0;
    for (uint32_t i = children->at[parent]; i < children->at[parent + 1]; i++)
        kept += heap->graph->retained[children->list[i]];
    for (uint32_t i = 0; i < count; i++)
        kept -= heap->graph->retained[shown[i]];
    if (others)
        fprintf(heap->out, "%10s %6.1f %10s  %-18s  %*s%" PRIu32 " %s\n", pyr_heap_bytes(retained, kept),
                pyr_heap_share(heap, kept), "", "", 2 * depth, "", others, count ? "more" : "objects");
}

static void write_below(struct pyr_heap *heap, uint32_t parent, uint64_t least, int depth, enum pyr_name_state state)
{
    uint32_t shown[CHILDREN_MAX];
    unsigned limit = pyr_heap_limit(heap, 10);
    uint32_t count =
        pyr_children_biggest(&heap->children, heap->graph, parent, shown, limit < CHILDREN_MAX ? limit : CHILDREN_MAX);
    while (count && depth && heap->graph->retained[shown[count - 1]] < least)
        count--;
    for (uint32_t i = 0; i < count; i++) {
        enum pyr_name_state after = state;
        write_object(heap, parent, shown[i], depth, &after);
        if (depth < DEPTH_MAX && heap->graph->retained[shown[i]] >= least)
            write_below(heap, shown[i], least, depth + 1, after);
    }
    write_rest(heap, parent, shown, count, depth);
}

int pyr_heap_write_dominators(struct pyr_heap *heap)
{
    uint32_t first = heap->graph->objects;
    enum pyr_name_state state = PYR_NAME_PLAIN;
    int rc = heap->options->what ? pyr_heap_find(heap, heap->options->what, &first) : 0;
    if (rc == 0)
        rc = pyr_heap_need_children_and_paths(heap);
    if (rc < 0)
        return rc;
    bool from_roots = first == heap->graph->objects;
    uint64_t all = from_roots ? heap->graph->reachable_bytes : heap->graph->retained[first];
    pyr_heap_write_summary(heap);
    pyr_heap_heading(heap, "What would be freed with what");
    fprintf(heap->out, "%10s %6s %10s  %-18s  %s\n", "retained", "%", "bytes", "address", "object");
    if (!from_roots && heap->graph->dominator[first] == PYR_GRAPH_GARBAGE)
        return pyr_err_set(heap->err, PYR_E_NOT_FOUND, "the object at %.40s is garbage: nothing keeps it",
                           heap->options->what);
    if (!from_roots)
        write_object(heap, heap->graph->objects, first, 0, &state);
    write_below(heap, first, (uint64_t)((double)all * SHARE_MIN), !from_roots, PYR_NAME_PLAIN);
    return 0;
}
