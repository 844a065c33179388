/* What no root leads to: objects that refer to each other in cycles, and what hangs on those. */
#ifndef PYR_GRAPH_GARBAGE_H
#define PYR_GRAPH_GARBAGE_H

#include "graph/graph.h"

/* Objects each of which leads to each other one, and back. Of one object: it refers to itself. */
struct pyr_cycle {
    uint32_t first, count; /* of members */
    uint64_t bytes;
    bool finalizer;  /* one of its objects has one that has not run */
    bool unfreeable; /* the collector cannot see that nothing else keeps it */
};

/* Zeroed it is releasable. */
struct pyr_garbage {
    uint32_t *objects; /* ascending */
    uint32_t count;
    uint64_t bytes;
    bool *unfreeable;        /* by place in objects */
    uint32_t *members;       /* objects, cycle by cycle */
    struct pyr_vec cycles;   /* of struct pyr_cycle */
    uint32_t with_finalizer; /* objects */
};

int pyr_garbage_find(struct pyr_garbage *garbage, const struct pyr_graph *graph); /* PYR_E_NOMEM */
void pyr_garbage_release(struct pyr_garbage *garbage);

#endif
