/* Suspects in words. */
#include "report/heap/suspects.h"

#include <inttypes.h>
#include <string.h>

#define ALMOST_ALL 0.995 /* of what is kept: the rest is not worth a word */
#define WORTH_TELLING 0.1
#define STACK_SHOWN 16 /* frames, the innermost ones */

/* The method that a bound one is of; NONE: it is none. */
static uint32_t bound_function(struct pyr_heap *heap, uint32_t object)
{
    struct pyr_edge_cursor edge = {0};
    if (object == PYR_SNAPSHOT_NONE || strcmp(pyr_heap_type(heap, pyr_graph_type(heap->graph, object)), "method") != 0)
        return PYR_SNAPSHOT_NONE;
    while (pyr_snapshot_next_edge(heap->snapshot, object, &edge))
        if (edge.to != PYR_SNAPSHOT_NONE &&
            strcmp(pyr_heap_type(heap, pyr_graph_type(heap->graph, edge.to)), "function") == 0)
            return edge.to;
    return PYR_SNAPSHOT_NONE;
}

/* What it holds most of, in a clause. */
static void put_entries(struct pyr_heap *heap, const struct pyr_suspect *suspect, FILE *out)
{
    char count[PYR_FIGURE];
    if (suspect->entries_type == PYR_SNAPSHOT_NONE || suspect->entries_retained < suspect->retained / 2)
        return;
    fprintf(out, ", %s %s of `%s`", pyr_heap_count(count, suspect->entries),
            suspect->entries == 1 ? "entry" : "entries", pyr_heap_type(heap, suspect->entries_type));
    uint32_t function = bound_function(heap, suspect->entry);
    if (function != PYR_SNAPSHOT_NONE)
        fprintf(out, " such as `%s`", pyr_heap_object(heap, function));
}

/* ---- the many ---- */

#define LEADS 0.8      /* a child with so much of what an object keeps: the object only leads to it */
#define ALIKE_MAX 256u /* so many of the biggest are compared */

static uint32_t follow(struct pyr_heap *heap, uint32_t object)
{
    const uint64_t *retained = heap->graph->retained;
    uint32_t child;
    while (pyr_children_biggest(&heap->children, heap->graph, object, &child, 1) &&
           (double)retained[child] >= LEADS * (double)retained[object])
        object = child;
    return object;
}

/* What is at the end of where one of them leads: its name, and what it has. */
static void put_where(struct pyr_heap *heap, uint32_t object, FILE *out)
{
    uint32_t end = follow(heap, object);
    char count[PYR_FIGURE];
    uint64_t length = pyr_snapshot_form(heap->snapshot, end)->length;
    fprintf(out, "`%s`, a %s", pyr_heap_path(heap, end), pyr_heap_type(heap, pyr_graph_type(heap->graph, end)));
    if (length != PYR_SNAPSHOT_NO_COUNT)
        fprintf(out, " of length %s", pyr_heap_count(count, length));
}

/* How an object is come to from the one before it, or from outside: of those that are alike it is the same. */
static void copy_step(struct pyr_heap *heap, uint32_t object, char step[64])
{
    enum pyr_name_state state = PYR_NAME_PLAIN;
    uint32_t from = heap->paths.from[object];
    const struct pyr_graph_root *root = from < PYR_GRAPH_ROOT ? NULL : pyr_paths_root(&heap->paths, object);
    const char *name = from < PYR_GRAPH_ROOT ? pyr_heap_step(heap, from, object, &state)
                       : root && root->row != PYR_GRAPH_HELD
                           ? pyr_heap_text(heap, heap->snapshot->root_rows[root->row].name)
                           : "";
    snprintf(step, 64, "%s", name);
}

struct alike {
    uint64_t count, retained;
};

