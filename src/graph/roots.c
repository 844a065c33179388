/* What keeps objects from outside: what the snapshot tells, and what references tell. An object whose count is higher
 * than the references that are known is held by something that the walk cannot see. */
#include "base/alloc.h"
#include "base/parallel.h"
#include "graph/private.h"

#include <string.h>

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

/* Modules are roots by what they are, locals may be borrowed, and static objects are not counted. The others must have
 * their reference: else the walk saw a word that the interpreter does not own, such as in a cache. */
static bool must_be_counted(uint32_t kind)
{
    return kind == PYR_ROOT_THREAD || kind == PYR_ROOT_INTERPRETER || kind == PYR_ROOT_HELD;
}

/* How deep the evaluation stack of a frame is that runs is not always known: above it are words of before. What one of
 * the stack refers to has its reference, or (3.14 on) is a local of the same frame. */
static bool is_stale(const struct pyr_snapshot *snapshot, const uint32_t *known, uint32_t row)
{
    const struct pyr_snapshot_root_row *root = &snapshot->root_rows[row];
    return root->kind == PYR_ROOT_FRAME && !pyr_snapshot_string(snapshot, root->name).size &&
           !is_held(snapshot, known, root->object);
}

/* Caches of the interpreter have what they do not own: functions by their version, types, values of attributes. That is
 * kept alive by nothing, if all of its references are known to be others'. */
static bool is_cached(const struct pyr_snapshot *snapshot, uint32_t row)
{
    const struct pyr_snapshot_root_row *root = &snapshot->root_rows[row];
    return root->kind == PYR_ROOT_INTERPRETER && !pyr_snapshot_string(snapshot, root->name).size &&
           pyr_snapshot_form(snapshot, root->object)->generation != PYR_SNAPSHOT_UNTRACKED;
}

/* The namespace of a module is that module's, also while its frame runs. */
static void leave_to_modules(const struct pyr_snapshot *snapshot, uint32_t *known)
{
    for (uint32_t row = 0; row < snapshot->roots; row++) {
        struct pyr_edge_cursor edge = {0};
        if (snapshot->root_rows[row].kind != PYR_ROOT_MODULE)
            continue;
        while (pyr_snapshot_next_edge(snapshot, snapshot->root_rows[row].object, &edge))
            if ((edge.kind & PYR_EDGE_KIND_MASK) == PYR_EDGE_DICT && edge.to != PYR_SNAPSHOT_NONE)
                known[edge.to] = IS_ROOT;
    }
}

static int add_told(struct pyr_graph *graph, uint32_t *known, bool doubtful)
{
    const struct pyr_snapshot *snapshot = graph->snapshot;
    for (uint32_t kind = 0; kind < PYR_ROOT_KINDS; kind++)
        for (uint32_t row = 0; row < snapshot->roots; row++) {
            uint32_t object = snapshot->root_rows[row].object;
            bool immortal = pyr_snapshot_form(snapshot, object)->flags & PYR_SNAPSHOT_IMMORTAL;
            bool doubt = must_be_counted(kind) && !immortal && !is_held(snapshot, known, object);
            if (snapshot->root_rows[row].kind != kind || known[object] == IS_ROOT || doubt != doubtful ||
                is_stale(snapshot, known, row) || (doubt && is_cached(snapshot, row)))
                continue;
            if (add(graph, known, object, row) < 0)
                return PYR_E_NOMEM;
        }
    return 0;
}

/* What functools.lru_cache has for a result has a reference from its ring of all results, too. Its neighbours in the
 * ring show that, if it has any. */
static bool is_alone_in_ring(const struct pyr_snapshot *snapshot, const uint32_t *known, uint32_t object)
{
    static const char link[] = "_lru_list_elem";
    struct pyr_snapshot_string name =
        pyr_snapshot_string(snapshot, snapshot->type_rows[pyr_snapshot_form(snapshot, object)->type].name);
    return snapshot->references[object] == known[object] + 1 && name.size == sizeof link - 1 &&
           memcmp(name.bytes, link, name.size) == 0;
}

static int add_held(struct pyr_graph *graph, uint32_t *known)
{
    const struct pyr_snapshot *snapshot = graph->snapshot;
    for (uint32_t i = 0; i < graph->objects; i++)
        if (known[i] != IS_ROOT && is_held(snapshot, known, i) && !is_alone_in_ring(snapshot, known, i) &&
            add(graph, known, i, PYR_GRAPH_HELD) < 0)
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
    leave_to_modules(graph->snapshot, counting.known);
    int rc = add_told(graph, counting.known, false);
    if (rc == 0)
        rc = add_held(graph, counting.known);
    graph->certain_roots = graph->roots.count;
    if (rc == 0)
        rc = add_told(graph, counting.known, true);
    pyr_free(counting.known);
    return rc;
}
