/* HOT: every reference is looked at twice. What is far in memory is asked for some references ahead. */
#include "base/alloc.h"
#include "graph/private.h"

#define AHEAD 8u

struct waiting {
    uint32_t object, parent; /* parent: a number */
};

struct state {
    struct pyr_graph *graph;
    struct pyr_search *search;
    struct pyr_vec stack; /* of struct waiting */
};

static bool is_leaf(const struct pyr_snapshot *snapshot, uint32_t object)
{
    return snapshot->edges_at[object] == snapshot->edges_at[object + 1];
}

static void number(struct pyr_search *search, uint32_t object, uint32_t parent)
{
    uint32_t n = ++search->inner;
    search->number[object] = n;
    search->object[n] = object;
    search->parent[n] = search->semi[n] = parent;
}

/* From a later number to an earlier one. What is below no object needs no more of them. */
static int add_back_edge(struct pyr_search *search, uint32_t from, uint32_t to)
{
    if (search->semi[to] == 0 || from == to)
        return 0;
    struct pyr_back_edge edge = {.from = from, .next = search->back[to]};
    search->back[to] = (uint32_t)search->back_edges.count;
    return pyr_vec_push(&search->back_edges, &edge) ? 0 : PYR_E_NOMEM;
}

static int follow(struct state *state, uint32_t from, uint32_t to)
{
    struct pyr_search *search = state->search;
    uint32_t known = search->number[to];
    if (known == PYR_NUMBER_UNSEEN && is_leaf(state->graph->snapshot, to)) {
        search->number[to] = PYR_NUMBER_LEAF;
        return 0;
    }
    if (known == PYR_NUMBER_UNSEEN) {
        struct waiting waiting = {.object = to, .parent = from};
        __builtin_prefetch(&state->graph->snapshot->edge[state->graph->snapshot->edges_at[to]]);
        return pyr_vec_push(&state->stack, &waiting) ? 0 : PYR_E_NOMEM;
    }
    return known < PYR_NUMBER_ROOT_WAITS ? add_back_edge(search, from, known) : 0;
}

static int follow_all(struct state *state, uint32_t object, uint32_t from)
{
    const struct pyr_snapshot *snapshot = state->graph->snapshot;
    uint32_t last = snapshot->edges_at[object + 1];
    for (uint32_t e = snapshot->edges_at[object]; e < last; e++) {
        if (e + AHEAD < last && snapshot->edge[e + AHEAD] != PYR_SNAPSHOT_NONE) {
            __builtin_prefetch(&state->search->number[snapshot->edge[e + AHEAD]]);
            __builtin_prefetch(&snapshot->edges_at[snapshot->edge[e + AHEAD]]);
        }
        if (snapshot->edge[e] != PYR_SNAPSHOT_NONE && follow(state, from, snapshot->edge[e]) < 0)
            return PYR_E_NOMEM;
    }
    return 0;
}

/* Whether it refers to nothing but roots. (Roots cannot be dominated: references to them decide nothing.) */
static bool refers_to_roots_only(const struct state *state, uint32_t object)
{
    const struct pyr_snapshot *snapshot = state->graph->snapshot;
    for (uint32_t i = snapshot->edges_at[object]; i < snapshot->edges_at[object + 1]; i++) {
        uint32_t to = snapshot->edge[i];
        if (to == PYR_SNAPSHOT_NONE || to == object)
            continue;
        uint32_t known = state->search->number[to];
        bool root = known == PYR_NUMBER_ROOT_WAITS ||
                    (known != PYR_NUMBER_LEAF && known != PYR_NUMBER_UNSEEN && state->search->parent[known] == 0);
        if (!root)
            return false;
    }
    return true;
}

static void prefetch_first(const struct state *state, uint32_t object)
{
    const struct pyr_snapshot *snapshot = state->graph->snapshot;
    uint32_t from = snapshot->edges_at[object], to = snapshot->edges_at[object + 1];
    for (uint32_t e = from; e < to && e < from + AHEAD; e++)
        if (snapshot->edge[e] != PYR_SNAPSHOT_NONE) {
            __builtin_prefetch(&state->search->number[snapshot->edge[e]]);
            __builtin_prefetch(&snapshot->edges_at[snapshot->edge[e]]);
        }
}

