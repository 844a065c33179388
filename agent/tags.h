/* Tells those who read this process's memory from outside where the tags of its blocks are (record/heap_tags.h). */
#ifndef PYR_AGENT_TAGS_H
#define PYR_AGENT_TAGS_H

#include "heap.h"

/* When the heap serves allocations. */
void pyr_tags_tell(const struct pyr_heap *heap);

#endif
