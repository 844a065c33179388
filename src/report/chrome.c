/* Trace events (B and E pairs): what ran when, function by function, written as the recording is read. A tick whose
 * stack is not known leaves the last one standing. */
#include "analyze/collected.h"
#include "analyze/timeline.h"
#include "base/json_out.h"
#include "record/reader.h"
#include "report/report.h"

struct chrome {
    const struct pyr_model *model;
    struct pyr_tree tree; /* by function */
    struct pyr_json json;
    struct pyr_vec path;
};

/* The end of a frame repeats its name and its args: the format lets it be without, but speedscope pairs by them. */
static void write_frame(struct chrome *chrome, const char *phase, uint32_t thread, uint32_t place, uint64_t ns)
{
    const struct pyr_thread_facts *facts = chrome->model->threads[thread].facts;
    const struct pyr_function *function = pyr_model_place_function(chrome->model, place);
    pyr_json_row(&chrome->json, NULL);
    pyr_json_string(&chrome->json, "ph", phase);
    pyr_json_string(&chrome->json, "name", function->name);
    pyr_json_uint(&chrome->json, "pid", chrome->model->processes[facts->process].facts->pid);
    pyr_json_uint(&chrome->json, "tid", facts->native_id);
    pyr_json_number(&chrome->json, "ts", (double)ns / 1e3);
    if (*function->file) {
        pyr_json_row(&chrome->json, "args");
        pyr_json_string(&chrome->json, "file", function->file);
        pyr_json_uint(&chrome->json, "line", function->line);
        pyr_json_end_object(&chrome->json);
    }
    pyr_json_end_object(&chrome->json);
}

static uint32_t common_ancestor(const struct pyr_tree *tree, uint32_t a, uint32_t b)
{
    while (a != b) {
        /* Parents have lower numbers, so the higher one cannot be the ancestor. */
        if (a > b)
            a = pyr_tree_at(tree, a)->parent;
        else
            b = pyr_tree_at(tree, b)->parent;
    }
    return a;
}

/* Ends the frames that are gone, begins the new ones. */
static int write_change(void *context, uint32_t thread, uint32_t from, uint32_t to, uint64_t ns)
{
    struct chrome *chrome = context;
    uint32_t kept = pyr_tree_at(&chrome->tree, common_ancestor(&chrome->tree, from, to))->depth;
    for (; pyr_tree_at(&chrome->tree, from)->depth > kept; from = pyr_tree_at(&chrome->tree, from)->parent)
        write_frame(chrome, "E", thread, pyr_tree_at(&chrome->tree, from)->place, ns);
    int rc = pyr_tree_path(&chrome->tree, to, &chrome->path);
    for (size_t i = kept; rc == 0 && i < chrome->path.count; i++)
        write_frame(chrome, "B", thread, *PYR_VEC_AT(&chrome->path, uint32_t, i), ns);
    return rc;
}

static int write_memory(void *context, uint32_t process, uint64_t ns, uint64_t bytes)
{
    struct chrome *chrome = context;
    pyr_json_row(&chrome->json, NULL);
    pyr_json_string(&chrome->json, "ph", "C");
    pyr_json_string(&chrome->json, "name", "resident memory");
    pyr_json_uint(&chrome->json, "pid", chrome->model->processes[process].facts->pid);
    pyr_json_number(&chrome->json, "ts", (double)ns / 1e3);
    pyr_json_row(&chrome->json, "args");
    pyr_json_uint(&chrome->json, "bytes", bytes);
    pyr_json_end_object(&chrome->json);
    pyr_json_end_object(&chrome->json);
    return 0;
}

/* A row of their own: no thread has this number. */
#define COLLECTOR_ROW 0u

