#include "traced.h"

#include "nodes.h"

#include <stdbool.h>

enum {
    FIRST_SLOTS = 1 << 12,
    UNIT_SHIFT = 4,   /* blocks are at multiples of 16 bytes */
    GROUP_SHIFT = 10, /* those of 1 KiB lie side by side */
    GROUP_UNITS = 1 << (GROUP_SHIFT - UNIT_SHIFT),
};

static struct pyr_traced *slot_at(const struct pyr_traced_table *table, size_t n)
{
    return (struct pyr_traced *)table->slots.at + n;
}

static size_t home_of(const struct pyr_traced_table *table, uintptr_t address, uint32_t domain)
{
    return (pyr_mix(address >> GROUP_SHIFT, domain) + (address >> UNIT_SHIFT) % GROUP_UNITS) & table->mask;
}

/* The slot of that block, or the free one where it would be. */
static struct pyr_traced *seek(const struct pyr_traced_table *table, uintptr_t address, uint32_t domain)
{
    for (size_t n = home_of(table, address, domain);; n = (n + 1) & table->mask) {
        struct pyr_traced *slot = slot_at(table, n);
        if (!slot->traceback || (slot->address == address && slot->domain == domain))
            return slot;
    }
}

static bool grow(struct pyr_traced_table *table)
{
    size_t count = table->mask ? (table->mask + 1) * 2 : FIRST_SLOTS;
    struct pyr_traced_table grown = {.mask = count - 1, .used = table->used};
    if (!pyr_vector_reserve(&grown.slots, count * sizeof(struct pyr_traced)))
        return false;
    for (size_t n = 0; table->mask && n <= table->mask; n++) {
        const struct pyr_traced *old = slot_at(table, n);
        if (old->traceback)
            *seek(&grown, old->address, old->domain) = *old;
    }
    pyr_vector_release(&table->slots);
    *table = grown;
    return true;
}

struct pyr_traced *pyr_traced_find(const struct pyr_traced_table *table, uintptr_t address, uint32_t domain)
{
    if (!table->mask)
        return NULL;
    struct pyr_traced *slot = seek(table, address, domain);
    return slot->traceback ? slot : NULL;
}

/* A free slot stays free always: searches end at one. */
struct pyr_traced *pyr_traced_add(struct pyr_traced_table *table, uintptr_t address, uint32_t domain)
{
    if (table->used * 2 >= table->mask && !grow(table) && table->used + 1 >= table->mask)
        return NULL;
    struct pyr_traced *slot = seek(table, address, domain);
    if (!slot->traceback) {
        table->used++;
        *slot = (struct pyr_traced){.address = address, .domain = domain};
    }
    return slot;
}

/* What was put behind it because it was in the way moves up. */
void pyr_traced_remove(struct pyr_traced_table *table, struct pyr_traced *traced)
{
    size_t hole = (size_t)(traced - slot_at(table, 0));
    for (size_t n = (hole + 1) & table->mask; slot_at(table, n)->traceback; n = (n + 1) & table->mask) {
        const struct pyr_traced *next = slot_at(table, n);
        size_t home = home_of(table, next->address, next->domain);
        if (((n - home) & table->mask) >= ((n - hole) & table->mask)) {
            *slot_at(table, hole) = *next;
            hole = n;
        }
    }
    slot_at(table, hole)->traceback = 0;
    table->used--;
}

void pyr_traced_release(struct pyr_traced_table *table)
{
    pyr_vector_release(&table->slots);
    *table = (struct pyr_traced_table){0};
}
