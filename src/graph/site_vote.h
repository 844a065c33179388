/* Which line allocated most of some objects, and which stack most of these. */
#ifndef PYR_GRAPH_SITE_VOTE_H
#define PYR_GRAPH_SITE_VOTE_H

#include "base/map.h"
#include "base/vec.h"
#include "graph/children.h"
#include "record/snapshot_reader.h"

#include <stdint.h>

/* Zeroed it is empty and releasable. */
struct pyr_site_vote {
    struct pyr_map bytes; /* by row of the snapshot's sites + 1 */
    uint64_t total;       /* also of objects whose site is not known */
    bool *free_listed;    /* by type */
    struct pyr_vec below; /* of uint32_t: while the objects below one are gone over */
};

struct pyr_site_share {
    uint32_t site;      /* row of sites + 1, of the stack if stacks are known; 0: none is known */
    double share;       /* that its line has of all bytes that were voted for: 0 to 1 */
    double stack_share; /* that it has itself */
};

/* struct pyr_graph's site_lines; the caller's to free with pyr_free. NULL: no memory. */
uint32_t *pyr_site_lines_make(const struct pyr_snapshot *snapshot);

int pyr_site_vote_add(struct pyr_site_vote *vote, uint32_t site, uint64_t bytes); /* site: row + 1, or 0. PYR_E_NOMEM */

/* The line of an object, for all that it keeps. If it is of a type whose blocks Python's free lists keep, its line may
 * be that of an object before it: then what is below it votes, each for its own bytes. PYR_E_NOMEM */
int pyr_site_vote_kept(struct pyr_site_vote *vote, const struct pyr_graph *graph, const struct pyr_children *children,
                       uint32_t object);
int pyr_site_vote_result(const struct pyr_site_vote *vote, const uint32_t *site_lines, struct pyr_site_share *share);
void pyr_site_vote_release(struct pyr_site_vote *vote);

#endif
