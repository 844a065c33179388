/* A growable array of items of one size. */
#ifndef PYR_BASE_VEC_H
#define PYR_BASE_VEC_H

#include <stddef.h>

/* Zeroed but for item_size it is an empty, releasable vector: `struct pyr_vec v = PYR_VEC(struct thing);` */
struct pyr_vec {
    void *items;
    size_t count;
    size_t capacity;
    size_t item_size;
};

#define PYR_VEC(type) ((struct pyr_vec){.item_size = sizeof(type)})
#define PYR_VEC_AT(vec, type, i) (&((type *)(vec)->items)[i])

/* Adds a copy of *item, or a zeroed item if NULL; returns its place (valid until the next push), or NULL. */
void *pyr_vec_push(struct pyr_vec *vec, const void *item);
int pyr_vec_reserve(struct pyr_vec *vec, size_t capacity);
void pyr_vec_remove(struct pyr_vec *vec, size_t index); /* moves the last item into its place */
void pyr_vec_release(struct pyr_vec *vec);

#endif
