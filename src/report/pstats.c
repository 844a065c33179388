/* What cProfile saves: a marshalled dict {(file, line, name): (primitive calls, calls, self, total, callers)}, callers
 * being {(file, line, name): (calls, primitive calls, self, total)}. A sampler does not see calls, so samples stand for
 * them: the number of samples that have the function on their stack. */
#include "analyze/totals.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "report/report.h"

#include <string.h>

/* One function called by another, as a key of the tree's nodes. */
struct edge {
    uint32_t caller, callee;
};

struct edges {
    struct pyr_vec list; /* of struct edge; number 0 stands for "called by nobody" */
    struct pyr_map index;
    uint32_t *keys; /* by node */
};

/* Marshal's types; their encoding has been the same since Python 3.4 and is little-endian everywhere. */

static void put_int(struct pyr_buf *buf, double value)
{
    pyr_buf_u8(buf, 'i');
    pyr_buf_u32(buf, value < INT32_MAX ? (uint32_t)(value + 0.5) : INT32_MAX);
}

static void put_float(struct pyr_buf *buf, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    pyr_buf_u8(buf, 'g');
    pyr_buf_u64(buf, bits);
}

static void put_text(struct pyr_buf *buf, const char *text)
{
    char clean[4096];
    pyr_clean(clean, sizeof clean, text);
    pyr_buf_u8(buf, 'u');
    pyr_buf_u32(buf, (uint32_t)strlen(clean));
    pyr_buf_append(buf, clean, strlen(clean));
}

static void put_tuple(struct pyr_buf *buf, uint8_t size)
{
    pyr_buf_u8(buf, ')');
    pyr_buf_u8(buf, size);
}

static void put_function(struct pyr_buf *buf, const struct pyr_function *function)
{
    put_tuple(buf, 3);
    put_text(buf, *function->file ? function->file : "~"); /* pstats shows "~" as a built-in */
    put_int(buf, function->line);
    put_text(buf, function->name);
}

static int64_t edge_number(struct edges *edges, uint32_t caller, uint32_t callee)
{
    uint64_t key = (uint64_t)caller << 32 | callee;
    uint64_t *known = pyr_map_find(&edges->index, key);
    if (known)
        return (int64_t)*known;
    struct edge edge = {caller, callee};
    if (!pyr_vec_push(&edges->list, &edge) || pyr_map_put(&edges->index, key, edges->list.count - 1) < 0)
        return PYR_E_NOMEM;
    return (int64_t)edges->list.count - 1;
}

static int edges_build(struct edges *edges, const struct pyr_shown *view, const uint32_t *functions)
{
    uint32_t nodes = (uint32_t)view->tree.nodes.count;
    edges->list = PYR_VEC(struct edge);
    edges->keys = pyr_alloc(nodes * sizeof *edges->keys);
    if (!edges->keys || !pyr_vec_push(&edges->list, NULL))
        return PYR_E_NOMEM;
    for (uint32_t i = 1; i < nodes; i++) {
        uint32_t parent = pyr_tree_at(&view->tree, i)->parent;
        int64_t number = parent ? edge_number(edges, functions[parent], functions[i]) : 0;
        if (number < 0)
            return (int)number;
        edges->keys[i] = (uint32_t)number;
    }
    return 0;
}

static void edges_release(struct edges *edges)
{
    if (edges->list.item_size)
        pyr_vec_release(&edges->list);
    pyr_map_release(&edges->index);
    pyr_free(edges->keys);
}

static void put_caller(struct pyr_buf *buf, const struct pyr_function *caller, const struct pyr_sum *sum)
{
    put_function(buf, caller);
    put_tuple(buf, 4);
    put_int(buf, sum->total_ticks);
    put_int(buf, sum->total_ticks);
    put_float(buf, sum->self_s);
    put_float(buf, sum->total_s);
}

static void put_row(struct pyr_buf *buf, const struct pyr_function *function, const struct pyr_sum *sum)
{
    put_function(buf, function);
    put_tuple(buf, 5);
    put_int(buf, sum->total_ticks);
    put_int(buf, sum->total_ticks);
    put_float(buf, sum->self_s);
    put_float(buf, sum->total_s);
    pyr_buf_u8(buf, '{');
}

/* Edges in lists by callee: heads[function] and next[edge] are edge numbers, 0 ends. */
static uint32_t *chain_edges(const struct edges *edges, uint32_t *heads)
{
    uint32_t *next = pyr_alloc(edges->list.count * sizeof *next);
    for (uint32_t i = 1; next && i < edges->list.count; i++) {
        uint32_t callee = PYR_VEC_AT(&edges->list, struct edge, i)->callee;
        next[i] = heads[callee];
        heads[callee] = i;
    }
    return next;
}

static int write_rows(struct pyr_report *report, const struct edges *edges, const struct pyr_totals *functions,
                      const struct pyr_totals *calls)
{
    const struct pyr_model *model = &report->view->model;
    uint32_t *heads = pyr_alloc(functions->count * sizeof *heads);
    uint32_t *next = heads ? chain_edges(edges, heads) : NULL;
    struct pyr_buf buf = {0};
    for (uint32_t i = 0; next && i < functions->count; i++) {
        if (functions->sums[i].total_s <= 0)
            continue;
        pyr_buf_clear(&buf);
        put_row(&buf, pyr_model_function(model, i), &functions->sums[i]);
        for (uint32_t edge = heads[i]; edge; edge = next[edge])
            if (calls->sums[edge].total_s > 0)
                put_caller(&buf, pyr_model_function(model, PYR_VEC_AT(&edges->list, struct edge, edge)->caller),
                           &calls->sums[edge]);
        pyr_buf_u8(&buf, '0'); /* ends the dict */
        if (buf.failed)
            break;
        fwrite(buf.bytes, 1, buf.size, report->out);
    }
    int rc = next && !buf.failed ? 0 : PYR_E_NOMEM;
    pyr_buf_release(&buf);
    pyr_free(next);
    pyr_free(heads);
    return rc;
}

int pyr_write_pstats(struct pyr_report *report)
{
    const struct pyr_shown *view = report->view;
    struct edges edges = {0};
    struct pyr_totals functions = {0}, calls = {0};
    uint32_t *keys = pyr_keys_functions(view);
    int rc = keys ? edges_build(&edges, view, keys) : PYR_E_NOMEM;
    if (rc == 0)
        rc = pyr_totals_fill(&functions, view, &report->selection, keys, (uint32_t)view->model.functions.count);
    if (rc == 0)
        rc = pyr_totals_fill(&calls, view, &report->selection, edges.keys, (uint32_t)edges.list.count);
    if (rc == 0) {
        fputc('{', report->out);
        rc = write_rows(report, &edges, &functions, &calls);
        fputc('0', report->out);
    }
    pyr_totals_release(&functions);
    pyr_totals_release(&calls);
    edges_release(&edges);
    pyr_free(keys);
    return rc;
}
