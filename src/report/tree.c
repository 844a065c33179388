/* The call tree, outermost frame first, without the branches that do not matter. */
#include "analyze/allocations.h"
#include "analyze/totals.h"
#include "base/alloc.h"
#include "report/text.h"

#include <stdlib.h>

#define ROWS 400
#define INDENT_MAX 40
#define NAME_WIDTH 80
#define SHARE_MIN 0.005 /* of the whole; less is not shown */

struct shown {
    uint32_t node;
    double seconds;
};

static int compare_shown(const void *left, const void *right)
{
    const struct shown *a = left, *b = right;
    if (a->seconds != b->seconds)
        return a->seconds < b->seconds ? -1 : 1;
    return a->node > b->node ? -1 : a->node < b->node;
}

static void write_figure(struct pyr_report *report, double value, double all)
{
    char bytes[40];
    pyr_text_bytes(bytes, sizeof bytes, value > 0 ? (uint64_t)value : 0);
    if (report->options->weight == PYR_WEIGH_TIME)
        fprintf(report->out, "%10.3f %6.1f ", value, 100 * value / all);
    else
        fprintf(report->out, "%10s %6.1f ", bytes, 100 * value / all);
}

static void write_node(struct pyr_report *report, uint32_t number, const struct pyr_sum *sums)
{
    const struct pyr_tree_node *node = pyr_tree_at(&report->view->tree, number);
    const struct pyr_place *place = pyr_model_place(&report->view->model, node->place);
    const struct pyr_function *function = pyr_model_function(&report->view->model, place->function);
    double all = sums[0].total_s;
    uint32_t depth = node->depth - 1;
    write_figure(report, sums[number].total_s, all);
    write_figure(report, sums[number].self_s, all);
    fprintf(report->out, " %*s", (int)(depth < INDENT_MAX ? depth * 2 : INDENT_MAX * 2), "");
    if (depth > INDENT_MAX)
        fprintf(report->out, "[%u] ", depth);
    pyr_put_clean(report->out, function->name, NULL, NAME_WIDTH);
    fputs(*function->file ? "  " : "", report->out);
    pyr_text_location(report->out, function->file, place->line);
    fputc('\n', report->out);
}

/* Adds the children that matter to the stack, the heaviest on top. */
static int push_children(struct pyr_vec *stack, const struct pyr_tree_links *links, uint32_t parent,
                         const struct pyr_sum *sums)
{
    size_t first = stack->count;
    for (uint32_t node = links->child[parent]; node; node = links->sibling[node]) {
        struct shown child = {node, sums[node].total_s};
        if (child.seconds >= SHARE_MIN * sums[0].total_s && child.seconds > 0 && !pyr_vec_push(stack, &child))
            return PYR_E_NOMEM;
    }
    if (stack->count > first)
        qsort(PYR_VEC_AT(stack, struct shown, first), stack->count - first, sizeof(struct shown), compare_shown);
    return 0;
}

static int write_nodes(struct pyr_report *report, const struct pyr_tree_links *links, const struct pyr_sum *sums)
{
    struct pyr_vec stack = PYR_VEC(struct shown);
    size_t left = report->options->limit ? report->options->limit : ROWS;
    int rc = push_children(&stack, links, 0, sums);
    while (rc == 0 && stack.count && left) {
        uint32_t node = PYR_VEC_AT(&stack, struct shown, --stack.count)->node;
        write_node(report, node, sums);
        rc = push_children(&stack, links, node, sums);
        left--;
    }
    if (rc == 0 && stack.count)
        fprintf(report->out, "… and more: --limit shows more rows\n");
    pyr_vec_release(&stack);
    return rc;
}

/* Bytes in the place of seconds. Parents have lower numbers than what they called. */
static int sum_bytes(struct pyr_report *report, struct pyr_sum **out)
{
    struct pyr_allocations allocations = {0};
    int rc = pyr_report_allocations(report, &allocations);
    if (rc < 0)
        return rc;
    struct pyr_sum *sums = pyr_alloc(report->view->tree.nodes.count * sizeof *sums);
    for (size_t i = 0; sums && i < allocations.merged.count; i++) {
        const struct pyr_allocation *row = PYR_VEC_AT(&allocations.merged, struct pyr_allocation, i);
        double bytes = (double)pyr_allocation_bytes(&row->figures, report->options->weight);
        sums[row->leaf].self_s += bytes;
        sums[row->leaf].total_s += bytes;
    }
    for (size_t i = sums ? report->view->tree.nodes.count : 0; i-- > 1;)
        sums[pyr_tree_at(&report->view->tree, (uint32_t)i)->parent].total_s += sums[i].total_s;
    pyr_allocations_release(&allocations);
    *out = sums;
    return sums ? 0 : PYR_E_NOMEM;
}

static int sum(struct pyr_report *report, struct pyr_sum **out)
{
    if (report->options->weight != PYR_WEIGH_TIME)
        return sum_bytes(report, out);
    *out = pyr_node_sums(report->view, &report->selection);
    return *out ? 0 : PYR_E_NOMEM;
}

int pyr_write_tree(struct pyr_report *report)
{
    struct pyr_tree_links links = {0};
    struct pyr_sum *sums = NULL;
    int rc = sum(report, &sums);
    if (rc == 0)
        rc = pyr_tree_links_build(&links, &report->view->tree);
    if (rc == 0) {
        bool is_time = report->options->weight == PYR_WEIGH_TIME;
        fprintf(report->out, "%10s %6s %10s %6s  function, and the line that it was at (less than %g %% is left out)\n",
                is_time ? "total s" : "total", "%", is_time ? "self s" : "self", "%", SHARE_MIN * 100);
        rc = write_nodes(report, &links, sums);
    }
    pyr_tree_links_release(&links);
    pyr_free(sums);
    return rc;
}
