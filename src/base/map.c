#include "base/map.h"

#include "base/alloc.h"
#include "pyrometer/err.h"

#include <stdbool.h>
#include <string.h>

struct pyr_map_slot {
    uint64_t key;
    uint64_t value;
    bool used;
};

/* The finaliser of MurmurHash3: every input bit reaches every output bit. */
static size_t hash_of(uint64_t key)
{
    key ^= key >> 33;
    key *= 0xff51afd7ed558ccdULL;
    key ^= key >> 33;
    key *= 0xc4ceb9fe1a85ec53ULL;
    key ^= key >> 33;
    return (size_t)key;
}

static struct pyr_map_slot *slot_of(const struct pyr_map *map, uint64_t key)
{
    size_t i = hash_of(key) & map->mask;
    while (map->slots[i].used && map->slots[i].key != key)
        i = (i + 1) & map->mask;
    return &map->slots[i];
}

uint64_t *pyr_map_find(const struct pyr_map *map, uint64_t key)
{
    if (!map->slots)
        return NULL;
    struct pyr_map_slot *slot = slot_of(map, key);
    return slot->used ? &slot->value : NULL;
}

static int grow(struct pyr_map *map)
{
    size_t slots = map->slots ? (map->mask + 1) * 2 : 16;
    struct pyr_map grown = {.slots = pyr_alloc(slots * sizeof *grown.slots), .count = map->count, .mask = slots - 1};
    if (!grown.slots)
        return PYR_E_NOMEM;
    for (size_t i = 0; map->slots && i <= map->mask; i++)
        if (map->slots[i].used)
            *slot_of(&grown, map->slots[i].key) = map->slots[i];
    pyr_free(map->slots);
    *map = grown;
    return 0;
}

int pyr_map_put(struct pyr_map *map, uint64_t key, uint64_t value)
{
    if (!map->slots || (map->count + 1) * 10 > (map->mask + 1) * 7) {
        int rc = grow(map);
        if (rc < 0)
            return rc;
    }
    struct pyr_map_slot *slot = slot_of(map, key);
    map->count += !slot->used;
    *slot = (struct pyr_map_slot){.key = key, .value = value, .used = true};
    return 0;
}

void pyr_map_clear(struct pyr_map *map)
{
    if (map->slots)
        memset(map->slots, 0, (map->mask + 1) * sizeof *map->slots);
    map->count = 0;
}

void pyr_map_release(struct pyr_map *map)
{
    pyr_free(map->slots);
    *map = (struct pyr_map){0};
}

int pyr_map_each(const struct pyr_map *map, int (*visit)(uint64_t key, uint64_t value, void *context), void *context)
{
    for (size_t i = 0; map->slots && i <= map->mask; i++) {
        if (!map->slots[i].used)
            continue;
        int rc = visit(map->slots[i].key, map->slots[i].value, context);
        if (rc)
            return rc;
    }
    return 0;
}
