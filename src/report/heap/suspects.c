#include "report/heap/suspects.h"

#include <inttypes.h>

#define SHARE 0.1

int pyr_heap_suspects(struct pyr_heap *heap, struct pyr_vec *suspects)
{
    int rc = pyr_heap_need_children(heap);
    if (rc == 0)
        rc = pyr_heap_need_paths(heap);
    if (rc < 0)
        return rc;
    return pyr_suspects_find(heap->graph, &heap->children, SHARE, suspects) < 0 ? pyr_heap_no_memory(heap) : 0;
}

/* What it holds most of, in a clause. */
static void put_entries(struct pyr_heap *heap, const struct pyr_suspect *suspect, FILE *out)
{
    char count[PYR_FIGURE];
    if (suspect->entries_type == PYR_SNAPSHOT_NONE || suspect->entries_retained < suspect->retained / 2)
        return;
    fprintf(out, ", %s %s of `%s`", pyr_heap_count(count, suspect->entries),
            suspect->entries == 1 ? "entry" : "entries", pyr_heap_type(heap, suspect->entries_type));
}

void pyr_heap_put_suspect(struct pyr_heap *heap, const struct pyr_suspect *suspect, FILE *out)
{
    char bytes[PYR_FIGURE], count[PYR_FIGURE];
    fprintf(out, "%s (%.0f %%) are kept by ", pyr_heap_bytes(bytes, suspect->retained),
            pyr_heap_share(heap, suspect->retained));
    if (suspect->object == PYR_SNAPSHOT_NONE) {
        fprintf(out, "%s objects of `%s`, which no single object keeps", pyr_heap_count(count, suspect->entries),
                pyr_heap_type(heap, suspect->type));
    } else {
        const char *role = pyr_paths_role(&heap->paths, suspect->object);
        fprintf(out, "one %s, `%s`%s%s", pyr_heap_type(heap, suspect->type), pyr_heap_path(heap, suspect->object),
                *role ? ", " : "", role);
        put_entries(heap, suspect, out);
    }
    if (suspect->site)
        fprintf(out, ", allocated at %s", pyr_heap_site(heap, suspect->site));
}

int pyr_heap_write_suspects(struct pyr_heap *heap)
{
    struct pyr_vec suspects;
    int rc = pyr_heap_suspects(heap, &suspects);
    if (rc < 0)
        return rc;
    pyr_heap_write_summary(heap);
    pyr_heap_heading(heap, "What keeps much");
    if (!suspects.count)
        fprintf(heap->out, "  No object keeps as much as %.0f %% of the heap.\n", SHARE * 100);
    for (size_t i = 0; i < suspects.count; i++) {
        const struct pyr_suspect *suspect = PYR_VEC_AT(&suspects, struct pyr_suspect, i);
        fputs("  ", heap->out);
        pyr_heap_put_suspect(heap, suspect, heap->out);
        fputs(".\n", heap->out);
        if (suspect->object != PYR_SNAPSHOT_NONE)
            fprintf(heap->out, "    at 0x%" PRIx64 "\n", heap->snapshot->address[suspect->object]);
    }
    pyr_vec_release(&suspects);
    return 0;
}
