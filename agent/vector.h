/* An array that grows, on pages of its own: the agent must not allocate where it serves allocations. */
#ifndef PYR_AGENT_VECTOR_H
#define PYR_AGENT_VECTOR_H

#include "record/heap_arena.h"

#include <stdbool.h>
#include <stddef.h>

struct pyr_vector {
    void *at;
    size_t bytes; /* mapped; zeroed where never written */
};

extern struct pyr_tables pyr_tables; /* where all of them lie, for who looks at the process */

/* At least so many bytes are there afterwards; it may move. False and unchanged when out of memory. */
bool pyr_vector_reserve(struct pyr_vector *vector, size_t bytes);
void pyr_vector_release(struct pyr_vector *vector);

#endif
