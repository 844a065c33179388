/* The summary that a person wants first. */
#include "report/text.h"

#include "analyze/collected.h"
#include "analyze/facts.h"
#include "analyze/verdict.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>

#define SOURCE_WIDTH 80
#define PATH_WIDTH 48
#define COMMAND_WIDTH 100

void pyr_text_heading(struct pyr_report *report, const char *format, ...)
{
    va_list arguments;
    fputs(report->options->colour ? "\n\033[1m" : "\n", report->out);
    va_start(arguments, format);
    vfprintf(report->out, format, arguments);
    va_end(arguments);
    fputs(report->options->colour ? "\033[0m\n" : "\n", report->out);
}

void pyr_text_location(FILE *out, const char *file, uint32_t line)
{
    bool elided;
    const char *tail = pyr_path_tail(file, PATH_WIDTH, &elided);
    if (!*file)
        return;
    fputs(elided ? "…" : "", out);
    pyr_put_clean(out, tail, NULL, SIZE_MAX);
    fprintf(out, ":%u", line);
}

void pyr_text_place(struct pyr_report *report, uint32_t number, struct pyr_source *source, int indent)
{
    const struct pyr_place *place = pyr_model_place(&report->view->model, number);
    const struct pyr_function *function = pyr_model_function(&report->view->model, place->function);
    pyr_text_location(report->out, function->file, place->line);
    fputs(*function->file ? "  " : "", report->out);
    pyr_put_clean(report->out, function->name, NULL, PYR_TEXT_NAME_WIDTH);
    fputc('\n', report->out);
    if (!*function->file || pyr_source_open(source, function->file) < 0 || place->line > pyr_source_lines(source))
        return;
    fprintf(report->out, "%*s│ ", indent, "");
    pyr_source_put(source, place->line, false, SOURCE_WIDTH, report->out);
    fputc('\n', report->out);
}

void pyr_text_seconds(char *text, size_t size, double seconds)
{
    if (seconds >= 100)
        snprintf(text, size, "%.0f s", seconds);
    else if (seconds >= 1)
        snprintf(text, size, "%.*f s", seconds >= 10 ? 1 : 2, seconds);
    else
        snprintf(text, size, "%.*f ms", seconds >= 0.1 ? 0 : seconds >= 0.01 ? 1 : 2, seconds * 1e3);
}

void pyr_text_bytes(char *text, size_t size, uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes;
    size_t unit = 0;
    for (; value >= 1024; unit++)
        value /= 1024;
    snprintf(text, size, "%.*f %s", unit && value < 100 ? 1 : 0, value, units[unit]);
}

static void write_command(struct pyr_report *report)
{
    const struct pyr_run_facts *facts = report->view->model.facts;
    size_t left = COMMAND_WIDTH;
    for (uint32_t i = 0; i < facts->command_count && left; i++) {
        size_t size = strlen(facts->command[i]) + 1;
        fputs(i ? " " : "", report->out);
        pyr_put_clean(report->out, facts->command[i], NULL, left);
        left -= size < left ? size : left;
    }
    fputs(facts->attached ? " (attached)" : "", report->out);
    if (*facts->python) {
        fputs("  ·  Python ", report->out);
        pyr_put_clean(report->out, facts->python, NULL, 40);
    }
    fputc('\n', report->out);
}

static void write_started(struct pyr_report *report)
{
    char text[40];
    struct tm local;
    time_t seconds = (time_t)(report->view->model.facts->started_wall_ns / 1000000000u);
    if (localtime_r(&seconds, &local) && strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &local))
        fprintf(report->out, "  ·  started %s", text);
}

static void write_figures(struct pyr_report *report)
{
    const struct pyr_model *model = &report->view->model;
    struct pyr_usage_sum usage = pyr_shown_usage(report->view);
    char text[40];
    int code;
    pyr_text_seconds(text, sizeof text, (double)model->end_ns / 1e9);
    fprintf(report->out, "%s wall", text);
    if (usage.cpu_ns) {
        pyr_text_seconds(text, sizeof text, (double)usage.cpu_ns / 1e9);
        fprintf(report->out, "  ·  %s CPU", text);
    }
    if (usage.peak_rss_bytes) {
        pyr_text_bytes(text, sizeof text, usage.peak_rss_bytes);
        fprintf(report->out, "  ·  %s peak memory", text);
    }
    if (model->process_count && pyr_exit_code(model->processes[0].exit_status, &code))
        fprintf(report->out, "  ·  exit status %d", code);
    write_started(report);
    fputc('\n', report->out);
}

static void write_verdict(struct pyr_report *report)
{
    struct pyr_verdict verdict;
    char waiting[48] = "";
    pyr_verdict_find(&verdict, report->view);
    if (verdict.waiting_for_cpu >= 0.0005)
        snprintf(waiting, sizeof waiting, "else waiting for one %.1f %%, ", verdict.waiting_for_cpu * 100);
    if (verdict.bound == PYR_BOUND_NONE) {
        pyr_text_heading(report, "Verdict: %s.", verdict.sentence);
        return;
    }
    pyr_text_heading(report, "Verdict: %s", pyr_bound_name(verdict.bound));
    fputs("  ", report->out);
    if (report->view->model.process_count > 1)
        fprintf(report->out, "process %u, the busiest: ", report->view->model.processes[verdict.process].facts->pid);
    fprintf(report->out, "%s.\n", verdict.sentence);
    fprintf(report->out,
            "  Share of its time with a thread: on a CPU %.1f %%, %sholding the GIL %.1f %%, waiting for the "
            "GIL %.1f %%, collecting garbage %.1f %%.\n",
            verdict.on_cpu * 100, waiting, verdict.gil_held * 100, verdict.gil_wanted * 100, verdict.in_gc * 100);
}

static int write_collections(struct pyr_report *report)
{
    const struct pyr_report_options *options = report->options;
    struct pyr_collected collected = {0};
    if (options->thread)
        return 0; /* they are those of whole processes */
    int rc = pyr_collected_load(&collected, report->view, options->from_s, options->to_s);
    if (rc == 0 && collected.collectors)
        pyr_text_collected_figures(report, &collected);
    pyr_collected_release(&collected);
    return rc;
}

static void write_hints(struct pyr_report *report)
{
    pyr_text_heading(report, "To look further");
    fputs("  pyrometer report ", report->out);
    pyr_put_clean(report->out, report->recording, NULL, SIZE_MAX);
    fprintf(report->out, " -f lines | %stree | speedscope | pprof | collapsed | json\n",
            report->view->model.facts->memory ? "memory | gc | " : "");
    if (report->view->mode == PYR_MODE_WALL)
        fputs("  --mode cpu counts only what ran on a CPU, --mode gil only what held the GIL\n", report->out);
}

int pyr_write_text(struct pyr_report *report)
{
    write_command(report);
    write_figures(report);
    write_verdict(report);
    int rc = write_collections(report);
    if (rc == 0)
        rc = pyr_text_hot(report);
    if (rc == 0)
        rc = pyr_text_memory(report);
    if (rc == 0)
        rc = pyr_text_threads(report);
    if (rc < 0)
        return rc;
    pyr_text_quality(report);
    write_hints(report);
    return 0;
}
