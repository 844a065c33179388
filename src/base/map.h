/* A hash map from 64-bit keys to 64-bit values. */
#ifndef PYR_BASE_MAP_H
#define PYR_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

/* Zeroed it is an empty, releasable map. Any key is allowed. */
struct pyr_map {
    struct pyr_map_slot *slots;
    size_t count;
    size_t mask; /* slots - 1, or 0 when there are none */
};

uint64_t *pyr_map_find(const struct pyr_map *map, uint64_t key);    /* valid until the next put; NULL if absent */
int pyr_map_put(struct pyr_map *map, uint64_t key, uint64_t value); /* replaces */
void pyr_map_clear(struct pyr_map *map);                            /* keeps the memory */
void pyr_map_release(struct pyr_map *map);

/* Calls visit for every entry, in no stated order, until it returns non-zero; returns that. */
int pyr_map_each(const struct pyr_map *map, int (*visit)(uint64_t key, uint64_t value, void *context), void *context);

#endif
