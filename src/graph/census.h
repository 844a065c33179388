/* What a heap is made of. */
#ifndef PYR_GRAPH_CENSUS_H
#define PYR_GRAPH_CENSUS_H

#include "base/intern.h"
#include "graph/children.h"

/* bytes: of the objects themselves. retained: what would be freed if all of them were gone, at least: what each of
 * those retains that no other one of the same row dominates. */
struct pyr_census_row {
    uint64_t count, bytes, retained;
    uint64_t garbage; /* of count: not reachable */
};

enum { PYR_CENSUS_SIZES = 16 }; /* up to 16, 32, 64 … 256 Ki bytes, and above */

/* Zeroed it is releasable. */
struct pyr_census {
    struct pyr_census_row *types;   /* by row of the snapshot's types */
    struct pyr_census_row *modules; /* of types, by number in module_names */
    struct pyr_census_row
        *sites; /* by row of the snapshot's sites + 1, the first of each line; retained is not counted */
    struct pyr_intern module_names;
    uint32_t *module_of_type;
    struct pyr_census_row sizes[PYR_CENSUS_SIZES];
    struct pyr_census_row generations[256]; /* 0 to 2, PYR_SNAPSHOT_PERMANENT, PYR_SNAPSHOT_UNTRACKED */
};

int pyr_census_make(struct pyr_census *census, const struct pyr_graph *graph, const struct pyr_children *children);

/* Of some objects only: types alone are counted. */
int pyr_census_garbage(struct pyr_census *census, const struct pyr_graph *graph, const uint32_t *objects,
                       uint32_t count);
void pyr_census_release(struct pyr_census *census);

/* The numbers of the rows that have objects, the most of `retained` (or, for sites, of bytes) first. *order is the
 * caller's to free with pyr_free. Returns how many, or PYR_E_NOMEM. */
int64_t pyr_census_order(const struct pyr_census_row *rows, uint32_t count, uint32_t **order);

#endif
