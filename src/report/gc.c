/* What the cyclic collector cost: pauses by generation, over time, and where they began. */
#include "analyze/collected.h"
#include "report/text.h"

#include <inttypes.h>

#define ROWS 20
#define COMMAND_WIDTH 60

int pyr_report_collected(struct pyr_report *report, struct pyr_collected *collected)
{
    const struct pyr_report_options *options = report->options;
    if (options->thread)
        return pyr_err_set(report->err, PYR_E_UNSUPPORTED,
                           "Collections are recorded for whole processes: leave out --thread");
    int rc = pyr_collected_load(collected, report->view, options->from_s, options->to_s);
    if (rc < 0 || collected->collectors)
        return rc;
    const char *why = "no Python process was there whose collections could be noted; -f memory says why";
    if (!report->view->model.facts->memory)
        why = "it was made by attach, or with --memory off; `pyrometer run` notes them. The share of time that samples "
              "found in the collector is in -f text";
    rc = pyr_err_set(report->err, PYR_E_NOT_FOUND, "The recording has no collections: %s", why);
    pyr_collected_release(collected);
    return rc;
}

static double seconds(uint64_t ns)
{
    return (double)ns / 1e9;
}

void pyr_text_collected_figures(struct pyr_report *report, const struct pyr_collected *collected)
{
    const struct pyr_gc_sum *all = &collected->all;
    char paused[40], lived[40], longest[40];
    pyr_text_seconds(paused, sizeof paused, seconds(all->pause_ns));
    pyr_text_seconds(lived, sizeof lived, collected->lived_s);
    pyr_text_seconds(longest, sizeof longest, seconds(all->longest_ns));
    if (!all->count) {
        fputs("  The garbage collector did not run.\n", report->out);
        return;
    }
    fprintf(report->out, "  %" PRIu64 " garbage collection%s took %s", all->count, all->count == 1 ? "" : "s", paused);
    if (collected->lived_s > 0)
        fprintf(report->out, ", %.2f %% of %s", 100 * seconds(all->pause_ns) / collected->lived_s, lived);
    if (collected->collectors > 1)
        fprintf(report->out, " of %" PRIu32 " processes", collected->collectors);
    fprintf(report->out, ", at most %s at once, and freed %" PRIu64 " objects", longest, all->collected);
    if (all->uncollectable)
        fprintf(report->out, "; %" PRIu64 " could not be freed", all->uncollectable);
    fputs(".\n", report->out);
}

static void write_generation(struct pyr_report *report, const char *name, const struct pyr_gc_sum *sum)
{
    double mean_ms = sum->count ? seconds(sum->pause_ns) * 1e3 / (double)sum->count : 0;
    fprintf(report->out, "  %10s %11" PRIu64 " %10.4f %10.3f %11.3f %11" PRIu64 " %13" PRIu64 " %12" PRIu64 " %10.4f\n",
            name, sum->count, seconds(sum->pause_ns), mean_ms, seconds(sum->longest_ns) * 1e3, sum->collected,
            sum->uncollectable, sum->vain_count, seconds(sum->vain_ns));
}

static void write_thresholds(struct pyr_report *report, const struct pyr_collected *collected)
{
    const struct pyr_gc_facts *facts = collected->example;
    if (!facts)
        return;
    const struct pyr_process_facts *process = report->view->model.processes[facts->process].facts;
    fprintf(report->out, "  Thresholds %" PRIu32 ", %" PRIu32 ", %" PRIu32 "; automatic collection was %s",
            facts->thresholds[0], facts->thresholds[1], facts->thresholds[2], facts->enabled ? "on" : "off");
    if (collected->collectors > 1)
        fprintf(report->out, " (process %" PRIu32 ")", process->pid);
    fputs(", when it was last seen.\n", report->out);
}

static void write_head(struct pyr_report *report, const struct pyr_collected *collected)
{
    static const char *const names[PYR_GC_GENERATIONS] = {"0", "1", "2"};
    pyr_text_heading(report, "Garbage collections");
    pyr_text_collected_figures(report, collected);
    if (!collected->all.count)
        return;
    fprintf(report->out, "\n  %10s %11s %10s %10s %11s %11s %13s %12s %10s\n", "generation", "collections", "seconds",
            "mean ms", "longest ms", "freed", "uncollectable", "found none", "in seconds");
    for (unsigned i = 0; i < PYR_GC_GENERATIONS; i++)
        write_generation(report, names[i], &collected->sums[i]);
    write_generation(report, "all", &collected->all);
    write_thresholds(report, collected);
    if (collected->missing)
        fprintf(report->out,
                "  %" PRIu64 " of the processes' collections were not recorded one by one: they came faster than they "
                "were read, or there were too many.\n",
                collected->missing);
}

static size_t rows(const struct pyr_report *report)
{
    return report->options->limit ? report->options->limit : ROWS;
}

