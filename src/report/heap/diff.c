/* Two snapshots: what came, what went, what grew, by type, by owner and by the line that allocated. Rows of both are
 * joined by name. */
#include "base/alloc.h"
#include "report/heap/heap.h"
#include "report/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { BEFORE, AFTER, SIDES };
#define OWNER_MIN 0.001 /* of the smaller heap: owners that are smaller on both sides are counted together */
#define NAMED_MIN 64    /* an owner that is known by the other side is looked for down to this part of that */

struct figures {
    uint64_t count[SIDES], bytes[SIDES];
    uint64_t came, went; /* objects, where addresses can be compared */
};

/* Zeroed it is releasable. */
struct table {
    struct pyr_intern names;
    struct pyr_vec rows; /* of struct figures, by name */
};

struct diff {
    struct pyr_heap heaps[SIDES];
    struct table types, owners, sites;
    FILE *out;
};

static struct figures *row_of(struct table *table, const char *name)
{
    int is_new;
    int64_t number = pyr_intern_put(&table->names, name, strlen(name), &is_new);
    table->rows.item_size = sizeof(struct figures);
    if (number < 0 || (is_new && !pyr_vec_push(&table->rows, NULL)))
        return NULL;
    return PYR_VEC_AT(&table->rows, struct figures, number);
}

static int add(struct table *table, const char *name, int side, uint64_t count, uint64_t bytes)
{
    struct figures *row = row_of(table, name);
    if (!row)
        return PYR_E_NOMEM;
    row->count[side] += count;
    row->bytes[side] += bytes;
    return 0;
}

static void table_release(struct table *table)
{
    pyr_intern_release(&table->names);
    pyr_vec_release(&table->rows);
}

/* ---- types and lines ---- */

static int add_census(struct diff *diff, int side)
{
    struct pyr_heap *heap = &diff->heaps[side];
    struct pyr_census census;
    int rc = pyr_census_make(&census, heap->graph, &heap->children);
    if (rc < 0)
        return rc;
    for (uint32_t i = 0; rc == 0 && i < heap->snapshot->types; i++)
        if (census.types[i].count)
            rc = add(&diff->types, pyr_heap_type(heap, i), side, census.types[i].count, census.types[i].bytes);
    for (uint32_t i = 1; rc == 0 && heap->snapshot->site && i <= heap->snapshot->sites; i++)
        if (census.sites[i].count)
            rc = add(&diff->sites, pyr_heap_site(heap, i), side, census.sites[i].count, census.sites[i].bytes);
    pyr_census_release(&census);
    return rc;
}

/* ---- owners ---- */

/* First the names of all that are big enough on one side, then the figures of both: what is big before and small after
 * has not gone. */
struct owner_pass {
    struct diff *diff;
    int side;
    bool names_only;
};

static uint64_t owner_least(const struct diff *diff)
{
    uint64_t before = diff->heaps[BEFORE].graph->bytes, after = diff->heaps[AFTER].graph->bytes;
    return (uint64_t)(OWNER_MIN * (double)(before < after ? before : after));
}

static int add_owner(void *context, uint32_t object, uint64_t retained)
{
    const struct owner_pass *pass = context;
    struct diff *diff = pass->diff;
    struct pyr_heap *heap = &diff->heaps[pass->side];
    uint64_t least = owner_least(diff);
    if (pass->names_only)
        return retained < least || row_of(&diff->owners, pyr_heap_path(heap, object)) ? 0 : PYR_E_NOMEM;
    if (retained >= least / NAMED_MIN) {
        const char *name = pyr_heap_path(heap, object);
        if (retained >= least || pyr_intern_find(&diff->owners.names, name, strlen(name)) >= 0)
            return add(&diff->owners, name, pass->side, 1, retained);
    }
    return add(&diff->owners, "<smaller ones>", pass->side, 1, retained);
}

static int add_owners(struct diff *diff)
{
    int rc = 0;
    for (int names_only = 1; names_only >= 0; names_only--)
        for (int side = BEFORE; rc == 0 && side < SIDES; side++)
            rc = pyr_heap_each_owner(&diff->heaps[side], add_owner, &(struct owner_pass){diff, side, names_only});
    return rc;
}

/* ---- which objects came and went: of one process, by address and type ---- */

