/* One line per stack, root first, and its weight in samples: what flamegraph.pl and its heirs read. Of one process
 * samples are denser than of another, and flame graphs add them up: so seconds are told in samples of the mean density.
 */
#include "analyze/allocations.h"
#include "analyze/facts.h"
#include "analyze/totals.h"
#include "base/alloc.h"
#include "report/report.h"

#include <inttypes.h>

/* Weights are not whole, lines need whole ones: what rounding takes from one line it gives to the next, so that the sum
 * is right to within one sample. */
static uint64_t whole(double samples, double *carry)
{
    double sum = samples + *carry;
    uint64_t rounded = sum > 0 ? (uint64_t)(sum + 0.5) : 0;
    *carry = sum - (double)rounded;
    return rounded;
}

static void write_frames(struct pyr_report *report, const struct pyr_vec *path, const char *separator)
{
    for (size_t i = 0; i < path->count; i++) {
        fputs(separator, report->out);
        pyr_put_frame(report->out, &report->view->model, *PYR_VEC_AT(path, uint32_t, i));
        separator = ";";
    }
}

static int write_by_thread(struct pyr_report *report, struct pyr_vec *path)
{
    struct pyr_entry entry;
    double density = pyr_shown_density_hz(report->view), carry = 0;
    for (size_t next = 0; pyr_shown_next(report->view, &report->selection, &next, &entry);) {
        uint64_t weight = whole(entry.seconds * density, &carry);
        int rc = pyr_tree_path(&report->view->tree, entry.leaf, path);
        if (rc < 0)
            return rc;
        if (!weight)
            continue;
        pyr_put_process(report->out, pyr_shown_process(report->view, entry.thread)->facts);
        fputc(';', report->out);
        pyr_put_thread(report->out, report->view->model.threads[entry.thread].facts);
        write_frames(report, path, ";");
        fprintf(report->out, " %" PRIu64 "\n", weight);
    }
    return 0;
}

static int write_merged(struct pyr_report *report, struct pyr_vec *path)
{
    struct pyr_sum *sums = pyr_node_sums(report->view, &report->selection);
    double density = pyr_shown_density_hz(report->view), carry = 0;
    int rc = sums ? 0 : PYR_E_NOMEM;
    for (uint32_t i = 1; rc == 0 && i < report->view->tree.nodes.count; i++) {
        uint64_t weight = sums[i].self_s > 0 ? whole(sums[i].self_s * density, &carry) : 0;
        if (!weight)
            continue;
        rc = pyr_tree_path(&report->view->tree, i, path);
        write_frames(report, path, "");
        fprintf(report->out, " %" PRIu64 "\n", weight);
    }
    pyr_free(sums);
    return rc;
}

/* Bytes are whole. Stacks of all processes that are the same are one, with --no-threads. */
static int write_bytes(struct pyr_report *report, const struct pyr_allocations *allocations, struct pyr_vec *path)
{
    const struct pyr_vec *rows = report->options->no_threads ? &allocations->merged : &allocations->stacks;
    for (size_t i = 0; i < rows->count; i++) {
        const struct pyr_allocation *row = PYR_VEC_AT(rows, struct pyr_allocation, i);
        uint64_t bytes = pyr_allocation_bytes(&row->figures, report->options->weight);
        int rc = pyr_tree_path(&report->view->tree, row->leaf, path);
        if (rc < 0)
            return rc;
        if (!bytes)
            continue;
        if (!report->options->no_threads)
            pyr_put_process(report->out, report->view->model.processes[row->process].facts);
        write_frames(report, path, report->options->no_threads ? "" : ";");
        fprintf(report->out, " %" PRIu64 "\n", bytes);
    }
    return 0;
}

static int write_allocations(struct pyr_report *report, struct pyr_vec *path)
{
    struct pyr_allocations allocations = {0};
    int rc = pyr_report_allocations(report, &allocations);
    if (rc == 0)
        rc = write_bytes(report, &allocations, path);
    pyr_allocations_release(&allocations);
    return rc;
}

static int write_time(struct pyr_report *report, struct pyr_vec *path)
{
    return report->options->no_threads ? write_merged(report, path) : write_by_thread(report, path);
}

int pyr_write_collapsed(struct pyr_report *report)
{
    struct pyr_vec path = PYR_VEC(uint32_t);
    int rc = report->options->weight == PYR_WEIGH_TIME ? write_time(report, &path) : write_allocations(report, &path);
    pyr_vec_release(&path);
    return rc;
}
