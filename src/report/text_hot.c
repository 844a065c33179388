#include "base/alloc.h"
#include "model/estimate.h"
#include "report/text.h"

#include <string.h>

#define ROWS 15
#define IDLE_ROWS 5

static double error_percent(const struct pyr_totals *totals, double seconds, double square)
{
    const struct pyr_sum *all = &totals->all;
    double error = pyr_standard_error(seconds, square, all->self_s, all->self_square);
    return all->self_s > 0 ? 100 * error / all->self_s : 0;
}

static void write_seconds(FILE *out, const struct pyr_totals *totals, const struct pyr_sum *sum)
{
    double all = totals->all.self_s;
    fprintf(out, "  %9.3f %6.1f ±%4.1f  %9.3f %6.1f ±%4.1f  ", sum->self_s, 100 * sum->self_s / all,
            error_percent(totals, sum->self_s, sum->self_square), sum->total_s, 100 * sum->total_s / all,
            error_percent(totals, sum->total_s, sum->total_square));
}

static void write_columns(FILE *out, const char *what)
{
    fprintf(out, "  %9s %6s %6s %9s %6s %6s  %s\n", "self s", "%", "±", "  total s", "%", "±", what);
}

static void write_function(struct pyr_report *report, const struct pyr_totals *totals, uint32_t number)
{
    const struct pyr_function *function = pyr_model_function(&report->view->model, number);
    write_seconds(report->out, totals, &totals->sums[number]);
    pyr_put_clean(report->out, function->name, NULL, PYR_TEXT_NAME_WIDTH);
    fputs(*function->file ? "  " : "", report->out);
    pyr_text_location(report->out, function->file, function->line);
    fputc('\n', report->out);
}

static void write_line(struct pyr_report *report, const struct pyr_totals *totals, uint32_t number,
                       struct pyr_source *source)
{
    write_seconds(report->out, totals, &totals->sums[number]);
    pyr_text_place(report, number, source, 53);
}

static const char *counted(const struct pyr_report *report)
{
    if (report->view->mode == PYR_MODE_CPU)
        return "of thread time on a CPU";
    if (report->view->mode == PYR_MODE_GIL)
        return "of thread time holding the GIL";
    return report->selection.busy_only ? "of thread time, idle threads apart" : "of thread time";
}

static size_t rows(const struct pyr_report *report)
{
    return report->options->limit ? report->options->limit : ROWS;
}

/* In order of their own time, rows that were only passed through are not hot. */
static bool is_hot(const struct pyr_report *report, const struct pyr_totals *totals, uint32_t number)
{
    return totals->sums[number].self_s > 0 || report->options->by_total;
}

static bool is_wanted(const struct pyr_report *report, uint32_t function)
{
    const char *filter = report->options->filter;
    const struct pyr_function *at = pyr_model_function(&report->view->model, function);
    return !filter || !*filter || strcasestr(at->name, filter) || strcasestr(at->file, filter);
}

/* The hottest keys that are wanted, at most rows of them. functions: keys are functions, else places. */
static int choose(struct pyr_report *report, const struct pyr_totals *totals, bool functions, struct pyr_vec *order)
{
    const struct pyr_model *model = &report->view->model;
    size_t kept = 0, limit = report->options->filter ? SIZE_MAX : rows(report);
    int rc = pyr_totals_rank(totals, report->options->by_total, limit, order);
    for (size_t i = 0; rc == 0 && i < order->count && kept < rows(report); i++) {
        uint32_t key = *PYR_VEC_AT(order, uint32_t, i);
        if (is_hot(report, totals, key) && is_wanted(report, functions ? key : pyr_model_place(model, key)->function))
            *PYR_VEC_AT(order, uint32_t, kept++) = key;
    }
    order->count = rc == 0 ? kept : 0;
    return rc;
}