static bool same(const struct diff *diff, uint32_t before, uint32_t after)
{
    const struct pyr_snapshot *a = diff->heaps[BEFORE].snapshot, *b = diff->heaps[AFTER].snapshot;
    return a->type_rows[pyr_snapshot_form(a, before)->type].address ==
           b->type_rows[pyr_snapshot_form(b, after)->type].address;
}

static int note(struct diff *diff, int side, uint32_t object)
{
    struct pyr_heap *heap = &diff->heaps[side];
    struct figures *row = row_of(&diff->types, pyr_heap_type(heap, pyr_graph_type(heap->graph, object)));
    if (!row)
        return PYR_E_NOMEM;
    if (side == BEFORE)
        row->went++;
    else
        row->came++;
    return 0;
}

static int add_moves(struct diff *diff)
{
    const struct pyr_snapshot *a = diff->heaps[BEFORE].snapshot, *b = diff->heaps[AFTER].snapshot;
    uint32_t i = 0, j = 0;
    int rc = 0;
    while (rc == 0 && (i < a->objects || j < b->objects)) {
        uint64_t x = i < a->objects ? a->address[i] : UINT64_MAX, y = j < b->objects ? b->address[j] : UINT64_MAX;
        if (x == y && !same(diff, i, j))
            rc = note(diff, BEFORE, i) < 0 ? PYR_E_NOMEM : note(diff, AFTER, j);
        else if (x < y)
            rc = note(diff, BEFORE, i);
        else if (x > y)
            rc = note(diff, AFTER, j);
        i += x <= y;
        j += y <= x;
    }
    return rc;
}

/* ---- the report ---- */

static int64_t growth(const struct figures *row)
{
    return (int64_t)(row->bytes[AFTER] - row->bytes[BEFORE]);
}

static int by_change(const void *a, const void *b, void *context)
{
    const struct figures *rows = context;
    int64_t x = growth(&rows[*(const uint32_t *)a]), y = growth(&rows[*(const uint32_t *)b]);
    uint64_t size_x = x < 0 ? -(uint64_t)x : (uint64_t)x, size_y = y < 0 ? -(uint64_t)y : (uint64_t)y;
    if (size_x != size_y)
        return size_x < size_y ? 1 : -1;
    return *(const uint32_t *)a < *(const uint32_t *)b ? -1 : 1;
}

static bool changed(const struct figures *row)
{
    return row->bytes[BEFORE] != row->bytes[AFTER] || row->count[BEFORE] != row->count[AFTER] || row->came || row->went;
}

static const char *signed_bytes(char figure[PYR_FIGURE + 1], int64_t bytes)
{
    figure[0] = bytes < 0 ? '-' : '+';
    pyr_heap_bytes(figure + 1, bytes < 0 ? -(uint64_t)bytes : (uint64_t)bytes);
    return figure;
}

static void write_row(struct diff *diff, const struct figures *row, const char *name, bool moves)
{
    char grown[PYR_FIGURE + 1], before[PYR_FIGURE], after[PYR_FIGURE];
    fprintf(diff->out, "%11s %10s %10s %+12" PRId64, signed_bytes(grown, growth(row)),
            pyr_heap_bytes(before, row->bytes[BEFORE]), pyr_heap_bytes(after, row->bytes[AFTER]),
            (int64_t)(row->count[AFTER] - row->count[BEFORE]));
    if (moves)
        fprintf(diff->out, " %10" PRIu64 " %10" PRIu64, row->came, row->went);
    fprintf(diff->out, "  %s\n", name);
}

static int write_table(struct diff *diff, const struct table *table, const char *title, const char *what, bool moves)
{
    struct pyr_heap *heap = &diff->heaps[AFTER];
    uint32_t *order = pyr_alloc(table->rows.count * sizeof *order), count = 0;
    unsigned limit = pyr_heap_limit(heap, 20);
    if (!order)
        return PYR_E_NOMEM;
    for (uint32_t i = 0; i < table->rows.count; i++)
        if (changed(PYR_VEC_AT(&table->rows, struct figures, i)))
            order[count++] = i;
    qsort_r(order, count, sizeof *order, by_change, table->rows.items);
    pyr_heap_heading(heap, title);
    fprintf(diff->out, "%11s %10s %10s %12s", "grown by", "before", "after", "objects");
    if (moves)
        fprintf(diff->out, " %10s %10s", "came", "went");
    fprintf(diff->out, "  %s\n", what);
    for (uint32_t i = 0; i < count && i < limit; i++)
        write_row(diff, PYR_VEC_AT(&table->rows, struct figures, order[i]),
                  pyr_intern_get(&table->names, order[i])->bytes, moves);
    if (count > limit)
        fprintf(diff->out, "%11s and %" PRIu32 " more that changed\n", "", count - limit);
    if (!count)
        fputs("  nothing changed\n", diff->out);
    pyr_free(order);
    return 0;
}

