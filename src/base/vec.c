#include "base/vec.h"

#include "base/alloc.h"
#include "pyrometer/err.h"

#include <stdint.h>
#include <string.h>

int pyr_vec_reserve(struct pyr_vec *vec, size_t capacity)
{
    if (capacity <= vec->capacity)
        return 0;
    size_t grown = vec->capacity ? vec->capacity * 2 : 8;
    if (grown < capacity)
        grown = capacity;
    if (grown > SIZE_MAX / vec->item_size)
        return PYR_E_NOMEM;
    void *items = pyr_realloc(vec->items, grown * vec->item_size);
    if (!items)
        return PYR_E_NOMEM;
    vec->items = items;
    vec->capacity = grown;
    return 0;
}

void *pyr_vec_push(struct pyr_vec *vec, const void *item)
{
    if (pyr_vec_reserve(vec, vec->count + 1) < 0)
        return NULL;
    char *place = (char *)vec->items + vec->count++ * vec->item_size;
    if (item)
        memcpy(place, item, vec->item_size);
    else
        memset(place, 0, vec->item_size);
    return place;
}

void pyr_vec_remove(struct pyr_vec *vec, size_t index)
{
    char *items = vec->items;
    vec->count--;
    if (index != vec->count)
        memcpy(items + index * vec->item_size, items + vec->count * vec->item_size, vec->item_size);
}

void pyr_vec_release(struct pyr_vec *vec)
{
    pyr_free(vec->items);
    *vec = (struct pyr_vec){.item_size = vec->item_size};
}
