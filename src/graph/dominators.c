/* Semi-NCA (Georgiadis, Tarjan): the least ancestor from which a way leads around the others, with path compression;
 * then the dominator is the nearest common one of the parent's and that. Numbers as in private.h. HOT. */
#include "base/alloc.h"
#include "base/parallel.h"
#include "graph/private.h"

#include <string.h>

#define AHEAD 16u

/* What is read together lies together: memory that is far is what this takes its time for. */
struct link {
    uint32_t ancestor, label;
};

struct branch {
    uint32_t heaviest, count; /* the child with most below it; objects below */
};

struct tree {
    uint32_t inner;
    uint32_t *dominator; /* by number: a number; at first the parent */
    uint32_t *semi;
    struct link *links;      /* while it is made; then: */
    struct branch *branches; /* the same memory */
    uint32_t *top;           /* that of semi: the first of the heavy path */
    const struct pyr_search *search;
    struct pyr_vec path; /* of uint32_t */
};

/* ---- of inner objects ---- */

/* The label of `from` becomes the least of those on its way up to what has not been looked at: `done` and before. */
static int compress(struct tree *tree, uint32_t from, uint32_t done)
{
    struct link *links = tree->links;
    tree->path.count = 0;
    for (uint32_t at = from; links[at].ancestor > done; at = links[at].ancestor)
        if (!pyr_vec_push(&tree->path, &at))
            return PYR_E_NOMEM;
    for (size_t i = tree->path.count; i-- > 0;) {
        struct link *at = &links[*PYR_VEC_AT(&tree->path, uint32_t, i)], *above = &links[at->ancestor];
        if (above->label < at->label)
            at->label = above->label;
        at->ancestor = above->ancestor;
    }
    return 0;
}

/* Two steps ahead the edge, one step ahead what it leads from. */
static void prefetch(const struct tree *tree, const struct pyr_back_edge *edges, uint32_t i)
{
    if (i > 2 * AHEAD)
        __builtin_prefetch(&edges[tree->search->back[i - 2 * AHEAD]]);
    if (i > AHEAD)
        __builtin_prefetch(&tree->links[edges[tree->search->back[i - AHEAD]].from]);
}

static int find_semidominators(struct tree *tree)
{
    const struct pyr_back_edge *edges = tree->search->back_edges.items;
    for (uint32_t i = tree->inner; i > 0; i--) {
        prefetch(tree, edges, i);
        for (uint32_t e = tree->search->back[i]; e; e = edges[e].next) {
            uint32_t from = edges[e].from;
            if (tree->links[from].ancestor > i && compress(tree, from, i) < 0)
                return PYR_E_NOMEM;
            if (tree->links[from].label < tree->semi[i])
                tree->semi[i] = tree->links[from].label;
        }
        tree->links[i].label = tree->semi[i];
    }
    return 0;
}

static void find_dominators(struct tree *tree)
{
    for (uint32_t i = 1; i <= tree->inner; i++) {
        uint32_t dominator = tree->dominator[i];
        while (dominator > tree->semi[i])
            dominator = tree->dominator[dominator];
        tree->dominator[i] = dominator;
    }
}

static int make_tree(struct tree *tree, struct pyr_search *search)
{
    *tree = (struct tree){.inner = search->inner, .search = search, .path = PYR_VEC(uint32_t)};
    tree->dominator = search->parent;
    tree->semi = search->semi;
    tree->links = pyr_alloc_big(((size_t)search->inner + 1) * sizeof *tree->links);
    if (!tree->links)
        return PYR_E_NOMEM;
    for (uint32_t i = 0; i <= search->inner; i++)
        tree->links[i] = (struct link){.ancestor = search->parent[i], .label = i};
    int rc = find_semidominators(tree);
    pyr_vec_release(&search->back_edges);
    if (rc == 0)
        find_dominators(tree);
    return rc;
}

