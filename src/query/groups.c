#include "query/private.h"

#include <string.h>
#include <xxhash.h>

/* A key's value as bytes of one size: texts by a hash of 128 bits. */
struct key_bytes {
    uint64_t kind;
    uint64_t words[2];
};

static struct key_bytes bytes_of(struct pyr_query_value value)
{
    struct key_bytes key = {.kind = value.kind};
    if (value.kind == PYR_QUERY_TEXT) {
        XXH128_hash_t hash = XXH3_128bits(value.text, value.size);
        key.words[0] = hash.low64;
        key.words[1] = hash.high64;
    } else if (value.kind == PYR_QUERY_OBJECT) {
        key.words[0] = value.object;
    } else if (value.kind != PYR_QUERY_NONE) {
        memcpy(key.words, &value.integer, sizeof value.integer);
    }
    return key;
}

static int64_t number_of(struct pyr_query_groups *groups, struct pyr_query_run *run, const struct pyr_query_value *keys,
                         int *is_new)
{
    struct key_bytes bytes[PYR_QUERY_KEYS_MAX];
    uint32_t count = run->query->key_count;
    for (uint32_t i = 0; i < count; i++)
        bytes[i] = bytes_of(keys[i]);
    int64_t number = pyr_intern_put(&groups->numbers, bytes, count * sizeof *bytes, is_new);
    if (number < 0)
        return pyr_err_set(run->err, PYR_E_NOMEM, "not enough memory for %u groups", groups->count);
    if (number >= PYR_QUERY_GROUPS_MAX)
        return pyr_err_set(run->err, PYR_E_LIMIT,
                           "there are more than %d groups; group by less, or leave objects out with where",
                           PYR_QUERY_GROUPS_MAX);
    return number;
}

static int new_group(struct pyr_query_groups *groups, const struct pyr_query_run *run,
                     const struct pyr_query_value *keys)
{
    groups->keys.item_size = sizeof(struct pyr_query_value);
    groups->aggregates.item_size = sizeof(struct pyr_query_aggregate);
    for (uint32_t i = 0; i < run->query->key_count; i++)
        if (!pyr_vec_push(&groups->keys, &keys[i]))
            return PYR_E_NOMEM;
    for (uint32_t i = 0; i < run->query->aggregate_count; i++)
        if (!pyr_vec_push(&groups->aggregates, NULL))
            return PYR_E_NOMEM;
    groups->count++;
    return 0;
}

static void count_object(struct pyr_query_groups *groups, const struct pyr_query_scope *scope, int64_t number)
{
    const struct pyr_query *query = scope->run->query;
    size_t first = (size_t)number * query->aggregate_count;
    for (uint32_t i = 0; i < query->aggregate_count; i++) {
        const struct pyr_query_node *node = &query->nodes[query->aggregates[i]];
        struct pyr_query_value value =
            node->left == PYR_QUERY_NO_NODE ? pyr_query_bool(true) : pyr_query_evaluate(scope, node->left);
        pyr_query_add(PYR_VEC_AT(&groups->aggregates, struct pyr_query_aggregate, first + i), node->which, value);
    }
}

int pyr_query_groups_add(struct pyr_query_groups *groups, struct pyr_query_run *run, uint32_t object)
{
    const struct pyr_query_scope scope = {.run = run, .object = object};
    struct pyr_query_value keys[PYR_QUERY_KEYS_MAX];
    int is_new;
    for (uint32_t i = 0; i < run->query->key_count; i++)
        keys[i] = pyr_query_evaluate(&scope, run->query->keys[i].node);
    int64_t number = number_of(groups, run, keys, &is_new);
    if (number < 0)
        return (int)number;
    if (is_new && new_group(groups, run, keys) < 0)
        return pyr_err_set(run->err, PYR_E_NOMEM, "not enough memory for %u groups", groups->count);
    count_object(groups, &scope, number);
    return 0;
}

int pyr_query_groups_at_least_one(struct pyr_query_groups *groups, struct pyr_query_run *run)
{
    return groups->count || run->query->key_count ? 0 : new_group(groups, run, NULL);
}

struct pyr_query_scope pyr_query_group(const struct pyr_query_groups *groups, struct pyr_query_run *run, uint32_t i)
{
    struct pyr_query_scope scope = {.run = run, .object = PYR_SNAPSHOT_NONE};
    if (groups->keys.items)
        scope.keys = PYR_VEC_AT(&groups->keys, struct pyr_query_value, (size_t)i * run->query->key_count);
    if (groups->aggregates.items)
        scope.aggregates =
            PYR_VEC_AT(&groups->aggregates, struct pyr_query_aggregate, (size_t)i * run->query->aggregate_count);
    return scope;
}

void pyr_query_groups_release(struct pyr_query_groups *groups)
{
    pyr_intern_release(&groups->numbers);
    pyr_vec_release(&groups->keys);
    pyr_vec_release(&groups->aggregates);
    *groups = (struct pyr_query_groups){0};
}
