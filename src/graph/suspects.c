#include "graph/suspects.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

#define GOES_ON 0.8      /* one child with so much of what its parent keeps: the parent only leads to it */
#define BIG_CHILDREN 32u /* of one object: more than so many cannot be big */
#define SUSPECTS_MAX 64u

struct hunt {
    const struct pyr_graph *graph;
    const struct pyr_children *children;
    struct pyr_vec *suspects;
    uint64_t threshold;
    uint64_t *by_type, *count_by_type; /* of one object's children; zero between uses */
    struct pyr_vec types;              /* of uint32_t: those that are not zero */
};

/* ---- what an object keeps ---- */

static int sum_children(struct hunt *hunt, uint32_t i)
{
    const struct pyr_graph *graph = hunt->graph;
    for (uint32_t c = hunt->children->at[i]; c < hunt->children->at[i + 1]; c++) {
        uint32_t child = hunt->children->list[c], type = pyr_graph_type(graph, child);
        if (!hunt->count_by_type[type]++ && !pyr_vec_push(&hunt->types, &type))
            return PYR_E_NOMEM;
        hunt->by_type[type] += graph->retained[child];
    }
    return 0;
}

static void forget_sums(struct hunt *hunt)
{
    for (size_t i = 0; i < hunt->types.count; i++) {
        uint32_t type = *PYR_VEC_AT(&hunt->types, uint32_t, i);
        hunt->by_type[type] = hunt->count_by_type[type] = 0;
    }
    hunt->types.count = 0;
}

static uint32_t heaviest_type(const struct hunt *hunt)
{
    uint32_t best = PYR_SNAPSHOT_NONE;
    for (size_t i = 0; i < hunt->types.count; i++) {
        uint32_t type = *PYR_VEC_AT(&hunt->types, uint32_t, i);
        if (best == PYR_SNAPSHOT_NONE || hunt->by_type[type] > hunt->by_type[best])
            best = type;
    }
    return best;
}

/* What allocated most of what its children of a type keep. */
static int vote_site(const struct hunt *hunt, uint32_t i, struct pyr_suspect *suspect)
{
    const struct pyr_snapshot *snapshot = hunt->graph->snapshot;
    struct pyr_site_vote vote = {0};
    int rc = 0;
    for (uint32_t c = hunt->children->at[i]; rc == 0 && snapshot->site && c < hunt->children->at[i + 1]; c++) {
        uint32_t child = hunt->children->list[c];
        if (pyr_graph_type(hunt->graph, child) == suspect->entries_type)
            rc = pyr_site_vote_kept(&vote, hunt->graph, hunt->children, child);
    }
    if (rc == 0)
        rc = pyr_site_vote_result(&vote, hunt->graph->site_lines, &suspect->site);
    pyr_site_vote_release(&vote);
    return rc;
}

static uint32_t first_of_type(const struct hunt *hunt, uint32_t i, uint32_t type)
{
    for (uint32_t c = hunt->children->at[i]; c < hunt->children->at[i + 1]; c++)
        if (pyr_graph_type(hunt->graph, hunt->children->list[c]) == type)
            return hunt->children->list[c];
    return PYR_SNAPSHOT_NONE;
}

static int accuse(struct hunt *hunt, uint32_t object)
{
    const struct pyr_snapshot *snapshot = hunt->graph->snapshot;
    struct pyr_suspect suspect = {
        .object = object, .type = pyr_graph_type(hunt->graph, object), .retained = hunt->graph->retained[object]};
    int rc = sum_children(hunt, object);
    suspect.entries_type = heaviest_type(hunt);
    suspect.entry = first_of_type(hunt, object, suspect.entries_type);
    if (suspect.entries_type != PYR_SNAPSHOT_NONE) {
        suspect.entries = hunt->count_by_type[suspect.entries_type];
        suspect.entries_retained = hunt->by_type[suspect.entries_type];
        if (rc == 0)
            rc = vote_site(hunt, object, &suspect);
    }
    if (!suspect.site.site && snapshot->site)
        suspect.site = (struct pyr_site_share){snapshot->site[object], 1, 1};
    forget_sums(hunt);
    return rc == 0 && pyr_vec_push(hunt->suspects, &suspect) ? 0 : PYR_E_NOMEM;
}

/* ---- going down ---- */

/* Down to where it stops being one object's; then either it is that, or, where several of its children are big, they.
 */
