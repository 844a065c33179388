/* Which suspects there are, and in which order: what keeps much, the many that nothing keeps, garbage. */
#include "report/heap/cycles.h"
#include "report/heap/suspects.h"

#include <string.h>

/* ---- garbage is kept by nothing, but it is there ---- */

/* Of a cycle's objects, one of the program's own types tells more than its dict. */
static uint32_t telling_member(struct pyr_heap *heap, const struct pyr_garbage *garbage, const struct pyr_cycle *cycle)
{
    for (uint32_t i = cycle->count; i-- > 0;) {
        uint32_t member = garbage->members[cycle->first + i];
        if (strchr(pyr_heap_type(heap, pyr_graph_type(heap->graph, member)), '.'))
            return member;
    }
    return garbage->members[cycle->first + cycle->count - 1];
}

/* What allocated most of the members of a type. */
static int garbage_site(struct pyr_heap *heap, const struct pyr_garbage *garbage, uint32_t type,
                        struct pyr_site_share *site)
{
    struct pyr_site_vote vote = {0};
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && heap->snapshot->site && i < garbage->count; i++) {
        uint32_t object = garbage->objects[i];
        if (pyr_graph_type(heap->graph, object) == type)
            rc = pyr_site_vote_add(&vote, heap->snapshot->site[object], pyr_graph_size(heap->graph, object));
    }
    if (rc == 0)
        rc = pyr_site_vote_result(&vote, heap->graph->site_lines, site);
    pyr_site_vote_release(&vote);
    return rc;
}

static struct pyr_suspect of_garbage(struct pyr_heap *heap, const struct pyr_garbage *garbage,
                                     const struct pyr_heap_cycle_row *row)
{
    uint32_t member = telling_member(heap, garbage, row->example), type = pyr_graph_type(heap->graph, member);
    return (struct pyr_suspect){.object = PYR_SNAPSHOT_NONE,
                                .type = type,
                                .retained = garbage->bytes,
                                .garbage = true,
                                .entries_type = type,
                                .entry = member,
                                .entries = row->cycles,
                                .entries_retained = row->bytes};
}

/* ---- what a program has because it imports much ---- */

bool pyr_heap_is_imported(const struct pyr_heap *heap, uint32_t object)
{
    return (pyr_snapshot_form(heap->snapshot, object)->flags & PYR_SNAPSHOT_TYPE) ||
           pyr_heap_is_namespace(heap, object);
}

/* Of the many of a type that no object keeps, those that are imported, or those that are not. What a single one of them
 * keeps has been told of where it is big. */
struct many {
    struct pyr_suspect suspect;
    struct pyr_site_vote vote;
};

static int add_one(struct pyr_heap *heap, struct many *many, uint32_t object)
{
    struct pyr_suspect *suspect = &many->suspect;
    const uint64_t *retained = heap->graph->retained;
    suspect->retained += retained[object];
    suspect->entries_retained = suspect->retained;
    suspect->entries++;
    if (suspect->entry == PYR_SNAPSHOT_NONE || retained[object] > retained[suspect->entry])
        suspect->entry = object;
    return heap->snapshot->site ? pyr_site_vote_kept(&many->vote, heap->graph, &heap->children, object) : 0;
}

static int gather(struct pyr_heap *heap, uint32_t type, struct many *plain, struct many *imported)
{
    const struct pyr_graph *graph = heap->graph;
    uint64_t big = (uint64_t)(PYR_HEAP_SUSPECT_SHARE * (double)graph->bytes);
    int rc = 0;
    for (uint32_t c = heap->children.at[graph->objects]; rc == 0 && c < heap->children.at[graph->objects + 1]; c++) {
        uint32_t object = heap->children.list[c];
        if (pyr_graph_type(graph, object) == type && graph->retained[object] < big)
            rc = add_one(heap, pyr_heap_is_imported(heap, object) ? imported : plain, object);
    }
    return rc;
}

static bool comes_before(const struct pyr_suspect *a, const struct pyr_suspect *b)
{
    return a->imported != b->imported ? b->imported : a->retained > b->retained;
}

