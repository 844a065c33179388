/* What one wants to know first: what there is, what keeps most of it, and that in words. */
#include "report/heap/heap.h"
#include "report/heap/suspects.h"

enum { ROWS = 10 };

int pyr_heap_write_overview(struct pyr_heap *heap)
{
    unsigned limit = pyr_heap_limit(heap, ROWS);
    int rc = pyr_heap_need_children_and_paths(heap);
    if (rc < 0)
        return rc;
    pyr_heap_write_summary(heap);
    rc = pyr_heap_write_types_alone(heap, limit);
    if (rc < 0)
        return rc;
    pyr_heap_write_top_alone(heap, limit);
    return pyr_heap_write_suspects_alone(heap);
}
