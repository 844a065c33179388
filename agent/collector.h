/* Collections of the cyclic collector, timed from where it tells of them. docs/gc.md tells the design. */
#ifndef PYR_AGENT_COLLECTOR_H
#define PYR_AGENT_COLLECTOR_H

#include "heap.h"

/* Before Python begins: the module gc is to see the program's own list of callbacks, not ours. */
void pyr_collector_prepare(void);

/* Python code runs in the main interpreter, and this thread has its GIL: from here on its collections are noted.
 * Does nothing where they are already. */
void pyr_collector_enter(struct pyr_heap *heap);

/* This process counts in another one's file: its collections are not noted. */
void pyr_collector_forget(void);

/* ---- pauses.c ---- */

struct pyr_collection {
    uint64_t start_ns, end_ns; /* of CLOCK_MONOTONIC */
    uint64_t collected, uncollectable;
    uint32_t generation;
    uint32_t site; /* whose code ran when it began */
};

/* Adds it to the sums of its generation and, where there is room, to the pauses in the file. */
void pyr_pauses_add(struct pyr_heap *heap, const struct pyr_collection *collection);

/* ---- thresholds.c ---- */

/* Notes when the collector runs by itself, as far as that is known. callbacks: where its list of callbacks is. */
void pyr_thresholds_note(struct pyr_heap_file *file, const void *callbacks);

/* The interpreter ends. */
void pyr_thresholds_forget(void);

#endif
