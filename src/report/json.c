/* Everything, for programs: CLI.md fixes the names. */
#include "analyze/allocations.h"
#include "analyze/collected.h"
#include "analyze/facts.h"
#include "analyze/totals.h"
#include "analyze/verdict.h"
#include "base/alloc.h"
#include "base/json_out.h"
#include "model/estimate.h"
#include "record/reader.h"
#include "report/expressions.h"
#include "report/opcodes.h"
#include "report/report.h"
#include "report/resident.h"

#include <time.h>

#define STACK_ROWS 50

/* The expressions and the instructions on lines, and where they stand. */
struct columns {
    struct pyr_vec expressions; /* grouped by the place of their line */
    struct pyr_range *ranges;   /* by place */
    struct pyr_opcodes_shown opcodes;
};

static void write_started(struct pyr_json *json, uint64_t wall_ns)
{
    char text[40] = "";
    time_t seconds = (time_t)(wall_ns / 1000000000u);
    struct tm utc;
    if (gmtime_r(&seconds, &utc))
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    pyr_json_string(json, "started", text);
}

static void write_known(struct pyr_json *json, const char *key, bool known, double value)
{
    if (known)
        pyr_json_number(json, key, value);
    else
        pyr_json_null(json, key);
}

static void write_run(struct pyr_report *report, struct pyr_json *json)
{
    const struct pyr_model *model = &report->view->model;
    const struct pyr_run_facts *facts = model->facts;
    struct pyr_usage_sum usage = pyr_shown_usage(report->view);
    int code;
    pyr_json_object(json, "run");
    pyr_json_row_array(json, "command");
    for (uint32_t i = 0; i < facts->command_count; i++)
        pyr_json_string(json, NULL, facts->command[i]);
    pyr_json_end_array(json);
    pyr_json_string(json, "python", facts->python);
    pyr_json_string(json, "host", facts->host);
    pyr_json_string(json, "mode", pyr_mode_name(report->view->mode));
    pyr_json_bool(json, "attached", facts->attached);
    write_started(json, facts->started_wall_ns);
    pyr_json_number(json, "wall_s", (double)model->end_ns / 1e9);
    write_known(json, "cpu_s", usage.cpu_ns > 0, (double)usage.cpu_ns / 1e9);
    if (usage.peak_rss_bytes)
        pyr_json_uint(json, "peak_rss_bytes", usage.peak_rss_bytes);
    else
        pyr_json_null(json, "peak_rss_bytes");
    if (model->process_count && pyr_exit_code(model->processes[0].exit_status, &code))
        pyr_json_int(json, "exit_status", code);
    else
        pyr_json_null(json, "exit_status");
    pyr_json_end_object(json);
}

static void write_quality(struct pyr_report *report, struct pyr_json *json)
{
    const struct pyr_model *model = &report->view->model;
    const struct pyr_quality *quality = &model->quality;
    struct pyr_sample_sums sums = pyr_shown_samples(report->view);
    pyr_json_object(json, "quality");
    pyr_json_uint(json, "samples_taken", quality->samples_taken);
    pyr_json_uint(json, "samples_failed", quality->samples_failed);
    pyr_json_uint(json, "samples_stopped", quality->samples_stopped);
    pyr_json_uint(json, "samples_truncated", quality->samples_truncated);
    if (quality->samples_compiled)
        pyr_json_uint(json, "samples_compiled", quality->samples_compiled);
    pyr_json_uint(json, "samples_exact", sums.exact);
    pyr_json_uint(json, "unresolved", sums.unresolved);
    pyr_json_number(json, "unresolved_left_s", sums.left_s);
    pyr_json_uint(json, "ticks_glance", quality->ticks_glance);
    pyr_json_uint(json, "ticks_exact", quality->ticks_exact);
    pyr_json_uint(json, "deadlines_missed", quality->deadlines_missed);
    struct pyr_gap_sum gaps = pyr_shown_gaps(report->view);
    pyr_json_number(json, "unobserved_s", gaps.unobserved_s);
    pyr_json_number(json, "longest_gap_s", gaps.longest_s);
    pyr_json_number(json, "own_cpu_s", (double)quality->own_cpu_ns / 1e9);
    pyr_json_number(json, "rate_hz", pyr_shown_rate_hz(report->view));
    pyr_json_bool(json, "complete", model->complete);
    pyr_json_end_object(json);
}

