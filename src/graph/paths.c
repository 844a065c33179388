#include "graph/paths.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

#define AHEAD 8u
#define STEPS_MAX 24u /* of a name; of a longer way the first and the last half of them */

/* ---- breadth first ---- */

static void reach(const struct pyr_snapshot *snapshot, uint32_t *from, uint32_t object, uint32_t *queue, uint32_t *end)
{
    uint32_t first = snapshot->edges_at[object], last = snapshot->edges_at[object + 1];
    for (uint32_t e = first; e < last; e++) {
        if (e + AHEAD < last && snapshot->edge[e + AHEAD] != PYR_SNAPSHOT_NONE)
            __builtin_prefetch(&from[snapshot->edge[e + AHEAD]]);
        uint32_t to = snapshot->edge[e];
        if (to == PYR_SNAPSHOT_NONE || from[to] != PYR_GRAPH_GARBAGE)
            continue;
        from[to] = object;
        queue[(*end)++] = to;
    }
}

static int by_object(const void *a, const void *b)
{
    const struct pyr_graph_root *x = a, *y = b;
    return x->object < y->object ? -1 : x->object > y->object;
}

static int copy_roots(struct pyr_paths *paths)
{
    const struct pyr_vec *roots = &paths->graph->roots;
    paths->roots = PYR_VEC(struct pyr_graph_root);
    if (!roots->count)
        return 0;
    if (pyr_vec_reserve(&paths->roots, roots->count) < 0)
        return PYR_E_NOMEM;
    memcpy(paths->roots.items, roots->items, roots->count * sizeof(struct pyr_graph_root));
    paths->roots.count = roots->count;
    qsort(paths->roots.items, roots->count, sizeof(struct pyr_graph_root), by_object);
    return 0;
}

int pyr_paths_make(struct pyr_paths *paths, const struct pyr_graph *graph)
{
    size_t size = (size_t)graph->objects * sizeof(uint32_t);
    struct pyr_paths made = {.graph = graph, .from = pyr_alloc_big(size), .order = pyr_alloc(size)};
    if (!made.from || !made.order || copy_roots(&made) < 0) {
        pyr_paths_release(&made);
        return PYR_E_NOMEM;
    }
    memset(made.from, 0xff, size); /* PYR_GRAPH_GARBAGE */
    for (size_t i = 0; i < graph->roots.count; i++) {
        uint32_t object = PYR_VEC_AT(&graph->roots, struct pyr_graph_root, i)->object;
        made.from[object] = PYR_GRAPH_ROOT;
        made.order[made.count++] = object;
    }
    for (uint32_t at = 0; at < made.count; at++)
        reach(graph->snapshot, made.from, made.order[at], made.order, &made.count);
    *paths = made;
    return 0;
}

uint32_t *pyr_paths_through(const struct pyr_paths *paths, bool (*is)(void *context, uint32_t object), void *context)
{
    uint32_t *through = pyr_alloc((size_t)paths->graph->objects * sizeof *through);
    for (uint32_t i = paths->count; through && i-- > 0;) {
        uint32_t object = paths->order[i], from = paths->from[object];
        through[object] += is(context, object);
        if (from < PYR_GRAPH_ROOT)
            through[from] += through[object];
    }
    return through;
}

void pyr_paths_release(struct pyr_paths *paths)
{
    pyr_free(paths->from);
    pyr_free(paths->order);
    pyr_vec_release(&paths->roots);
    *paths = (struct pyr_paths){0};
}

const struct pyr_graph_root *pyr_paths_root(const struct pyr_paths *paths, uint32_t object)
{
    struct pyr_graph_root key = {.object = object};
    if (!paths->roots.count)
        return NULL;
    return bsearch(&key, paths->roots.items, paths->roots.count, sizeof key, by_object);
}

uint32_t pyr_paths_beginning(const struct pyr_paths *paths, uint32_t object)
{
    while (paths->from[object] < PYR_GRAPH_ROOT)
        object = paths->from[object];
    return object;
}

/* ---- names ---- */

/* The first edge from one to the other. */
static bool find_edge(const struct pyr_snapshot *snapshot, uint32_t from, uint32_t to, struct pyr_edge_cursor *edge)
{
    *edge = (struct pyr_edge_cursor){0};
    while (pyr_snapshot_next_edge(snapshot, from, edge))
        if (edge->to == to)
            return true;
    return false;
}

static uint32_t steps_to(const struct pyr_paths *paths, uint32_t object)
{
    uint32_t steps = 0;
    while (paths->from[object] < PYR_GRAPH_ROOT) {
        object = paths->from[object];
        steps++;
    }
    return steps;
}

/* way[0] is the last, way[count] where it begins. */
static void name_steps(const struct pyr_paths *paths, const uint32_t *way, uint32_t count, enum pyr_name_state *state,
                       struct pyr_buf *name)
{
    const struct pyr_snapshot *snapshot = paths->graph->snapshot;
    struct pyr_edge_cursor edge;
    for (uint32_t i = count; i-- > 0;)
        if (find_edge(snapshot, way[i + 1], way[i], &edge) &&
            !(i + 2 <= count && pyr_name_closure(snapshot, way[i + 2], way[i + 1], &edge, state, name)))
            pyr_name_step(snapshot, way[i + 1], &edge, state, name);
}

/* way[0 .. count]: the object and `count` before it. */
static uint32_t collect(const struct pyr_paths *paths, uint32_t object, uint32_t *way, uint32_t count)
{
    way[0] = object;
    for (uint32_t i = 1; i <= count; i++)
        way[i] = paths->from[way[i - 1]];
    return way[count];
}

