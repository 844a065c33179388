/* Garbage that only the collector can free, by what is in the cycles. */
#include "report/heap/cycles.h"

#include "base/alloc.h"
#include "base/map.h"

#include <inttypes.h>
#include <stdlib.h>

/* Cycles alike: of as many objects of the same types. */
static uint64_t likeness(const struct pyr_heap *heap, const struct pyr_garbage *garbage, const struct pyr_cycle *cycle)
{
    uint64_t sum = cycle->count;
    for (uint32_t i = 0; i < cycle->count; i++) {
        uint64_t type = pyr_graph_type(heap->graph, garbage->members[cycle->first + i]) + 1;
        type *= 0x9e3779b97f4a7c15u;
        sum += (type ^ type >> 29) * 0xbf58476d1ce4e5b9u; /* the order does not count */
    }
    return sum;
}

static int by_bytes(const void *a, const void *b)
{
    const struct pyr_heap_cycle_row *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return x->example->first < y->example->first ? -1 : x->example->first > y->example->first;
}

uint32_t pyr_heap_cycle_site(const struct pyr_heap *heap, const struct pyr_garbage *garbage,
                             const struct pyr_cycle *cycle)
{
    for (uint32_t i = 0; heap->snapshot->site && i < cycle->count; i++)
        if (heap->snapshot->site[garbage->members[cycle->first + i]])
            return heap->snapshot->site[garbage->members[cycle->first + i]];
    return 0;
}

static int add(struct pyr_heap *heap, const struct pyr_garbage *garbage, const struct pyr_cycle *cycle,
               struct pyr_map *known, struct pyr_vec *rows)
{
    uint64_t key = likeness(heap, garbage, cycle);
    uint32_t site = pyr_heap_cycle_site(heap, garbage, cycle);
    const uint64_t *row = pyr_map_find(known, key);
    struct pyr_heap_cycle_row *at =
        row ? PYR_VEC_AT(rows, struct pyr_heap_cycle_row, *row)
            : pyr_vec_push(rows, &(struct pyr_heap_cycle_row){.example = cycle, .site = site});
    if (!at || (!row && pyr_map_put(known, key, rows->count - 1) < 0))
        return pyr_heap_no_memory(heap);
    at->cycles++;
    at->objects += cycle->count;
    at->bytes += cycle->bytes;
    at->finalizers += cycle->finalizer;
    at->unfreeable += cycle->unfreeable;
    at->other_sites |= heap->graph->site_lines[at->site] != heap->graph->site_lines[site];
    return 0;
}

int pyr_heap_cycle_rows(struct pyr_heap *heap, const struct pyr_garbage *garbage, struct pyr_vec *rows)
{
    struct pyr_map known = {0};
    int rc = 0;
    *rows = PYR_VEC(struct pyr_heap_cycle_row);
    for (size_t i = 0; rc == 0 && i < garbage->cycles.count; i++)
        rc = add(heap, garbage, PYR_VEC_AT(&garbage->cycles, struct pyr_cycle, i), &known, rows);
    if (rc == 0 && rows->count)
        qsort(rows->items, rows->count, sizeof(struct pyr_heap_cycle_row), by_bytes);
    pyr_map_release(&known);
    return rc;
}

void pyr_heap_put_cycle(struct pyr_heap *heap, const struct pyr_garbage *garbage, const struct pyr_cycle *cycle,
                        FILE *out)
{
    uint32_t shown = cycle->count < 6 ? cycle->count : 6;
    for (uint32_t i = 0; i < shown; i++) /* members were taken from the top of a stack: the first is the last */
        fprintf(
            out, "%s%s", i ? " → " : "",
            pyr_heap_type(heap, pyr_graph_type(heap->graph, garbage->members[cycle->first + cycle->count - 1 - i])));
    if (shown < cycle->count)
        fprintf(out, " → %" PRIu32 " more", cycle->count - shown);
}

static int write_types(struct pyr_heap *heap, const struct pyr_garbage *garbage)
{
    struct pyr_census census;
    uint32_t *order = NULL;
    if (pyr_census_garbage(&census, heap->graph, garbage->objects, garbage->count) < 0)
        return pyr_heap_no_memory(heap);
    int64_t count = pyr_census_order(census.types, heap->snapshot->types, &order);
    unsigned limit = pyr_heap_limit(heap, 20);
    pyr_heap_heading(heap, "Garbage by type, with what hangs on cycles");
    fprintf(heap->out, "%12s %10s  %s\n", "objects", "bytes", "type");
    for (int64_t i = 0; i < count && i < limit; i++) {
        char bytes[PYR_FIGURE];
        fprintf(heap->out, "%12" PRIu64 " %10s  %s\n", census.types[order[i]].count,
                pyr_heap_bytes(bytes, census.types[order[i]].bytes), pyr_heap_type(heap, order[i]));
    }
    pyr_free(order);
    pyr_census_release(&census);
    return count < 0 ? pyr_heap_no_memory(heap) : 0;
}

static void write_row(struct pyr_heap *heap, const struct pyr_garbage *garbage, const struct pyr_heap_cycle_row *row)
{
    char bytes[PYR_FIGURE];
    fprintf(heap->out, "%10" PRIu64 " %10" PRIu64 " %10s  ", row->cycles, row->objects,
            pyr_heap_bytes(bytes, row->bytes));
    pyr_heap_put_cycle(heap, garbage, row->example, heap->out);
    if (row->site)
        fprintf(heap->out, ", %sallocated at %s", row->other_sites ? "one " : "", pyr_heap_site(heap, row->site));
    if (row->finalizers)
        fprintf(heap->out, "; %" PRIu64 " with a finalizer", row->finalizers);
    if (row->unfreeable)
        fprintf(heap->out, "; %" PRIu64 " that the collector cannot free", row->unfreeable);
    fputc('\n', heap->out);
}

static int write_all(struct pyr_heap *heap, const struct pyr_garbage *garbage, const struct pyr_vec *rows)
{
    char bytes[PYR_FIGURE];
    unsigned limit = pyr_heap_limit(heap, 20);
    pyr_heap_heading(heap, "Cycles that nothing keeps");
    if (!garbage->count) {
        fputs("  none\n", heap->out);
        return 0;
    }
    fprintf(heap->out, "  %" PRIu32 " objects of %s: %zu cycles, and what hangs on them\n", garbage->count,
            pyr_heap_bytes(bytes, garbage->bytes), garbage->cycles.count);
    fprintf(heap->out, "%10s %10s %10s  %s\n", "cycles", "objects", "bytes", "each");
    for (size_t i = 0; i < rows->count && i < limit; i++)
        write_row(heap, garbage, PYR_VEC_AT(rows, struct pyr_heap_cycle_row, i));
    return write_types(heap, garbage);
}

int pyr_heap_write_cycles(struct pyr_heap *heap)
{
    struct pyr_garbage garbage;
    struct pyr_vec rows;
    if (pyr_garbage_find(&garbage, heap->graph) < 0)
        return pyr_heap_no_memory(heap);
    int rc = pyr_heap_cycle_rows(heap, &garbage, &rows);
    if (rc == 0) {
        pyr_heap_write_summary(heap);
        rc = write_all(heap, &garbage, &rows);
    }
    pyr_vec_release(&rows);
    pyr_garbage_release(&garbage);
    return rc;
}