static void tree_release(struct tree *tree)
{
    pyr_free(tree->links);
    pyr_vec_release(&tree->path);
}

/* ---- the nearest common dominator of two: by heavy paths, so in a logarithmic number of steps ---- */

static void find_heavy_paths(struct tree *tree)
{
    struct branch *branches = tree->branches = (struct branch *)tree->links;
    tree->top = tree->semi;
    for (uint32_t i = 0; i <= tree->inner; i++)
        branches[i] = (struct branch){.count = 1};
    for (uint32_t i = tree->inner; i > 0; i--) {
        struct branch *above = &branches[tree->dominator[i]];
        if (i > AHEAD)
            __builtin_prefetch(&branches[tree->dominator[i - AHEAD]], 1);
        above->count += branches[i].count;
        if (!above->heaviest || branches[i].count > branches[above->heaviest].count)
            above->heaviest = i;
    }
    for (uint32_t i = 1; i <= tree->inner; i++) {
        uint32_t above = tree->dominator[i];
        if (i + AHEAD <= tree->inner)
            __builtin_prefetch(&branches[tree->dominator[i + AHEAD]]);
        tree->top[i] = branches[above].heaviest == i ? tree->top[above] : i;
    }
}

/* A dominator's number is less than its own, so of two paths the one that begins later is not above the other. */
static uint32_t nearest_common(const struct tree *tree, uint32_t a, uint32_t b)
{
    while (a && b && tree->top[a] != tree->top[b]) {
        if (tree->top[a] > tree->top[b])
            a = tree->dominator[tree->top[a]];
        else
            b = tree->dominator[tree->top[b]];
    }
    return a < b ? a : b;
}

/* ---- of leaves, and sizes ---- */

struct spread {
    struct pyr_graph *graph;
    const struct pyr_search *search;
    const struct tree *tree;
    uint32_t reachable[PYR_PARALLEL_MAX];
    uint64_t bytes[PYR_PARALLEL_MAX], reachable_bytes[PYR_PARALLEL_MAX];
};

