/* Which site allocated most of some objects. */
#ifndef PYR_GRAPH_SITE_VOTE_H
#define PYR_GRAPH_SITE_VOTE_H

#include "base/map.h"

#include <stdint.h>

/* Zeroed it is empty and releasable. */
struct pyr_site_vote {
    struct pyr_map bytes; /* by row of the snapshot's sites + 1 */
    uint64_t total;       /* also of objects whose site is not known */
};

struct pyr_site_share {
    uint32_t site; /* row of sites + 1; 0: none is known */
    double share;  /* of all bytes that were voted for: 0 to 1 */
};

int pyr_site_vote_add(struct pyr_site_vote *vote, uint32_t site, uint64_t bytes); /* site: row + 1, or 0. PYR_E_NOMEM */
struct pyr_site_share pyr_site_vote_result(const struct pyr_site_vote *vote);
void pyr_site_vote_release(struct pyr_site_vote *vote);

#endif
