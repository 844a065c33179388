#include "record/snapshot_check.h"

#include "base/parallel.h"

#include <xxhash.h>

struct check {
    const struct pyr_snapshot *snapshot;
    const char *wrong[PYR_PARALLEL_MAX];
};

/* ---- tables: small, first, since objects are checked against them ---- */

static bool run_is_right(const struct pyr_snapshot_run *run)
{
    bool single = run->second == PYR_RUN_SINGLE;
    return run->kind < 2 * PYR_EDGE_HIDDEN && (run->kind & PYR_EDGE_KIND_MASK) < PYR_EDGE_KINDS &&
           (single || (run->second < 2 * PYR_EDGE_HIDDEN && (run->second & PYR_EDGE_KIND_MASK) == PYR_EDGE_VALUE &&
                       (run->kind & PYR_EDGE_KIND_MASK) == PYR_EDGE_KEY));
}

static bool shape_is_right(const struct pyr_snapshot *snapshot, const struct pyr_snapshot_shape *shape)
{
    uint64_t edges = 0;
    if (shape->first_run > snapshot->runs || shape->runs > snapshot->runs - shape->first_run)
        return false;
    for (uint32_t i = shape->first_run; i < shape->first_run + shape->runs; i++)
        edges += (uint64_t)snapshot->run_rows[i].count * (snapshot->run_rows[i].second == PYR_RUN_SINGLE ? 1 : 2);
    return edges == shape->edges;
}

static bool shapes_are_right(const struct pyr_snapshot *snapshot)
{
    uint64_t runs = 0;
    for (uint32_t i = 0; i < snapshot->runs; i++)
        if (!run_is_right(&snapshot->run_rows[i]))
            return false;
    for (uint32_t i = 0; i < snapshot->shapes; i++) {
        runs += snapshot->shape_rows[i].runs;
        /* Each run is of one shape, which also bounds how long this takes. */
        if (runs > snapshot->runs || !shape_is_right(snapshot, &snapshot->shape_rows[i]))
            return false;
    }
    return true;
}

static bool forms_are_right(const struct pyr_snapshot *snapshot)
{
    for (uint32_t i = 0; i < snapshot->forms; i++) {
        const struct pyr_snapshot_form *form = &snapshot->form_rows[i];
        if (form->type >= snapshot->types || form->shape >= snapshot->shapes)
            return false;
    }
    return true;
}

static bool rows_are_right(const struct pyr_snapshot *snapshot)
{
    for (uint32_t i = 0; i < snapshot->types; i++)
        if (snapshot->type_rows[i].object >= snapshot->objects && snapshot->type_rows[i].object != PYR_SNAPSHOT_NONE)
            return false;
    for (uint32_t i = 0; i < snapshot->roots; i++)
        if (snapshot->root_rows[i].object >= snapshot->objects || snapshot->root_rows[i].kind >= PYR_ROOT_KINDS)
            return false;
    for (uint32_t i = 0; snapshot->caller && i < snapshot->sites; i++)
        if (snapshot->caller[i] > i)
            return false;
    for (uint32_t i = 0; i < snapshot->arenas; i++) {
        const struct pyr_snapshot_arena *arena = &snapshot->arena_rows[i];
        if (arena->first_pool > snapshot->pools || arena->pools > snapshot->pools - arena->first_pool)
            return false;
    }
    return true;
}

static const char *check_tables(const struct pyr_snapshot *snapshot)
{
    return !shapes_are_right(snapshot)  ? "shapes of objects"
           : !forms_are_right(snapshot) ? "forms of objects"
           : !rows_are_right(snapshot)  ? "types, roots, sites or arenas"
                                        : NULL;
}

/* ---- what there is one of for each object ---- */

static bool object_is_right(const struct pyr_snapshot *s, uint32_t i)
{
    if (s->form[i] >= s->forms || (i && s->address[i - 1] >= s->address[i]))
        return false;
    uint64_t edges = (uint64_t)s->edges_at[i + 1] - s->edges_at[i];
    return s->edges_at[i] <= s->edges_at[i + 1] && s->edges_at[i + 1] <= s->edges &&
           edges == s->shape_rows[s->form_rows[s->form[i]].shape].edges && (!s->site || s->site[i] <= s->sites);
}

static void check_objects(void *context, unsigned part, size_t from, size_t to)
{
    struct check *check = context;
    for (size_t i = from; i < to; i++)
        if (!object_is_right(check->snapshot, (uint32_t)i))
            check->wrong[part] = "objects";
}

static void check_edges(void *context, unsigned part, size_t from, size_t to)
{
    struct check *check = context;
    const uint32_t *edge = check->snapshot->edge;
    bool wrong = false;
    for (size_t i = from; i < to; i++)
        wrong |= edge[i] >= check->snapshot->objects && edge[i] != PYR_SNAPSHOT_NONE;
    if (wrong)
        check->wrong[part] = "references";
}

static void check_sums(void *context, unsigned part, size_t from, size_t to)
{
    struct check *check = context;
    const struct pyr_snapshot *snapshot = check->snapshot;
    const struct pyr_snapshot_head *head = (const void *)snapshot->map;
    const struct pyr_snapshot_section *sections = (const void *)(head + 1);
    for (size_t i = from; i < to; i++) {
        /* Parts get big and small ones alike: the big ones are neighbours. */
        size_t number = head->sections % 5 ? i * 5 % head->sections : i;
        const struct pyr_snapshot_section *section = &sections[number];
        if (section->at > snapshot->map_size || !section->item_size ||
            section->count > (snapshot->map_size - section->at) / section->item_size ||
            XXH3_64bits(snapshot->map + section->at, section->count * section->item_size) != section->checksum)
            check->wrong[part] = "a section has a wrong checksum";
    }
}

static const char *first_wrong(const struct check *check)
{
    for (unsigned i = 0; i < PYR_PARALLEL_MAX; i++)
        if (check->wrong[i])
            return check->wrong[i];
    return NULL;
}

const char *pyr_snapshot_check(const struct pyr_snapshot *snapshot)
{
    struct check check = {.snapshot = snapshot};
    const char *wrong = check_tables(snapshot);
    if (wrong)
        return wrong;
    if (snapshot->edges_at[0] != 0 || snapshot->edges_at[snapshot->objects] != snapshot->edges)
        return "objects";
    pyr_parallel(((const struct pyr_snapshot_head *)snapshot->map)->sections, check_sums, &check);
    if (!first_wrong(&check))
        pyr_parallel(snapshot->objects, check_objects, &check);
    if (!first_wrong(&check))
        pyr_parallel(snapshot->edges, check_edges, &check);
    return first_wrong(&check);
}