void pyr_paths_name(const struct pyr_paths *paths, uint32_t object, struct pyr_buf *name)
{
    uint32_t near[STEPS_MAX + 1], far[STEPS_MAX + 1], at = object;
    enum pyr_name_state state = PYR_NAME_PLAIN;
    if (paths->from[object] == PYR_GRAPH_GARBAGE) {
        pyr_name_object(paths->graph->snapshot, object, name);
        return;
    }
    uint32_t steps = steps_to(paths, object);
    uint32_t near_count = steps <= STEPS_MAX ? steps : STEPS_MAX / 2;
    uint32_t far_count = steps <= STEPS_MAX ? 0 : STEPS_MAX / 2;
    collect(paths, object, near, near_count);
    for (uint32_t i = far_count; i < steps; i++)
        at = paths->from[at];
    uint32_t root = collect(paths, at, far, far_count);
    pyr_name_root(paths->graph->snapshot, pyr_paths_root(paths, root), name);
    name_steps(paths, far, far_count, &state, name);
    if (far_count) {
        pyr_buf_append(name, " … ", sizeof " … " - 1);
        state = PYR_NAME_PLAIN;
    }
    name_steps(paths, near, near_count, &state, name);
}

/* ---- roles ---- */

static const char *role_of_root(const struct pyr_paths *paths, uint32_t object)
{
    static const char *const roles[PYR_ROOT_KINDS] = {
        [PYR_ROOT_MODULE] = "a module",
        [PYR_ROOT_FRAME] = "a local of a running function",
        [PYR_ROOT_THREAD] = "of a thread's state",
        [PYR_ROOT_INTERPRETER] = "of the interpreter",
        [PYR_ROOT_STATIC] = "of the runtime",
        [PYR_ROOT_HELD] = "held from outside of Python's objects",
    };
    const struct pyr_graph_root *root = pyr_paths_root(paths, object);
    if (!root)
        return "";
    return roles[root->row == PYR_GRAPH_HELD ? (uint32_t)PYR_ROOT_HELD
                                             : paths->graph->snapshot->root_rows[root->row].kind];
}

static const char *role_by_type(const struct pyr_paths *paths, uint32_t from)
{
    static const struct {
        const char *type, *role;
    } roles[] = {
        {"cell", "a variable of a closure"},
        {"_lru_cache_wrapper", "the results that functools.lru_cache keeps"},
        {"hamt_bitmap_node", "the value of a context variable"},
        {"hamt_collision_node", "the value of a context variable"},
    };
    const struct pyr_snapshot *snapshot = paths->graph->snapshot;
    uint32_t type = pyr_graph_type(paths->graph, from);
    struct pyr_snapshot_string name = pyr_snapshot_string(snapshot, snapshot->type_rows[type].name);
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (name.size == strlen(roles[i].type) && memcmp(name.bytes, roles[i].type, name.size) == 0)
            return roles[i].role;
    return "";
}

/* By the dict that has it as a value; a Context has such, too. */
static const char *role_of_value(const struct pyr_paths *paths, uint32_t dict)
{
    const struct pyr_snapshot *snapshot = paths->graph->snapshot;
    struct pyr_edge_cursor edge;
    uint32_t owner = paths->from[dict];
    if (owner >= PYR_GRAPH_ROOT || !find_edge(snapshot, owner, dict, &edge) ||
        (edge.kind & PYR_EDGE_KIND_MASK) != PYR_EDGE_DICT)
        return role_by_type(paths, dict);
    const struct pyr_graph_root *root = pyr_paths_root(paths, owner);
    if (root && root->row != PYR_GRAPH_HELD && snapshot->root_rows[root->row].kind == PYR_ROOT_MODULE)
        return "a module global";
    return pyr_snapshot_form(snapshot, owner)->flags & PYR_SNAPSHOT_TYPE ? "a class attribute" : "an attribute";
}

/* A frame object that something refers to: mostly a traceback. */
static const char *role_of_local(const struct pyr_paths *paths, uint32_t frame)
{
    const struct pyr_snapshot *snapshot = paths->graph->snapshot;
    uint32_t type = pyr_graph_type(paths->graph, frame);
    struct pyr_snapshot_string name = pyr_snapshot_string(snapshot, snapshot->type_rows[type].name);
    return name.size == 5 && memcmp(name.bytes, "frame", 5) == 0 ? "a local of a frame that is kept"
                                                                 : "a local of a suspended generator or coroutine";
}

const char *pyr_paths_role(const struct pyr_paths *paths, uint32_t object)
{
    struct pyr_edge_cursor edge;
    uint32_t from = paths->from[object];
    if (from == PYR_GRAPH_GARBAGE)
        return "garbage that the collector has not come to";
    if (from == PYR_GRAPH_ROOT)
        return role_of_root(paths, object);
    if (!find_edge(paths->graph->snapshot, from, object, &edge))
        return "";
    switch (edge.kind & PYR_EDGE_KIND_MASK) {
    case PYR_EDGE_VALUE:
        return role_of_value(paths, from);
    case PYR_EDGE_ATTRIBUTE:
        return "an attribute";
    case PYR_EDGE_LOCAL:
        return role_of_local(paths, from);
    case PYR_EDGE_CELL:
        return "a variable of a closure";
    default:
        return role_by_type(paths, from);
    }
}