static void write_verdict(struct pyr_report *report, struct pyr_json *json)
{
    struct pyr_verdict verdict;
    pyr_verdict_find(&verdict, report->view);
    pyr_json_object(json, "verdict");
    pyr_json_string(json, "bound", pyr_bound_name(verdict.bound));
    pyr_json_string(json, "because", verdict.sentence);
    pyr_json_number(json, "on_cpu", verdict.on_cpu);
    pyr_json_number(json, "waiting_for_cpu", verdict.waiting_for_cpu);
    pyr_json_number(json, "gil_held", verdict.gil_held);
    pyr_json_number(json, "gil_wanted", verdict.gil_wanted);
    pyr_json_number(json, "in_gc", verdict.in_gc);
    pyr_json_bool(json, "in_gc_measured", verdict.gc_measured);
    pyr_json_end_object(json);
}

static void write_thread(struct pyr_json *json, const struct pyr_thread_sum *sum)
{
    pyr_json_row(json, NULL);
    pyr_json_uint(json, "id", sum->facts->ident);
    pyr_json_uint(json, "native_id", sum->facts->native_id);
    pyr_json_string(json, "name", sum->facts->name);
    pyr_json_number(json, "samples", sum->ticks);
    pyr_json_number(json, "on_cpu", sum->on_cpu);
    pyr_json_number(json, "waiting_for_cpu", sum->waits_cpu);
    pyr_json_number(json, "holding_gil", sum->has_gil);
    pyr_json_number(json, "waiting_for_gil", sum->waits_gil);
    pyr_json_number(json, "seconds", sum->seconds);
    pyr_json_number(json, "cpu_s", sum->cpu_s);
    if (sum->facts->interpreter)
        pyr_json_uint(json, "interpreter", sum->facts->interpreter);
    pyr_json_end_object(json);
}

static void write_process(struct pyr_report *report, struct pyr_json *json, uint32_t number,
                          const struct pyr_thread_sum *threads)
{
    const struct pyr_model *model = &report->view->model;
    const struct pyr_model_process *process = &model->processes[number];
    int code;
    pyr_json_object(json, NULL);
    pyr_json_uint(json, "pid", process->facts->pid);
    pyr_json_uint(json, "parent", process->facts->parent_pid);
    pyr_json_string(json, "command", process->facts->command);
    pyr_json_string(json, "python", process->facts->python);
    pyr_json_number(json, "start_s", (double)process->start_ns / 1e9);
    pyr_json_number(json, "end_s", (double)process->end_ns / 1e9);
    pyr_json_number(json, "sampled_s", process->elapsed_s);
    if (pyr_exit_code(process->exit_status, &code))
        pyr_json_int(json, "exit_status", code);
    pyr_json_array(json, "threads");
    for (uint32_t i = 0; i < model->thread_count; i++)
        if (model->threads[i].selected && model->threads[i].facts->process == number)
            write_thread(json, &threads[i]);
    pyr_json_end_array(json);
    pyr_json_end_object(json);
}

static int write_processes(struct pyr_report *report, struct pyr_json *json)
{
    struct pyr_thread_sum *threads = pyr_shown_threads(report->view);
    if (!threads)
        return PYR_E_NOMEM;
    pyr_json_array(json, "processes");
    for (uint32_t i = 0; i < report->view->model.process_count; i++)
        if (report->view->model.processes[i].selected)
            write_process(report, json, i, threads);
    pyr_json_end_array(json);
    pyr_shown_threads_release(threads);
    return 0;
}

static void write_seconds(struct pyr_json *json, const struct pyr_totals *totals, const struct pyr_sum *sum)
{
    const struct pyr_sum *all = &totals->all;
    pyr_json_number(json, "self_s", sum->self_s);
    pyr_json_number(json, "total_s", sum->total_s);
    pyr_json_number(json, "self_error_s",
                    pyr_standard_error(sum->self_s, sum->self_square, all->self_s, all->self_square));
    pyr_json_number(json, "total_error_s",
                    pyr_standard_error(sum->total_s, sum->total_square, all->self_s, all->self_square));
}

