#include "base/alloc.h"
#include "report/heap/heap.h"

#include <inttypes.h>

static void write_head(struct pyr_heap *heap, const char *title, const char *what)
{
    pyr_heap_heading(heap, title);
    fprintf(heap->out, "%12s %10s %6s %10s  %s\n", "objects", "bytes", "%", "retained", what);
}

static void write_row(struct pyr_heap *heap, const struct pyr_census_row *row, bool retained, const char *name)
{
    char bytes[PYR_FIGURE], kept[PYR_FIGURE] = "-";
    if (retained)
        pyr_heap_bytes(kept, row->retained);
    fprintf(heap->out, "%12" PRIu64 " %10s %6.1f %10s  %s\n", row->count, pyr_heap_bytes(bytes, row->bytes),
            pyr_heap_share(heap, row->bytes), kept, name);
}

typedef const char *(*name_row)(struct pyr_heap *heap, const struct pyr_census *census, uint32_t row);

static const char *name_type(struct pyr_heap *heap, const struct pyr_census *census, uint32_t row)
{
    (void)census;
    return pyr_heap_type(heap, row);
}

static const char *name_module(struct pyr_heap *heap, const struct pyr_census *census, uint32_t row)
{
    (void)heap;
    const struct pyr_interned *name = pyr_intern_get(&census->module_names, row);
    return name && name->size ? name->bytes : "<unknown>";
}

static const char *name_site(struct pyr_heap *heap, const struct pyr_census *census, uint32_t row)
{
    (void)census;
    return row ? pyr_heap_site(heap, row) : "<not known>";
}

static int write_rows(struct pyr_heap *heap, const struct pyr_census *census, const struct pyr_census_row *rows,
                      uint32_t count, bool retained, unsigned limit, name_row name)
{
    uint32_t *order = NULL;
    int64_t used = pyr_census_order(rows, count, &order);
    if (used < 0)
        return pyr_heap_no_memory(heap);
    for (int64_t i = 0; i < used && i < limit; i++)
        write_row(heap, &rows[order[i]], retained, name(heap, census, order[i]));
    if (used > limit)
        fprintf(heap->out, "%12s and %" PRId64 " more\n", "", used - limit);
    pyr_free(order);
    return 0;
}

static void write_sizes(struct pyr_heap *heap, const struct pyr_census *census)
{
    write_head(heap, "By size", "");
    for (unsigned i = 0; i < PYR_CENSUS_SIZES; i++) {
        char bytes[PYR_FIGURE], name[2 * PYR_FIGURE];
        bool last = i + 1 == PYR_CENSUS_SIZES;
        if (!census->sizes[i].count)
            continue;
        snprintf(name, sizeof name, "%s %s", last ? "above" : "to",
                 pyr_heap_bytes(bytes, (uint64_t)16 << (last ? i - 1 : i)));
        write_row(heap, &census->sizes[i], false, name);
    }
}

static void write_generations(struct pyr_heap *heap, const struct pyr_census *census)
{
    static const char *const names[] = {"0: the youngest", "1", "2: the oldest", "permanent (gc.freeze)"};
    write_head(heap, "By the collector's generation", "");
    for (unsigned i = 0; i < 4; i++)
        if (census->generations[i].count)
            write_row(heap, &census->generations[i], false, names[i]);
    if (census->generations[PYR_SNAPSHOT_UNTRACKED].count)
        write_row(heap, &census->generations[PYR_SNAPSHOT_UNTRACKED], false, "not tracked");
}

static int write_types(struct pyr_heap *heap, const struct pyr_census *census, unsigned limit)
{
    write_head(heap, "By type", "type");
    return write_rows(heap, census, census->types, heap->snapshot->types, true, limit, name_type);
}

static int write_all(struct pyr_heap *heap, const struct pyr_census *census)
{
    unsigned limit = pyr_heap_limit(heap, 20);
    pyr_heap_write_summary(heap);
    int rc = write_types(heap, census, limit);
    if (rc == 0) {
        write_head(heap, "By the module of the type", "module");
        rc = write_rows(heap, census, census->modules, pyr_intern_count(&census->module_names), true, limit,
                        name_module);
    }
    if (rc == 0 && heap->snapshot->site) {
        write_head(heap, "By the line that allocated", "line");
        rc = write_rows(heap, census, census->sites, heap->snapshot->sites + 1, false, limit, name_site);
    }
    write_sizes(heap, census);
    write_generations(heap, census);
    return rc;
}

static int take(struct pyr_heap *heap, struct pyr_census *census)
{
    int rc = pyr_heap_need_children(heap);
    if (rc < 0)
        return rc;
    return pyr_census_make(census, heap->graph, &heap->children) < 0 ? pyr_heap_no_memory(heap) : 0;
}

int pyr_heap_write_types_alone(struct pyr_heap *heap, unsigned limit)
{
    struct pyr_census census;
    int rc = take(heap, &census);
    if (rc < 0)
        return rc;
    rc = write_types(heap, &census, limit);
    pyr_census_release(&census);
    return rc;
}

int pyr_heap_write_census(struct pyr_heap *heap)
{
    struct pyr_census census;
    int rc = take(heap, &census);
    if (rc < 0)
        return rc;
    rc = write_all(heap, &census);
    pyr_census_release(&census);
    return rc;
}
