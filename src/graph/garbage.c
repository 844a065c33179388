/* Tarjan's strongly connected components, of garbage only. */
#include "graph/garbage.h"

#include "base/alloc.h"

#include <string.h>

#define NO_PLACE UINT32_MAX

struct state {
    struct pyr_garbage *garbage;
    const struct pyr_graph *graph;
    uint32_t *place;       /* by object: its place in garbage, or NO_PLACE */
    uint32_t *index, *low; /* by place; index 0: not come to */
    bool *on_stack;        /* by place */
    struct pyr_vec stack;  /* of uint32_t: places of components that are not complete */
    struct pyr_vec calls;  /* of struct call */
    uint32_t last_index, members;
};

struct call {
    uint32_t place, next_edge;
};

static int collect(struct state *state)
{
    struct pyr_garbage *garbage = state->garbage;
    const struct pyr_graph *graph = state->graph;
    uint32_t count = graph->objects - graph->reachable, n = 0;
    garbage->objects = pyr_alloc(count * sizeof *garbage->objects);
    garbage->members = pyr_alloc(count * sizeof *garbage->members);
    garbage->unfreeable = pyr_alloc(count * sizeof *garbage->unfreeable);
    state->place = pyr_alloc((size_t)graph->objects * sizeof *state->place);
    state->index = pyr_alloc(count * sizeof *state->index);
    state->low = pyr_alloc(count * sizeof *state->low);
    state->on_stack = pyr_alloc(count * sizeof *state->on_stack);
    if (!garbage->objects || !garbage->members || !garbage->unfreeable || !state->place || !state->index ||
        !state->low || !state->on_stack)
        return PYR_E_NOMEM;
    for (uint32_t i = 0; i < graph->objects; i++) {
        state->place[i] = NO_PLACE;
        if (graph->dominator[i] != PYR_GRAPH_GARBAGE)
            continue;
        uint8_t flags = pyr_snapshot_form(graph->snapshot, i)->flags;
        state->place[i] = n;
        garbage->objects[n++] = i;
        garbage->bytes += pyr_graph_size(graph, i);
        garbage->with_finalizer +=
            (flags & (PYR_SNAPSHOT_FINALIZER | PYR_SNAPSHOT_FINALIZED)) == PYR_SNAPSHOT_FINALIZER;
    }
    garbage->count = n;
    return 0;
}

/* ---- what the collector can see: it subtracts the references that it is shown from the counts ---- */

static bool is_tracked(const struct state *state, uint32_t object)
{
    return pyr_snapshot_form(state->graph->snapshot, object)->generation != PYR_SNAPSHOT_UNTRACKED;
}

static uint32_t seen_place(const struct state *state, const struct pyr_edge_cursor *edge)
{
    return edge->kind & PYR_EDGE_HIDDEN || edge->to == PYR_SNAPSHOT_NONE ? NO_PLACE : state->place[edge->to];
}

static void subtract(const struct state *state, uint32_t *left)
{
    const struct pyr_garbage *garbage = state->garbage;
    for (uint32_t i = 0; i < garbage->count; i++)
        left[i] = state->graph->snapshot->references[garbage->objects[i]];
    for (uint32_t i = 0; i < garbage->count; i++) {
        struct pyr_edge_cursor edge = {0};
        while (is_tracked(state, garbage->objects[i]) &&
               pyr_snapshot_next_edge(state->graph->snapshot, garbage->objects[i], &edge)) {
            uint32_t to = seen_place(state, &edge);
            if (to != NO_PLACE && left[to])
                left[to]--;
        }
    }
}

static int mark_unfreeable(struct state *state)
{
    struct pyr_garbage *garbage = state->garbage;
    struct pyr_vec queue = PYR_VEC(uint32_t);
    uint32_t *left = pyr_alloc(garbage->count * sizeof *left);
    int rc = left ? 0 : PYR_E_NOMEM;
    if (left)
        subtract(state, left);
    for (uint32_t i = 0; rc == 0 && i < garbage->count; i++)
        if (left[i] && is_tracked(state, garbage->objects[i])) {
            garbage->unfreeable[i] = true;
            rc = pyr_vec_push(&queue, &i) ? 0 : PYR_E_NOMEM;
        }
    while (rc == 0 && queue.count) {
        uint32_t from = garbage->objects[*PYR_VEC_AT(&queue, uint32_t, --queue.count)];
        struct pyr_edge_cursor edge = {0};
        while (rc == 0 && pyr_snapshot_next_edge(state->graph->snapshot, from, &edge)) {
            uint32_t to = edge.to == PYR_SNAPSHOT_NONE ? NO_PLACE : state->place[edge.to];
            if (to == NO_PLACE || garbage->unfreeable[to])
                continue;
            garbage->unfreeable[to] = true;
            rc = pyr_vec_push(&queue, &to) ? 0 : PYR_E_NOMEM;
        }
    }
    pyr_free(left);
    pyr_vec_release(&queue);
    return rc;
}

