#include "analyze/totals.h"

#include "base/alloc.h"

#include <stdlib.h>

uint32_t *pyr_keys_places(const struct pyr_shown *view)
{
    uint32_t *keys = pyr_alloc(view->tree.nodes.count * sizeof *keys);
    for (uint32_t i = 1; keys && i < view->tree.nodes.count; i++)
        keys[i] = pyr_tree_at(&view->tree, i)->place;
    return keys;
}

uint32_t *pyr_keys_expressions(const struct pyr_shown *view)
{
    uint32_t *keys = pyr_alloc(view->tree.nodes.count * sizeof *keys);
    for (uint32_t i = 1; keys && i < view->tree.nodes.count; i++)
        keys[i] = pyr_model_place(&view->model, pyr_tree_at(&view->tree, i)->place)->expression;
    return keys;
}

uint32_t *pyr_keys_lines(const struct pyr_shown *view)
{
    uint32_t *keys = pyr_alloc(view->tree.nodes.count * sizeof *keys);
    for (uint32_t i = 1; keys && i < view->tree.nodes.count; i++)
        keys[i] = pyr_model_place(&view->model, pyr_tree_at(&view->tree, i)->place)->whole;
    return keys;
}

uint32_t *pyr_keys_functions(const struct pyr_shown *view)
{
    uint32_t *keys = pyr_alloc(view->tree.nodes.count * sizeof *keys);
    for (uint32_t i = 1; keys && i < view->tree.nodes.count; i++)
        keys[i] = pyr_model_place(&view->model, pyr_tree_at(&view->tree, i)->place)->function;
    return keys;
}

static void add_self(struct pyr_sum *sum, const struct pyr_entry *entry)
{
    sum->self_s += entry->seconds;
    sum->self_square += entry->square;
    sum->self_ticks += entry->ticks;
}

static void add_total(struct pyr_sum *sum, const struct pyr_sum *part)
{
    sum->total_s += part->total_s;
    sum->total_square += part->total_square;
    sum->total_ticks += part->total_ticks;
}

struct pyr_sum *pyr_node_sums(const struct pyr_shown *view, const struct pyr_selection *selection)
{
    uint32_t nodes = (uint32_t)view->tree.nodes.count;
    struct pyr_sum *sums = pyr_alloc(nodes * sizeof *sums);
    if (!sums)
        return NULL;
    for (size_t i = 0; i < view->entries.count; i++) {
        const struct pyr_entry *entry = pyr_shown_entry(view, i);
        if (pyr_selects(selection, entry->flags))
            add_self(&sums[entry->leaf], entry);
    }
    for (uint32_t i = nodes; i-- > 0;) {
        sums[i].total_s += sums[i].self_s;
        sums[i].total_square += sums[i].self_square;
        sums[i].total_ticks += sums[i].self_ticks;
        if (i)
            add_total(&sums[pyr_tree_at(&view->tree, i)->parent], &sums[i]);
    }
    return sums;
}

/* Walks the tree without a stack of its own, as deep as it may be. open[key] says how often the key is among the
 * ancestors: only its outermost occurrence adds to its total. */
static void add_totals(struct pyr_totals *totals, const struct pyr_shown *view, const struct pyr_tree_links *links,
                       const uint32_t *keys, const struct pyr_sum *nodes, uint32_t *open)
{
    uint32_t node = links->child[0];
    while (node) {
        uint32_t key = keys[node];
        struct pyr_sum *sum = &totals->sums[key];
        sum->self_s += nodes[node].self_s;
        sum->self_square += nodes[node].self_square;
        sum->self_ticks += nodes[node].self_ticks;
        if (open[key]++ == 0)
            add_total(sum, &nodes[node]);
        uint32_t next = links->child[node];
        while (!next && node) {
            open[keys[node]]--;
            next = links->sibling[node];
            node = pyr_tree_at(&view->tree, node)->parent;
        }
        node = next;
    }
}