static void write_function(struct pyr_json *json, const struct pyr_model *model, const struct pyr_totals *totals,
                           uint32_t number)
{
    const struct pyr_function *function = pyr_model_function(model, number);
    pyr_json_row(json, NULL);
    pyr_json_string(json, "name", function->name);
    pyr_json_string(json, "file", function->file);
    pyr_json_uint(json, "line", function->line);
    write_seconds(json, totals, &totals->sums[number]);
    pyr_json_end_object(json);
}

static void write_figures(struct pyr_json *json, const struct pyr_allocations *memory,
                          const struct pyr_memory_site *figures)
{
    pyr_json_uint(json, "allocations", figures->allocated_blocks);
    pyr_json_uint(json, "allocated_bytes", figures->allocated_bytes);
    pyr_json_uint(json, "live_bytes", figures->live_bytes);
    pyr_json_uint(json, "live_blocks", figures->live_blocks);
    pyr_json_uint(json, "peak_bytes", figures->peak_bytes);
    if (!memory->temporary_within)
        return;
    pyr_json_uint(json, "temporary_bytes", figures->temporary_bytes);
    pyr_json_uint(json, "temporary_blocks", figures->temporary_blocks);
}

static void write_c_figures(struct pyr_json *json, const struct pyr_memory_site *figures)
{
    pyr_json_uint(json, "c_allocations", figures->allocated_blocks);
    pyr_json_uint(json, "c_allocated_bytes", figures->allocated_bytes);
    pyr_json_uint(json, "c_live_bytes", figures->live_bytes);
    pyr_json_uint(json, "c_live_blocks", figures->live_blocks);
    pyr_json_uint(json, "c_peak_bytes", figures->peak_bytes);
}

static void write_line_memory(struct pyr_json *json, const struct pyr_allocations *memory, uint32_t place)
{
    static const struct pyr_allocation nothing;
    const struct pyr_allocation *line = memory->heaps ? pyr_allocations_of(memory, place) : NULL;
    if (memory->heaps)
        write_figures(json, memory, &(line ? line : &nothing)->figures);
    if (!memory->heaps || !memory->others[PYR_MEMORY_C].heaps)
        return;
    line = pyr_allocations_line(&memory->others[PYR_MEMORY_C].lines, place);
    write_c_figures(json, &(line ? line : &nothing)->figures);
    line = pyr_allocations_line(&memory->others[PYR_MEMORY_FILES].lines, place);
    pyr_json_uint(json, "mapped_peak_bytes", line ? line->figures.peak_bytes : 0);
}

static void write_range(struct pyr_json *json, const struct pyr_range *range, uint32_t end_line)
{
    pyr_json_uint(json, "column", range->column);
    pyr_json_uint(json, "end_column", range->end_column);
    pyr_json_uint(json, "end_line", end_line);
    pyr_json_bool(json, "in_bytes", range->in_bytes);
}

static void write_columns(struct pyr_json *json, const struct pyr_model *model, const struct columns *columns,
                          uint32_t line)
{
    size_t count;
    const struct pyr_expression *expressions = pyr_expressions_of(&columns->expressions, line, &count);
    pyr_json_row_array(json, "columns");
    for (size_t i = 0; i < count; i++) {
        const struct pyr_range *range = &columns->ranges[expressions[i].place];
        pyr_json_row(json, NULL);
        write_range(json, range, pyr_model_place(model, expressions[i].place)->end_line);
        pyr_json_number(json, "self_s", expressions[i].self_s);
        pyr_json_number(json, "total_s", expressions[i].total_s);
        pyr_json_end_object(json);
    }
    pyr_json_end_array(json);
}

static void write_opcodes(struct pyr_json *json, const struct pyr_model *model, const struct columns *columns,
                          uint32_t line)
{
    size_t count;
    const struct pyr_opcode_row *rows = pyr_opcodes_of(&columns->opcodes, line, &count);
    pyr_json_row_array(json, "opcodes");
    for (size_t i = 0; i < count; i++) {
        const struct pyr_place *place = pyr_model_place(model, rows[i].place);
        const char *opcode = pyr_model_opcode(model, place);
        pyr_json_row(json, NULL);
        pyr_json_uint(json, "offset", (uint64_t)place->instruction);
        if (opcode)
            pyr_json_string(json, "opcode", opcode);
        else
            pyr_json_null(json, "opcode");
        if (place->column >= 0)
            write_range(json, &columns->ranges[rows[i].place], place->end_line);
        write_seconds(json, &columns->opcodes.totals, &columns->opcodes.totals.sums[rows[i].place]);
        pyr_json_end_object(json);
    }
    pyr_json_end_array(json);
}

