/* Several snapshots as a picture: what grew most of types, owners or lines, over the time at which they were taken. */
#include "base/alloc.h"
#include "report/chart.h"
#include "report/heap/heap.h"
#include "report/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LINES = 8, NAME_BYTES = 28 };

static const char *const colours[LINES] = {"#d9480f", "#1971c2", "#2f9e44", "#9c36b5",
                                           "#e8a100", "#0c8599", "#c2255c", "#5c5f66"};

struct moment {
    const char *path;
    uint64_t taken_ns, pause_ns;
};

struct plot {
    struct moment *moments; /* by time */
    size_t count;
    struct pyr_intern names;
    struct pyr_vec bytes; /* of uint64_t: by name, one for each moment */
    char title[256];
};

struct column {
    struct plot *plot;
    size_t moment;
};

static uint64_t *row_of(const struct plot *plot, size_t row)
{
    return PYR_VEC_AT(&plot->bytes, uint64_t, row * plot->count);
}

/* ---- reading ---- */

static int add(void *context, const char *name, uint64_t bytes)
{
    const struct column *column = context;
    struct plot *plot = column->plot;
    int is_new;
    int64_t number = pyr_intern_put(&plot->names, name, strlen(name), &is_new);
    if (number < 0)
        return (int)number;
    for (size_t i = 0; is_new && i < plot->count; i++)
        if (!pyr_vec_push(&plot->bytes, NULL))
            return PYR_E_NOMEM;
    row_of(plot, (size_t)number)[column->moment] += bytes;
    return 0;
}

static int add_census(struct pyr_heap *heap, enum pyr_heap_by by, struct column *column)
{
    struct pyr_census census;
    int rc = pyr_heap_need_children(heap);
    if (rc == 0)
        rc = pyr_census_make(&census, heap->graph, &heap->children);
    if (rc < 0)
        return rc;
    for (uint32_t i = 0; rc == 0 && by == PYR_HEAP_BY_TYPE && i < heap->snapshot->types; i++)
        if (census.types[i].count)
            rc = add(column, pyr_heap_type(heap, i), census.types[i].bytes);
    for (uint32_t i = 1; rc == 0 && by == PYR_HEAP_BY_LINE && heap->snapshot->site && i <= heap->snapshot->sites; i++)
        if (census.sites[i].count)
            rc = add(column, pyr_heap_site(heap, i), census.sites[i].bytes);
    pyr_census_release(&census);
    return rc;
}

/* " · stood still for 1.2 ms to 3.4 ms": each time between these. Nothing of snapshots without a pause. */
static void put_pauses(const struct plot *plot, char *text, size_t size)
{
    uint64_t least_ns = UINT64_MAX, most_ns = 0;
    char least[PYR_FIGURE], most[PYR_FIGURE];
    for (size_t i = 0; i < plot->count; i++) {
        uint64_t pause_ns = plot->moments[i].pause_ns;
        least_ns = pause_ns < least_ns ? pause_ns : least_ns;
        most_ns = pause_ns > most_ns ? pause_ns : most_ns;
    }
    pyr_text_seconds(least, sizeof least, (double)least_ns * 1e-9);
    pyr_text_seconds(most, sizeof most, (double)most_ns * 1e-9);
    *text = '\0';
    if (least_ns)
        snprintf(text, size, strcmp(least, most) ? " · stood still for %s to %s" : " · stood still for %s", least,
                 most);
}

static void put_title(struct plot *plot, struct pyr_heap *heap)
{
    char pauses[2 * PYR_FIGURE + 40];
    put_pauses(plot, pauses, sizeof pauses);
    snprintf(plot->title, sizeof plot->title, "Heap of process %" PRIu64 " %.160s%s", heap->snapshot->facts->pid,
             pyr_heap_text(heap, heap->snapshot->facts->command), pauses);
}

static int read_moment(struct plot *plot, size_t moment, enum pyr_heap_by by,
                       const struct pyr_heap_report_options *options, FILE *out, struct pyr_err *err)
{
    struct pyr_heap heap = {0};
    struct column column = {plot, moment};
    int rc = pyr_heap_open(&heap, plot->moments[moment].path, options, out, err);
    if (rc == 0) {
        put_title(plot, &heap);
        rc = by == PYR_HEAP_BY_OWNER ? pyr_heap_owners(&heap, add, &column) : add_census(&heap, by, &column);
        if (rc < 0)
            rc = pyr_heap_no_memory(&heap);
    }
    pyr_heap_close(&heap);
    return rc;
}

