/* https://www.speedscope.app/file-format-schema.json: one sampled profile per thread. */
#include "analyze/allocations.h"
#include "base/alloc.h"
#include "base/json_out.h"
#include "report/expressions.h"
#include "report/report.h"

#include <inttypes.h>
#include <string.h>

struct stacks {
    uint32_t *frames; /* number of a place's frame, plus 1 */
    struct pyr_vec path;
};

static void write_frame(struct pyr_json *json, const struct pyr_model *model, const struct pyr_range *ranges,
                        uint32_t number)
{
    const struct pyr_place *place = pyr_model_place(model, number);
    const struct pyr_function *function = pyr_model_function(model, place->function);
    pyr_json_row(json, NULL);
    pyr_json_string(json, "name", function->name);
    if (*function->file) {
        pyr_json_string(json, "file", function->file);
        pyr_json_uint(json, "line", place->line);
        if (ranges[number].column)
            pyr_json_uint(json, "col", ranges[number].column);
    }
    pyr_json_end_object(json);
}

static int write_shared(struct pyr_json *json, const struct pyr_model *model, const uint32_t *frames)
{
    struct pyr_range *ranges = pyr_ranges_make(model);
    if (!ranges)
        return PYR_E_NOMEM;
    pyr_json_object(json, "shared");
    pyr_json_array(json, "frames");
    for (uint32_t i = 0; i < model->places.count; i++)
        if (frames[i])
            write_frame(json, model, ranges, i);
    pyr_json_end_array(json);
    pyr_json_end_object(json);
    pyr_free(ranges);
    return 0;
}

/* Whether entry is of this thread; *next stays at the first that is not. */
static bool next_of_thread(struct pyr_report *report, uint32_t thread, size_t *next, struct pyr_entry *entry)
{
    size_t peek = *next;
    if (!pyr_shown_next(report->view, &report->selection, &peek, entry) || entry->thread != thread)
        return false;
    *next = peek;
    return true;
}

static int write_samples(struct pyr_report *report, struct pyr_json *json, uint32_t thread, size_t next,
                         struct stacks *stacks)
{
    struct pyr_entry entry;
    pyr_json_array(json, "samples");
    while (next_of_thread(report, thread, &next, &entry)) {
        int rc = pyr_tree_path(&report->view->tree, entry.leaf, &stacks->path);
        if (rc < 0)
            return rc;
        pyr_json_row_array(json, NULL);
        for (size_t i = 0; i < stacks->path.count; i++)
            pyr_json_uint(json, NULL, stacks->frames[*PYR_VEC_AT(&stacks->path, uint32_t, i)] - 1);
        pyr_json_end_array(json);
    }
    pyr_json_end_array(json);
    return 0;
}

static double write_weights(struct pyr_report *report, struct pyr_json *json, uint32_t thread, size_t *next)
{
    struct pyr_entry entry;
    double total = 0;
    pyr_json_row_array(json, "weights");
    while (next_of_thread(report, thread, next, &entry)) {
        pyr_json_number(json, NULL, entry.seconds);
        total += entry.seconds;
    }
    pyr_json_end_array(json);
    return total;
}

static void profile_name(const struct pyr_report *report, uint32_t thread, char *name, size_t size)
{
    const struct pyr_thread_facts *facts = report->view->model.threads[thread].facts;
    const struct pyr_process_facts *process = pyr_shown_process(report->view, thread)->facts;
    snprintf(name, size, "process %" PRIu32 " thread %" PRIu64 " \"%.200s\"", process->pid, facts->native_id,
             facts->name);
}

/* One thread's profile, from the entry at *next on, which moves behind it. */
static int write_profile(struct pyr_report *report, struct pyr_json *json, uint32_t thread, size_t *next,
                         struct stacks *stacks)
{
    char name[320];
    profile_name(report, thread, name, sizeof name);
    pyr_json_object(json, NULL);
    pyr_json_string(json, "type", "sampled");
    pyr_json_string(json, "name", name);
    pyr_json_string(json, "unit", "seconds");
    int rc = write_samples(report, json, thread, *next, stacks);
    double total = write_weights(report, json, thread, next);
    pyr_json_uint(json, "startValue", 0);
    pyr_json_number(json, "endValue", total);
    pyr_json_end_object(json);
    return rc;
}

