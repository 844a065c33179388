/* Equal objects that there are several of: by the hash of their contents that the snapshot has, and tuples of equal or
 * the same items. */
#ifndef PYR_GRAPH_DUPLICATES_H
#define PYR_GRAPH_DUPLICATES_H

#include "graph/graph.h"

struct pyr_duplicate {
    uint32_t object; /* one of them */
    uint32_t count;
    uint64_t bytes; /* of all */
    uint64_t saved; /* all but that one */
};

/* Zeroed it is releasable. */
struct pyr_duplicates {
    struct pyr_vec top;          /* of struct pyr_duplicate: those that would save most, the most first */
    struct pyr_duplicate *types; /* by row of the snapshot's types: sums over all; count: without one of each */
    uint64_t saved;
};

int pyr_duplicates_find(struct pyr_duplicates *duplicates, const struct pyr_graph *graph, uint32_t max);
void pyr_duplicates_release(struct pyr_duplicates *duplicates);

#endif
