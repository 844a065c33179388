/* The pprof format. A message is the concatenation of its fields, so the profile is written piece by piece, each packed
 * as a Profile with only that piece in it: memory holds one sample at a time. */
#include "analyze/allocations.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "report/gzip_out.h"
#include "report/profile.pb-c.h"
#include "report/report.h"

#include <math.h>
#include <string.h>

#define TEXT_MAX 4096
#define MAPPING_ID 1

struct pprof {
    struct pyr_report *report;
    struct pyr_gzip gzip;
    struct pyr_intern strings; /* number 0 is "" */
    struct pyr_buf packed;
    struct pyr_vec path, locations;     /* of uint32_t, uint64_t */
    struct pyr_allocations allocations; /* of another weight than time */
    bool failed;                        /* a string could not be kept */
};

/* The number of a string in the table, new or known; 0 where memory runs out, which packing will then notice. */
static int64_t text(struct pprof *pprof, const char *string)
{
    char clean[TEXT_MAX];
    pyr_clean(clean, sizeof clean, string);
    int64_t number = pyr_intern_put(&pprof->strings, clean, strlen(clean), NULL);
    pprof->failed |= number < 0;
    return number < 0 ? 0 : number;
}

static int put(struct pprof *pprof, const PyrPprof__Profile *piece)
{
    size_t size = pyr_pprof__profile__get_packed_size(piece);
    pyr_buf_clear(&pprof->packed);
    if (pprof->failed || pyr_buf_reserve(&pprof->packed, size) < 0)
        return PYR_E_NOMEM;
    pyr_pprof__profile__pack(piece, pprof->packed.bytes);
    return pyr_gzip_write(&pprof->gzip, pprof->packed.bytes, size);
}

/* What a sample's values are. Those of memory have the names that Go's heap profiles made known. */
struct value_name {
    const char *type, *unit;
};
enum { VALUES_MAX = 8, VALUES_LASTING = 6 /* without what was temporary */ };
static const struct value_name time_values[] = {{"samples", "count"}, {"time", "nanoseconds"}};
static const struct value_name memory_values[VALUES_MAX] = {
    {"alloc_objects", "count"}, {"alloc_space", "bytes"}, {"inuse_objects", "count"},     {"inuse_space", "bytes"},
    {"peak_objects", "count"},  {"peak_space", "bytes"},  {"temporary_objects", "count"}, {"temporary_space", "bytes"}};

static size_t memory_count(const struct pprof *pprof)
{
    return pprof->allocations.temporary_within ? VALUES_MAX : VALUES_LASTING;
}

static const struct value_name *value_names(const struct pprof *pprof, size_t *count, size_t *shown)
{
    enum pyr_weigh weight = pprof->report->options->weight;
    bool is_time = weight == PYR_WEIGH_TIME;
    *count = is_time ? 2 : memory_count(pprof);
    *shown = weight == PYR_WEIGH_LIVE ? 3 : weight == PYR_WEIGH_PEAK ? 5 : weight == PYR_WEIGH_TEMPORARY ? 7 : 1;
    return is_time ? time_values : memory_values;
}

static int put_head(struct pprof *pprof)
{
    const struct pyr_model *model = &pprof->report->view->model;
    PyrPprof__ValueType values[VALUES_MAX], *types[VALUES_MAX];
    size_t count, shown;
    const struct value_name *names = value_names(pprof, &count, &shown);
    for (size_t i = 0; i < count; i++) {
        values[i] = (PyrPprof__ValueType)PYR_PPROF__VALUE_TYPE__INIT;
        values[i].type = text(pprof, names[i].type);
        values[i].unit = text(pprof, names[i].unit);
        types[i] = &values[i];
    }
    PyrPprof__Mapping mapping = PYR_PPROF__MAPPING__INIT;
    mapping.id = MAPPING_ID;
    mapping.filename =
        text(pprof, model->process_count && model->processes[0].facts ? model->processes[0].facts->command : "python");
    mapping.has_functions = mapping.has_filenames = mapping.has_line_numbers = true;

    PyrPprof__Profile head = PYR_PPROF__PROFILE__INIT;
    PyrPprof__Mapping *mappings[] = {&mapping};
    head.sample_type = types;
    head.n_sample_type = count;
    head.mapping = mappings;
    head.n_mapping = 1;
    head.time_nanos = (int64_t)model->facts->started_wall_ns;
    head.duration_nanos = (int64_t)model->end_ns;
    head.default_sample_type = values[shown].type;
    if (names == time_values && model->facts->rate_hz && model->facts->rate_hz != UINT64_MAX) {
        head.period_type = &values[shown];
        head.period = (int64_t)(1000000000 / model->facts->rate_hz);
    }
    return put(pprof, &head);
}

