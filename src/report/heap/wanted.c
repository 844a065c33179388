#include "report/heap/wanted.h"

#include "base/alloc.h"

#include <string.h>

/* Its whole name, or the part after the last dot. */
static bool is_called(struct pyr_heap *heap, uint32_t type, const char *name)
{
    const char *full = pyr_heap_type(heap, type);
    struct pyr_snapshot_string own = pyr_snapshot_string(heap->snapshot, heap->snapshot->type_rows[type].name);
    return !strcmp(full, name) || (own.size == strlen(name) && !memcmp(own.bytes, name, own.size));
}

static int find_types(struct pyr_wanted *wanted, struct pyr_heap *heap)
{
    bool any = false;
    wanted->types = pyr_alloc(heap->snapshot->types * sizeof *wanted->types);
    if (!wanted->types)
        return pyr_heap_no_memory(heap);
    for (uint32_t i = 0; i < heap->snapshot->types; i++)
        any |= wanted->types[i] = is_called(heap, i, heap->options->what);
    if (!any)
        return pyr_err_set(heap->err, PYR_E_NOT_FOUND,
                           "the snapshot has no type '%.100s'; --census lists those that it has", heap->options->what);
    return 0;
}

bool pyr_wanted_is(const struct pyr_wanted *wanted, uint32_t object)
{
    return wanted->types ? wanted->types[pyr_graph_type(wanted->heap->graph, object)] : object == wanted->object;
}

static bool is_wanted(void *context, uint32_t object)
{
    return pyr_wanted_is(context, object);
}

int pyr_wanted_find(struct pyr_wanted *wanted, struct pyr_heap *heap)
{
    *wanted = (struct pyr_wanted){.heap = heap, .object = PYR_SNAPSHOT_NONE};
    int rc = pyr_heap_is_address(heap->options->what) ? pyr_heap_find(heap, heap->options->what, &wanted->object)
                                                      : find_types(wanted, heap);
    if (rc == 0)
        rc = pyr_heap_need_paths(heap);
    if (rc == 0) {
        wanted->through = pyr_paths_through(&heap->paths, is_wanted, wanted);
        rc = wanted->through ? 0 : pyr_heap_no_memory(heap);
    }
    for (size_t i = 0; rc == 0 && i < heap->graph->roots.count; i++)
        wanted->count += wanted->through[PYR_VEC_AT(&heap->graph->roots, struct pyr_graph_root, i)->object];
    if (rc < 0)
        pyr_wanted_release(wanted);
    return rc;
}

void pyr_wanted_release(struct pyr_wanted *wanted)
{
    pyr_free(wanted->types);
    pyr_free(wanted->through);
    *wanted = (struct pyr_wanted){0};
}

struct best {
    uint32_t *objects, count, max;
};

/* An object may be referred to several times by the same one: it counts once. */
static void consider(const struct pyr_wanted *wanted, struct best *best, uint32_t object)
{
    uint32_t weight = wanted->through[object], at;
    if (!weight || (best->count == best->max && wanted->through[best->objects[best->max - 1]] >= weight))
        return;
    for (uint32_t i = 0; i < best->count; i++)
        if (best->objects[i] == object)
            return;
    for (at = best->count < best->max ? best->count++ : best->max - 1;
         at > 0 && wanted->through[best->objects[at - 1]] < weight; at--)
        best->objects[at] = best->objects[at - 1];
    best->objects[at] = object;
}

uint32_t pyr_wanted_next(const struct pyr_wanted *wanted, uint32_t object, uint32_t *next, uint32_t max)
{
    const struct pyr_heap *heap = wanted->heap;
    const struct pyr_snapshot *snapshot = heap->snapshot;
    struct best best = {.objects = next, .max = max};
    if (object == snapshot->objects) {
        for (size_t i = 0; i < heap->graph->roots.count; i++)
            consider(wanted, &best, PYR_VEC_AT(&heap->graph->roots, struct pyr_graph_root, i)->object);
        return best.count;
    }
    for (uint32_t e = snapshot->edges_at[object]; e < snapshot->edges_at[object + 1]; e++)
        if (snapshot->edge[e] != PYR_SNAPSHOT_NONE && heap->paths.from[snapshot->edge[e]] == object)
            consider(wanted, &best, snapshot->edge[e]);
    return best.count;
}
