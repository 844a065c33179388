/* Byte strings kept once each and numbered 0, 1, 2 … in order of arrival. */
#ifndef PYR_BASE_INTERN_H
#define PYR_BASE_INTERN_H

#include "base/arena.h"
#include "base/vec.h"

#include <stdint.h>

struct pyr_interned {
    const char *bytes; /* a NUL follows; may contain NULs */
    size_t size;
    uint64_t hash;
};

/* Zeroed it is empty and releasable. */
struct pyr_intern {
    struct pyr_arena arena;
    struct pyr_vec items; /* of struct pyr_interned */
    uint32_t *slots;      /* item number + 1; 0 is free */
    size_t mask;
};

/* The number of this byte string, new or known; or a negative status. *is_new may be NULL. */
int64_t pyr_intern_put(struct pyr_intern *table, const void *bytes, size_t size, int *is_new);
/* The number of one that is known; PYR_E_NOT_FOUND. */
int64_t pyr_intern_find(const struct pyr_intern *table, const void *bytes, size_t size);
const struct pyr_interned *pyr_intern_get(const struct pyr_intern *table, uint32_t number); /* NULL if there is none */
uint32_t pyr_intern_count(const struct pyr_intern *table);
void pyr_intern_release(struct pyr_intern *table);

#endif
