/* HOT: pyr_recent_put and pyr_recent_of run once per sample; memory is touched in two places, nothing is allocated but
 * a thread's table, once. */
#include "record/recent.h"

#include "base/alloc.h"

#include <string.h>

struct pyr_recent *pyr_recent_of(struct pyr_recent_pool *pool, uint32_t thread, uint32_t *place)
{
    if (*place < PYR_RECENT_POOL && pool->owners[*place] == thread + 1)
        return pool->tables[*place];
    uint32_t taken = pool->next;
    struct pyr_recent *table = pool->tables[taken];
    if (table)
        memset(table, 0, sizeof *table);
    else
        table = pyr_alloc(sizeof *table);
    if (!table)
        return NULL;
    pool->tables[taken] = table;
    pool->owners[taken] = thread + 1;
    pool->next = (taken + 1) % PYR_RECENT_POOL;
    *place = taken;
    return table;
}

void pyr_recent_release(struct pyr_recent_pool *pool)
{
    for (unsigned i = 0; i < PYR_RECENT_POOL; i++)
        pyr_free(pool->tables[i]);
    memset(pool, 0, sizeof *pool);
}

/* Fibonacci hashing: neighbouring numbers, which are common, go to different sets. */
static unsigned first_slot(uint32_t node)
{
    uint32_t hash = node * UINT32_C(0x9e3779b1);
    return (unsigned)(((uint64_t)hash * PYR_RECENT_SETS) >> 32) * PYR_RECENT_WAYS;
}

static void use(struct pyr_recent *recent, unsigned slot)
{
    if (recent->hits[slot] < PYR_RECENT_HITS_MAX)
        recent->hits[slot]++;
}

/* The least used makes room, and the others age, so that what was frequent long ago goes in the end. */
static void insert(struct pyr_recent *recent, unsigned first, uint32_t node)
{
    unsigned victim = first;
    for (unsigned slot = first + 1; slot < first + PYR_RECENT_WAYS; slot++)
        if (recent->hits[slot] < recent->hits[victim])
            victim = slot;
    for (unsigned slot = first; slot < first + PYR_RECENT_WAYS; slot++)
        recent->hits[slot] = (uint8_t)(recent->hits[slot] - (recent->hits[slot] > 0));
    recent->nodes[victim] = node;
    recent->hits[victim] = 1;
}

int pyr_recent_put(struct pyr_recent *recent, uint32_t node)
{
    unsigned first = first_slot(node);
    for (unsigned slot = first; slot < first + PYR_RECENT_WAYS; slot++) {
        if (recent->nodes[slot] == node) {
            use(recent, slot);
            return (int)slot;
        }
    }
    insert(recent, first, node);
    return -1;
}

uint32_t pyr_recent_get(struct pyr_recent *recent, unsigned slot)
{
    if (slot >= PYR_RECENT_SLOTS || !recent->nodes[slot])
        return 0;
    use(recent, slot);
    return recent->nodes[slot];
}
