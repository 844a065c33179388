/* The dominator tree downwards: which objects each one dominates immediately. 8 bytes per object. */
#ifndef PYR_GRAPH_CHILDREN_H
#define PYR_GRAPH_CHILDREN_H

#include "graph/graph.h"

/* Zeroed it is releasable. Those of object i are list[at[i]] … list[at[i + 1] - 1]; of all roots together, i is the
 * number of objects. */
struct pyr_children {
    uint32_t *at, *list;
};

int pyr_children_make(struct pyr_children *children, const struct pyr_graph *graph); /* PYR_E_NOMEM */
void pyr_children_release(struct pyr_children *children);

/* Called for each reachable object on the way down and on the way up again. Of objects that dominate none, up comes
 * right after down. */
struct pyr_children_walk {
    void (*down)(void *context, uint32_t object);
    void (*up)(void *context, uint32_t object);
    void *context;
};
int pyr_children_walk(const struct pyr_children *children, const struct pyr_graph *graph,
                      const struct pyr_children_walk *walk); /* PYR_E_NOMEM */

/* The most retaining of object i's, in order; how many there are. i may be the number of objects. */
uint32_t pyr_children_biggest(const struct pyr_children *children, const struct pyr_graph *graph, uint32_t i,
                              uint32_t *objects, uint32_t max);

#endif
