#include "graph/waste.h"
#include "report/heap/heap.h"

#include <inttypes.h>

static const char *const titles[] = {
#define TITLE(name, title, instead) title,
    PYR_WASTES(TITLE)
#undef TITLE
};
static const char *const instead[] = {
#define INSTEAD(name, title, instead) instead,
    PYR_WASTES(INSTEAD)
#undef INSTEAD
};

static void write_row(struct pyr_heap *heap, const struct pyr_waste *row)
{
    char saved[PYR_FIGURE], bytes[PYR_FIGURE];
    fprintf(heap->out, "%10s %10s %10" PRIu64 "  %s%s%s, such as %s\n", pyr_heap_bytes(saved, row->saved),
            pyr_heap_bytes(bytes, row->bytes), row->count, pyr_heap_type(heap, row->type), *row->detail ? ": " : "",
            row->detail, pyr_heap_path(heap, row->example));
}

static void write_kind(struct pyr_heap *heap, const struct pyr_vec *wastes, uint32_t kind)
{
    char title[160];
    unsigned limit = pyr_heap_limit(heap, 10), shown = 0;
    uint64_t others = 0, saved = 0;
    snprintf(title, sizeof title, "Saved by %s: %s", instead[kind], titles[kind]);
    for (size_t i = 0; i < wastes->count; i++) {
        const struct pyr_waste *row = PYR_VEC_AT(wastes, struct pyr_waste, i);
        if (row->kind != kind)
            continue;
        if (!shown) {
            pyr_heap_heading(heap, title);
            fprintf(heap->out, "%10s %10s %10s  %s\n", "saved", "bytes", "objects", "type");
        }
        if (shown++ < limit)
            write_row(heap, row);
        else {
            others++;
            saved += row->saved;
        }
    }
    char bytes[PYR_FIGURE];
    if (others)
        fprintf(heap->out, "%10s %21s  %" PRIu64 " more kinds\n", pyr_heap_bytes(bytes, saved), "", others);
}

int pyr_heap_write_containers(struct pyr_heap *heap)
{
    struct pyr_vec wastes;
    int rc = pyr_heap_need_paths(heap);
    if (rc < 0)
        return rc;
    if (pyr_waste_find(&wastes, heap->graph) < 0)
        return pyr_heap_no_memory(heap);
    pyr_heap_write_summary(heap);
    for (uint32_t kind = 0; kind < PYR_WASTE_KINDS; kind++)
        write_kind(heap, &wastes, kind);
    pyr_vec_release(&wastes);
    return 0;
}