/* Ids start at 1, ours at 0. */
static int put_functions(struct pprof *pprof)
{
    const struct pyr_model *model = &pprof->report->view->model;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < model->functions.count; i++) {
        const struct pyr_function *from = pyr_model_function(model, i);
        PyrPprof__Function function = PYR_PPROF__FUNCTION__INIT;
        function.id = i + 1ull;
        /* No system name: pprof would take "<module>" for a C++ template's arguments and strip it. */
        function.name = text(pprof, from->name);
        function.filename = text(pprof, from->file);
        function.start_line = from->line;
        PyrPprof__Profile piece = PYR_PPROF__PROFILE__INIT;
        PyrPprof__Function *functions[] = {&function};
        piece.function = functions;
        piece.n_function = 1;
        rc = put(pprof, &piece);
    }
    return rc;
}

static int put_locations(struct pprof *pprof)
{
    const struct pyr_model *model = &pprof->report->view->model;
    uint32_t *shown = pyr_shown_places(pprof->report->view);
    int rc = shown ? 0 : PYR_E_NOMEM;
    for (uint32_t i = 0; rc == 0 && i < model->places.count; i++) {
        if (!shown[i])
            continue;
        const struct pyr_place *place = pyr_model_place(model, i);
        PyrPprof__Line line = PYR_PPROF__LINE__INIT;
        line.function_id = place->function + 1ull;
        line.line = place->line;
        line.column = place->column + 1; /* from 1, in bytes, as compilers count; 0 is none */
        PyrPprof__Location location = PYR_PPROF__LOCATION__INIT;
        PyrPprof__Line *lines[] = {&line};
        location.id = i + 1ull;
        location.mapping_id = MAPPING_ID;
        location.line = lines;
        location.n_line = 1;
        PyrPprof__Profile piece = PYR_PPROF__PROFILE__INIT;
        PyrPprof__Location *locations[] = {&location};
        piece.location = locations;
        piece.n_location = 1;
        rc = put(pprof, &piece);
    }
    pyr_free(shown);
    return rc;
}

/* The stack as pprof wants it: leaf first. */
static int fill_locations(struct pprof *pprof, uint32_t leaf)
{
    int rc = pyr_tree_path(&pprof->report->view->tree, leaf, &pprof->path);
    if (rc < 0 || (rc = pyr_vec_reserve(&pprof->locations, pprof->path.count)) < 0)
        return rc;
    pprof->locations.count = pprof->path.count;
    for (size_t i = 0; i < pprof->path.count; i++)
        *PYR_VEC_AT(&pprof->locations, uint64_t, i) =
            *PYR_VEC_AT(&pprof->path, uint32_t, pprof->path.count - 1 - i) + 1ull;
    return 0;
}

/* One sample of the file: the stack of a leaf, and what it weighs. */
static int put_values(struct pprof *pprof, uint32_t leaf, int64_t *values, size_t count, PyrPprof__Label **labels,
                      size_t label_count)
{
    PyrPprof__Sample sample = PYR_PPROF__SAMPLE__INIT, *samples[] = {&sample};
    PyrPprof__Profile piece = PYR_PPROF__PROFILE__INIT;
    int rc = fill_locations(pprof, leaf);
    if (rc < 0)
        return rc;
    sample.location_id = pprof->locations.items;
    sample.n_location_id = pprof->locations.count;
    sample.value = values;
    sample.n_value = count;
    sample.label = labels;
    sample.n_label = label_count;
    piece.sample = samples;
    piece.n_sample = 1;
    return put(pprof, &piece);
}

