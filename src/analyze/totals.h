/* Seconds by function, by line or by any other key of the tree's nodes. */
#ifndef PYR_ANALYZE_TOTALS_H
#define PYR_ANALYZE_TOTALS_H

#include "analyze/view.h"

/* Self: the key was the leaf. Total: the key was anywhere in the stack, counted once per stack however often it is
 * there. Squares are for pyr_standard_error. */
struct pyr_sum {
    double self_s, total_s;
    double self_square, total_square;
    double self_ticks, total_ticks;
};

/* Zeroed it is empty and releasable. */
struct pyr_totals {
    struct pyr_sum *sums; /* by key */
    uint32_t count;
    struct pyr_sum all; /* everything selected; self and total are the same */
};

/* By the place of each node (count: the model's places), by the place that is its whole expression or its whole line
 * (the same count), or by its function. Release with pyr_free. NULL: no memory. */
uint32_t *pyr_keys_places(const struct pyr_shown *view);
uint32_t *pyr_keys_expressions(const struct pyr_shown *view);
uint32_t *pyr_keys_lines(const struct pyr_shown *view);
uint32_t *pyr_keys_functions(const struct pyr_shown *view);

/* keys: one for each node of the tree, each below count; the root's is ignored. */
int pyr_totals_fill(struct pyr_totals *totals, const struct pyr_shown *view, const struct pyr_selection *selection,
                    const uint32_t *keys, uint32_t count);
int pyr_totals_places(struct pyr_totals *totals, const struct pyr_shown *view, const struct pyr_selection *selection);
int pyr_totals_expressions(struct pyr_totals *totals, const struct pyr_shown *view,
                           const struct pyr_selection *selection);
int pyr_totals_lines(struct pyr_totals *totals, const struct pyr_shown *view, const struct pyr_selection *selection);
int pyr_totals_functions(struct pyr_totals *totals, const struct pyr_shown *view,
                         const struct pyr_selection *selection);
void pyr_totals_release(struct pyr_totals *totals);

/* What lies at and below each node of the tree: sums with .self_… of the node's own and .total_… inclusive. Release
 * with pyr_free. NULL: no memory. */
struct pyr_sum *pyr_node_sums(const struct pyr_shown *view, const struct pyr_selection *selection);

/* The keys that have any time, those with the largest self (or total) first, at most limit, appended to order (of
 * uint32_t). */
int pyr_totals_rank(const struct pyr_totals *totals, bool by_total, size_t limit, struct pyr_vec *order);

#endif
