/* Memory that is given back all at once. Pointers stay valid until release. */
#ifndef PYR_BASE_ARENA_H
#define PYR_BASE_ARENA_H

#include <stddef.h>

struct pyr_arena {
    struct pyr_arena_block *blocks;
};

void *pyr_arena_alloc(struct pyr_arena *arena, size_t size); /* zeroed, 16-byte aligned; NULL when out of memory */
void *pyr_arena_dup(struct pyr_arena *arena, const void *bytes, size_t size); /* a NUL follows the copy */
void pyr_arena_release(struct pyr_arena *arena);

#endif
