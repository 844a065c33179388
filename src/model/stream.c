/* A model that follows a recording while it is written. At each reading what has changed since the last one is kept (a
 * step), so that the sum of the last steps is the window. */
#include "base/alloc.h"
#include "model/counts.h"
#include "model/load.h"
#include "model/model.h"
#include "model/places.h"
#include "record/reader.h"

#include <string.h>

/* What one tally gained in a step. */
struct gain {
    uint32_t tally;
    struct pyr_tally by;
};

struct step {
    uint64_t end_ns;
    struct pyr_vec gains;                /* of struct gain */
    struct pyr_model_process *processes; /* at its end */
    uint32_t process_count;
};

struct pyr_model_stream {
    struct pyr_model model;
    struct pyr_counts counts;
    uint64_t window_ns;
    struct pyr_vec steps; /* of struct step, oldest first; the first one is only where the window begins */
    struct pyr_vec last;  /* of struct pyr_tally: as they were at the end of the last step */
    struct pyr_vec place; /* of uint32_t: number + 1 of a tally among those looked at; all 0 between looks */
};

static const struct pyr_model_filter everything;

static struct step *step_at(const struct pyr_model_stream *stream, size_t i)
{
    return PYR_VEC_AT(&stream->steps, struct step, i);
}

static void release_step(struct step *step)
{
    pyr_vec_release(&step->gains);
    pyr_free(step->processes);
}

void pyr_model_stream_close(struct pyr_model_stream *stream)
{
    if (!stream)
        return;
    for (size_t i = 0; i < stream->steps.count; i++)
        release_step(step_at(stream, i));
    pyr_vec_release(&stream->steps);
    pyr_vec_release(&stream->last);
    pyr_vec_release(&stream->place);
    pyr_counts_release(&stream->counts);
    pyr_model_release(&stream->model);
    pyr_free(stream);
}

int pyr_model_stream_open(struct pyr_model_stream **out, const char *path, double window_s, struct pyr_err *err)
{
    struct pyr_model_stream *stream = pyr_alloc(sizeof *stream);
    if (!stream)
        return pyr_err_set(err, PYR_E_NOMEM, "out of memory opening %s", path);
    int rc = pyr_reader_open(&stream->model.reader, path, err);
    if (rc < 0) {
        pyr_free(stream);
        return rc;
    }
    pyr_reader_follow(stream->model.reader);
    pyr_counts_init(&stream->counts, stream->model.reader, &everything);
    stream->window_ns = pyr_window_ns(window_s);
    stream->steps = PYR_VEC(struct step);
    stream->last = PYR_VEC(struct pyr_tally);
    stream->place = PYR_VEC(uint32_t);
    stream->model.tallies = PYR_VEC(struct pyr_tally);
    const struct step nothing = {.gains = PYR_VEC(struct gain)};
    rc = pyr_vec_push(&stream->steps, &nothing) ? pyr_places_init(&stream->model) : PYR_E_NOMEM;
    if (rc < 0) {
        pyr_model_stream_close(stream);
        return pyr_err_set(err, rc, "out of memory opening %s", path);
    }
    *out = stream;
    return 0;
}

static int read_events(struct pyr_model_stream *stream, struct pyr_err *err)
{
    struct pyr_event event;
    int rc;
    while ((rc = pyr_reader_next(stream->model.reader, &event, err)) > 0) {
        rc = pyr_counts_event(&stream->counts, &event);
        if (rc < 0)
            return pyr_err_set(err, rc, "The recording could not be read: %s", pyr_status_text(rc));
    }
    return rc;
}

static void add(struct pyr_tally *sum, const struct pyr_tally *by, double sign)
{
    uint64_t minus = sign < 0 ? UINT64_MAX : 1; /* wraps to a subtraction */
    sum->glance += by->glance * minus;
    sum->exact += by->exact * minus;
    sum->only += by->only * minus;
    sum->seconds += by->seconds * sign;
    sum->square += by->square * sign;
    sum->ran_s += by->ran_s * sign;
}

/* What changed since the last step. */
static int find_gains(struct pyr_model_stream *stream, struct step *step)
{
    const struct pyr_vec *now = &stream->counts.tallies;
    for (uint32_t i = 0; i < now->count; i++) {
        const struct pyr_tally *tally = PYR_VEC_AT(now, struct pyr_tally, i);
        struct pyr_tally nothing = {.thread = tally->thread, .node = tally->node, .flags = tally->flags};
        if (i >= stream->last.count && !pyr_vec_push(&stream->last, &nothing))
            return PYR_E_NOMEM;
        struct pyr_tally *last = PYR_VEC_AT(&stream->last, struct pyr_tally, i);
        if (tally->seconds == last->seconds && tally->ran_s == last->ran_s)
            continue;
        struct gain gain = {i, *tally};
        add(&gain.by, last, -1);
        if (!pyr_vec_push(&step->gains, &gain))
            return PYR_E_NOMEM;
        *last = *tally;
    }
    return 0;
}

static int keep_processes(const struct pyr_model *model, struct step *step)
{
    step->processes = pyr_memdup(model->processes, model->process_count * sizeof *model->processes);
    step->process_count = model->process_count;
    return step->processes ? 0 : PYR_E_NOMEM;
}

