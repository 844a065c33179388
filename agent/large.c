/* Open addressing with linear probing; removal closes the gap, so that there are no tombstones. */
#include "large.h"

#include "record/heap_tags.h"

#include <string.h>

enum { FIRST_CAPACITY = 1024 };

static uint64_t slot_at(const struct pyr_heap_large *slot)
{
    return slot->address_high >> 16;
}

static uint64_t slot_size(const struct pyr_heap_large *slot)
{
    return (slot->address_high & 0xffff) << 32 | slot->size_low;
}

static size_t home(const struct pyr_large *large, uint64_t at)
{
    return pyr_heap_large_home(at) & (large->capacity - 1);
}

/* Where it is, or the empty slot where it would be. */
static struct pyr_heap_large *find(const struct pyr_large *large, uint64_t at)
{
    struct pyr_heap_large *slots = large->slots.at;
    size_t i = home(large, at);
    while (slots[i].address_high && slot_at(&slots[i]) != at)
        i = (i + 1) & (large->capacity - 1);
    return &slots[i];
}

static bool grow(struct pyr_large *large)
{
    struct pyr_large grown = {.capacity = large->capacity ? large->capacity * 2 : FIRST_CAPACITY, .sum = large->sum};
    if (!pyr_vector_reserve(&grown.slots, grown.capacity * sizeof(struct pyr_heap_large)))
        return false;
    const struct pyr_heap_large *slots = large->slots.at;
    for (size_t i = 0; i < large->capacity; i++)
        if (slots[i].address_high)
            *find(&grown, slot_at(&slots[i])) = slots[i];
    pyr_vector_release(&large->slots);
    *large = grown;
    return true;
}

bool pyr_large_add(struct pyr_large *large, const void *at, struct pyr_large_block block)
{
    if (large->sum.blocks * 2 >= large->capacity && !grow(large))
        return false;
    struct pyr_heap_large *slot = find(large, (uintptr_t)at);
    if (slot->address_high)
        large->sum.bytes -= slot_size(slot);
    else
        large->sum.blocks++;
    large->sum.bytes += block.size;
    *slot = (struct pyr_heap_large){(uint64_t)(uintptr_t)at << 16 | block.size >> 32, (uint32_t)block.size, block.tag};
    return true;
}

static void close_gap(struct pyr_large *large, size_t gap)
{
    struct pyr_heap_large *slots = large->slots.at;
    size_t mask = large->capacity - 1;
    for (size_t i = (gap + 1) & mask; slots[i].address_high; i = (i + 1) & mask) {
        size_t wanted = home(large, slot_at(&slots[i]));
        if (((i - wanted) & mask) >= ((i - gap) & mask)) {
            slots[gap] = slots[i];
            gap = i;
        }
    }
    slots[gap].address_high = 0;
}

bool pyr_large_remove(struct pyr_large *large, const void *at, struct pyr_large_block *block)
{
    if (!large->sum.blocks)
        return false;
    struct pyr_heap_large *slot = find(large, (uintptr_t)at);
    if (!slot->address_high)
        return false;
    *block = (struct pyr_large_block){slot_size(slot), slot->tag};
    large->sum.blocks--;
    large->sum.bytes -= block->size;
    close_gap(large, (size_t)(slot - (struct pyr_heap_large *)large->slots.at));
    return true;
}

bool pyr_large_mark(struct pyr_large *large, const void *at, uint32_t bits)
{
    struct pyr_heap_large *slot = large->sum.blocks ? find(large, (uintptr_t)at) : NULL;
    if (!slot || !slot->address_high)
        return false;
    slot->tag |= bits;
    return true;
}

void pyr_large_forget(struct pyr_large *large)
{
    pyr_vector_release(&large->slots);
    large->capacity = 0;
    large->sum = (struct pyr_large_sum){0};
}
