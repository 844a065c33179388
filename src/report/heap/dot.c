/* For Graphviz: the shortest ways to what was asked for, or the top of the dominator tree. */
#include "report/heap/wanted.h"

#include <inttypes.h>

#define NODES_MAX 300u
#define NEXT_MAX 8u
#define CHILDREN_MAX 12u
#define SHARE_MIN 0.01

struct drawing {
    struct pyr_heap *heap;
    const struct pyr_wanted *wanted; /* NULL: dominators */
    unsigned nodes;
};

static void put_label(FILE *out, const char *text)
{
    for (size_t i = 0; text[i]; i++) {
        if (text[i] == '"' || text[i] == '\\')
            fputc('\\', out);
        fputc(text[i], out);
    }
}

static void put_node(struct drawing *drawing, uint32_t object, const char *name)
{
    struct pyr_heap *heap = drawing->heap;
    char bytes[PYR_FIGURE];
    double share = pyr_heap_share(heap, heap->graph->retained[object]);
    fprintf(heap->out, "  n%" PRIu32 " [label=\"", object);
    put_label(heap->out, name);
    fputs("\\n", heap->out);
    put_label(heap->out, pyr_heap_type(heap, pyr_graph_type(heap->graph, object)));
    fprintf(heap->out, "\\n%s (%.1f %%)\" fillcolor=\"0.05 %.2f 1.0\"];\n",
            pyr_heap_bytes(bytes, heap->graph->retained[object]), share, share > 100 ? 1 : share / 100);
    drawing->nodes++;
}

static void put_edge(struct drawing *drawing, uint32_t from, uint32_t to, const char *step)
{
    FILE *out = drawing->heap->out;
    fprintf(out, "  n%" PRIu32 " -> n%" PRIu32 " [label=\"", from, to);
    put_label(out, step);
    fputs("\"];\n", out);
}

static uint32_t next_of(const struct drawing *drawing, uint32_t object, uint32_t *next)
{
    struct pyr_heap *heap = drawing->heap;
    if (drawing->wanted)
        return pyr_wanted_next(drawing->wanted, object, next, NEXT_MAX);
    uint32_t count = pyr_children_biggest(&heap->children, heap->graph, object, next, CHILDREN_MAX);
    while (count && (double)heap->graph->retained[next[count - 1]] < SHARE_MIN * (double)heap->graph->bytes)
        count--;
    return count;
}

static void draw_below(struct drawing *drawing, uint32_t object, enum pyr_name_state state, int depth)
{
    uint32_t next[CHILDREN_MAX];
    uint32_t count = depth < 30 ? next_of(drawing, object, next) : 0;
    for (uint32_t i = 0; i < count && drawing->nodes < NODES_MAX; i++) {
        enum pyr_name_state after = state;
        const char *step = pyr_heap_step(drawing->heap, object, next[i], &after);
        put_edge(drawing, object, next[i], step);
        put_node(drawing, next[i], pyr_heap_object(drawing->heap, next[i]));
        draw_below(drawing, next[i], after, depth + 1);
    }
}

static void draw(struct drawing *drawing)
{
    struct pyr_heap *heap = drawing->heap;
    uint32_t roots[CHILDREN_MAX];
    uint32_t count = next_of(drawing, heap->graph->objects, roots);
    fputs("digraph heap {\n  rankdir=LR;\n  node [shape=box style=filled fontname=\"sans-serif\"];\n", heap->out);
    for (uint32_t i = 0; i < count && drawing->nodes < NODES_MAX; i++) {
        put_node(drawing, roots[i], pyr_heap_path(heap, roots[i]));
        draw_below(drawing, roots[i], PYR_NAME_PLAIN, 0);
    }
    fputs("}\n", heap->out);
}

int pyr_heap_write_dot(struct pyr_heap *heap)
{
    struct pyr_wanted wanted = {0};
    struct drawing drawing = {.heap = heap, .wanted = heap->options->what ? &wanted : NULL};
    int rc = heap->options->what ? pyr_wanted_find(&wanted, heap) : pyr_heap_need_children(heap);
    if (rc == 0)
        rc = pyr_heap_need_paths(heap);
    if (rc == 0)
        draw(&drawing);
    pyr_wanted_release(&wanted);
    return rc;
}
