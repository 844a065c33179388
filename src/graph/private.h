/* Private to graph/: the steps from a snapshot to dominators. Inner objects (those that refer to others that are no
 * roots) are numbered 1, 2, 3 … in the order of a depth-first search; 0 is what all roots hang on. The others, leaves,
 * are half of a heap and more, take no part in the search, and get their dominators at the end. */
#ifndef PYR_GRAPH_PRIVATE_H
#define PYR_GRAPH_PRIVATE_H

#include "graph/graph.h"

enum {
    PYR_NUMBER_UNSEEN = 0,
    PYR_NUMBER_LEAF = UINT32_MAX,          /* reachable, without a number */
    PYR_NUMBER_ROOT_WAITS = UINT32_MAX - 1 /* a root that the search has not come to */
};

/* An edge that leads back or across: from a later to an earlier number. */
struct pyr_back_edge {
    uint32_t from, next; /* next: of those to the same object; 0: none */
};

struct pyr_search {
    uint32_t *number; /* by object */
    uint32_t inner;   /* how many have a number */
    /* By number. */
    uint32_t *object, *parent;
    uint32_t *semi;            /* the least number from which an edge leads here, of ancestors in the search */
    uint32_t *back;            /* row of back_edges; 0: none */
    struct pyr_vec back_edges; /* of struct pyr_back_edge; row 0 is not used */
};

int pyr_graph_find_roots(struct pyr_graph *graph);                        /* roots.c */
int pyr_graph_search(struct pyr_graph *graph, struct pyr_search *search); /* search.c */
void pyr_graph_search_release(struct pyr_search *search);
int pyr_graph_dominate(struct pyr_graph *graph, struct pyr_search *search); /* dominators.c; releases search */

#endif
