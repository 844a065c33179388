/* The blocks that are traced, by address and domain: an open hash table on pages of its own. Neighbours in memory are
 * mostly neighbours in the table. Whoever uses it holds the lock of trace.c. */
#ifndef PYR_AGENT_TRACED_H
#define PYR_AGENT_TRACED_H

#include "vector.h"

#include <stdint.h>

/* `traceback` is a number of tracebacks.h. */
#define PYR_TRACED_CODE (1u << 31) /* with it: the block is a code object whose lines are known by address */
#define PYR_TRACED_WATCHED (PYR_TRACED_CODE - 1) /* instead of it: not traced, only such a code object */

struct pyr_traced {
    uintptr_t address;
    uint64_t size; /* bytes, as asked for */
    uint32_t domain;
    uint32_t traceback; /* 0: the slot is free */
};

struct pyr_traced_table {
    struct pyr_vector slots;
    size_t mask; /* slots less one; 0: none yet */
    size_t used;
};

/* NULL: it is not there. */
struct pyr_traced *pyr_traced_find(const struct pyr_traced_table *table, uintptr_t address, uint32_t domain);

/* The one that is there, or a new one, whose traceback is to be set at once. NULL when out of memory. */
struct pyr_traced *pyr_traced_add(struct pyr_traced_table *table, uintptr_t address, uint32_t domain);

/* Others may move. */
void pyr_traced_remove(struct pyr_traced_table *table, struct pyr_traced *traced);

/* The nth slot, in use or not; NULL behind the last. */
static inline struct pyr_traced *pyr_traced_at(const struct pyr_traced_table *table, size_t n)
{
    return table->mask && n <= table->mask ? (struct pyr_traced *)table->slots.at + n : NULL;
}

void pyr_traced_release(struct pyr_traced_table *table);

#endif