static void write_processes(struct pyr_report *report, const struct pyr_collected *collected)
{
    pyr_text_heading(report, "Processes");
    fprintf(report->out, "  %9s %11s %10s %11s %11s  command\n", "pid", "collections", "seconds", "longest ms",
            "freed");
    for (size_t i = 0; i < collected->processes.count; i++) {
        const struct pyr_collected_process *row = PYR_VEC_AT(&collected->processes, struct pyr_collected_process, i);
        const struct pyr_process_facts *process = report->view->model.processes[row->process].facts;
        if (i == rows(report)) {
            fputs("  … and more\n", report->out);
            return;
        }
        fprintf(report->out, "  %9" PRIu32 " %11" PRIu64 " %10.4f %11.3f %11" PRIu64 "  ", process->pid, row->sum.count,
                seconds(row->sum.pause_ns), seconds(row->sum.longest_ns) * 1e3, row->sum.collected);
        pyr_put_clean(report->out, process->command, NULL, COMMAND_WIDTH);
        fputc('\n', report->out);
    }
}

/* The longest pause that began in each column. */
static void write_plot(struct pyr_report *report, const struct pyr_collected *collected)
{
    const struct pyr_report_options *options = report->options;
    double end_s = seconds(report->view->model.end_ns), to_s = options->to_s > 0 ? options->to_s : end_s;
    char top[40];
    struct pyr_text_plot plot = {
        .columns = PYR_PLOT_WIDTH, .top = top, .bottom = "0 s", .from_s = options->from_s, .to_s = to_s};
    if (end_s < to_s)
        plot.to_s = end_s;
    for (size_t i = 0; i < collected->pauses.count; i++) {
        const struct pyr_gc_pause *pause = &pyr_collected_at(collected, i)->pause;
        double part = (seconds(pause->start_ns) - plot.from_s) / (plot.to_s - plot.from_s);
        size_t column = part >= 0 && part < 1 ? (size_t)(part * PYR_PLOT_WIDTH) : PYR_PLOT_WIDTH - 1;
        if (pause->pause_ns > plot.values[column])
            plot.values[column] = pause->pause_ns;
    }
    if (!pyr_text_plot_most(&plot) || plot.to_s <= plot.from_s)
        return;
    pyr_text_seconds(top, sizeof top, seconds(pyr_text_plot_most(&plot)));
    pyr_text_heading(report, "Longest pause over time");
    pyr_text_plot(report, &plot);
}

static int write_longest(struct pyr_report *report, const struct pyr_collected *collected, struct pyr_source *source)
{
    struct pyr_vec order = PYR_VEC(const struct pyr_collected_pause *);
    int rc = pyr_collected_longest(collected, rows(report), &order);
    if (rc == 0 && order.count) {
        pyr_text_heading(report, "Longest collections, and the line that ran");
        fprintf(report->out, "  %9s %10s %10s %10s %11s  %s\n", "pid", "at s", "generation", "ms", "freed", "line");
    }
    for (size_t i = 0; rc == 0 && i < order.count; i++) {
        const struct pyr_collected_pause *row = *PYR_VEC_AT(&order, const struct pyr_collected_pause *, i);
        const struct pyr_gc_pause *pause = &row->pause;
        fprintf(report->out, "  %9" PRIu32 " %10.4f %10" PRIu32 " %10.3f %11" PRIu64 "  ",
                report->view->model.processes[row->process].facts->pid, seconds(pause->start_ns), pause->generation,
                seconds(pause->pause_ns) * 1e3, pause->collected);
        pyr_text_place(report, pyr_collected_place(&report->view->model, pause), source, 56);
    }
    pyr_vec_release(&order);
    return rc;
}

static int write_lines(struct pyr_report *report, const struct pyr_collected *collected, struct pyr_source *source)
{
    struct pyr_vec lines = PYR_VEC(struct pyr_collected_line);
    int rc = pyr_collected_lines(collected, &report->view->model, &lines);
    if (rc == 0 && lines.count) {
        pyr_text_heading(report, "Lines that collections began in");
        fprintf(report->out, "  %11s %10s %6s  %s\n", "collections", "seconds", "%", "line");
    }
    for (size_t i = 0; rc == 0 && i < lines.count && i < rows(report); i++) {
        const struct pyr_collected_line *line = PYR_VEC_AT(&lines, struct pyr_collected_line, i);
        uint64_t all_ns = collected->all.pause_ns;
        fprintf(report->out, "  %11" PRIu64 " %10.4f %6.1f  ", line->count, seconds(line->pause_ns),
                all_ns ? 100 * (double)line->pause_ns / (double)all_ns : 0);
        pyr_text_place(report, line->place, source, 31);
    }
    pyr_vec_release(&lines);
    return rc;
}

int pyr_write_gc(struct pyr_report *report)
{
    struct pyr_collected collected = {0};
    struct pyr_source source = {0};
    int rc = pyr_report_collected(report, &collected);
    if (rc < 0)
        return rc;
    write_head(report, &collected);
    write_plot(report, &collected);
    if (collected.collectors > 1)
        write_processes(report, &collected);
    rc = write_lines(report, &collected, &source);
    if (rc == 0)
        rc = write_longest(report, &collected, &source);
    pyr_source_release(&source);
    pyr_collected_release(&collected);
    return rc;
}
