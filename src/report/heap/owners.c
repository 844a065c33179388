/* Owners: what the roots lead to first, below modules and their dicts. */
#include "report/heap/heap.h"

#define OWNER_MIN 0.001 /* of the heap: smaller owners are counted together */

static bool is_module(const struct pyr_heap *heap, uint32_t object)
{
    const struct pyr_graph_root *root = pyr_paths_root(&heap->paths, object);
    return root && root->row != PYR_GRAPH_HELD && heap->snapshot->root_rows[root->row].kind == PYR_ROOT_MODULE;
}

bool pyr_heap_is_namespace(const struct pyr_heap *heap, uint32_t object)
{
    uint32_t from = heap->paths.from[object];
    struct pyr_edge_cursor edge = {0};
    if (from >= PYR_GRAPH_ROOT)
        return is_module(heap, object);
    while (is_module(heap, from) && pyr_snapshot_next_edge(heap->snapshot, from, &edge))
        if (edge.to == object)
            return (edge.kind & PYR_EDGE_KIND_MASK) == PYR_EDGE_DICT;
    return false;
}

/* Modules are dominated by no object, and their dicts by them or by none: it goes two levels down. */
static int visit_below(struct pyr_heap *heap, uint32_t above, pyr_heap_owner_object *visit, void *context)
{
    int rc = 0;
    for (uint32_t c = heap->children.at[above]; rc == 0 && c < heap->children.at[above + 1]; c++) {
        uint32_t object = heap->children.list[c];
        if (pyr_heap_is_namespace(heap, object) && object != above)
            rc = visit_below(heap, object, visit, context);
        else
            rc = visit(context, object, heap->graph->retained[object]);
    }
    return rc;
}

int pyr_heap_each_owner(struct pyr_heap *heap, pyr_heap_owner_object *visit, void *context)
{
    int rc = pyr_heap_need_children(heap);
    if (rc == 0)
        rc = pyr_heap_need_paths(heap);
    return rc < 0 ? rc : visit_below(heap, heap->graph->objects, visit, context);
}

/* ---- by name ---- */

struct naming {
    struct pyr_heap *heap;
    pyr_heap_owner *visit;
    void *context;
    uint64_t least;
};

static int visit_named(void *context, uint32_t object, uint64_t retained)
{
    const struct naming *naming = context;
    const char *name = retained >= naming->least ? pyr_heap_path(naming->heap, object) : "<smaller ones>";
    return naming->visit(naming->context, name, retained);
}

int pyr_heap_owners(struct pyr_heap *heap, pyr_heap_owner *visit, void *context)
{
    struct naming naming = {heap, visit, context, (uint64_t)(OWNER_MIN * (double)heap->graph->bytes)};
    return pyr_heap_each_owner(heap, visit_named, &naming);
}