/* In its place: the most first, but what is imported last. */
static int insert(struct pyr_vec *suspects, const struct pyr_suspect *suspect)
{
    if (!pyr_vec_push(suspects, suspect))
        return PYR_E_NOMEM;
    struct pyr_suspect *all = PYR_VEC_AT(suspects, struct pyr_suspect, 0);
    size_t i = suspects->count - 1;
    for (; i > 0 && comes_before(suspect, &all[i - 1]); i--)
        all[i] = all[i - 1];
    all[i] = *suspect;
    return 0;
}

static int accuse_garbage(struct pyr_heap *heap, struct pyr_vec *suspects)
{
    struct pyr_garbage garbage;
    struct pyr_vec rows;
    uint64_t bytes = heap->graph->bytes - heap->graph->reachable_bytes;
    if (!bytes || (double)bytes < PYR_HEAP_SUSPECT_SHARE * (double)heap->graph->bytes)
        return 0;
    if (pyr_garbage_find(&garbage, heap->graph) < 0)
        return PYR_E_NOMEM;
    int rc = pyr_heap_cycle_rows(heap, &garbage, &rows);
    if (rc == 0 && rows.count) {
        struct pyr_suspect suspect = of_garbage(heap, &garbage, PYR_VEC_AT(&rows, struct pyr_heap_cycle_row, 0));
        rc = garbage_site(heap, &garbage, suspect.type, &suspect.site);
        if (rc == 0)
            rc = insert(suspects, &suspect);
    }
    pyr_vec_release(&rows);
    pyr_garbage_release(&garbage);
    return rc;
}

static int tell_of(struct pyr_heap *heap, struct pyr_vec *suspects, struct many *many)
{
    if ((double)many->suspect.retained < PYR_HEAP_SUSPECT_SHARE * (double)heap->graph->bytes)
        return 0;
    int rc = pyr_site_vote_result(&many->vote, heap->graph->site_lines, &many->suspect.site);
    return rc == 0 ? insert(suspects, &many->suspect) : rc;
}

/* Two suspects, or one, if together they are enough only. */
static int insert_many(struct pyr_heap *heap, struct pyr_vec *suspects, struct pyr_suspect suspect)
{
    struct pyr_suspect none = suspect;
    none.entries = none.entries_retained = none.retained = 0;
    none.entry = PYR_SNAPSHOT_NONE;
    struct many plain = {.suspect = none}, imported = {.suspect = none};
    imported.suspect.imported = true;
    size_t before = suspects->count;
    int rc = gather(heap, suspect.type, &plain, &imported);
    if (rc == 0)
        rc = tell_of(heap, suspects, &plain);
    if (rc == 0)
        rc = tell_of(heap, suspects, &imported);
    if (rc == 0 && suspects->count == before) {
        suspect.imported = imported.suspect.retained > plain.suspect.retained;
        suspect.entry = plain.suspect.entry;
        rc = insert(suspects, &suspect);
    }
    pyr_site_vote_release(&plain.vote);
    pyr_site_vote_release(&imported.vote);
    return rc;
}

/* The most first, and what is imported last. */
static int put_in_order(struct pyr_heap *heap, struct pyr_vec *suspects)
{
    struct pyr_vec found = *suspects;
    int rc = 0;
    *suspects = PYR_VEC(struct pyr_suspect);
    for (size_t i = 0; rc == 0 && i < found.count; i++) {
        struct pyr_suspect *suspect = PYR_VEC_AT(&found, struct pyr_suspect, i);
        rc = suspect->object == PYR_SNAPSHOT_NONE ? insert_many(heap, suspects, *suspect) : insert(suspects, suspect);
    }
    pyr_vec_release(&found);
    return rc;
}

int pyr_heap_suspects(struct pyr_heap *heap, struct pyr_vec *suspects)
{
    int rc = pyr_heap_need_children_and_paths(heap);
    if (rc < 0)
        return rc;
    rc = pyr_suspects_find(heap->graph, &heap->children, PYR_HEAP_SUSPECT_SHARE, suspects);
    if (rc == 0)
        rc = put_in_order(heap, suspects);
    if (rc == 0)
        rc = accuse_garbage(heap, suspects);
    if (rc == 0)
        return 0;
    pyr_vec_release(suspects);
    return pyr_heap_no_memory(heap);
}
