/* Blocks above PYR_SMALL_MAX lie in the C heap, as they do without us; what is known of them is in a table beside, by
 * address. No header goes before them: a program that mixes up PyMem_Free and free goes on as before. */
#ifndef PYR_AGENT_LARGE_H
#define PYR_AGENT_LARGE_H

#include "vector.h"

#include "record/heap_arena.h"

#include <stdint.h>

struct pyr_large {
    struct pyr_vector slots;
    size_t capacity;
    struct pyr_large_sum sum;
};

struct pyr_large_block {
    uint64_t size; /* below 2^48 */
    uint32_t tag;  /* as that of a small block, without the rest */
};

/* False when out of memory: then it is not known. */
bool pyr_large_add(struct pyr_large *large, const void *at, struct pyr_large_block block);

/* Takes it out. False if it is not known. */
bool pyr_large_remove(struct pyr_large *large, const void *at, struct pyr_large_block *block);

/* None is known any more. */
void pyr_large_forget(struct pyr_large *large);

/* Sets bits of its tag. False if it is not known. */
bool pyr_large_mark(struct pyr_large *large, const void *at, uint32_t bits);

#endif
