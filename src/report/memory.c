/* Where the memory went: the heap over time, and line by line. */
#include "report/resident.h"
#include "report/text_memory.h"

#include "record/reader.h"

#include <inttypes.h>

#define ROWS 20
#define PROCESS_ROWS 20
#define STACK_ROWS 5
#define COMMAND_WIDTH 60

int pyr_report_allocations(struct pyr_report *report, struct pyr_allocations *allocations)
{
    const struct pyr_report_options *options = report->options;
    if (options->thread || options->from_s > 0 || options->to_s > 0)
        return pyr_err_set(
            report->err, PYR_E_UNSUPPORTED,
            "Memory is recorded for whole processes and whole runs: leave out --thread, --from and --to");
    int rc = pyr_allocations_load(allocations, report->view);
    if (rc == 0 && allocations->heaps && options->weight == PYR_WEIGH_TEMPORARY && !allocations->temporary_within) {
        pyr_allocations_release(allocations);
        return pyr_err_set(
            report->err, PYR_E_NOT_FOUND,
            "The recording does not say what was temporary: the pyrometer that made it did not count it");
    }
    if (rc < 0 || allocations->heaps)
        return rc;
    const char *why = allocations->why ? allocations->why : "no Python process ended while it was recorded";
    if (!report->view->model.facts->memory)
        why = "it was made by attach, or with --memory off; `pyrometer run` counts allocations, and "
              "pyrometer.memory.start() in the program";
    rc = pyr_err_set(report->err, PYR_E_NOT_FOUND, "The recording has no memory figures: %s", why);
    pyr_allocations_release(allocations);
    return rc;
}

/* ---- over time ---- */

/* The most of the heap in one of the plot's columns. */
static uint64_t column_bytes(const struct pyr_allocations *allocations, size_t column, size_t columns)
{
    size_t count = allocations->points.count;
    size_t first = column * count / columns, end = (column + 1) * count / columns;
    uint64_t most = 0;
    for (size_t i = first; i < end; i++) {
        const struct pyr_memory_point *point = PYR_VEC_AT(&allocations->points, struct pyr_memory_point, i);
        most = point->heap_bytes > most ? point->heap_bytes : most;
    }
    return most;
}

static uint64_t most_resident(const struct pyr_allocations *allocations)
{
    uint64_t most = 0;
    for (size_t i = 0; i < allocations->points.count; i++) {
        const struct pyr_memory_point *point = PYR_VEC_AT(&allocations->points, struct pyr_memory_point, i);
        most = point->rss_bytes > most ? point->rss_bytes : most;
    }
    return most;
}

static void write_plot(struct pyr_report *report, const struct pyr_allocations *allocations)
{
    uint64_t length_ns = allocations->points.count * allocations->step_ns;
    char top[40];
    struct pyr_text_plot plot = {
        .columns = allocations->points.count < PYR_PLOT_WIDTH ? allocations->points.count : PYR_PLOT_WIDTH,
        .top = top,
        .bottom = "0 B",
        .from_s = (double)allocations->start_ns / 1e9,
        .to_s = (double)(allocations->start_ns + length_ns) / 1e9,
    };
    for (size_t i = 0; i < plot.columns; i++)
        plot.values[i] = column_bytes(allocations, i, plot.columns);
    if (!pyr_text_plot_most(&plot))
        return;
    pyr_text_bytes(top, sizeof top, pyr_text_plot_most(&plot));
    pyr_text_heading(report, "Heap over time");
    pyr_text_plot(report, &plot);
}

/* ---- processes ---- */

static void write_process(struct pyr_report *report, const struct pyr_memory_facts *heap)
{
    const struct pyr_process_facts *process = report->view->model.processes[heap->process].facts;
    char peak[40], live[40], allocated[40], when[40] = "-";
    if (heap->peak_ns)
        snprintf(when, sizeof when, "%.3f", (double)heap->peak_ns / 1e9);
    pyr_text_bytes(peak, sizeof peak, heap->peak_bytes);
    pyr_text_bytes(live, sizeof live, heap->live_bytes);
    pyr_text_bytes(allocated, sizeof allocated, heap->allocated_bytes);
    if (*heap->why)
        fprintf(report->out, "  %9" PRIu32 " %10s %9s %10s %10s %11s  ", process->pid, "-", "-", "-", "-", "-");
    else
        fprintf(report->out, "  %9" PRIu32 " %10s %9s %10s %10s %11" PRIu64 "  ", process->pid, peak, when, live,
                allocated, heap->allocated_blocks);
    if (heap->interpreter)
        fprintf(report->out, "interpreter %" PRIu32 " of ", heap->interpreter);
    pyr_put_clean(report->out, process->command, NULL, COMMAND_WIDTH);
    if (*heap->why) {
        fputs("  none: ", report->out);
        pyr_put_clean(report->out, heap->why, NULL, 200);
    }
    fputc('\n', report->out);
}

