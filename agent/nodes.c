#include "nodes.h"

#include <string.h>

enum { FIRST_BUCKETS = 1024 };

static struct pyr_node *node_at(const struct pyr_nodes *nodes, uint32_t number)
{
    return pyr_nodes_at(nodes, number);
}

static uint32_t *bucket_of(const struct pyr_nodes *nodes, uint32_t hash)
{
    return (uint32_t *)nodes->buckets.at + (hash & (nodes->bucket_count - 1));
}

static void chain(struct pyr_nodes *nodes, uint32_t number)
{
    struct pyr_node *node = node_at(nodes, number);
    uint32_t *bucket = bucket_of(nodes, node->hash);
    node->next = *bucket;
    *bucket = number;
}

/* All records in use are found through the old buckets. */
static bool grow_buckets(struct pyr_nodes *nodes)
{
    uint32_t count = nodes->bucket_count ? nodes->bucket_count * 2 : FIRST_BUCKETS;
    struct pyr_nodes grown = *nodes;
    grown.buckets = (struct pyr_vector){0};
    grown.bucket_count = count;
    if (!pyr_vector_reserve(&grown.buckets, (size_t)count * sizeof(uint32_t)))
        return false;
    for (uint32_t i = 0; i < nodes->bucket_count; i++) {
        for (uint32_t n = ((uint32_t *)nodes->buckets.at)[i]; n;) {
            uint32_t next = node_at(nodes, n)->next;
            chain(&grown, n);
            n = next;
        }
    }
    pyr_vector_release(&nodes->buckets);
    *nodes = grown;
    return true;
}

static uint32_t new_number(struct pyr_nodes *nodes)
{
    uint32_t number = nodes->dropped;
    if (number) {
        nodes->dropped = node_at(nodes, number)->next;
        return number;
    }
    if (nodes->top == PYR_NODES_MAX || !pyr_vector_reserve(&nodes->items, ((size_t)nodes->top + 2) * nodes->stride))
        return 0;
    return ++nodes->top;
}

uint32_t pyr_nodes_add(struct pyr_nodes *nodes, uint64_t hash)
{
    if (nodes->used >= nodes->bucket_count && !grow_buckets(nodes) && !nodes->bucket_count)
        return 0;
    uint32_t number = new_number(nodes);
    if (!number)
        return 0;
    memset(pyr_nodes_at(nodes, number), 0, nodes->stride);
    node_at(nodes, number)->hash = (uint32_t)hash;
    chain(nodes, number);
    nodes->used++;
    return number;
}

void pyr_nodes_drop(struct pyr_nodes *nodes, uint32_t number)
{
    struct pyr_node *node = node_at(nodes, number);
    uint32_t *link = bucket_of(nodes, node->hash);
    while (*link != number)
        link = &node_at(nodes, *link)->next;
    *link = node->next;
    node->next = nodes->dropped;
    nodes->dropped = number;
    nodes->used--;
}

void pyr_nodes_release(struct pyr_nodes *nodes)
{
    pyr_vector_release(&nodes->items);
    pyr_vector_release(&nodes->buckets);
    *nodes = (struct pyr_nodes){.stride = nodes->stride};
}

static uint32_t with_hash(const struct pyr_nodes *nodes, uint32_t number, uint32_t hash)
{
    while (number && node_at(nodes, number)->hash != hash)
        number = node_at(nodes, number)->next;
    return number;
}

uint32_t pyr_nodes_first(const struct pyr_nodes *nodes, uint64_t hash)
{
    uint32_t low = (uint32_t)hash;
    return nodes->bucket_count ? with_hash(nodes, *bucket_of(nodes, low), low) : 0;
}

uint32_t pyr_nodes_next(const struct pyr_nodes *nodes, uint32_t number)
{
    const struct pyr_node *node = node_at(nodes, number);
    return with_hash(nodes, node->next, node->hash);
}

uint64_t pyr_hash_bytes(const void *bytes, size_t size, uint64_t seed)
{
    const char *at = bytes;
    uint64_t hash = pyr_mix(seed, size), word;
    for (; size >= sizeof word; at += sizeof word, size -= sizeof word) {
        memcpy(&word, at, sizeof word);
        hash = pyr_mix(hash, word);
    }
    word = 0;
    memcpy(&word, at, size);
    return pyr_mix(hash, word);
}
