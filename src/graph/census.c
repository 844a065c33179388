#include "graph/census.h"

#include "base/alloc.h"

#include <stdlib.h>

static int name_modules(struct pyr_census *census, const struct pyr_snapshot *snapshot)
{
    census->module_of_type = pyr_alloc(snapshot->types * sizeof *census->module_of_type);
    if (!census->module_of_type)
        return PYR_E_NOMEM;
    for (uint32_t i = 0; i < snapshot->types; i++) {
        struct pyr_snapshot_string name = pyr_snapshot_string(snapshot, snapshot->type_rows[i].module);
        int64_t number = pyr_intern_put(&census->module_names, name.bytes, name.size, NULL);
        if (number < 0)
            return PYR_E_NOMEM;
        census->module_of_type[i] = (uint32_t)number;
    }
    return 0;
}

static unsigned size_class(uint64_t size)
{
    unsigned i = 0;
    while (i + 1 < PYR_CENSUS_SIZES && size > (uint64_t)16 << i)
        i++;
    return i;
}

static void count_in(struct pyr_census_row *row, uint64_t size, bool garbage)
{
    row->count++;
    row->bytes += size;
    row->garbage += garbage;
}

static void count_all(struct pyr_census *census, const struct pyr_graph *graph)
{
    const struct pyr_snapshot *snapshot = graph->snapshot;
    for (uint32_t i = 0; i < graph->objects; i++) {
        const struct pyr_snapshot_form *form = pyr_snapshot_form(snapshot, i);
        bool garbage = graph->dominator[i] == PYR_GRAPH_GARBAGE;
        count_in(&census->types[form->type], form->size, garbage);
        count_in(&census->modules[census->module_of_type[form->type]], form->size, garbage);
        count_in(&census->sites[snapshot->site ? graph->site_lines[snapshot->site[i]] : 0], form->size, garbage);
        count_in(&census->sizes[size_class(form->size)], form->size, garbage);
        count_in(&census->generations[form->generation], form->size, garbage);
    }
}

/* ---- retained: objects below none of their own row ---- */

struct retaining {
    struct pyr_census *census;
    const struct pyr_graph *graph;
    uint32_t *types_above, *modules_above; /* how many objects of the row are above the one at hand */
};

static void down(void *context, uint32_t object)
{
    struct retaining *retaining = context;
    uint32_t type = pyr_graph_type(retaining->graph, object), module = retaining->census->module_of_type[type];
    uint64_t retained = retaining->graph->retained[object];
    if (!retaining->types_above[type]++)
        retaining->census->types[type].retained += retained;
    if (!retaining->modules_above[module]++)
        retaining->census->modules[module].retained += retained;
}

static void up(void *context, uint32_t object)
{
    struct retaining *retaining = context;
    uint32_t type = pyr_graph_type(retaining->graph, object);
    retaining->types_above[type]--;
    retaining->modules_above[retaining->census->module_of_type[type]]--;
}

static int count_retained(struct pyr_census *census, const struct pyr_graph *graph, const struct pyr_children *children)
{
    struct retaining retaining = {.census = census, .graph = graph};
    struct pyr_children_walk walk = {.down = down, .up = up, .context = &retaining};
    retaining.types_above = pyr_alloc(graph->snapshot->types * sizeof *retaining.types_above);
    retaining.modules_above = pyr_alloc(graph->snapshot->types * sizeof *retaining.modules_above);
    int rc = retaining.types_above && retaining.modules_above ? pyr_children_walk(children, graph, &walk) : PYR_E_NOMEM;
    pyr_free(retaining.types_above);
    pyr_free(retaining.modules_above);
    return rc;
}

int pyr_census_make(struct pyr_census *census, const struct pyr_graph *graph, const struct pyr_children *children)
{
    const struct pyr_snapshot *snapshot = graph->snapshot;
    *census = (struct pyr_census){.types = pyr_alloc(snapshot->types * sizeof *census->types),
                                  .sites = pyr_alloc(((size_t)snapshot->sites + 1) * sizeof *census->sites)};
    int rc = census->types && census->sites ? name_modules(census, snapshot) : PYR_E_NOMEM;
    census->modules = pyr_alloc(pyr_intern_count(&census->module_names) * sizeof *census->modules);
    if (rc == 0 && census->modules) {
        count_all(census, graph);
        rc = count_retained(census, graph, children);
    }
    if (rc < 0 || !census->modules) {
        pyr_census_release(census);
        return PYR_E_NOMEM;
    }
    return 0;
}

int pyr_census_garbage(struct pyr_census *census, const struct pyr_graph *graph, const uint32_t *objects,
                       uint32_t count)
{
    *census = (struct pyr_census){.types = pyr_alloc(graph->snapshot->types * sizeof *census->types)};
    for (uint32_t i = 0; census->types && i < count; i++)
        count_in(&census->types[pyr_graph_type(graph, objects[i])], pyr_graph_size(graph, objects[i]), true);
    return census->types ? 0 : PYR_E_NOMEM;
}

void pyr_census_release(struct pyr_census *census)
{
    pyr_free(census->types);
    pyr_free(census->modules);
    pyr_free(census->sites);
    pyr_free(census->module_of_type);
    pyr_intern_release(&census->module_names);
    *census = (struct pyr_census){0};
}

static int by_weight(const void *a, const void *b, void *context)
{
    const struct pyr_census_row *rows = context, *x = &rows[*(const uint32_t *)a], *y = &rows[*(const uint32_t *)b];
    if (x->retained != y->retained)
        return x->retained < y->retained ? 1 : -1;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return *(const uint32_t *)a < *(const uint32_t *)b ? -1 : 1;
}

int64_t pyr_census_order(const struct pyr_census_row *rows, uint32_t count, uint32_t **order)
{
    uint32_t *made = pyr_alloc(count * sizeof *made), kept = 0;
    if (!made)
        return PYR_E_NOMEM;
    for (uint32_t i = 0; i < count; i++)
        if (rows[i].count)
            made[kept++] = i;
    qsort_r(made, kept, sizeof *made, by_weight, (void *)rows);
    *order = made;
    return kept;
}