static int by_time(const void *a, const void *b)
{
    const struct moment *x = a, *y = b;
    return x->taken_ns < y->taken_ns ? -1 : x->taken_ns > y->taken_ns;
}

/* In order of time, however they were named. */
static int read_times(struct plot *plot, const char *const *paths, struct pyr_err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < plot->count; i++) {
        struct pyr_snapshot *snapshot = NULL;
        rc = pyr_snapshot_open(&snapshot, paths[i], err);
        if (rc == 0)
            plot->moments[i] = (struct moment){paths[i], snapshot->facts->taken_ns, snapshot->facts->pause_ns};
        pyr_snapshot_close(snapshot);
    }
    qsort(plot->moments, plot->count, sizeof *plot->moments, by_time);
    return rc;
}

/* ---- drawing ---- */

static int64_t growth(const struct plot *plot, size_t row)
{
    return (int64_t)(row_of(plot, row)[plot->count - 1] - row_of(plot, row)[0]);
}

/* The rows that grew most, the most first. */
static size_t choose(const struct plot *plot, size_t chosen[LINES])
{
    size_t count = 0;
    for (size_t row = 0; row < pyr_intern_count(&plot->names); row++) {
        size_t at = count;
        if (growth(plot, row) <= 0)
            continue;
        while (at > 0 && growth(plot, chosen[at - 1]) < growth(plot, row))
            at--;
        if (at == LINES)
            continue;
        count += count < LINES;
        memmove(chosen + at + 1, chosen + at, (count - 1 - at) * sizeof *chosen);
        chosen[at] = row;
    }
    return count;
}

/* The end of a name tells more than its beginning. */
static void put_name(char name[NAME_BYTES + 4], const char *whole)
{
    size_t length = strlen(whole), skip = length > NAME_BYTES ? length - NAME_BYTES : 0;
    while (skip && ((uint8_t)whole[skip] & 0xc0) == 0x80)
        skip++;
    snprintf(name, NAME_BYTES + 4, "%s%s", skip ? "…" : "", whole + skip);
}

static int draw(const struct plot *plot, FILE *out, struct pyr_err *err)
{
    struct pyr_chart_series series[LINES];
    char names[LINES][NAME_BYTES + 4];
    size_t rows[LINES], count = choose(plot, rows), i = 0;
    bool complete = true;
    for (; i < count; i++) {
        put_name(names[i], pyr_intern_get(&plot->names, (uint32_t)rows[i])->bytes);
        series[i] = (struct pyr_chart_series){names[i], colours[i], false, PYR_VEC(struct pyr_chart_point)};
        for (size_t m = 0; m < plot->count; m++) {
            const struct pyr_chart_point point = {(double)(plot->moments[m].taken_ns - plot->moments[0].taken_ns) / 1e9,
                                                  row_of(plot, rows[i])[m]};
            complete &= pyr_vec_push(&series[i].points, &point) != NULL;
        }
    }
    int rc = 0;
    if (!complete)
        rc = pyr_err_set(err, PYR_E_NOMEM, "out of memory for the picture");
    else if (!count)
        rc = pyr_err_set(err, PYR_E_NOT_FOUND, "nothing grew from the first snapshot to the last");
    else
        pyr_chart_write(&(struct pyr_chart){.title = plot->title, .series = series, .count = count}, out);
    while (i-- > 0)
        pyr_vec_release(&series[i].points);
    return rc;
}

int pyr_heap_plot(const char *const *snapshots, size_t count, enum pyr_heap_by by, FILE *out, struct pyr_err *err)
{
    static const struct pyr_heap_report_options options;
    struct plot plot = {.count = count, .bytes = PYR_VEC(uint64_t)};
    if (count < 2)
        return pyr_err_set(err, PYR_E_MISUSE, "a plot wants two snapshots or more");
    plot.moments = pyr_alloc(count * sizeof *plot.moments);
    int rc = plot.moments ? read_times(&plot, snapshots, err) : pyr_err_set(err, PYR_E_NOMEM, "out of memory");
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = read_moment(&plot, i, by, &options, out, err);
    if (rc == 0)
        rc = draw(&plot, out, err);
    if (rc == 0 && (fflush(out) != 0 || ferror(out)))
        rc = pyr_err_set(err, PYR_E_IO, "the picture could not be written: %s", strerror(errno));
    pyr_free(plot.moments);
    pyr_intern_release(&plot.names);
    pyr_vec_release(&plot.bytes);
    return rc;
}
