/* Memory over time as a picture: the Python heap where it was counted, and what the processes had resident. */
#include "analyze/allocations.h"
#include "analyze/timeline.h"
#include "base/alloc.h"
#include "report/chart.h"
#include "report/spans.h"
#include "report/text.h"

#define FILE_WIDTH 40

struct resident {
    uint64_t *bytes; /* of each process of the model, as last seen */
    uint64_t sum;
    struct pyr_vec *points;
};

static int add_point(struct pyr_vec *points, uint64_t ns, uint64_t bytes)
{
    const struct pyr_chart_point point = {(double)ns / 1e9, bytes};
    return pyr_vec_push(points, &point) ? 0 : PYR_E_NOMEM;
}

static int ignore_change(void *context, uint32_t thread, uint32_t from, uint32_t to, uint64_t ns)
{
    (void)context, (void)thread, (void)from, (void)to, (void)ns;
    return 0;
}

static int note_resident(void *context, uint32_t process, uint64_t ns, uint64_t bytes)
{
    struct resident *resident = context;
    resident->sum += bytes - resident->bytes[process];
    resident->bytes[process] = bytes;
    return add_point(resident->points, ns, resident->sum);
}

/* As sampled; the last of a process stands until the end of the recording. */
static int read_resident(struct pyr_report *report, struct pyr_vec *points)
{
    struct pyr_model *model = &report->view->model;
    struct resident resident = {.bytes = pyr_alloc((model->process_count + 1) * sizeof *resident.bytes),
                                .points = points};
    struct pyr_tree tree = {0};
    const struct pyr_timeline_options options = {report->selection, report->options->from_s, report->options->to_s};
    const struct pyr_timeline_sink sink = {ignore_change, note_resident, &resident};
    int rc = resident.bytes ? pyr_tree_build(&tree, model, PYR_FOLD_FUNCTIONS) : PYR_E_NOMEM;
    if (rc == 0)
        rc = pyr_timeline_read(report->view, &tree, report->recording, &options, &sink, report->err);
    pyr_tree_release(&tree);
    pyr_free(resident.bytes);
    return rc;
}

static int read_heap(const struct pyr_allocations *allocations, struct pyr_vec *heap, struct pyr_vec *resident)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < allocations->points.count; i++) {
        const struct pyr_memory_point *point = PYR_VEC_AT(&allocations->points, struct pyr_memory_point, i);
        uint64_t ns = allocations->start_ns + i * allocations->step_ns;
        rc = add_point(heap, ns, point->heap_bytes);
        if (rc == 0)
            rc = add_point(resident, ns, point->rss_bytes);
    }
    return rc;
}

/* "peak 34.4 MiB, 31.0 MiB of it at app.py:88" */
static int describe_peak(const struct pyr_report *report, const struct pyr_allocations *allocations, char *text,
                         size_t size)
{
    struct pyr_vec order = PYR_VEC(const struct pyr_allocation *);
    const struct pyr_model *model = &report->view->model;
    char all[40], part[40];
    bool elided;
    int rc = pyr_allocations_rank(allocations, PYR_WEIGH_PEAK, 1, &order);
    pyr_text_bytes(all, sizeof all, allocations->peak_bytes);
    snprintf(text, size, "peak %s", all);
    if (rc == 0 && order.count) {
        const struct pyr_allocation *line = *PYR_VEC_AT(&order, const struct pyr_allocation *, 0);
        const struct pyr_place *place = pyr_model_place(model, line->leaf);
        const char *tail = pyr_path_tail(pyr_model_function(model, place->function)->file, FILE_WIDTH, &elided);
        pyr_text_bytes(part, sizeof part, line->figures.peak_bytes);
        if (*tail)
            snprintf(text, size, "peak %s, %s of it at %s%s:%u", all, part, elided ? "…" : "", tail, place->line);
    }
    pyr_vec_release(&order);
    return rc;
}

static void put_title(const struct pyr_report *report, char *title, size_t size)
{
    const struct pyr_run_facts *facts = report->view->model.facts;
    size_t used = (size_t)snprintf(title, size, "Memory of");
    for (uint32_t i = 0; i < facts->command_count && used < size; i++)
        used += (size_t)snprintf(title + used, size - used, " %s", facts->command[i]);
}

static int draw(struct pyr_report *report, const struct pyr_allocations *allocations, struct pyr_chart_series *heap,
                struct pyr_chart_series *resident, const struct pyr_spans *spans)
{
    const struct pyr_chart_series series[] = {*resident, *heap};
    const bool counted = heap->points.count > 0;
    char title[200], peak[200];
    struct pyr_chart_mark mark = {(double)allocations->peak_ns / 1e9, allocations->peak_bytes, peak};
    struct pyr_chart_brackets brackets[PYR_SPAN_FUNCTIONS_MAX];
    struct pyr_chart chart = {title, series, counted ? 2 : 1, NULL, brackets, spans->count};
    for (unsigned i = 0; i < spans->count; i++)
        brackets[i] = (struct pyr_chart_brackets){spans->names[i], &spans->of[i]};
    int rc = counted ? describe_peak(report, allocations, peak, sizeof peak) : 0;
    if (rc < 0)
        return rc;
    if (counted && allocations->heaps == 1 && allocations->peak_ns)
        chart.mark = &mark;
    put_title(report, title, sizeof title);
    pyr_chart_write(&chart, report->out);
    return 0;
}

/* Heaps are recorded for whole runs: where a part of one is asked for there is only what was resident. */
int pyr_write_plot(struct pyr_report *report)
{
    struct pyr_chart_series heap = {"Python heap", "#d9480f", true, PYR_VEC(struct pyr_chart_point)};
    struct pyr_chart_series resident = {"resident memory", "#1971c2", false, PYR_VEC(struct pyr_chart_point)};
    struct pyr_allocations allocations = {0};
    struct pyr_spans spans = {0};
    bool whole = report->options->from_s <= 0 && report->options->to_s <= 0;
    int rc = whole ? pyr_allocations_load(&allocations, report->view) : 0;
    if (rc == 0 && allocations.heaps)
        rc = read_heap(&allocations, &heap.points, &resident.points);
    else if (rc == 0)
        rc = read_resident(report, &resident.points);
    if (rc == 0 && !resident.points.count)
        rc = pyr_err_set(report->err, PYR_E_NOT_FOUND, "The recording has no memory figures for what is to be shown");
    if (rc == 0 && report->options->functions)
        rc = pyr_spans_read(&spans, report);
    if (rc == 0)
        rc = draw(report, &allocations, &heap, &resident, &spans);
    pyr_spans_release(&spans);
    pyr_vec_release(&heap.points);
    pyr_vec_release(&resident.points);
    pyr_allocations_release(&allocations);
    return rc;
}