static int write_functions(struct pyr_report *report, const struct pyr_totals *totals)
{
    struct pyr_vec order = PYR_VEC(uint32_t);
    int rc = choose(report, totals, true, &order);
    pyr_text_heading(report, "Hottest functions: %.3f s %s", totals->all.self_s, counted(report));
    write_columns(report->out, "function");
    for (size_t i = 0; i < order.count; i++)
        write_function(report, totals, *PYR_VEC_AT(&order, uint32_t, i));
    pyr_vec_release(&order);
    return rc;
}

static int write_lines(struct pyr_report *report, const struct pyr_totals *totals)
{
    struct pyr_vec order = PYR_VEC(uint32_t);
    struct pyr_source source = {0};
    int rc = choose(report, totals, false, &order);
    pyr_text_heading(report, "Hottest lines");
    write_columns(report->out, "line");
    for (size_t i = 0; i < order.count; i++)
        write_line(report, totals, *PYR_VEC_AT(&order, uint32_t, i), &source);
    pyr_source_release(&source);
    pyr_vec_release(&order);
    return rc;
}

/* Turns the seconds of everything into those of idle threads. */
static void keep_idle(struct pyr_totals *every, const struct pyr_totals *busy)
{
    for (uint32_t i = 0; i < every->count; i++) {
        every->sums[i].self_s -= busy->sums[i].self_s;
        every->sums[i].total_s -= busy->sums[i].total_s;
    }
    every->all.self_s -= busy->all.self_s;
}

static int write_idle(struct pyr_report *report, const struct pyr_totals *busy)
{
    const struct pyr_selection everything = {.mode = PYR_MODE_WALL};
    struct pyr_totals idle = {0};
    struct pyr_vec order = PYR_VEC(uint32_t);
    int rc = pyr_totals_functions(&idle, report->view, &everything);
    if (rc == 0)
        keep_idle(&idle, busy);
    if (rc == 0 && idle.all.self_s > 0.001 * busy->all.self_s) {
        rc = pyr_totals_rank(&idle, false, IDLE_ROWS, &order);
        pyr_text_heading(report, "Idle: %.3f s of thread time neither running nor waiting for the GIL",
                         idle.all.self_s);
    }
    for (size_t i = 0; i < order.count; i++) {
        uint32_t number = *PYR_VEC_AT(&order, uint32_t, i);
        const struct pyr_function *function = pyr_model_function(&report->view->model, number);
        double seconds = idle.sums[number].self_s;
        if (seconds < 0.001 * idle.all.self_s)
            break;
        fprintf(report->out, "  %9.3f %6.1f %%  ", seconds, 100 * seconds / idle.all.self_s);
        pyr_put_clean(report->out, function->name, NULL, PYR_TEXT_NAME_WIDTH);
        fputs("  ", report->out);
        pyr_text_location(report->out, function->file, function->line);
        fputc('\n', report->out);
    }
    pyr_vec_release(&order);
    pyr_totals_release(&idle);
    return rc;
}

int pyr_text_hot(struct pyr_report *report)
{
    struct pyr_totals functions = {0}, lines = {0};
    report->selection.busy_only = report->view->mode == PYR_MODE_WALL && !report->options->include_idle;
    int rc = pyr_totals_functions(&functions, report->view, &report->selection);
    if (rc == 0)
        rc = pyr_totals_places(&lines, report->view, &report->selection);
    if (rc == 0 && functions.all.self_s > 0) {
        rc = write_functions(report, &functions);
        if (rc == 0 && report->options->by == PYR_BY_LINE)
            rc = write_lines(report, &lines);
        if (rc == 0)
            fputs("  ± is one standard error, in percent of the whole.\n", report->out);
    } else if (rc == 0) {
        pyr_text_heading(report, "Nothing ran while it was sampled");
    }
    if (rc == 0 && report->selection.busy_only)
        rc = write_idle(report, &functions);
    pyr_totals_release(&lines);
    pyr_totals_release(&functions);
    return rc;
}
