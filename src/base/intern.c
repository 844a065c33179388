#include "base/intern.h"

#include "base/alloc.h"
#include "pyrometer/err.h"

#include <string.h>
#include <xxhash.h>

static const struct pyr_interned *item_at(const struct pyr_intern *table, uint32_t number)
{
    return PYR_VEC_AT(&table->items, struct pyr_interned, number);
}

static int grow(struct pyr_intern *table)
{
    size_t slots = table->slots ? (table->mask + 1) * 2 : 64;
    uint32_t *grown = pyr_alloc(slots * sizeof *grown);
    if (!grown)
        return PYR_E_NOMEM;
    for (uint32_t number = 0; number < table->items.count; number++) {
        size_t i = (size_t)item_at(table, number)->hash & (slots - 1);
        while (grown[i])
            i = (i + 1) & (slots - 1);
        grown[i] = number + 1;
    }
    pyr_free(table->slots);
    table->slots = grown;
    table->mask = slots - 1;
    return 0;
}

/* Its slot, or the free one that would be its. There is a free one. */
static size_t slot_of(const struct pyr_intern *table, const void *bytes, size_t size, uint64_t hash)
{
    size_t i = (size_t)hash & table->mask;
    for (; table->slots[i]; i = (i + 1) & table->mask) {
        const struct pyr_interned *item = item_at(table, table->slots[i] - 1);
        if (item->hash == hash && item->size == size && memcmp(item->bytes, bytes, size) == 0)
            break;
    }
    return i;
}

int64_t pyr_intern_find(const struct pyr_intern *table, const void *bytes, size_t size)
{
    if (!table->slots)
        return PYR_E_NOT_FOUND;
    size_t i = slot_of(table, bytes, size, XXH3_64bits(bytes, size));
    return table->slots[i] ? (int64_t)table->slots[i] - 1 : PYR_E_NOT_FOUND;
}

int64_t pyr_intern_put(struct pyr_intern *table, const void *bytes, size_t size, int *is_new)
{
    table->items.item_size = sizeof(struct pyr_interned);
    if ((!table->slots || (table->items.count + 1) * 10 > (table->mask + 1) * 7) && grow(table) < 0)
        return PYR_E_NOMEM;
    uint64_t hash = XXH3_64bits(bytes, size);
    size_t i = slot_of(table, bytes, size, hash);
    if (is_new)
        *is_new = !table->slots[i];
    if (table->slots[i])
        return table->slots[i] - 1;
    if (table->items.count >= UINT32_MAX - 1)
        return PYR_E_LIMIT;
    struct pyr_interned item = {.bytes = pyr_arena_dup(&table->arena, bytes, size), .size = size, .hash = hash};
    if (!item.bytes || !pyr_vec_push(&table->items, &item))
        return PYR_E_NOMEM;
    table->slots[i] = (uint32_t)table->items.count;
    return (int64_t)table->items.count - 1;
}

const struct pyr_interned *pyr_intern_get(const struct pyr_intern *table, uint32_t number)
{
    return number < table->items.count ? item_at(table, number) : NULL;
}

uint32_t pyr_intern_count(const struct pyr_intern *table)
{
    return (uint32_t)table->items.count;
}

void pyr_intern_release(struct pyr_intern *table)
{
    pyr_arena_release(&table->arena);
    pyr_vec_release(&table->items);
    pyr_free(table->slots);
    *table = (struct pyr_intern){0};
}