/* Of the biggest objects that no single one keeps: those of the type of one that are come to as that is. */
static struct alike count_alike(struct pyr_heap *heap, uint32_t object)
{
    uint32_t big[ALIKE_MAX];
    uint32_t count = pyr_children_biggest(&heap->children, heap->graph, heap->graph->objects, big, ALIKE_MAX);
    struct alike alike = {0};
    char step[64], other[64];
    copy_step(heap, object, step);
    for (uint32_t i = 0; i < count; i++) {
        if (pyr_graph_type(heap->graph, big[i]) != pyr_graph_type(heap->graph, object) ||
            pyr_heap_is_imported(heap, big[i]))
            continue;
        copy_step(heap, big[i], other);
        if (strcmp(step, other) == 0) {
            alike.count++;
            alike.retained += heap->graph->retained[big[i]];
        }
    }
    return alike;
}

/* The object from which most of them are come to; ROOT: they are held from outside; NONE: there is no such one. */
static uint32_t common_referrer(struct pyr_heap *heap, const struct pyr_suspect *suspect)
{
    const struct pyr_graph *graph = heap->graph;
    const uint32_t *at = heap->children.at, *list = heap->children.list;
    uint32_t best = PYR_SNAPSHOT_NONE;
    uint64_t lead = 0, share = 0;
    for (int pass = 0; pass < 2; pass++) /* a majority vote, and whether it is one */
        for (uint32_t c = at[graph->objects]; c < at[graph->objects + 1]; c++) {
            uint32_t object = list[c], from = heap->paths.from[object];
            if (pyr_graph_type(graph, object) != suspect->type || pyr_heap_is_imported(heap, object))
                continue;
            if (pass) {
                share += from == best ? graph->retained[object] : 0;
            } else if (from == best) {
                lead += graph->retained[object];
            } else if (lead >= graph->retained[object]) {
                lead -= graph->retained[object];
            } else {
                best = from;
                lead = graph->retained[object] - lead;
            }
        }
    return share > suspect->retained / 2 ? best : PYR_SNAPSHOT_NONE;
}

static void put_many(struct pyr_heap *heap, const struct pyr_suspect *suspect, FILE *out)
{
    char figure[PYR_FIGURE], count[PYR_FIGURE];
    fprintf(out, "%s objects of `%s`, which no single object keeps", pyr_heap_count(figure, suspect->entries),
            pyr_heap_type(heap, suspect->type));
    if (suspect->imported) {
        fputs(": mostly classes and the namespaces of modules", out);
        return;
    }
    uint32_t referrer = common_referrer(heap, suspect);
    const struct pyr_graph_root *why =
        suspect->entry == PYR_SNAPSHOT_NONE ? NULL : pyr_paths_root(&heap->paths, suspect->entry);
    if (referrer == PYR_GRAPH_ROOT && why && why->row == PYR_GRAPH_HELD) {
        fputs(", held from outside of Python's objects, such as by C code", out);
    } else if (referrer < PYR_GRAPH_ROOT) {
        fprintf(out, ", most of them in `%s`", pyr_heap_path(heap, referrer));
    } else if (suspect->entry != PYR_SNAPSHOT_NONE) {
        struct alike alike = count_alike(heap, suspect->entry);
        bool is_most = alike.count < suspect->entries && alike.retained > suspect->retained / 2;
        if (is_most && alike.count > 1)
            fprintf(out, ", %s of that by %s such as ", pyr_heap_bytes(figure, alike.retained),
                    pyr_heap_count(count, alike.count));
        else
            fputs(is_most ? ", most of it by " : ", such as ", out);
        put_where(heap, suspect->entry, out);
    }
}

/* What no Python object keeps has to be told of: nothing else leads to it. */
static void put_beginning(struct pyr_heap *heap, const struct pyr_suspect *suspect, FILE *out)
{
    uint32_t root = pyr_paths_beginning(&heap->paths, suspect->object);
    const struct pyr_graph_root *why = pyr_paths_root(&heap->paths, root);
    bool held = why && (why->row == PYR_GRAPH_HELD || heap->snapshot->root_rows[why->row].kind == PYR_ROOT_HELD);
    if (held && root != suspect->object)
        fprintf(out, ", through `%s`, which is %s", pyr_heap_path(heap, root), pyr_paths_role(&heap->paths, root));
}

