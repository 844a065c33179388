/* Cycles, for the view and for JSON. */
#ifndef PYR_REPORT_HEAP_CYCLES_H
#define PYR_REPORT_HEAP_CYCLES_H

#include "graph/garbage.h"
#include "report/heap/heap.h"

/* Cycles of as many objects of the same types. */
struct pyr_heap_cycle_row {
    uint64_t cycles, objects, bytes;
    uint64_t finalizers, unfreeable; /* cycles */
    const struct pyr_cycle *example; /* borrowed from the garbage */
    uint32_t site;                   /* of the example; see pyr_heap_cycle_site */
    bool other_sites;                /* some of the cycles are of others */
};

int pyr_heap_cycle_rows(struct pyr_heap *heap, const struct pyr_garbage *garbage, struct pyr_vec *rows);

/* "app.Node → dict" */
void pyr_heap_put_cycle(struct pyr_heap *heap, const struct pyr_garbage *garbage, const struct pyr_cycle *cycle,
                        FILE *out);

/* That of the first of its objects that has one; 0: none. */
uint32_t pyr_heap_cycle_site(const struct pyr_heap *heap, const struct pyr_garbage *garbage,
                             const struct pyr_cycle *cycle);

#endif
