/* The objects that --paths and --dot are asked about, and the merged shortest ways to them. */
#ifndef PYR_REPORT_HEAP_WANTED_H
#define PYR_REPORT_HEAP_WANTED_H

#include "report/heap/heap.h"

/* Zeroed it is releasable. */
struct pyr_wanted {
    const struct pyr_heap *heap;
    uint32_t object;   /* or NONE: those of types */
    bool *types;       /* by type */
    uint32_t *through; /* by object: how many of the wanted the ways through it lead to */
    uint64_t count;    /* that are reachable */
};

/* From heap->options->what: "0x…", or a type as "app.models.Response" or "Response". PYR_E_NOT_FOUND, described. */
int pyr_wanted_find(struct pyr_wanted *wanted, struct pyr_heap *heap);
void pyr_wanted_release(struct pyr_wanted *wanted);
bool pyr_wanted_is(const struct pyr_wanted *wanted, uint32_t object);

/* The next objects on the ways through `object` (or the roots: the number of objects), those that most lead through
 * first; how many there are at most max. */
uint32_t pyr_wanted_next(const struct pyr_wanted *wanted, uint32_t object, uint32_t *next, uint32_t max);

#endif
