#include "report/spans.h"

#include "analyze/timeline.h"
#include "base/alloc.h"

#include <string.h>

struct reading {
    struct pyr_spans *spans;
    const struct pyr_model *model;
    struct pyr_tree tree;
    struct pyr_vec seen;                          /* by node of the tree: bits of functions */
    uint64_t (*began_ns)[PYR_SPAN_FUNCTIONS_MAX]; /* by thread */
};

static bool is_named(const char *function, const char *name)
{
    size_t size = strlen(function), wanted = strlen(name);
    if (wanted > size || strcmp(function + size - wanted, name) != 0)
        return false;
    return wanted == size || function[size - wanted - 1] == '.';
}

static uint16_t own_bits(const struct reading *reading, uint32_t place)
{
    const struct pyr_function *function = pyr_model_place_function(reading->model, place);
    uint16_t bits = 0;
    for (unsigned i = 0; i < reading->spans->count; i++)
        if (is_named(function->name, reading->spans->names[i]))
            bits |= (uint16_t)(1u << i);
    return bits;
}

static uint16_t *seen_at(const struct reading *reading, uint32_t node)
{
    return PYR_VEC_AT(&reading->seen, uint16_t, node);
}

/* The functions on the stack of a node. Parents have lower numbers: what is not known yet is worked out from the
 * lowest up. */
static int find_bits(struct reading *reading, uint32_t node, uint16_t *bits)
{
    while (reading->seen.count <= node) {
        uint32_t number = (uint32_t)reading->seen.count;
        const struct pyr_tree_node *at = pyr_tree_at(&reading->tree, number);
        uint16_t all = number ? (uint16_t)(*seen_at(reading, at->parent) | own_bits(reading, at->place)) : 0;
        if (!pyr_vec_push(&reading->seen, &all))
            return PYR_E_NOMEM;
    }
    *bits = *seen_at(reading, node);
    return 0;
}

static int change(void *context, uint32_t thread, uint32_t from, uint32_t to, uint64_t ns)
{
    struct reading *reading = context;
    uint16_t before = 0, after = 0;
    int rc = find_bits(reading, from, &before);
    if (rc == 0)
        rc = find_bits(reading, to, &after);
    for (unsigned i = 0; rc == 0 && i < reading->spans->count; i++) {
        uint64_t *began = &reading->began_ns[thread][i];
        const struct pyr_chart_span span = {(double)*began / 1e9, (double)ns / 1e9};
        if (after & ~before & 1u << i)
            *began = ns;
        else if ((before & ~after & 1u << i) && !pyr_vec_push(&reading->spans->of[i], &span))
            rc = PYR_E_NOMEM;
    }
    return rc;
}

static int ignore_memory(void *context, uint32_t process, uint64_t ns, uint64_t bytes)
{
    (void)context, (void)process, (void)ns, (void)bytes;
    return 0;
}

/* "load,Model.fit" */
static int split_names(struct pyr_spans *spans, struct pyr_report *report)
{
    for (const char *at = report->options->functions; *at; at += *at == ',') {
        size_t size = strcspn(at, ",");
        if (size && (spans->count == PYR_SPAN_FUNCTIONS_MAX || size >= sizeof spans->names[0]))
            return pyr_err_set(report->err, PYR_E_MISUSE,
                               "A plot shows up to %d functions, with names of up to %zu bytes", PYR_SPAN_FUNCTIONS_MAX,
                               sizeof spans->names[0] - 1);
        if (size) {
            memcpy(spans->names[spans->count], at, size);
            spans->of[spans->count++] = PYR_VEC(struct pyr_chart_span);
        }
        at += size;
    }
    return 0;
}

static int check_found(const struct pyr_spans *spans, struct pyr_report *report)
{
    for (unsigned i = 0; i < spans->count; i++)
        if (!spans->of[i].count)
            return pyr_err_set(report->err, PYR_E_NOT_FOUND,
                               "No sample of the recording has a function '%s'; -f text lists those that ran most",
                               spans->names[i]);
    return 0;
}

int pyr_spans_read(struct pyr_spans *spans, struct pyr_report *report)
{
    struct pyr_model *model = &report->view->model;
    struct reading reading = {.spans = spans, .model = model, .seen = PYR_VEC(uint16_t)};
    const struct pyr_timeline_options options = {
        {PYR_MODE_WALL, false}, report->options->from_s, report->options->to_s};
    const struct pyr_timeline_sink sink = {change, ignore_memory, &reading};
    int rc = split_names(spans, report);
    if (rc < 0 || !spans->count)
        return rc;
    reading.began_ns = pyr_alloc((model->thread_count + 1) * sizeof *reading.began_ns);
    rc = reading.began_ns ? pyr_tree_build(&reading.tree, model, PYR_FOLD_FUNCTIONS) : PYR_E_NOMEM;
    if (rc == 0)
        rc = pyr_timeline_read(report->view, &reading.tree, report->recording, &options, &sink, report->err);
    if (rc == 0)
        rc = check_found(spans, report);
    pyr_tree_release(&reading.tree);
    pyr_vec_release(&reading.seen);
    pyr_free(reading.began_ns);
    return rc;
}

void pyr_spans_release(struct pyr_spans *spans)
{
    for (unsigned i = 0; i < spans->count; i++)
        pyr_vec_release(&spans->of[i]);
    spans->count = 0;
}