static void write_line(struct pyr_json *json, const struct pyr_model *model, const struct pyr_totals *totals,
                       uint32_t number, const struct columns *columns, const struct pyr_allocations *memory)
{
    const struct pyr_place *place = pyr_model_place(model, number);
    const struct pyr_function *function = pyr_model_function(model, place->function);
    if (!*function->file)
        return;
    pyr_json_row(json, NULL);
    pyr_json_string(json, "file", function->file);
    pyr_json_uint(json, "line", place->line);
    pyr_json_string(json, "function", function->name);
    write_seconds(json, totals, &totals->sums[number]);
    write_columns(json, model, columns, number);
    if (model->opcodes)
        write_opcodes(json, model, columns, number);
    write_line_memory(json, memory, number);
    pyr_json_end_object(json);
}

static int write_functions(struct pyr_report *report, struct pyr_json *json)
{
    struct pyr_totals totals = {0};
    struct pyr_vec order = PYR_VEC(uint32_t);
    int rc = pyr_totals_functions(&totals, report->view, &report->selection);
    if (rc == 0)
        rc = pyr_totals_rank(&totals, false, SIZE_MAX, &order);
    pyr_json_array(json, "functions");
    for (size_t i = 0; rc == 0 && i < order.count; i++)
        write_function(json, &report->view->model, &totals, *PYR_VEC_AT(&order, uint32_t, i));
    pyr_json_end_array(json);
    pyr_totals_release(&totals);
    pyr_vec_release(&order);
    return rc;
}

/* Whether a line has been written, or has none of what lines are written for. */
static bool is_written(const struct pyr_totals *totals, const struct pyr_allocations *memory, unsigned kind,
                       uint32_t place)
{
    bool written = totals->sums[place].total_s > 0;
    for (unsigned k = 0; !written && k < kind; k++) {
        const struct pyr_vec *lines = k == PYR_MEMORY_HEAP ? &memory->lines : &memory->others[k].lines;
        const struct pyr_allocation *line = pyr_allocations_line(lines, place);
        written = line && line->figures.allocated_bytes;
    }
    return written;
}

/* Lines without time. */
static int write_allocating(struct pyr_json *json, const struct pyr_model *model, const struct pyr_totals *totals,
                            const struct columns *columns, const struct pyr_allocations *memory, unsigned kind)
{
    const struct pyr_vec *lines = kind == PYR_MEMORY_HEAP ? &memory->lines : &memory->others[kind].lines;
    struct pyr_vec order = PYR_VEC(const struct pyr_allocation *);
    int rc = pyr_allocations_rank_lines(lines, PYR_WEIGH_ALLOCATED, SIZE_MAX, &order);
    for (size_t i = 0; rc == 0 && i < order.count; i++) {
        uint32_t place = (*PYR_VEC_AT(&order, const struct pyr_allocation *, i))->leaf;
        if (!is_written(totals, memory, kind, place))
            write_line(json, model, totals, place, columns, memory);
    }
    pyr_vec_release(&order);
    return rc;
}

/* Those with time, the most first, then those that only allocate. */
static int write_lines(struct pyr_report *report, struct pyr_json *json, const struct columns *columns,
                       const struct pyr_allocations *memory)
{
    const struct pyr_model *model = &report->view->model;
    struct pyr_totals totals = {0};
    struct pyr_vec order = PYR_VEC(uint32_t);
    int rc = pyr_totals_lines(&totals, report->view, &report->selection);
    if (rc == 0)
        rc = pyr_totals_rank(&totals, false, SIZE_MAX, &order);
    pyr_json_array(json, "lines");
    for (size_t i = 0; rc == 0 && i < order.count; i++)
        write_line(json, model, &totals, *PYR_VEC_AT(&order, uint32_t, i), columns, memory);
    for (unsigned kind = 0; rc == 0 && memory->heaps && kind < PYR_MEMORY_KINDS; kind++)
        rc = write_allocating(json, model, &totals, columns, memory, kind);
    pyr_json_end_array(json);
    pyr_totals_release(&totals);
    pyr_vec_release(&order);
    return rc;
}

