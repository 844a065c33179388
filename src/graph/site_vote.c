#include "graph/site_vote.h"

#include "base/alloc.h"

#include <string.h>

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

/* ---- what an object keeps ---- */

static bool is_free_listed(const struct pyr_snapshot *snapshot, uint32_t type)
{
    static const char *const names[] = {"dict",    "list",   "tuple",         "float",   "int",
                                        "slice",   "method", "frame",         "complex", "builtin_function_or_method",
                                        "Context", "range",  "range_iterator"};
    const struct pyr_snapshot_type_row *row = &snapshot->type_rows[type];
    struct pyr_snapshot_string name = pyr_snapshot_string(snapshot, row->name);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (name.size == strlen(names[i]) && memcmp(name.bytes, names[i], name.size) == 0)
            return pyr_snapshot_string(snapshot, row->module).size == strlen("builtins");
    return false;
}

static int prepare(struct pyr_site_vote *vote, const struct pyr_snapshot *snapshot)
{
    if (vote->free_listed)
        return 0;
    vote->below = PYR_VEC(uint32_t);
    vote->free_listed = pyr_alloc(snapshot->types * sizeof *vote->free_listed);
    for (uint32_t i = 0; vote->free_listed && i < snapshot->types; i++)
        vote->free_listed[i] = is_free_listed(snapshot, i);
    return vote->free_listed ? 0 : PYR_E_NOMEM;
}

static int wait_for_children(struct pyr_site_vote *vote, const struct pyr_children *children, uint32_t object)
{
    for (uint32_t c = children->at[object]; c < children->at[object + 1]; c++)
        if (!pyr_vec_push(&vote->below, &children->list[c]))
            return PYR_E_NOMEM;
    return 0;
}

int pyr_site_vote_kept(struct pyr_site_vote *vote, const struct pyr_graph *graph, const struct pyr_children *children,
                       uint32_t object)
{
    const struct pyr_snapshot *snapshot = graph->snapshot;
    uint64_t before = vote->total;
    int rc = prepare(vote, snapshot);
    if (rc == 0 && vote->free_listed[pyr_graph_type(graph, object)])
        rc = wait_for_children(vote, children, object);
    while (rc == 0 && vote->below.count) {
        uint32_t at = *PYR_VEC_AT(&vote->below, uint32_t, vote->below.count - 1);
        vote->below.count--;
        rc = wait_for_children(vote, children, at);
        if (rc == 0 && !vote->free_listed[pyr_graph_type(graph, at)])
            rc = pyr_site_vote_add(vote, snapshot->site[at], pyr_graph_size(graph, at));
    }
    if (rc == 0 && vote->total == before)
        rc = pyr_site_vote_add(vote, snapshot->site[object], graph->retained[object]);
    return rc;
}

/* ---- lines ---- */

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
    pyr_vec_release(&vote->below);
    pyr_free(vote->free_listed);
    *vote = (struct pyr_site_vote){0};
}