static int write_profiles(struct pyr_report *report, struct pyr_json *json, struct stacks *stacks)
{
    struct pyr_entry entry;
    size_t next = 0, peek = 0;
    int rc = 0;
    pyr_json_array(json, "profiles");
    while (rc == 0 && pyr_shown_next(report->view, &report->selection, &peek, &entry)) {
        rc = write_profile(report, json, entry.thread, &next, stacks);
        peek = next;
    }
    pyr_json_end_array(json);
    return rc;
}

/* ---- bytes: one profile per process ---- */

static int write_stacks(struct pyr_report *report, struct pyr_json *json, const struct pyr_allocation *rows,
                        size_t count, struct stacks *stacks)
{
    pyr_json_array(json, "samples");
    for (size_t i = 0; i < count; i++) {
        int rc = pyr_tree_path(&report->view->tree, rows[i].leaf, &stacks->path);
        if (rc < 0)
            return rc;
        pyr_json_row_array(json, NULL);
        for (size_t k = 0; k < stacks->path.count; k++)
            pyr_json_uint(json, NULL, stacks->frames[*PYR_VEC_AT(&stacks->path, uint32_t, k)] - 1);
        pyr_json_end_array(json);
    }
    pyr_json_end_array(json);
    return 0;
}

static int write_process(struct pyr_report *report, struct pyr_json *json, const struct pyr_allocation *rows,
                         size_t count, struct stacks *stacks)
{
    const struct pyr_process_facts *facts = report->view->model.processes[rows->process].facts;
    char name[320];
    uint64_t total = 0;
    snprintf(name, sizeof name, "process %" PRIu32 " \"%.200s\"", facts->pid, facts->command);
    pyr_json_object(json, NULL);
    pyr_json_string(json, "type", "sampled");
    pyr_json_string(json, "name", name);
    pyr_json_string(json, "unit", "bytes");
    int rc = write_stacks(report, json, rows, count, stacks);
    pyr_json_row_array(json, "weights");
    for (size_t i = 0; i < count; i++) {
        uint64_t bytes = pyr_allocation_bytes(&rows[i].figures, report->options->weight);
        pyr_json_uint(json, NULL, bytes);
        total += bytes;
    }
    pyr_json_end_array(json);
    pyr_json_uint(json, "startValue", 0);
    pyr_json_uint(json, "endValue", total);
    pyr_json_end_object(json);
    return rc;
}

static int write_processes(struct pyr_report *report, struct pyr_json *json, const struct pyr_allocations *allocations,
                           struct stacks *stacks)
{
    const struct pyr_allocation *rows = allocations->stacks.items;
    int rc = 0;
    pyr_json_array(json, "profiles");
    for (size_t i = 0, count; rc == 0 && i < allocations->stacks.count; i += count) {
        for (count = 1; i + count < allocations->stacks.count && rows[i + count].process == rows[i].process; count++)
            continue;
        rc = write_process(report, json, &rows[i], count, stacks);
    }
    pyr_json_end_array(json);
    return rc;
}

static int write_all(struct pyr_report *report, const struct pyr_allocations *allocations)
{
    struct pyr_json json = {.out = report->out};
    const char *slash = strrchr(report->recording, '/');
    pyr_json_object(&json, NULL);
    pyr_json_string(&json, "$schema", "https://www.speedscope.app/file-format-schema.json");
    pyr_json_string(&json, "exporter", "pyrometer " PYR_VERSION);
    pyr_json_string(&json, "name", slash ? slash + 1 : report->recording);
    pyr_json_uint(&json, "activeProfileIndex", 0);
    struct stacks stacks = {pyr_shown_places(report->view), PYR_VEC(uint32_t)};
    int rc = stacks.frames ? write_shared(&json, &report->view->model, stacks.frames) : PYR_E_NOMEM;
    if (rc == 0)
        rc =
            allocations ? write_processes(report, &json, allocations, &stacks) : write_profiles(report, &json, &stacks);
    pyr_vec_release(&stacks.path);
    pyr_free(stacks.frames);
    pyr_json_end_object(&json);
    return rc;
}

int pyr_write_speedscope(struct pyr_report *report)
{
    struct pyr_allocations allocations = {0};
    if (report->options->weight == PYR_WEIGH_TIME)
        return write_all(report, NULL);
    int rc = pyr_report_allocations(report, &allocations);
    if (rc == 0)
        rc = write_all(report, &allocations);
    pyr_allocations_release(&allocations);
    return rc;
}
