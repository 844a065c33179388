/* The shortest ways from roots to an object or to all of a type, those that begin alike merged; and who else refers to
 * the object. */
#include "report/heap/wanted.h"

#include <inttypes.h>

#define DEPTH_MAX 30
#define NEXT_MAX 5u

static void write_object(struct pyr_heap *heap, const struct pyr_wanted *wanted, uint32_t object, int indent,
                         const char *name)
{
    fprintf(heap->out, "%12" PRIu32 "  %*s%s  (%s at 0x%" PRIx64 ")%s\n", wanted->through[object], 2 * indent, "", name,
            pyr_heap_type(heap, pyr_graph_type(heap->graph, object)), heap->snapshot->address[object],
            pyr_wanted_is(wanted, object) ? "  ←" : "");
}

static void write_below(struct pyr_heap *heap, const struct pyr_wanted *wanted, uint32_t object,
                        enum pyr_name_state state, int depth, int indent)
{
    uint32_t next[NEXT_MAX], left = wanted->through[object] - pyr_wanted_is(wanted, object);
    unsigned limit = pyr_heap_limit(heap, NEXT_MAX);
    uint32_t count = left ? pyr_wanted_next(wanted, object, next, limit < NEXT_MAX ? limit : NEXT_MAX) : 0;
    for (uint32_t i = 0; i < count && depth < DEPTH_MAX; i++) {
        enum pyr_name_state after = state;
        const char *step = pyr_heap_step(heap, object, next[i], &after);
        left -= wanted->through[next[i]];
        /* A dict of an object is that object to a reader: one line less. */
        if (*step)
            write_object(heap, wanted, next[i], indent, step);
        write_below(heap, wanted, next[i], after, depth + 1, indent + (*step != 0));
    }
    if (left)
        fprintf(heap->out, "%12" PRIu32 "  %*s… by other ways\n", left, 2 * indent, "");
}

static void write_ways(struct pyr_heap *heap, const struct pyr_wanted *wanted)
{
    uint32_t roots[NEXT_MAX * 2];
    uint32_t count = pyr_wanted_next(wanted, heap->graph->objects, roots, NEXT_MAX * 2);
    uint64_t left = wanted->count;
    for (uint32_t i = 0; i < count; i++) {
        left -= wanted->through[roots[i]];
        write_object(heap, wanted, roots[i], 0, pyr_heap_root(heap, roots[i]));
        write_below(heap, wanted, roots[i], PYR_NAME_PLAIN, 1, 1);
    }
    if (left)
        fprintf(heap->out, "%12" PRIu64 "  from other roots\n", left);
}

/* Every object that refers to it: its references are only known forwards, so all are looked through. */
static void write_referrers(struct pyr_heap *heap, uint32_t object)
{
    const struct pyr_snapshot *snapshot = heap->snapshot;
    unsigned limit = pyr_heap_limit(heap, 20);
    uint64_t found = 0;
    uint32_t from = 0, last = PYR_SNAPSHOT_NONE;
    pyr_heap_heading(heap, "What refers to it");
    for (uint32_t e = 0; e < snapshot->edges; e++) {
        if (snapshot->edge[e] != object)
            continue;
        while (snapshot->edges_at[from + 1] <= e)
            from++;
        if (from == last || found++ >= limit)
            continue;
        last = from;
        enum pyr_name_state state = PYR_NAME_PLAIN;
        const char *step = pyr_heap_step(heap, from, object, &state);
        fprintf(heap->out, "  %s  by %s of %s at 0x%" PRIx64 "\n", pyr_heap_path(heap, from),
                *step ? step : "its own dict", pyr_heap_type(heap, pyr_graph_type(heap->graph, from)),
                snapshot->address[from]);
    }
    if (found > limit)
        fprintf(heap->out, "  and %" PRIu64 " more\n", found - limit);
    if (!found)
        fputs("  no object\n", heap->out);
}

int pyr_heap_write_paths(struct pyr_heap *heap)
{
    struct pyr_wanted wanted;
    if (!heap->options->what)
        return pyr_err_set(heap->err, PYR_E_MISUSE, "whose paths? name a type or an address");
    int rc = pyr_wanted_find(&wanted, heap);
    if (rc < 0)
        return rc;
    pyr_heap_write_summary(heap);
    if (wanted.object != PYR_SNAPSHOT_NONE)
        fprintf(heap->out, "\n  %s  is %s\n", pyr_heap_object(heap, wanted.object), pyr_heap_path(heap, wanted.object));
    pyr_heap_heading(heap, "Shortest ways from roots");
    if (!wanted.count)
        fputs("  none: what was asked for is garbage\n", heap->out);
    write_ways(heap, &wanted);
    if (wanted.object != PYR_SNAPSHOT_NONE)
        write_referrers(heap, wanted.object);
    pyr_wanted_release(&wanted);
    return 0;
}
