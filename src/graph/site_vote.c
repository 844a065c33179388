#include "graph/site_vote.h"

int pyr_site_vote_add(struct pyr_site_vote *vote, uint32_t site, uint64_t bytes)
{
    vote->total += bytes;
    if (!site)
        return 0;
    uint64_t *known = pyr_map_find(&vote->bytes, site);
    if (!known)
        return pyr_map_put(&vote->bytes, site, bytes);
    *known += bytes;
    return 0;
}

struct best {
    uint64_t site, bytes;
};

/* Of equals the first. */
static int look(uint64_t site, uint64_t bytes, void *context)
{
    struct best *best = context;
    if (!best->site || bytes > best->bytes || (bytes == best->bytes && site < best->site))
        *best = (struct best){site, bytes};
    return 0;
}

struct pyr_site_share pyr_site_vote_result(const struct pyr_site_vote *vote)
{
    struct best best = {0};
    pyr_map_each(&vote->bytes, look, &best);
    return (struct pyr_site_share){(uint32_t)best.site, vote->total ? (double)best.bytes / (double)vote->total : 0};
}

void pyr_site_vote_release(struct pyr_site_vote *vote)
{
    pyr_map_release(&vote->bytes);
    *vote = (struct pyr_site_vote){0};
}
