/* Suspects, for the view in words and for JSON. */
#ifndef PYR_REPORT_HEAP_SUSPECTS_H
#define PYR_REPORT_HEAP_SUSPECTS_H

#include "report/heap/heap.h"

#define PYR_HEAP_SUSPECT_SHARE 0.1 /* of all bytes: who keeps less is none */

/* Of struct pyr_suspect; makes what else naming them needs. */
int pyr_heap_suspects(struct pyr_heap *heap, struct pyr_vec *suspects);

/* A class, or the namespace of a module. */
bool pyr_heap_is_imported(const struct pyr_heap *heap, uint32_t object);

/* One sentence, without its full stop. */
void pyr_heap_put_suspect(struct pyr_heap *heap, const struct pyr_suspect *suspect, FILE *out);

/* The section, without the summary above it. */
int pyr_heap_write_suspects_alone(struct pyr_heap *heap);

#endif