static void put_garbage(struct pyr_heap *heap, const struct pyr_suspect *suspect, FILE *out)
{
    char count[PYR_FIGURE];
    fprintf(out, "garbage that the collector%s has not come to, most of it %s %s of `%s` and what hangs on them",
            heap->snapshot->facts->collector_enabled ? "" : ", which is off,", pyr_heap_count(count, suspect->entries),
            suspect->entries == 1 ? "cycle" : "cycles", pyr_heap_type(heap, suspect->type));
}

void pyr_heap_put_suspect(struct pyr_heap *heap, const struct pyr_suspect *suspect, FILE *out)
{
    char bytes[PYR_FIGURE];
    fprintf(out, "%s (%.0f %%) are %s", pyr_heap_bytes(bytes, suspect->retained),
            pyr_heap_share(heap, suspect->retained), suspect->garbage ? "" : "kept by ");
    if (suspect->garbage) {
        put_garbage(heap, suspect, out);
    } else if (suspect->object == PYR_SNAPSHOT_NONE) {
        put_many(heap, suspect, out);
    } else {
        const char *role = pyr_paths_role(&heap->paths, suspect->object);
        fprintf(out, "one %s, `%s`%s%s", pyr_heap_type(heap, suspect->type), pyr_heap_path(heap, suspect->object),
                *role ? ", " : "", role);
        put_entries(heap, suspect, out);
        put_beginning(heap, suspect, out);
    }
    if (!suspect->site.site || suspect->site.share < WORTH_TELLING)
        return;
    if (suspect->site.share < ALMOST_ALL)
        fprintf(out, ", %.0f %% of that allocated at ", suspect->site.share * 100);
    else
        fputs(", allocated at ", out);
    fputs(pyr_heap_site(heap, suspect->site.site), out);
}

/* The outermost first. */
static void write_stack(struct pyr_heap *heap, const struct pyr_site_share *share)
{
    const uint32_t *callers = heap->snapshot->caller;
    uint32_t frames[STACK_SHOWN], count = 0, site = share->site;
    if (!callers || !site || share->share < WORTH_TELLING)
        return;
    for (; site && count < STACK_SHOWN; site = callers[site - 1])
        frames[count++] = site;
    if (share->stack_share < ALMOST_ALL)
        fprintf(heap->out, "    %.0f %% of that by the stack:\n", share->stack_share * 100);
    else
        fputs("    by the stack:\n", heap->out);
    if (site)
        fputs("      …\n", heap->out);
    while (count-- > 0) {
        fprintf(heap->out, "      %s ", pyr_heap_text(heap, heap->snapshot->site_rows[frames[count] - 1].function));
        fprintf(heap->out, "(%s)\n", pyr_heap_site(heap, frames[count]));
    }
}

static void write_sentences(struct pyr_heap *heap, const struct pyr_vec *suspects)
{
    pyr_heap_heading(heap, "What keeps much");
    if (!suspects->count)
        fprintf(heap->out, "  No object keeps as much as %.0f %% of the heap.\n", PYR_HEAP_SUSPECT_SHARE * 100);
    for (size_t i = 0; i < suspects->count; i++) {
        const struct pyr_suspect *suspect = PYR_VEC_AT(suspects, struct pyr_suspect, i);
        fputs("  ", heap->out);
        pyr_heap_put_suspect(heap, suspect, heap->out);
        fputs(".\n", heap->out);
        if (suspect->object != PYR_SNAPSHOT_NONE)
            fprintf(heap->out, "    at 0x%" PRIx64 "\n", heap->snapshot->address[suspect->object]);
        write_stack(heap, &suspect->site);
    }
}

static int write_suspects(struct pyr_heap *heap, bool summary)
{
    struct pyr_vec suspects;
    int rc = pyr_heap_suspects(heap, &suspects);
    if (rc < 0)
        return rc;
    if (summary)
        pyr_heap_write_summary(heap);
    write_sentences(heap, &suspects);
    pyr_vec_release(&suspects);
    return 0;
}

int pyr_heap_write_suspects_alone(struct pyr_heap *heap)
{
    return write_suspects(heap, false);
}

int pyr_heap_write_suspects(struct pyr_heap *heap)
{
    return write_suspects(heap, true);
}