static void write_processes(struct pyr_report *report)
{
    const struct pyr_model *model = &report->view->model;
    size_t left = report->options->limit ? report->options->limit : PROCESS_ROWS;
    pyr_text_heading(report, "Processes");
    fprintf(report->out, "  %9s %10s %9s %10s %10s %11s  command\n", "pid", "peak", "at s", "live", "allocated",
            "blocks");
    for (uint32_t i = 0; i < pyr_reader_heaps(model->reader); i++) {
        const struct pyr_memory_facts *heap = pyr_reader_heap(model->reader, i);
        if (!model->processes[heap->process].selected)
            continue;
        if (!left--) {
            fputs("  … and more\n", report->out);
            return;
        }
        write_process(report, heap);
    }
}

static void write_head(struct pyr_report *report, const struct pyr_allocations *allocations)
{
    char text[40];
    pyr_text_heading(report, "Memory");
    pyr_text_memory_figures(report, allocations);
    pyr_text_bytes(text, sizeof text, allocations->arena_bytes);
    fprintf(report->out, "  Sizes are those asked for. Blocks up to 512 bytes lay in %s of arenas at most", text);
    uint64_t resident = most_resident(allocations);
    if (resident) {
        pyr_text_bytes(text, sizeof text, resident);
        fprintf(report->out, "; resident memory reached %s", text);
    }
    fputs(".\n", report->out);
    pyr_text_memory_notes(report, allocations);
}

static size_t rows(const struct pyr_report *report)
{
    return report->options->limit ? report->options->limit : ROWS;
}

static int write_stacks(struct pyr_report *report, const struct pyr_allocations *allocations, enum pyr_weigh weight)
{
    return pyr_text_memory_stacks(report, allocations, weight,
                                  report->options->limit ? report->options->limit : STACK_ROWS);
}

/* Stacks are told of the heap. */
static int write_lines_and_stacks(struct pyr_report *report, const struct pyr_allocations *allocations,
                                  enum pyr_memory_kind kind, enum pyr_weigh weight)
{
    int rc = pyr_text_memory_lines(report, allocations, kind, weight, rows(report));
    return rc == 0 && kind == PYR_MEMORY_HEAP ? write_stacks(report, allocations, weight) : rc;
}

static int write_temporary(struct pyr_report *report, const struct pyr_allocations *allocations)
{
    int rc = pyr_text_memory_temporary(report, allocations, rows(report));
    return rc == 0 ? write_stacks(report, allocations, PYR_WEIGH_TEMPORARY) : rc;
}

int pyr_write_memory(struct pyr_report *report)
{
    struct pyr_allocations allocations = {0};
    int rc = pyr_report_allocations(report, &allocations);
    if (rc < 0)
        return rc;
    write_head(report, &allocations);
    write_plot(report, &allocations);
    if (allocations.heaps > 1 || allocations.why)
        write_processes(report);
    rc = pyr_text_resident(report);
    for (unsigned kind = 0; rc == 0 && kind < PYR_MEMORY_KINDS; kind++) {
        rc = write_lines_and_stacks(report, &allocations, kind, PYR_WEIGH_PEAK);
        if (rc == 0 && kind != PYR_MEMORY_FILES)
            rc = write_lines_and_stacks(report, &allocations, kind, PYR_WEIGH_ALLOCATED);
        if (rc == 0 && kind == PYR_MEMORY_HEAP)
            rc = write_temporary(report, &allocations);
    }
    pyr_allocations_release(&allocations);
    return rc;
}

int pyr_write_leaks(struct pyr_report *report)
{
    struct pyr_allocations allocations = {0};
    int rc = pyr_report_allocations(report, &allocations);
    if (rc < 0)
        return rc;
    char text[40];
    pyr_text_bytes(text, sizeof text, allocations.live_bytes);
    pyr_text_heading(report, "%s in %" PRIu64 " blocks %s", text, allocations.live_blocks,
                     allocations.at_main_end ? "was still allocated when the main module had ended"
                                             : "was still allocated when the processes were last seen");
    pyr_text_memory_notes(report, &allocations);
    const struct pyr_other_memory *c = &allocations.others[PYR_MEMORY_C];
    if (c->heaps) {
        pyr_text_bytes(text, sizeof text, c->live_bytes);
        fprintf(report->out, "  C memory beside it: %s in %" PRIu64 " blocks.\n", text, c->live_blocks);
    }
    rc = write_lines_and_stacks(report, &allocations, PYR_MEMORY_HEAP, PYR_WEIGH_LIVE);
    if (rc == 0)
        rc = write_lines_and_stacks(report, &allocations, PYR_MEMORY_C, PYR_WEIGH_LIVE);
    pyr_allocations_release(&allocations);
    return rc;
}
