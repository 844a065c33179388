#include "query/private.h"

static struct pyr_query_row *row_at(const struct pyr_query_rows *rows, size_t i)
{
    return PYR_VEC_AT(&rows->items, struct pyr_query_row, i);
}

/* None comes last in both directions. */
static int compare_values(struct pyr_query_value a, struct pyr_query_value b, bool descending)
{
    if (a.kind == PYR_QUERY_NONE || b.kind == PYR_QUERY_NONE)
        return pyr_query_compare(b, a);
    return descending ? pyr_query_compare(b, a) : pyr_query_compare(a, b);
}

/* Equal rows: in the order of addresses, or as groups were come to. */
static bool comes_after(const struct pyr_query *query, const struct pyr_query_row *a, const struct pyr_query_row *b)
{
    for (uint32_t i = 0; i < query->order_count; i++) {
        int order = compare_values(a->orders[i], b->orders[i], query->orders[i].descending);
        if (order)
            return order > 0;
    }
    return a->id > b->id;
}

static void swap(struct pyr_query_row *a, struct pyr_query_row *b)
{
    struct pyr_query_row kept = *a;
    *a = *b;
    *b = kept;
}

static void sink(struct pyr_query_rows *rows, const struct pyr_query *query, size_t i, size_t count)
{
    for (size_t child = 2 * i + 1; child < count; child = 2 * i + 1) {
        if (child + 1 < count && comes_after(query, row_at(rows, child + 1), row_at(rows, child)))
            child++;
        if (!comes_after(query, row_at(rows, child), row_at(rows, i)))
            return;
        swap(row_at(rows, child), row_at(rows, i));
        i = child;
    }
}

static void rise(struct pyr_query_rows *rows, const struct pyr_query *query, size_t i)
{
    for (; i && comes_after(query, row_at(rows, i), row_at(rows, (i - 1) / 2)); i = (i - 1) / 2)
        swap(row_at(rows, i), row_at(rows, (i - 1) / 2));
}

int pyr_query_rows_add(struct pyr_query_rows *rows, const struct pyr_query_scope *scope, uint32_t id)
{
    const struct pyr_query *query = scope->run->query;
    bool full = rows->items.count == scope->run->limit;
    struct pyr_query_row row = {.id = id};
    rows->found++;
    rows->items.item_size = sizeof row;
    if (full && !query->order_count)
        return 0;
    for (uint32_t i = 0; i < query->order_count; i++)
        row.orders[i] = pyr_query_evaluate(scope, query->orders[i].node);
    if (!full) {
        if (!pyr_vec_push(&rows->items, &row))
            return pyr_err_set(scope->run->err, PYR_E_NOMEM, "not enough memory for %zu rows", rows->items.count);
        rise(rows, query, rows->items.count - 1);
    } else if (comes_after(query, row_at(rows, 0), &row)) {
        *row_at(rows, 0) = row;
        sink(rows, query, 0, rows->items.count);
    }
    return 0;
}

void pyr_query_rows_sort(struct pyr_query_rows *rows, const struct pyr_query *query)
{
    for (size_t count = rows->items.count; count > 1; count--) {
        swap(row_at(rows, 0), row_at(rows, count - 1));
        sink(rows, query, 0, count - 1);
    }
}

void pyr_query_rows_release(struct pyr_query_rows *rows)
{
    pyr_vec_release(&rows->items);
    *rows = (struct pyr_query_rows){0};
}
