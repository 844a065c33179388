#include "graph/duplicates.h"

#include "base/alloc.h"

#include <string.h>

#define AT_ONCE ((uint64_t)4 << 20) /* objects looked at in one pass: bounds the table */
/* Tuples of at most so many items, and in them tuples of at most so many, so deep: bounds the work for each. */
#define TUPLE_MAX 100u
#define TUPLE_INNER_MAX 8u
#define TUPLE_DEPTH 2

struct slot {
    uint64_t content, bytes;
    uint32_t count, object; /* count 0: free */
};

struct state {
    const struct pyr_graph *graph;
    struct pyr_duplicates *found;
    uint32_t max;
    bool *tuple_types; /* by type */
    struct slot *slots;
    size_t mask;
    uint64_t passes;
};

/* ---- contents ---- */

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

static uint64_t content_of(const struct state *state, uint32_t object, int depth);

static uint64_t content_of_tuple(const struct state *state, uint32_t object, int depth)
{
    const struct pyr_snapshot *snapshot = state->graph->snapshot;
    uint32_t from = snapshot->edges_at[object], to = snapshot->edges_at[object + 1];
    uint64_t hash = mix(to - from, pyr_graph_type(state->graph, object));
    if (to == from || to - from > (depth == TUPLE_DEPTH ? TUPLE_MAX : TUPLE_INNER_MAX))
        return 0;
    for (uint32_t e = from; e < to; e++) {
        uint32_t item = snapshot->edge[e];
        uint64_t content = item == PYR_SNAPSHOT_NONE || depth == 0 ? 0 : content_of(state, item, depth - 1);
        if (item == PYR_SNAPSHOT_NONE)
            return 0;
        hash = mix(hash, content ? content : snapshot->address[item]);
    }
    return hash ? hash : 1;
}

/* 0: not known, or of an object that changes. */
static uint64_t content_of(const struct state *state, uint32_t object, int depth)
{
    uint64_t content = state->graph->snapshot->content[object];
    return content || !state->tuple_types[pyr_graph_type(state->graph, object)]
               ? content
               : content_of_tuple(state, object, depth);
}

static int find_tuple_types(struct state *state)
{
    const struct pyr_snapshot *snapshot = state->graph->snapshot;
    state->tuple_types = pyr_alloc(snapshot->types * sizeof *state->tuple_types);
    if (!state->tuple_types)
        return PYR_E_NOMEM;
    for (uint32_t i = 0; i < snapshot->types; i++) {
        struct pyr_snapshot_string name = pyr_snapshot_string(snapshot, snapshot->type_rows[i].name);
        struct pyr_snapshot_string module = pyr_snapshot_string(snapshot, snapshot->type_rows[i].module);
        state->tuple_types[i] = name.size == 5 && !memcmp(name.bytes, "tuple", 5) && module.size == 8 &&
                                !memcmp(module.bytes, "builtins", 8);
    }
    return 0;
}

/* ---- the table ---- */

static void note(struct state *state, uint32_t object, uint64_t content)
{
    size_t i = (size_t)mix(content, 0) & state->mask;
    while (state->slots[i].count && state->slots[i].content != content)
        i = (i + 1) & state->mask;
    struct slot *slot = &state->slots[i];
    if (!slot->count)
        *slot = (struct slot){.content = content, .object = object};
    slot->count++;
    slot->bytes += pyr_graph_size(state->graph, object);
}

static bool counts(const struct state *state, uint32_t object)
{
    return state->graph->dominator[object] != PYR_GRAPH_GARBAGE;
}

static uint64_t candidates(const struct state *state)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < state->graph->objects; i++)
        count += state->graph->snapshot->content[i] || state->tuple_types[pyr_graph_type(state->graph, i)];
    return count;
}

static bool make_table(struct state *state)
{
    uint64_t count = candidates(state);
    size_t slots = 64;
    state->passes = count / AT_ONCE + 1;
    while (slots < 2 * (count < AT_ONCE ? count : AT_ONCE + AT_ONCE / 4))
        slots *= 2;
    state->mask = slots - 1;
    state->slots = pyr_alloc(slots * sizeof *state->slots);
    return state->slots != NULL;
}

/* ---- what was found ---- */

static int keep_top(struct state *state, const struct pyr_duplicate *duplicate)
{
    struct pyr_vec *top = &state->found->top;
    if (top->count == state->max && PYR_VEC_AT(top, struct pyr_duplicate, top->count - 1)->saved >= duplicate->saved)
        return 0;
    if (top->count < state->max && !pyr_vec_push(top, duplicate))
        return PYR_E_NOMEM;
    size_t at = top->count - 1;
    struct pyr_duplicate *rows = top->items;
    for (; at > 0 && rows[at - 1].saved < duplicate->saved; at--)
        rows[at] = rows[at - 1];
    rows[at] = *duplicate;
    return 0;
}

static int take_slots(struct state *state)
{
    for (size_t i = 0; i <= state->mask; i++) {
        const struct slot *slot = &state->slots[i];
        if (slot->count < 2)
            continue;
        struct pyr_duplicate duplicate = {.object = slot->object,
                                          .count = slot->count,
                                          .bytes = slot->bytes,
                                          .saved = slot->bytes - pyr_graph_size(state->graph, slot->object)};
        struct pyr_duplicate *type = &state->found->types[pyr_graph_type(state->graph, slot->object)];
        type->count += slot->count - 1;
        type->bytes += slot->bytes;
        type->saved += duplicate.saved;
        state->found->saved += duplicate.saved;
        if (keep_top(state, &duplicate) < 0)
            return PYR_E_NOMEM;
    }
    return 0;
}

/* A pass takes the contents whose hash falls to it, until the table is three quarters full. Hashes are spread evenly
 * unless the file is made up: then the rest is left out. */
static int run_pass(struct state *state, uint64_t pass)
{
    size_t used = 0;
    memset(state->slots, 0, (state->mask + 1) * sizeof *state->slots);
    for (uint32_t i = 0; i < state->graph->objects && used < state->mask / 4 * 3; i++) {
        uint64_t content = counts(state, i) ? content_of(state, i, TUPLE_DEPTH) : 0;
        if (!content || (content >> 32) % state->passes != pass)
            continue;
        note(state, i, content);
        used++;
    }
    return take_slots(state);
}

int pyr_duplicates_find(struct pyr_duplicates *duplicates, const struct pyr_graph *graph, uint32_t max)
{
    struct state state = {.graph = graph, .found = duplicates, .max = max};
    *duplicates = (struct pyr_duplicates){.top = PYR_VEC(struct pyr_duplicate)};
    duplicates->types = pyr_alloc(graph->snapshot->types * sizeof *duplicates->types);
    int rc = duplicates->types && find_tuple_types(&state) == 0 && make_table(&state) ? 0 : PYR_E_NOMEM;
    for (uint64_t pass = 0; rc == 0 && max && pass < state.passes; pass++)
        rc = run_pass(&state, pass);
    pyr_free(state.slots);
    pyr_free(state.tuple_types);
    if (rc < 0)
        pyr_duplicates_release(duplicates);
    return rc;
}

void pyr_duplicates_release(struct pyr_duplicates *duplicates)
{
    pyr_vec_release(&duplicates->top);
    pyr_free(duplicates->types);
    *duplicates = (struct pyr_duplicates){0};
}