static void write_heap(struct pyr_json *json, const struct pyr_model *model, const struct pyr_memory_facts *heap)
{
    pyr_json_row(json, NULL);
    pyr_json_uint(json, "pid", model->processes[heap->process].facts->pid);
    pyr_json_uint(json, "interpreter", heap->interpreter);
    if (*heap->why) {
        pyr_json_string(json, "none_because", heap->why);
    } else {
        pyr_json_uint(json, "peak_bytes", heap->peak_bytes);
        write_known(json, "peak_at_s", heap->peak_ns > 0, (double)heap->peak_ns / 1e9);
        pyr_json_uint(json, "allocations", heap->allocated_blocks);
        pyr_json_uint(json, "allocated_bytes", heap->allocated_bytes);
        pyr_json_uint(json, "live_bytes", heap->live_bytes);
        pyr_json_uint(json, "live_blocks", heap->live_blocks);
        pyr_json_uint(json, "arena_bytes", heap->arena_bytes);
    }
    pyr_json_end_object(json);
}

/* Of C memory or mapped files; nothing where they were not counted. */
static void write_other(struct pyr_json *json, const char *name, const struct pyr_other_memory *other)
{
    if (!other->heaps)
        return;
    pyr_json_object(json, name);
    pyr_json_uint(json, "peak_bytes", other->peak_bytes);
    write_known(json, "peak_at_s", other->peak_ns > 0, (double)other->peak_ns / 1e9);
    pyr_json_uint(json, "allocations", other->allocated_blocks);
    pyr_json_uint(json, "allocated_bytes", other->allocated_bytes);
    pyr_json_uint(json, "live_bytes", other->live_bytes);
    pyr_json_uint(json, "live_blocks", other->live_blocks);
    pyr_json_end_object(json);
}

static void write_timeline(struct pyr_json *json, const struct pyr_allocations *memory)
{
    pyr_json_row_array(json, "timeline");
    for (size_t i = 0; i < memory->points.count; i++) {
        const struct pyr_memory_point *point = PYR_VEC_AT(&memory->points, struct pyr_memory_point, i);
        pyr_json_row_array(json, NULL);
        pyr_json_number(json, NULL, (double)(memory->start_ns + i * memory->step_ns) / 1e9);
        pyr_json_uint(json, NULL, point->heap_bytes);
        pyr_json_uint(json, NULL, point->rss_bytes);
        pyr_json_end_array(json);
    }
    pyr_json_end_array(json);
}

static void write_frames(struct pyr_json *json, const struct pyr_model *model, const struct pyr_vec *path)
{
    pyr_json_row_array(json, "frames");
    for (size_t i = path->count; i-- > 0;) {
        const struct pyr_place *place = pyr_model_place(model, *PYR_VEC_AT(path, uint32_t, i));
        const struct pyr_function *function = pyr_model_function(model, place->function);
        pyr_json_row(json, NULL);
        pyr_json_string(json, "function", function->name);
        pyr_json_string(json, "file", function->file);
        pyr_json_uint(json, "line", place->line);
        pyr_json_end_object(json);
    }
    pyr_json_end_array(json);
}

/* Those with the most of one weight, innermost frame first. */
static int write_stacks_by(struct pyr_report *report, struct pyr_json *json, const struct pyr_allocations *memory,
                           const char *name, enum pyr_weigh weight)
{
    struct pyr_vec order = PYR_VEC(const struct pyr_allocation *), path = PYR_VEC(uint32_t);
    size_t limit = report->options->limit ? report->options->limit : STACK_ROWS;
    int rc = pyr_allocations_rank_stacks(memory, weight, limit, &order);
    pyr_json_array(json, name);
    for (size_t i = 0; rc == 0 && i < order.count; i++) {
        const struct pyr_allocation *stack = *PYR_VEC_AT(&order, const struct pyr_allocation *, i);
        rc = pyr_tree_path(&report->view->tree, stack->leaf, &path);
        pyr_json_row(json, NULL);
        write_frames(json, &report->view->model, &path);
        write_figures(json, memory, &stack->figures);
        pyr_json_end_object(json);
    }
    pyr_json_end_array(json);
    pyr_vec_release(&order);
    pyr_vec_release(&path);
    return rc;
}