static void write_collection(struct chrome *chrome, const struct pyr_collected_pause *row)
{
    const struct pyr_gc_pause *pause = &row->pause;
    uint32_t place = pyr_collected_place(chrome->model, pause);
    const struct pyr_function *function = pyr_model_place_function(chrome->model, place);
    pyr_json_row(&chrome->json, NULL);
    pyr_json_string(&chrome->json, "ph", "X");
    pyr_json_string(&chrome->json, "name", "garbage collection");
    pyr_json_uint(&chrome->json, "pid", chrome->model->processes[row->process].facts->pid);
    pyr_json_uint(&chrome->json, "tid", COLLECTOR_ROW);
    pyr_json_number(&chrome->json, "ts", (double)pause->start_ns / 1e3);
    pyr_json_number(&chrome->json, "dur", (double)pause->pause_ns / 1e3);
    pyr_json_row(&chrome->json, "args");
    pyr_json_uint(&chrome->json, "generation", pause->generation);
    pyr_json_uint(&chrome->json, "collected", pause->collected);
    pyr_json_uint(&chrome->json, "uncollectable", pause->uncollectable);
    pyr_json_string(&chrome->json, "function", function->name);
    if (*function->file) {
        pyr_json_string(&chrome->json, "file", function->file);
        pyr_json_uint(&chrome->json, "line", pyr_model_place(chrome->model, place)->line);
    }
    pyr_json_end_object(&chrome->json);
    pyr_json_end_object(&chrome->json);
}

static void write_name(struct chrome *chrome, const char *kind, uint64_t pid, uint64_t tid, const char *name)
{
    pyr_json_row(&chrome->json, NULL);
    pyr_json_string(&chrome->json, "ph", "M");
    pyr_json_string(&chrome->json, "name", kind);
    pyr_json_uint(&chrome->json, "pid", pid);
    pyr_json_uint(&chrome->json, "tid", tid);
    pyr_json_row(&chrome->json, "args");
    pyr_json_string(&chrome->json, "name", name);
    pyr_json_end_object(&chrome->json);
    pyr_json_end_object(&chrome->json);
}

static void name_collectors(struct chrome *chrome)
{
    for (uint32_t i = 0; i < pyr_reader_collectors(chrome->model->reader); i++) {
        const struct pyr_gc_facts *facts = pyr_reader_collector(chrome->model->reader, i);
        if (facts->process < chrome->model->process_count && chrome->model->processes[facts->process].selected)
            write_name(chrome, "thread_name", chrome->model->processes[facts->process].facts->pid, COLLECTOR_ROW,
                       "garbage collector");
    }
}

static int write_collections(struct chrome *chrome, const struct pyr_report *report)
{
    const struct pyr_report_options *options = report->options;
    struct pyr_collected collected = {0};
    int rc = options->thread ? 0 : pyr_collected_load(&collected, report->view, options->from_s, options->to_s);
    if (rc == 0 && collected.collectors)
        name_collectors(chrome);
    for (size_t i = 0; i < collected.pauses.count; i++)
        write_collection(chrome, pyr_collected_at(&collected, i));
    pyr_collected_release(&collected);
    return rc;
}

static void write_names(struct chrome *chrome)
{
    for (uint32_t i = 0; i < chrome->model->process_count; i++) {
        const struct pyr_process_facts *facts = chrome->model->processes[i].facts;
        if (chrome->model->processes[i].selected)
            write_name(chrome, "process_name", facts->pid, 0, facts->command);
    }
    for (uint32_t i = 0; i < chrome->model->thread_count; i++) {
        const struct pyr_thread_facts *facts = chrome->model->threads[i].facts;
        if (chrome->model->threads[i].selected)
            write_name(chrome, "thread_name", chrome->model->processes[facts->process].facts->pid, facts->native_id,
                       facts->name);
    }
}

int pyr_write_chrome(struct pyr_report *report)
{
    struct chrome chrome = {.model = &report->view->model, .path = PYR_VEC(uint32_t), .json.out = report->out};
    const struct pyr_timeline_options options = {report->selection, report->options->from_s, report->options->to_s};
    const struct pyr_timeline_sink sink = {write_change, write_memory, &chrome};
    int rc = pyr_tree_build(&chrome.tree, &report->view->model, PYR_FOLD_FUNCTIONS);
    if (rc == 0) {
        pyr_json_object(&chrome.json, NULL);
        pyr_json_string(&chrome.json, "displayTimeUnit", "ms");
        pyr_json_array(&chrome.json, "traceEvents");
        write_names(&chrome);
        rc = write_collections(&chrome, report);
        if (rc == 0)
            rc = pyr_timeline_read(report->view, &chrome.tree, report->recording, &options, &sink, report->err);
        pyr_json_end_array(&chrome.json);
        pyr_json_end_object(&chrome.json);
    }
    pyr_tree_release(&chrome.tree);
    pyr_vec_release(&chrome.path);
    return rc;
}