static int put_sample(struct pprof *pprof, const struct pyr_entry *entry)
{
    const struct pyr_thread_facts *thread = pprof->report->view->model.threads[entry->thread].facts;
    PyrPprof__Label name = PYR_PPROF__LABEL__INIT, id = PYR_PPROF__LABEL__INIT, pid = PYR_PPROF__LABEL__INIT;
    name.key = text(pprof, "thread");
    name.str = text(pprof, thread->name);
    id.key = text(pprof, "thread_id");
    id.num = (int64_t)thread->native_id;
    pid.key = text(pprof, "pid");
    pid.num = pyr_shown_process(pprof->report->view, entry->thread)->facts->pid;
    int64_t values[] = {llround(entry->ticks), llround(entry->seconds * 1e9)};
    PyrPprof__Label *labels[] = {&name, &id, &pid};
    return put_values(pprof, entry->leaf, values, sizeof values / sizeof *values, labels, 3);
}

static int put_allocation(struct pprof *pprof, const struct pyr_allocation *row)
{
    const struct pyr_memory_site *figures = &row->figures;
    PyrPprof__Label pid = PYR_PPROF__LABEL__INIT;
    pid.key = text(pprof, "pid");
    pid.num = pprof->report->view->model.processes[row->process].facts->pid;
    int64_t values[] = {(int64_t)figures->allocated_blocks, (int64_t)figures->allocated_bytes,
                        (int64_t)figures->live_blocks,      (int64_t)figures->live_bytes,
                        (int64_t)figures->peak_blocks,      (int64_t)figures->peak_bytes,
                        (int64_t)figures->temporary_blocks, (int64_t)figures->temporary_bytes};
    PyrPprof__Label *labels[] = {&pid};
    return put_values(pprof, row->leaf, values, memory_count(pprof), labels, 1);
}

static int put_samples(struct pprof *pprof)
{
    struct pyr_entry entry;
    int rc = 0;
    for (size_t next = 0; rc == 0 && pyr_shown_next(pprof->report->view, &pprof->report->selection, &next, &entry);)
        rc = put_sample(pprof, &entry);
    return rc;
}

static int put_allocations(struct pprof *pprof)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < pprof->allocations.stacks.count; i++)
        rc = put_allocation(pprof, PYR_VEC_AT(&pprof->allocations.stacks, struct pyr_allocation, i));
    return rc;
}

static int put_strings(struct pprof *pprof)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < pyr_intern_count(&pprof->strings); i++) {
        char *strings[] = {(char *)pyr_intern_get(&pprof->strings, i)->bytes}; /* packing only reads it */
        PyrPprof__Profile piece = PYR_PPROF__PROFILE__INIT;
        piece.string_table = strings;
        piece.n_string_table = 1;
        rc = put(pprof, &piece);
    }
    return rc;
}

static int put_all(struct pprof *pprof)
{
    bool is_time = pprof->report->options->weight == PYR_WEIGH_TIME;
    int (*const parts[])(struct pprof *) = {put_head, put_functions, put_locations,
                                            is_time ? put_samples : put_allocations, put_strings};
    text(pprof, "");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        int rc = parts[i](pprof);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int pyr_write_pprof(struct pyr_report *report)
{
    struct pprof pprof = {.report = report, .path = PYR_VEC(uint32_t), .locations = PYR_VEC(uint64_t)};
    int rc = report->options->weight == PYR_WEIGH_TIME ? 0 : pyr_report_allocations(report, &pprof.allocations);
    if (rc == 0)
        rc = pyr_gzip_open(&pprof.gzip, report->out);
    if (rc < 0) {
        pyr_allocations_release(&pprof.allocations);
        return rc;
    }
    rc = put_all(&pprof);
    int closed = pyr_gzip_close(&pprof.gzip);
    pyr_allocations_release(&pprof.allocations);
    pyr_intern_release(&pprof.strings);
    pyr_buf_release(&pprof.packed);
    pyr_vec_release(&pprof.path);
    pyr_vec_release(&pprof.locations);
    return rc < 0 ? rc : closed;
}