static int write_stacks(struct pyr_report *report, struct pyr_json *json, const struct pyr_allocations *memory)
{
    if (!memory->whole)
        return 0;
    pyr_json_object(json, "stacks");
    int rc = write_stacks_by(report, json, memory, "peak", PYR_WEIGH_PEAK);
    if (rc == 0)
        rc = write_stacks_by(report, json, memory, "live", PYR_WEIGH_LIVE);
    if (rc == 0)
        rc = write_stacks_by(report, json, memory, "allocated", PYR_WEIGH_ALLOCATED);
    if (rc == 0 && memory->temporary_within)
        rc = write_stacks_by(report, json, memory, "temporary", PYR_WEIGH_TEMPORARY);
    pyr_json_end_object(json);
    return rc;
}

static int write_memory(struct pyr_report *report, struct pyr_json *json, const struct pyr_allocations *memory)
{
    const struct pyr_model *model = &report->view->model;
    if (!memory->heaps && !memory->why)
        return 0;
    pyr_json_object(json, "memory");
    pyr_json_uint(json, "peak_bytes", memory->peak_bytes);
    write_known(json, "peak_at_s", memory->peak_ns > 0, (double)memory->peak_ns / 1e9);
    pyr_json_uint(json, "allocations", memory->allocated_blocks);
    pyr_json_uint(json, "allocated_bytes", memory->allocated_bytes);
    pyr_json_uint(json, "live_bytes", memory->live_bytes);
    pyr_json_uint(json, "live_blocks", memory->live_blocks);
    pyr_json_bool(json, "live_at_main_end", memory->at_main_end);
    if (memory->begun_late)
        pyr_json_bool(json, "begun_late", true);
    if (memory->temporary_within) {
        pyr_json_uint(json, "temporary_bytes", memory->temporary_bytes);
        pyr_json_uint(json, "temporary_blocks", memory->temporary_blocks);
        pyr_json_uint(json, "temporary_within", memory->temporary_within);
        pyr_json_array(json, "temporary_domains"); /* of raw and C memory it is not known */
        pyr_json_string(json, NULL, "mem");
        pyr_json_string(json, NULL, "obj");
        pyr_json_end_array(json);
    }
    write_other(json, "c", &memory->others[PYR_MEMORY_C]);
    write_other(json, "mapped_files", &memory->others[PYR_MEMORY_FILES]);
    write_timeline(json, memory);
    pyr_json_array(json, "processes");
    for (uint32_t i = 0; i < pyr_reader_heaps(model->reader); i++)
        if (model->processes[pyr_reader_heap(model->reader, i)->process].selected)
            write_heap(json, model, pyr_reader_heap(model->reader, i));
    pyr_json_end_array(json);
    int rc = pyr_json_resident(report, json);
    if (rc == 0)
        rc = write_stacks(report, json, memory);
    pyr_json_end_object(json);
    return rc;
}

static void write_pauses(struct pyr_json *json, const struct pyr_collected *collected)
{
    pyr_json_row_array(json, "pauses");
    for (size_t i = 0; i < collected->pauses.count; i++) {
        const struct pyr_gc_pause *pause = &pyr_collected_at(collected, i)->pause;
        pyr_json_row_array(json, NULL);
        pyr_json_number(json, NULL, (double)pause->start_ns / 1e9);
        pyr_json_uint(json, NULL, pause->generation);
        pyr_json_number(json, NULL, (double)pause->pause_ns / 1e9);
        pyr_json_uint(json, NULL, pause->collected);
        pyr_json_end_array(json);
    }
    pyr_json_end_array(json);
}

static void write_generation(struct pyr_json *json, const struct pyr_gc_sum *sum)
{
    pyr_json_row(json, NULL);
    pyr_json_uint(json, "collections", sum->count);
    pyr_json_number(json, "pause_total_s", (double)sum->pause_ns / 1e9);
    pyr_json_number(json, "pause_max_s", (double)sum->longest_ns / 1e9);
    pyr_json_uint(json, "collected", sum->collected);
    pyr_json_uint(json, "uncollectable", sum->uncollectable);
    pyr_json_uint(json, "found_none", sum->vain_count);
    pyr_json_number(json, "found_none_s", (double)sum->vain_ns / 1e9);
    pyr_json_end_object(json);
}