/* Another thread may do the same to the same leaf. */
static void join(const struct tree *tree, uint32_t *place, uint32_t from)
{
    uint32_t known = __atomic_load_n(place, __ATOMIC_RELAXED), joined;
    do {
        if (known == 0 || known == from)
            return;
        joined = known == PYR_GRAPH_GARBAGE ? from : nearest_common(tree, known, from);
        if (joined == known)
            return;
    } while (!__atomic_compare_exchange_n(place, &known, joined, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
}

static void join_leaves(void *context, unsigned part, size_t from, size_t to)
{
    (void)part;
    const struct spread *spread = context;
    const struct pyr_snapshot *snapshot = spread->graph->snapshot;
    const uint32_t *number = spread->search->number;
    for (size_t i = from; i < to; i++) {
        if (number[i] == PYR_NUMBER_LEAF || number[i] == PYR_NUMBER_UNSEEN)
            continue;
        for (uint32_t e = snapshot->edges_at[i]; e < snapshot->edges_at[i + 1]; e++) {
            uint32_t leaf = snapshot->edge[e];
            uint32_t later = e + AHEAD < snapshot->edges ? snapshot->edge[e + AHEAD] : PYR_SNAPSHOT_NONE;
            if (later != PYR_SNAPSHOT_NONE) {
                __builtin_prefetch(&number[later]);
                __builtin_prefetch(&spread->graph->dominator[later], 1);
            }
            if (leaf != PYR_SNAPSHOT_NONE && number[leaf] == PYR_NUMBER_LEAF)
                join(spread->tree, &spread->graph->dominator[leaf], number[i]);
        }
    }
}

/* From numbers to objects. */
static void name_dominators(void *context, unsigned part, size_t from, size_t to)
{
    struct spread *spread = context;
    struct pyr_graph *graph = spread->graph;
    for (size_t i = from; i < to; i++) {
        uint32_t number = spread->search->number[i];
        if (to - i > AHEAD && spread->search->number[i + AHEAD] <= spread->tree->inner)
            __builtin_prefetch(&spread->tree->dominator[spread->search->number[i + AHEAD]]);
        uint64_t size = graph->retained[i] = pyr_graph_size(graph, (uint32_t)i);
        spread->bytes[part] += size;
        if (number == PYR_NUMBER_UNSEEN)
            continue;
        uint32_t above = number == PYR_NUMBER_LEAF ? graph->dominator[i] : spread->tree->dominator[number];
        graph->dominator[i] = above ? spread->search->object[above] : (uint32_t)PYR_GRAPH_ROOT;
        spread->reachable[part]++;
        spread->reachable_bytes[part] += size;
    }
}

static void add_to_dominator(struct pyr_graph *graph, uint32_t object)
{
    uint32_t above = graph->dominator[object];
    if (above < PYR_GRAPH_ROOT)
        graph->retained[above] += graph->retained[object];
}

static void prefetch_retained(const struct pyr_graph *graph, uint32_t object)
{
    if (graph->dominator[object] < PYR_GRAPH_ROOT)
        __builtin_prefetch(&graph->retained[graph->dominator[object]], 1);
}

/* Leaves first, then from the last number to the first: what is below before what is above. */
static void add_up(struct pyr_graph *graph, const struct pyr_search *search)
{
    for (uint32_t i = 0; i < graph->objects; i++) {
        if (graph->objects - i > AHEAD)
            prefetch_retained(graph, i + AHEAD);
        if (search->number[i] == PYR_NUMBER_LEAF)
            add_to_dominator(graph, i);
    }
    for (uint32_t n = search->inner; n > 0; n--) {
        if (n > 2 * AHEAD)
            __builtin_prefetch(&graph->dominator[search->object[n - 2 * AHEAD]]);
        if (n > AHEAD)
            prefetch_retained(graph, search->object[n - AHEAD]);
        add_to_dominator(graph, search->object[n]);
    }
}

/* PYR_GRAPH_GARBAGE. By all threads: the memory is new to the process, which takes the system longest. */
static void call_garbage(void *context, unsigned part, size_t from, size_t to)
{
    (void)part;
    const struct spread *spread = context;
    memset(spread->graph->dominator + from, 0xff, (to - from) * sizeof *spread->graph->dominator);
}

static int spread_all(struct pyr_graph *graph, const struct pyr_search *search, const struct tree *tree)
{
    struct spread spread = {.graph = graph, .search = search, .tree = tree};
    size_t objects = graph->objects;
    graph->dominator = pyr_alloc_big(objects * sizeof *graph->dominator);
    if (!graph->dominator)
        return PYR_E_NOMEM;
    pyr_parallel(objects, call_garbage, &spread);
    for (size_t i = 0; i < graph->roots.count; i++)
        graph->dominator[PYR_VEC_AT(&graph->roots, struct pyr_graph_root, i)->object] = 0;
    pyr_parallel(objects, join_leaves, &spread);
    graph->retained = pyr_alloc_big(objects * sizeof *graph->retained);
    if (!graph->retained)
        return PYR_E_NOMEM;
    pyr_parallel(objects, name_dominators, &spread);
    for (unsigned i = 0; i < PYR_PARALLEL_MAX; i++) {
        graph->reachable += spread.reachable[i];
        graph->bytes += spread.bytes[i];
        graph->reachable_bytes += spread.reachable_bytes[i];
    }
    add_up(graph, search);
    return 0;
}

int pyr_graph_dominate(struct pyr_graph *graph, struct pyr_search *search)
{
    struct tree tree;
    int rc = make_tree(&tree, search);
    if (rc == 0) {
        find_heavy_paths(&tree);
        rc = spread_all(graph, search, &tree);
    }
    tree_release(&tree);
    pyr_graph_search_release(search);
    return rc;
}