static void add_all(struct pyr_sum *all, const struct pyr_sum *root)
{
    *all = *root;
    all->self_s = all->total_s;
    all->self_square = all->total_square;
    all->self_ticks = all->total_ticks;
}

int pyr_totals_fill(struct pyr_totals *totals, const struct pyr_shown *view, const struct pyr_selection *selection,
                    const uint32_t *keys, uint32_t count)
{
    struct pyr_totals filled = {.count = count, .sums = pyr_alloc(count * sizeof *filled.sums)};
    struct pyr_sum *nodes = pyr_node_sums(view, selection);
    uint32_t *open = pyr_alloc(count * sizeof *open);
    struct pyr_tree_links links = {0};
    int rc = PYR_E_NOMEM;
    if (keys && filled.sums && nodes && open)
        rc = pyr_tree_links_build(&links, &view->tree);
    if (rc == 0) {
        add_totals(&filled, view, &links, keys, nodes, open);
        add_all(&filled.all, &nodes[0]);
        *totals = filled;
    } else {
        pyr_totals_release(&filled);
    }
    pyr_tree_links_release(&links);
    pyr_free(open);
    pyr_free(nodes);
    return rc;
}

int pyr_totals_places(struct pyr_totals *totals, const struct pyr_shown *view, const struct pyr_selection *selection)
{
    uint32_t *keys = pyr_keys_places(view);
    int rc = pyr_totals_fill(totals, view, selection, keys, (uint32_t)view->model.places.count);
    pyr_free(keys);
    return rc;
}

int pyr_totals_expressions(struct pyr_totals *totals, const struct pyr_shown *view,
                           const struct pyr_selection *selection)
{
    uint32_t *keys = pyr_keys_expressions(view);
    int rc = pyr_totals_fill(totals, view, selection, keys, (uint32_t)view->model.places.count);
    pyr_free(keys);
    return rc;
}

int pyr_totals_lines(struct pyr_totals *totals, const struct pyr_shown *view, const struct pyr_selection *selection)
{
    uint32_t *keys = pyr_keys_lines(view);
    int rc = pyr_totals_fill(totals, view, selection, keys, (uint32_t)view->model.places.count);
    pyr_free(keys);
    return rc;
}

int pyr_totals_functions(struct pyr_totals *totals, const struct pyr_shown *view, const struct pyr_selection *selection)
{
    uint32_t *keys = pyr_keys_functions(view);
    int rc = pyr_totals_fill(totals, view, selection, keys, (uint32_t)view->model.functions.count);
    pyr_free(keys);
    return rc;
}

void pyr_totals_release(struct pyr_totals *totals)
{
    pyr_free(totals->sums);
    *totals = (struct pyr_totals){0};
}

struct ranked {
    uint32_t key;
    double first, second; /* seconds */
};

static int compare_ranked(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    if (a->first != b->first)
        return a->first > b->first ? -1 : 1;
    if (a->second != b->second)
        return a->second > b->second ? -1 : 1;
    return a->key < b->key ? -1 : a->key > b->key;
}

int pyr_totals_rank(const struct pyr_totals *totals, bool by_total, size_t limit, struct pyr_vec *order)
{
    struct pyr_vec ranked = PYR_VEC(struct ranked);
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < totals->count; i++) {
        double self = totals->sums[i].self_s, total = totals->sums[i].total_s;
        struct ranked row = {i, by_total ? total : self, by_total ? self : total};
        if (total > 0 && !pyr_vec_push(&ranked, &row))
            rc = PYR_E_NOMEM;
    }
    if (rc == 0 && ranked.count)
        qsort(ranked.items, ranked.count, sizeof(struct ranked), compare_ranked);
    for (size_t i = 0; rc == 0 && i < ranked.count && i < limit; i++)
        if (!pyr_vec_push(order, &PYR_VEC_AT(&ranked, struct ranked, i)->key))
            rc = PYR_E_NOMEM;
    pyr_vec_release(&ranked);
    return rc;
}