/* ---- components ---- */

static int enter(struct state *state, uint32_t place)
{
    struct call call = {.place = place, .next_edge = state->graph->snapshot->edges_at[state->garbage->objects[place]]};
    state->index[place] = state->low[place] = ++state->last_index;
    state->on_stack[place] = true;
    return pyr_vec_push(&state->stack, &place) && pyr_vec_push(&state->calls, &call) ? 0 : PYR_E_NOMEM;
}

static bool refers_to_itself(const struct pyr_snapshot *snapshot, uint32_t object)
{
    for (uint32_t e = snapshot->edges_at[object]; e < snapshot->edges_at[object + 1]; e++)
        if (snapshot->edge[e] == object)
            return true;
    return false;
}

static void add_member(struct state *state, struct pyr_cycle *cycle, uint32_t place)
{
    uint32_t object = state->garbage->objects[place];
    const struct pyr_snapshot_form *form = pyr_snapshot_form(state->graph->snapshot, object);
    state->garbage->members[cycle->first + cycle->count++] = object;
    cycle->bytes += form->size;
    cycle->finalizer |= form->flags & PYR_SNAPSHOT_FINALIZER && !(form->flags & PYR_SNAPSHOT_FINALIZED);
    cycle->unfreeable |= state->garbage->unfreeable[place];
}

/* The component whose first object is at `place`: all that came on the stack after it. */
static int complete(struct state *state, uint32_t place)
{
    struct pyr_cycle cycle = {.first = state->members};
    uint32_t member;
    do {
        member = *PYR_VEC_AT(&state->stack, uint32_t, --state->stack.count);
        state->on_stack[member] = false;
        add_member(state, &cycle, member);
    } while (member != place);
    if (cycle.count == 1 && !refers_to_itself(state->graph->snapshot, state->garbage->objects[place]))
        return 0; /* it only hangs on a cycle */
    state->members += cycle.count;
    return pyr_vec_push(&state->garbage->cycles, &cycle) ? 0 : PYR_E_NOMEM;
}

static int leave(struct state *state, uint32_t place)
{
    state->calls.count--;
    if (state->calls.count) {
        uint32_t caller = PYR_VEC_AT(&state->calls, struct call, state->calls.count - 1)->place;
        if (state->low[place] < state->low[caller])
            state->low[caller] = state->low[place];
    }
    return state->low[place] == state->index[place] ? complete(state, place) : 0;
}

static int step(struct state *state)
{
    const struct pyr_snapshot *snapshot = state->graph->snapshot;
    struct call *call = PYR_VEC_AT(&state->calls, struct call, state->calls.count - 1);
    uint32_t from = call->place;
    if (call->next_edge == snapshot->edges_at[state->garbage->objects[from] + 1])
        return leave(state, from);
    uint32_t object = snapshot->edge[call->next_edge++];
    uint32_t to = object == PYR_SNAPSHOT_NONE ? NO_PLACE : state->place[object];
    if (to == NO_PLACE)
        return 0;
    if (!state->index[to])
        return enter(state, to);
    if (state->on_stack[to] && state->index[to] < state->low[from])
        state->low[from] = state->index[to];
    return 0;
}

static int find_cycles(struct state *state)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < state->garbage->count; i++) {
        if (state->index[i])
            continue;
        rc = enter(state, i);
        while (rc == 0 && state->calls.count)
            rc = step(state);
    }
    return rc;
}

int pyr_garbage_find(struct pyr_garbage *garbage, const struct pyr_graph *graph)
{
    struct state state = {
        .garbage = garbage, .graph = graph, .stack = PYR_VEC(uint32_t), .calls = PYR_VEC(struct call)};
    *garbage = (struct pyr_garbage){.cycles = PYR_VEC(struct pyr_cycle)};
    int rc = collect(&state);
    if (rc == 0)
        rc = mark_unfreeable(&state);
    if (rc == 0)
        rc = find_cycles(&state);
    pyr_free(state.place);
    pyr_free(state.index);
    pyr_free(state.low);
    pyr_free(state.on_stack);
    pyr_vec_release(&state.stack);
    pyr_vec_release(&state.calls);
    if (rc < 0)
        pyr_garbage_release(garbage);
    return rc;
}

void pyr_garbage_release(struct pyr_garbage *garbage)
{
    pyr_free(garbage->objects);
    pyr_free(garbage->members);
    pyr_free(garbage->unfreeable);
    pyr_vec_release(&garbage->cycles);
    *garbage = (struct pyr_garbage){0};
}