static int collect(struct diff *diff, bool moves)
{
    int rc = 0;
    for (int side = BEFORE; rc == 0 && side < SIDES; side++) {
        rc = pyr_heap_need_children(&diff->heaps[side]);
        if (rc == 0)
            rc = pyr_heap_need_paths(&diff->heaps[side]);
        if (rc == 0)
            rc = add_census(diff, side);
    }
    if (rc == 0)
        rc = add_owners(diff);
    return rc == 0 && moves ? add_moves(diff) : rc;
}

static void write_totals(struct diff *diff)
{
    const struct pyr_graph *before = diff->heaps[BEFORE].graph, *after = diff->heaps[AFTER].graph;
    char grown[PYR_FIGURE + 1], a[PYR_FIGURE], b[PYR_FIGURE];
    fprintf(diff->out, "%s → %s (%s); %" PRIu32 " → %" PRIu32 " objects (%+" PRId64 ")\n",
            pyr_heap_bytes(a, before->bytes), pyr_heap_bytes(b, after->bytes),
            signed_bytes(grown, (int64_t)(after->bytes - before->bytes)), before->objects, after->objects,
            (int64_t)after->objects - before->objects);
}

/* What each snapshot cost the process; one of a core file costs nothing. */
static void write_pauses(const struct diff *diff)
{
    uint64_t before_ns = diff->heaps[BEFORE].snapshot->facts->pause_ns;
    uint64_t after_ns = diff->heaps[AFTER].snapshot->facts->pause_ns;
    char a[PYR_FIGURE], b[PYR_FIGURE];
    pyr_text_seconds(a, sizeof a, (double)before_ns * 1e-9);
    pyr_text_seconds(b, sizeof b, (double)after_ns * 1e-9);
    if (before_ns && after_ns)
        fprintf(diff->out, "The process stood still for %s, then for %s\n", a, b);
}

static int write_diff(struct diff *diff)
{
    const struct pyr_snapshot_facts *before = diff->heaps[BEFORE].snapshot->facts;
    bool moves = before->pid == diff->heaps[AFTER].snapshot->facts->pid;
    int rc = collect(diff, moves);
    if (rc < 0)
        return pyr_heap_no_memory(&diff->heaps[AFTER]);
    write_totals(diff);
    write_pauses(diff);
    rc = write_table(diff, &diff->types, "By type", "type", moves);
    if (rc == 0)
        rc = write_table(diff, &diff->owners, "By owner: what is kept by each alone", "owner", false);
    if (rc == 0 && diff->sites.rows.count)
        rc = write_table(diff, &diff->sites, "By the line that allocated", "line", false);
    return rc < 0 ? pyr_heap_no_memory(&diff->heaps[AFTER]) : 0;
}

int pyr_heap_diff(const char *before, const char *after, const struct pyr_heap_report_options *options, FILE *out,
                  struct pyr_err *err)
{
    struct diff diff = {.out = out};
    int rc = pyr_heap_open(&diff.heaps[BEFORE], before, options, out, err);
    if (rc == 0)
        rc = pyr_heap_open(&diff.heaps[AFTER], after, options, out, err);
    if (rc == 0)
        rc = write_diff(&diff);
    if (rc == 0 && (fflush(out) != 0 || ferror(out)))
        rc = pyr_err_set(err, PYR_E_IO, "the report could not be written: %s", strerror(errno));
    pyr_heap_close(&diff.heaps[BEFORE]);
    pyr_heap_close(&diff.heaps[AFTER]);
    table_release(&diff.types);
    table_release(&diff.owners);
    table_release(&diff.sites);
    return rc;
}
