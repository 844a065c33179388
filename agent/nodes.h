/* Numbered records that are found by a hash and can be dropped: a chained hash table on vectors. Each kind of record
 * begins with a struct pyr_node. Numbers begin at 1; 0 is none. Records move when others are added. */
#ifndef PYR_AGENT_NODES_H
#define PYR_AGENT_NODES_H

#include "vector.h"

#include <stdint.h>

struct pyr_node {
    uint32_t hash; /* its low bits */
    uint32_t next; /* in the bucket, or in the list of dropped ones */
};

#define PYR_NODES_MAX (UINT32_MAX >> 1) /* numbers have 31 bits */

struct pyr_nodes {
    struct pyr_vector items, buckets;
    uint32_t stride; /* bytes of one record; set before use */
    uint32_t bucket_count, top, used, dropped;
};

static inline void *pyr_nodes_at(const struct pyr_nodes *nodes, uint32_t number)
{
    return (char *)nodes->items.at + (size_t)number * nodes->stride;
}

/* A new one, zeroed but for its node; 0 when out of memory. */
uint32_t pyr_nodes_add(struct pyr_nodes *nodes, uint64_t hash);
void pyr_nodes_drop(struct pyr_nodes *nodes, uint32_t number);

/* All of them: then there are none, of the same stride. */
void pyr_nodes_release(struct pyr_nodes *nodes);

/* All with that hash, and maybe others: for (n = first(…); n; n = next(…)). */
uint32_t pyr_nodes_first(const struct pyr_nodes *nodes, uint64_t hash);
uint32_t pyr_nodes_next(const struct pyr_nodes *nodes, uint32_t number);

static inline uint64_t pyr_mix(uint64_t a, uint64_t b)
{
    __uint128_t product = (__uint128_t)(a ^ 0x9e3779b97f4a7c15u) * (b ^ 0xd6e8feb86659fd93u);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t pyr_hash_bytes(const void *bytes, size_t size, uint64_t seed);

#endif
