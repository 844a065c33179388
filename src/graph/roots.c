/* What keeps objects from outside: what the snapshot tells, and what references tell. An object whose count is higher
 * than the references that are known is held by something that the walk cannot see. */
#include "base/alloc.h"
#include "base/parallel.h"
#include "graph/private.h"

#define AHEAD 16u

struct counting {
    const struct pyr_snapshot *snapshot;
    uint32_t *known; /* by object: references to it */
};

/* Each part reads all edges and counts those to its own objects: no two parts write the same place. */
static void count_references(void *context, unsigned part, size_t from, size_t to)
{
    (void)part;
    const struct counting *counting = context;
    const struct pyr_snapshot *snapshot = counting->snapshot;
    uint32_t *known = counting->known;
    for (uint32_t i = 0; i < snapshot->edges; i++) {
        uint32_t object = snapshot->edge[i];
        uint32_t later = i + AHEAD < snapshot->edges ? snapshot->edge[i + AHEAD] : PYR_SNAPSHOT_NONE;
        if (later - from < to - from)
            __builtin_prefetch(&known[later], 1);
        if (object - from < to - from)
            known[object] += known[object] < UINT32_MAX;
    }
}

static bool is_held(const struct pyr_snapshot *snapshot, const uint32_t *known, uint32_t object)
{
    return snapshot->references[object] > known[object] &&
           !(pyr_snapshot_form(snapshot, object)->flags & PYR_SNAPSHOT_IMMORTAL);
}

#define IS_ROOT UINT32_MAX /* in `known`, once roots are collected */

static int add(struct pyr_graph *graph, uint32_t *known, uint32_t object, uint32_t row)
{
    struct pyr_graph_root root = {.object = object, .row = row};
    if (known[object] == IS_ROOT)
        return 0;
    known[object] = IS_ROOT;
    return pyr_vec_push(&graph->roots, &root) ? 0 : PYR_E_NOMEM;
}

/* Modules are roots by what they are, frames may borrow, and static objects are not counted. The others must have
 * their reference: else the walk saw a word that the interpreter does not own, such as in a cache. */
static bool must_be_counted(uint32_t kind)
{
    return kind == PYR_ROOT_THREAD || kind == PYR_ROOT_INTERPRETER || kind == PYR_ROOT_HELD;
}

static int add_told(struct pyr_graph *graph, uint32_t *known, bool doubtful)
{
    const struct pyr_snapshot *snapshot = graph->snapshot;
    for (uint32_t kind = 0; kind < PYR_ROOT_KINDS; kind++)
        for (uint32_t row = 0; row < snapshot->roots; row++) {
            uint32_t object = snapshot->root_rows[row].object;
            bool immortal = pyr_snapshot_form(snapshot, object)->flags & PYR_SNAPSHOT_IMMORTAL;
            bool doubt = must_be_counted(kind) && !immortal && !is_held(snapshot, known, object);
            if (snapshot->root_rows[row].kind != kind || known[object] == IS_ROOT || doubt != doubtful)
                continue;
            if (add(graph, known, object, row) < 0)
                return PYR_E_NOMEM;
        }
    return 0;
}

static int add_held(struct pyr_graph *graph, uint32_t *known)
{
    for (uint32_t i = 0; i < graph->objects; i++)
        if (known[i] != IS_ROOT && is_held(graph->snapshot, known, i) && add(graph, known, i, PYR_GRAPH_HELD) < 0)
            return PYR_E_NOMEM;
    return 0;
}

int pyr_graph_find_roots(struct pyr_graph *graph)
{
    struct counting counting = {.snapshot = graph->snapshot,
                                .known = pyr_alloc_big((size_t)graph->objects * sizeof *counting.known)};
    if (!counting.known)
        return PYR_E_NOMEM;
    graph->roots = PYR_VEC(struct pyr_graph_root);
    pyr_parallel(graph->objects, count_references, &counting);
    int rc = add_told(graph, counting.known, false);
    if (rc == 0)
        rc = add_held(graph, counting.known);
    graph->certain_roots = graph->roots.count;
    if (rc == 0)
        rc = add_told(graph, counting.known, true);
    pyr_free(counting.known);
    return rc;
}
