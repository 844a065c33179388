#include "graph/children.h"

#include "base/alloc.h"

static uint32_t parent_of(const struct pyr_graph *graph, uint32_t object)
{
    return graph->dominator[object] == PYR_GRAPH_ROOT ? graph->objects : graph->dominator[object];
}

int pyr_children_make(struct pyr_children *children, const struct pyr_graph *graph)
{
    uint32_t objects = graph->objects;
    struct pyr_children made = {.at = pyr_alloc_big(((size_t)objects + 3) * sizeof *made.at),
                                .list = pyr_alloc((size_t)graph->reachable * sizeof *made.list)};
    if (!made.at || !made.list) {
        pyr_children_release(&made);
        return PYR_E_NOMEM;
    }
    /* Counted two places further, so that after filling each stands where its own begin. */
    for (uint32_t i = 0; i < objects; i++)
        if (graph->dominator[i] != PYR_GRAPH_GARBAGE)
            made.at[parent_of(graph, i) + 2]++;
    for (uint32_t i = 1; i < objects + 3; i++)
        made.at[i] += made.at[i - 1];
    for (uint32_t i = 0; i < objects; i++)
        if (graph->dominator[i] != PYR_GRAPH_GARBAGE)
            made.list[made.at[parent_of(graph, i) + 1]++] = i;
    *children = made;
    return 0;
}

void pyr_children_release(struct pyr_children *children)
{
    pyr_free(children->at);
    pyr_free(children->list);
    *children = (struct pyr_children){0};
}

struct place {
    uint32_t object, next;
};

static int go_down(const struct pyr_children *children, const struct pyr_children_walk *walk, struct pyr_vec *stack,
                   uint32_t child)
{
    struct place place = {.object = child, .next = children->at[child]};
    walk->down(walk->context, child);
    if (place.next == children->at[child + 1]) {
        walk->up(walk->context, child);
        return 0;
    }
    return pyr_vec_push(stack, &place) ? 0 : PYR_E_NOMEM;
}

int pyr_children_walk(const struct pyr_children *children, const struct pyr_graph *graph,
                      const struct pyr_children_walk *walk)
{
    struct pyr_vec stack = PYR_VEC(struct place);
    struct place top = {.object = graph->objects, .next = children->at[graph->objects]};
    int rc = pyr_vec_push(&stack, &top) ? 0 : PYR_E_NOMEM;
    while (rc == 0) {
        struct place *at = PYR_VEC_AT(&stack, struct place, stack.count - 1);
        if (at->next < children->at[at->object + 1]) {
            rc = go_down(children, walk, &stack, children->list[at->next++]);
            continue;
        }
        if (at->object == graph->objects)
            break;
        walk->up(walk->context, at->object);
        stack.count--;
    }
    pyr_vec_release(&stack);
    return rc;
}

uint32_t pyr_children_biggest(const struct pyr_children *children, const struct pyr_graph *graph, uint32_t i,
                              uint32_t *objects, uint32_t max)
{
    uint32_t kept = 0;
    for (uint32_t c = children->at[i]; c < children->at[i + 1]; c++) {
        uint32_t child = children->list[c], at;
        uint64_t retained = graph->retained[child];
        if (kept == max && graph->retained[objects[max - 1]] >= retained)
            continue;
        for (at = kept < max ? kept++ : max - 1; at > 0 && graph->retained[objects[at - 1]] < retained; at--)
            objects[at] = objects[at - 1];
        objects[at] = child;
    }
    return kept;
}