static void write_thresholds(struct pyr_json *json, const struct pyr_gc_facts *facts)
{
    if (!facts)
        return;
    pyr_json_row_array(json, "thresholds");
    for (unsigned i = 0; i < PYR_GC_GENERATIONS; i++)
        pyr_json_uint(json, NULL, facts->thresholds[i]);
    pyr_json_end_array(json);
    pyr_json_bool(json, "enabled", facts->enabled);
}

/* Collections are those of whole processes: a thread has none. */
static int write_gc(struct pyr_report *report, struct pyr_json *json)
{
    const struct pyr_report_options *options = report->options;
    struct pyr_collected collected = {0};
    int rc = options->thread ? 0 : pyr_collected_load(&collected, report->view, options->from_s, options->to_s);
    if (rc == 0 && collected.collectors) {
        pyr_json_object(json, "gc");
        pyr_json_row_array(json, "collections");
        for (unsigned i = 0; i < PYR_GC_GENERATIONS; i++)
            pyr_json_uint(json, NULL, collected.sums[i].count);
        pyr_json_end_array(json);
        pyr_json_number(json, "pause_total_s", (double)collected.all.pause_ns / 1e9);
        pyr_json_number(json, "pause_max_s", (double)collected.all.longest_ns / 1e9);
        pyr_json_uint(json, "collected", collected.all.collected);
        pyr_json_uint(json, "uncollectable", collected.all.uncollectable);
        pyr_json_uint(json, "pauses_missing", collected.missing);
        write_thresholds(json, collected.example);
        pyr_json_array(json, "generations");
        for (unsigned i = 0; i < PYR_GC_GENERATIONS; i++)
            write_generation(json, &collected.sums[i]);
        pyr_json_end_array(json);
        write_pauses(json, &collected);
        pyr_json_end_object(json);
    }
    pyr_collected_release(&collected);
    return rc;
}

/* Memory is that of whole processes and runs: a part of them has none. */
static int load_memory(struct pyr_report *report, struct pyr_allocations *memory)
{
    const struct pyr_report_options *options = report->options;
    bool is_part = options->thread || options->from_s > 0 || options->to_s > 0;
    return is_part ? 0 : pyr_allocations_load(memory, report->view);
}

static int find_columns(struct pyr_report *report, struct columns *columns)
{
    const struct pyr_model *model = &report->view->model;
    struct pyr_totals by_place = {0};
    uint32_t *lines = pyr_alloc(model->places.count * sizeof *lines);
    columns->ranges = pyr_ranges_make(model);
    int rc =
        lines && columns->ranges ? pyr_totals_expressions(&by_place, report->view, &report->selection) : PYR_E_NOMEM;
    for (uint32_t i = 0; lines && i < model->places.count; i++)
        lines[i] = pyr_model_place(model, i)->whole;
    if (rc == 0)
        rc = pyr_expressions_rank(&columns->expressions, model, &by_place, lines);
    if (rc == 0 && model->opcodes)
        rc = pyr_opcodes_rank(&columns->opcodes, report->view, &report->selection, lines);
    pyr_totals_release(&by_place);
    pyr_free(lines);
    return rc;
}

int pyr_write_json(struct pyr_report *report)
{
    struct pyr_json json = {.out = report->out};
    struct pyr_allocations memory = {0};
    int rc = load_memory(report, &memory);
    if (rc < 0)
        return rc;
    pyr_json_object(&json, NULL);
    pyr_json_string(&json, "pyrometer", PYR_VERSION);
    pyr_json_uint(&json, "format", 1);
    write_run(report, &json);
    write_quality(report, &json);
    write_verdict(report, &json);
    rc = write_processes(report, &json);
    if (rc == 0)
        rc = write_functions(report, &json);
    struct columns columns = {.expressions = PYR_VEC(struct pyr_expression)};
    if (rc == 0)
        rc = find_columns(report, &columns);
    if (rc == 0)
        rc = write_lines(report, &json, &columns, &memory);
    pyr_vec_release(&columns.expressions);
    pyr_opcodes_release(&columns.opcodes);
    pyr_free(columns.ranges);
    if (rc == 0)
        rc = write_memory(report, &json, &memory);
    if (rc == 0)
        rc = write_gc(report, &json);
    pyr_json_end_object(&json);
    pyr_allocations_release(&memory);
    return rc;
}