static int visit(struct state *state, const struct waiting *waiting)
{
    struct pyr_search *search = state->search;
    uint32_t known = search->number[waiting->object];
    if (known == PYR_NUMBER_LEAF)
        return 0;
    if (known != PYR_NUMBER_UNSEEN && known != PYR_NUMBER_ROOT_WAITS) {
        /* Come to meanwhile below the one that waited: an edge from an ancestor. */
        if (waiting->parent < search->semi[known])
            search->semi[known] = waiting->parent;
        return 0;
    }
    prefetch_first(state, waiting->object);
    if (refers_to_roots_only(state, waiting->object)) {
        search->number[waiting->object] = PYR_NUMBER_LEAF;
        return 0;
    }
    number(search, waiting->object, waiting->parent);
    return follow_all(state, waiting->object, search->inner);
}

static int search_from(struct state *state, uint32_t root)
{
    struct waiting waiting = {.object = root};
    if (!pyr_vec_push(&state->stack, &waiting))
        return PYR_E_NOMEM;
    while (state->stack.count) {
        waiting = *PYR_VEC_AT(&state->stack, struct waiting, --state->stack.count);
        if (visit(state, &waiting) < 0)
            return PYR_E_NOMEM;
    }
    return 0;
}

/* Room for all objects in each: memory that is not touched is not taken. */
static int make_arrays(struct pyr_search *search, size_t objects)
{
    uint32_t **arrays[] = {&search->number, &search->object, &search->parent, &search->semi, &search->back};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        *arrays[i] = pyr_alloc_big((objects + 1) * sizeof **arrays[i]);
        if (!*arrays[i])
            return PYR_E_NOMEM;
    }
    return pyr_vec_push(&search->back_edges, NULL) ? 0 : PYR_E_NOMEM;
}

static uint32_t root_at(const struct pyr_graph *graph, size_t i)
{
    return PYR_VEC_AT(&graph->roots, struct pyr_graph_root, i)->object;
}

/* Of the roots in doubt those remain that nothing has led to. */
static int search_from_doubtful(struct state *state)
{
    struct pyr_graph *graph = state->graph;
    size_t kept = graph->certain_roots;
    int rc = 0;
    for (size_t i = kept; rc == 0 && i < graph->roots.count; i++) {
        if (state->search->number[root_at(graph, i)] != PYR_NUMBER_UNSEEN)
            continue;
        *PYR_VEC_AT(&graph->roots, struct pyr_graph_root, kept++) =
            *PYR_VEC_AT(&graph->roots, struct pyr_graph_root, i);
        rc = search_from(state, root_at(graph, kept - 1));
    }
    graph->roots.count = kept;
    return rc;
}

int pyr_graph_search(struct pyr_graph *graph, struct pyr_search *search)
{
    struct state state = {.graph = graph, .search = search, .stack = PYR_VEC(struct waiting)};
    *search = (struct pyr_search){.back_edges = PYR_VEC(struct pyr_back_edge)};
    int rc = make_arrays(search, graph->objects);
    for (size_t i = 0; rc == 0 && i < graph->certain_roots; i++)
        search->number[root_at(graph, i)] = PYR_NUMBER_ROOT_WAITS;
    for (size_t i = 0; rc == 0 && i < graph->certain_roots; i++)
        rc = search_from(&state, root_at(graph, i));
    if (rc == 0)
        rc = search_from_doubtful(&state);
    pyr_vec_release(&state.stack);
    if (rc < 0)
        pyr_graph_search_release(search);
    return rc;
}

void pyr_graph_search_release(struct pyr_search *search)
{
    pyr_free(search->number);
    pyr_free(search->object);
    pyr_free(search->parent);
    pyr_free(search->semi);
    pyr_free(search->back);
    pyr_vec_release(&search->back_edges);
    *search = (struct pyr_search){0};
}
