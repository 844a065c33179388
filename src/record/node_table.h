/* Numbers for the nodes of the stack tree: (parent, code, instruction) → 1, 2, 3 … */
#ifndef PYR_RECORD_NODE_TABLE_H
#define PYR_RECORD_NODE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 16 bytes, so that a look-up touches one cache line. */
struct pyr_node_slot {
    uint32_t parent, code;
    int32_t instruction;
    uint32_t number; /* 0: free */
};

/* Zeroed it is empty and releasable. */
struct pyr_node_table {
    struct pyr_node_slot *slots;
    size_t mask;
    uint32_t count;
};

/* The slot of this key: if its number is 0 it is new, and free to take by pyr_node_take. NULL when out of memory. */
struct pyr_node_slot *pyr_node_find(struct pyr_node_table *table, uint32_t parent, uint32_t code, int32_t instruction);

/* Gives a slot just found free the next number. */
uint32_t pyr_node_take(struct pyr_node_table *table, struct pyr_node_slot *slot, uint32_t parent, uint32_t code,
                       int32_t instruction);

void pyr_node_table_release(struct pyr_node_table *table);

#endif
