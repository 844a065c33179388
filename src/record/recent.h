/* Names a thread's recent nodes by one byte. Writer and reader keep the same tables, so that a number is enough. A node
 * keeps its number while it stays, which lets the entropy coder behind it see how frequent each one is. */
#ifndef PYR_RECORD_RECENT_H
#define PYR_RECORD_RECENT_H

#include <stdint.h>

#define PYR_RECENT_SETS 63u
#define PYR_RECENT_WAYS 4u
#define PYR_RECENT_SLOTS (PYR_RECENT_SETS * PYR_RECENT_WAYS)
#define PYR_RECENT_HITS_MAX 63u
#define PYR_RECENT_POOL 4096u

enum pyr_node_symbol {
    PYR_SYMBOL_SAME = 0,  /* the thread's last node again */
    PYR_SYMBOL_FAR = 1,   /* in the FAR column; takes a slot */
    PYR_SYMBOL_EMPTY = 2, /* PYR_NODE_EMPTY */
    PYR_SYMBOL_RECENT = 4 /* this and above: a slot */
};

struct pyr_recent {
    uint32_t nodes[PYR_RECENT_SLOTS]; /* 0: free */
    uint8_t hits[PYR_RECENT_SLOTS];   /* which to give up: the least used of a set */
};

/* Tables go round among the threads that are sampled: an old one is taken from its thread when there are too many. */
struct pyr_recent_pool {
    struct pyr_recent *tables[PYR_RECENT_POOL];
    uint32_t owners[PYR_RECENT_POOL]; /* thread + 1; 0: none */
    uint32_t next;
};

/* The table of this thread; *place remembers where it is (any value at first). NULL when out of memory. */
struct pyr_recent *pyr_recent_of(struct pyr_recent_pool *pool, uint32_t thread, uint32_t *place);
void pyr_recent_release(struct pyr_recent_pool *pool);

/* The slot of this node, or −1, in which case it has one from now on. node is not PYR_NODE_EMPTY. */
int pyr_recent_put(struct pyr_recent *recent, uint32_t node);

/* The node in a slot, or PYR_NODE_EMPTY if there is none. Counts as a use. */
uint32_t pyr_recent_get(struct pyr_recent *recent, unsigned slot);

#endif
