#include "graph/site_vote.h"

#include "base/alloc.h"

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

uint32_t *pyr_site_lines_make(const struct pyr_snapshot *snapshot)
{
    uint32_t *lines = pyr_alloc(((size_t)snapshot->sites + 1) * sizeof *lines);
    struct pyr_map known = {0}; /* file and line: row + 1 */
    bool complete = lines != NULL;
    for (uint32_t i = 0; complete && i < snapshot->sites; i++) {
        uint64_t key = (uint64_t)snapshot->site_rows[i].file << 32 | snapshot->site_rows[i].line;
        const uint64_t *first = pyr_map_find(&known, key);
        lines[i + 1] = first ? (uint32_t)*first : i + 1;
        complete = first || pyr_map_put(&known, key, i + 1) == 0;
    }
    pyr_map_release(&known);
    if (complete)
        return lines;
    pyr_free(lines);
    return NULL;
}

struct count {
    const uint32_t *site_lines;
    struct pyr_map lines; /* as a vote, by line */
    uint64_t line;        /* of which the best is looked for; 0: of all */
    uint64_t best, best_bytes;
};

/* Of equals the first. */
static void compare(struct count *count, uint64_t site, uint64_t bytes)
{
    if (count->best && (bytes < count->best_bytes || (bytes == count->best_bytes && site > count->best)))
        return;
    count->best = site;
    count->best_bytes = bytes;
}

static int add_to_line(uint64_t site, uint64_t bytes, void *context)
{
    struct count *count = context;
    uint64_t line = count->site_lines[site], *known = pyr_map_find(&count->lines, line);
    if (known)
        *known += bytes;
    return known ? 0 : pyr_map_put(&count->lines, line, bytes);
}

static int look(uint64_t site, uint64_t bytes, void *context)
{
    struct count *count = context;
    if (!count->line || count->site_lines[site] == count->line)
        compare(count, site, bytes);
    return 0;
}

int pyr_site_vote_result(const struct pyr_site_vote *vote, const uint32_t *site_lines, struct pyr_site_share *share)
{
    struct count count = {.site_lines = site_lines};
    *share = (struct pyr_site_share){0};
    int rc = pyr_map_each(&vote->bytes, add_to_line, &count);
    if (rc == 0 && count.lines.count && vote->total) {
        pyr_map_each(&count.lines, look, &count);
        share->share = (double)count.best_bytes / (double)vote->total;
        count.line = count.best;
        count.best = 0;
        pyr_map_each(&vote->bytes, look, &count);
        share->site = (uint32_t)count.best;
        share->stack_share = (double)count.best_bytes / (double)vote->total;
    }
    pyr_map_release(&count.lines);
    return rc;
}

void pyr_site_vote_release(struct pyr_site_vote *vote)
{
    pyr_map_release(&vote->bytes);
    *vote = (struct pyr_site_vote){0};
}
