/* HOT: one look-up per frame of every new stack. No allocation but when the table doubles. */
#include "record/node_table.h"

#include "base/alloc.h"

#define FIRST_SLOTS 1024u

static size_t hash_of(uint32_t parent, uint32_t code, int32_t instruction)
{
    uint64_t hash = (((uint64_t)parent << 32) | code) * UINT64_C(0x9e3779b97f4a7c15);
    hash = (hash ^ (hash >> 29) ^ (uint32_t)instruction) * UINT64_C(0xbf58476d1ce4e5b9);
    return (size_t)(hash ^ (hash >> 32));
}

static struct pyr_node_slot *probe(struct pyr_node_slot *slots, size_t mask, uint32_t parent, uint32_t code,
                                   int32_t instruction)
{
    size_t i = hash_of(parent, code, instruction) & mask;
    while (slots[i].number &&
           (slots[i].parent != parent || slots[i].code != code || slots[i].instruction != instruction))
        i = (i + 1) & mask;
    return &slots[i];
}

static bool grow(struct pyr_node_table *table)
{
    size_t wanted = table->slots ? (table->mask + 1) * 2 : FIRST_SLOTS;
    struct pyr_node_slot *slots = pyr_alloc(wanted * sizeof *slots);
    if (!slots)
        return false;
    for (size_t i = 0; table->slots && i <= table->mask; i++) {
        const struct pyr_node_slot *old = &table->slots[i];
        if (old->number)
            *probe(slots, wanted - 1, old->parent, old->code, old->instruction) = *old;
    }
    pyr_free(table->slots);
    table->slots = slots;
    table->mask = wanted - 1;
    return true;
}

struct pyr_node_slot *pyr_node_find(struct pyr_node_table *table, uint32_t parent, uint32_t code, int32_t instruction)
{
    if ((!table->slots || table->count > table->mask / 2) && !grow(table))
        return NULL;
    return probe(table->slots, table->mask, parent, code, instruction);
}

uint32_t pyr_node_take(struct pyr_node_table *table, struct pyr_node_slot *slot, uint32_t parent, uint32_t code,
                       int32_t instruction)
{
    *slot = (struct pyr_node_slot){parent, code, instruction, ++table->count};
    return table->count;
}

void pyr_node_table_release(struct pyr_node_table *table)
{
    pyr_free(table->slots);
    *table = (struct pyr_node_table){0};
}