static int look_below(struct hunt *hunt, uint32_t object)
{
    uint32_t big[BIG_CHILDREN], count;
    const uint64_t *retained = hunt->graph->retained;
    while ((count = pyr_children_biggest(hunt->children, hunt->graph, object, big, BIG_CHILDREN)) > 0 &&
           (double)retained[big[0]] >= GOES_ON * (double)retained[object] && retained[big[0]] >= hunt->threshold)
        object = big[0];
    uint64_t in_big = 0;
    uint32_t bigs = 0;
    for (; bigs < count && retained[big[bigs]] >= hunt->threshold; bigs++)
        in_big += retained[big[bigs]];
    if (retained[object] - in_big >= hunt->threshold || !bigs)
        return accuse(hunt, object);
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < bigs && hunt->suspects->count < SUSPECTS_MAX; i++)
        rc = look_below(hunt, big[i]);
    return rc;
}

/* Objects that no other one keeps, by type. */
static int accuse_types(struct hunt *hunt)
{
    int rc = sum_children(hunt, hunt->graph->objects);
    for (size_t i = 0; rc == 0 && i < hunt->types.count; i++) {
        uint32_t type = *PYR_VEC_AT(&hunt->types, uint32_t, i);
        struct pyr_suspect suspect = {.object = PYR_SNAPSHOT_NONE, .type = type, .retained = hunt->by_type[type]};
        suspect.entries_type = type;
        suspect.entry = PYR_SNAPSHOT_NONE;
        suspect.entries = hunt->count_by_type[type];
        suspect.entries_retained = suspect.retained;
        rc = vote_site(hunt, hunt->graph->objects, &suspect);
        if (rc == 0 && suspect.retained >= hunt->threshold && !pyr_vec_push(hunt->suspects, &suspect))
            rc = PYR_E_NOMEM;
    }
    forget_sums(hunt);
    return rc;
}

/* What a single object among them keeps has been told of. */
static void take_off_big(struct hunt *hunt, const uint32_t *big, uint32_t bigs)
{
    for (size_t i = 0; i < hunt->suspects->count; i++) {
        struct pyr_suspect *suspect = PYR_VEC_AT(hunt->suspects, struct pyr_suspect, i);
        for (uint32_t b = 0; suspect->object == PYR_SNAPSHOT_NONE && b < bigs; b++) {
            if (pyr_graph_type(hunt->graph, big[b]) != suspect->type)
                continue;
            suspect->retained -= hunt->graph->retained[big[b]];
            suspect->entries_retained = suspect->retained;
            suspect->entries--;
        }
        if (suspect->object == PYR_SNAPSHOT_NONE && suspect->retained < hunt->threshold)
            pyr_vec_remove(hunt->suspects, i--);
    }
}

static int by_retained(const void *a, const void *b)
{
    const struct pyr_suspect *x = a, *y = b;
    if (x->retained != y->retained)
        return x->retained < y->retained ? 1 : -1;
    return x->object < y->object ? -1 : x->object > y->object;
}

static int find_all(struct hunt *hunt)
{
    uint32_t big[BIG_CHILDREN], bigs = 0;
    uint32_t count = pyr_children_biggest(hunt->children, hunt->graph, hunt->graph->objects, big, BIG_CHILDREN);
    int rc = accuse_types(hunt);
    while (bigs < count && hunt->graph->retained[big[bigs]] >= hunt->threshold)
        bigs++;
    take_off_big(hunt, big, bigs);
    for (uint32_t i = 0; rc == 0 && i < bigs && hunt->suspects->count < SUSPECTS_MAX; i++)
        rc = look_below(hunt, big[i]);
    return rc;
}

int pyr_suspects_find(const struct pyr_graph *graph, const struct pyr_children *children, double share,
                      struct pyr_vec *suspects)
{
    size_t types = graph->snapshot->types;
    struct hunt hunt = {.graph = graph,
                        .children = children,
                        .suspects = suspects,
                        .threshold = (uint64_t)((double)graph->bytes * share),
                        .by_type = pyr_alloc(types * sizeof *hunt.by_type),
                        .count_by_type = pyr_alloc(types * sizeof *hunt.count_by_type),
                        .types = PYR_VEC(uint32_t)};
    *suspects = PYR_VEC(struct pyr_suspect);
    int rc = hunt.by_type && hunt.count_by_type && graph->objects ? find_all(&hunt) : graph->objects ? PYR_E_NOMEM : 0;
    if (rc == 0 && suspects->count)
        qsort(suspects->items, suspects->count, sizeof(struct pyr_suspect), by_retained);
    if (rc < 0)
        pyr_vec_release(suspects);
    pyr_free(hunt.by_type);
    pyr_free(hunt.count_by_type);
    pyr_vec_release(&hunt.types);
    return rc;
}