static void drop_old(struct pyr_model_stream *stream)
{
    size_t old = 0;
    uint64_t end_ns = stream->model.end_ns;
    uint64_t from_ns = end_ns > stream->window_ns ? end_ns - stream->window_ns : 0;
    while (old + 1 < stream->steps.count && step_at(stream, old + 1)->end_ns <= from_ns)
        release_step(step_at(stream, old++));
    memmove(step_at(stream, 0), step_at(stream, old), (stream->steps.count - old) * sizeof(struct step));
    stream->steps.count -= old;
}

static int take_step(struct pyr_model_stream *stream)
{
    struct pyr_model *model = &stream->model;
    struct step step = {.gains = PYR_VEC(struct gain)};
    int rc = pyr_counts_pause(&stream->counts);
    pyr_model_fill_facts(model, &stream->counts);
    model->complete = true; /* as far as it has come */
    step.end_ns = model->end_ns;
    if (rc == 0)
        rc = pyr_places_resolve(model);
    if (rc == 0)
        rc = pyr_model_fill_processes(model, &stream->counts, &everything);
    if (rc == 0)
        rc = find_gains(stream, &step);
    if (rc == 0)
        rc = keep_processes(model, &step);
    if (rc == 0 && !pyr_vec_push(&stream->steps, &step))
        rc = PYR_E_NOMEM;
    if (rc < 0)
        release_step(&step);
    else
        drop_old(stream);
    return rc;
}

int pyr_model_stream_read(struct pyr_model_stream *stream, bool discard, struct pyr_err *err)
{
    int rc = read_events(stream, err);
    if (rc == 0 && (rc = take_step(stream)) < 0)
        pyr_err_set(err, rc, "The recording could not be followed: %s", pyr_status_text(rc));
    if (rc == 0 && discard)
        pyr_reader_discard(stream->model.reader);
    return rc;
}

static int add_gain(struct pyr_model_stream *stream, const struct gain *gain)
{
    uint32_t *place = PYR_VEC_AT(&stream->place, uint32_t, gain->tally);
    if (*place) {
        add(PYR_VEC_AT(&stream->model.tallies, struct pyr_tally, *place - 1), &gain->by, 1);
        return 0;
    }
    if (!pyr_vec_push(&stream->model.tallies, &gain->by))
        return PYR_E_NOMEM;
    *place = (uint32_t)stream->model.tallies.count;
    return 0;
}

static int sum_window(struct pyr_model_stream *stream)
{
    int rc = 0;
    while (stream->place.count < stream->last.count)
        if (!pyr_vec_push(&stream->place, NULL))
            return PYR_E_NOMEM;
    for (size_t i = 1; i < stream->steps.count; i++)
        for (size_t k = 0; rc == 0 && k < step_at(stream, i)->gains.count; k++)
            rc = add_gain(stream, PYR_VEC_AT(&step_at(stream, i)->gains, struct gain, k));
    if (stream->place.count)
        memset(stream->place.items, 0, stream->place.count * sizeof(uint32_t));
    return rc;
}

/* What it did since, from how it was. */
static void subtract(struct pyr_model_process *process, const struct pyr_model_process *then)
{
    process->glance -= then->glance;
    process->exact -= then->exact;
    process->only -= then->only;
    process->first_ns = then->last_ns > process->first_ns ? then->last_ns : process->first_ns;
    process->overlap.runnable -= then->overlap.runnable;
    process->overlap.gil_held -= then->overlap.gil_held;
    process->overlap.gil_wanted -= then->overlap.gil_wanted;
    process->overlap.in_gc -= then->overlap.in_gc;
    process->elapsed_s -= then->elapsed_s;
    process->unobserved_s -= then->unobserved_s;
    process->cpu_ns -= then->cpu_ns;
    uint64_t ticks = process->glance + process->exact + process->only;
    process->tick_s = ticks ? process->elapsed_s / (double)ticks : 0;
}

static int look_at_window(struct pyr_model_stream *stream)
{
    const struct step *before = step_at(stream, 0);
    for (uint32_t i = 0; i < before->process_count; i++)
        subtract(&stream->model.processes[i], &before->processes[i]);
    return sum_window(stream);
}

static int look_at_all(struct pyr_model_stream *stream)
{
    const struct pyr_vec *all = &stream->counts.tallies;
    if (pyr_vec_reserve(&stream->model.tallies, all->count) < 0)
        return PYR_E_NOMEM;
    if (all->count)
        memcpy(stream->model.tallies.items, all->items, all->count * sizeof(struct pyr_tally));
    stream->model.tallies.count = all->count;
    return 0;
}

struct pyr_model *pyr_model_stream_look(struct pyr_model_stream *stream, bool all)
{
    struct pyr_model *model = &stream->model;
    model->tallies.count = 0;
    int rc = pyr_model_fill_processes(model, &stream->counts, &everything);
    if (rc == 0)
        rc = all ? look_at_all(stream) : look_at_window(stream);
    pyr_model_sort_tallies(model);
    if (rc == 0)
        rc = pyr_model_fill_threads(model, &everything);
    return rc == 0 ? model : NULL;
}
