#include "model/load.h"
#include "base/alloc.h"
#include "model/counts.h"
#include "model/model.h"
#include "model/places.h"
#include "record/reader.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_MAX_S 1e9 /* beyond this, nanoseconds do not fit */

uint64_t pyr_window_ns(double seconds)
{
    if (!(seconds > 0))
        return 0;
    return seconds >= WINDOW_MAX_S ? UINT64_MAX : (uint64_t)(seconds * 1e9);
}

static int read_events(struct pyr_counts *counts, struct pyr_reader *reader, struct pyr_err *err)
{
    struct pyr_event event;
    int rc;
    while ((rc = pyr_reader_next(reader, &event, err)) > 0) {
        rc = pyr_counts_event(counts, &event);
        if (rc < 0)
            return pyr_err_set(err, rc, "The recording could not be read: %s", pyr_status_text(rc));
    }
    if (rc == 0 && (rc = pyr_counts_finish(counts)) < 0)
        return pyr_err_set(err, rc, "The recording could not be read: %s", pyr_status_text(rc));
    return rc;
}

static bool is_number(const char *text, uint64_t *number)
{
    char *end;
    *number = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == 0;
}

bool pyr_thread_matches(const struct pyr_thread_facts *facts, const char *wanted)
{
    uint64_t number;
    if (!wanted || strcmp(facts->name, wanted) == 0)
        return true;
    return is_number(wanted, &number) && (number == facts->ident || number == facts->native_id);
}

static void fill_process(struct pyr_model_process *process, const struct pyr_live_process *live,
                         const struct pyr_model *model)
{
    process->glance = live->now.glance;
    process->exact = live->now.exact;
    process->only = live->now.only;
    process->first_ns = live->first_ns;
    process->last_ns = live->last_ns;
    process->overlap = (struct pyr_overlap){live->overlap_runnable, live->overlap_gil_held, live->overlap_gil_wanted,
                                            live->overlap_in_gc};
    process->cpu_ns = live->cpu_ns;
    process->peak_rss_bytes = live->peak_rss_bytes;
    process->ended = live->ended;
    process->end_ns = live->ended ? live->end_ns : model->end_ns;
    process->exit_status = live->ended ? live->exit_status : -1;
    uint64_t ticks = process->glance + process->exact + process->only;
    process->elapsed_s = live->segment.before.seconds;
    process->tick_s = ticks ? process->elapsed_s / (double)ticks : 0;
    process->unobserved_s = (double)live->unobserved_ns / 1e9;
    process->longest_gap_s = (double)live->longest_gap_ns / 1e9;
    process->measured = live->measured;
}

int pyr_model_fill_processes(struct pyr_model *model, const struct pyr_counts *counts,
                             const struct pyr_model_filter *filter)
{
    pyr_free(model->processes);
    model->process_count = pyr_reader_processes(model->reader);
    model->processes = pyr_alloc(model->process_count * sizeof *model->processes);
    if (!model->processes)
        return PYR_E_NOMEM;
    for (uint32_t i = 0; i < model->process_count; i++) {
        struct pyr_model_process *process = &model->processes[i];
        process->facts = pyr_reader_process(model->reader, i);
        process->exit_status = -1;
        if (!process->facts)
            continue;
        process->start_ns = process->facts->start_ns;
        process->selected = !filter->pid || filter->pid == (int64_t)process->facts->pid;
        if (i < counts->processes.count)
            fill_process(process, pyr_counts_process(counts, i), model);
    }
    return 0;
}

int pyr_model_fill_threads(struct pyr_model *model, const struct pyr_model_filter *filter)
{
    pyr_free(model->threads);
    model->thread_count = pyr_reader_threads(model->reader);
    model->threads = pyr_alloc(model->thread_count * sizeof *model->threads);
    if (!model->threads)
        return PYR_E_NOMEM;
    for (uint32_t i = 0; i < model->thread_count; i++) {
        struct pyr_model_thread *thread = &model->threads[i];
        thread->facts = pyr_reader_thread(model->reader, i);
        if (thread->facts && thread->facts->process < model->process_count)
            thread->selected =
                model->processes[thread->facts->process].selected && pyr_thread_matches(thread->facts, filter->thread);
    }
    for (size_t i = 0; i < model->tallies.count; i++) {
        const struct pyr_tally *tally = PYR_VEC_AT(&model->tallies, struct pyr_tally, i);
        model->threads[tally->thread].glance += tally->glance;
        model->threads[tally->thread].exact += tally->exact;
        model->threads[tally->thread].only += tally->only;
    }
    return 0;
}

static int compare_tallies(const void *left, const void *right)
{
    const struct pyr_tally *a = left, *b = right;
    if (a->thread != b->thread)
        return a->thread < b->thread ? -1 : 1;
    if (a->node != b->node)
        return a->node < b->node ? -1 : 1;
    return (a->flags > b->flags) - (a->flags < b->flags);
}

/* Nodes that the recording never defined cannot be named. */
void pyr_model_sort_tallies(struct pyr_model *model)
{
    for (size_t i = 0; i < model->tallies.count; i++) {
        struct pyr_tally *tally = PYR_VEC_AT(&model->tallies, struct pyr_tally, i);
        if (tally->node >= model->node_count) {
            tally->node = PYR_NODE_EMPTY;
            tally->flags |= PYR_UNRESOLVED;
        }
    }
    if (model->tallies.count)
        qsort(model->tallies.items, model->tallies.count, sizeof(struct pyr_tally), compare_tallies);
}

void pyr_model_fill_facts(struct pyr_model *model, const struct pyr_counts *counts)
{
    model->facts = pyr_reader_facts(model->reader);
    model->quality = *pyr_reader_quality(model->reader);
    model->complete = pyr_reader_complete(model->reader, &model->incomplete_why);
    model->end_ns = counts->end_ns > model->quality.elapsed_ns ? counts->end_ns : model->quality.elapsed_ns;
}

static int fill(struct pyr_model *model, struct pyr_counts *counts, const struct pyr_model_filter *filter)
{
    pyr_model_fill_facts(model, counts);
    model->opcodes = filter->opcodes && model->facts->opcodes;
    int rc = pyr_places_init(model);
    if (rc == 0)
        rc = pyr_places_resolve(model);
    if (rc < 0)
        return rc;
    pyr_places_settle(model);
    model->tallies = counts->tallies;
    counts->tallies = PYR_VEC(struct pyr_tally);
    pyr_model_sort_tallies(model);
    rc = pyr_model_fill_processes(model, counts, filter);
    return rc < 0 ? rc : pyr_model_fill_threads(model, filter);
}

static int check_selection(const struct pyr_model *model, const struct pyr_model_filter *filter, struct pyr_err *err)
{
    bool pid_found = !filter->pid, thread_found = !filter->thread;
    for (uint32_t i = 0; i < model->process_count; i++)
        pid_found |= model->processes[i].selected;
    for (uint32_t i = 0; i < model->thread_count; i++)
        thread_found |= model->threads[i].selected;
    if (!pid_found)
        return pyr_err_set(err, PYR_E_NOT_FOUND,
                           "The recording has no process %" PRId64 "; report without --pid "
                           "lists those that it has",
                           filter->pid);
    if (!thread_found)
        return pyr_err_set(err, PYR_E_NOT_FOUND,
                           "The recording has no thread '%s'; report without --thread lists "
                           "those that it has",
                           filter->thread);
    return 0;
}

int pyr_model_load(struct pyr_model *model, const char *path, const struct pyr_model_filter *filter,
                   struct pyr_err *err)
{
    struct pyr_model loaded = {0};
    int rc = pyr_reader_open(&loaded.reader, path, err);
    if (rc < 0)
        return rc;
    struct pyr_counts counts;
    pyr_counts_init(&counts, loaded.reader, filter);
    rc = read_events(&counts, loaded.reader, err);
    if (rc == 0 && (rc = fill(&loaded, &counts, filter)) < 0)
        pyr_err_set(err, rc, "The recording %s could not be loaded: %s", path, pyr_status_text(rc));
    if (rc == 0)
        rc = check_selection(&loaded, filter, err);
    pyr_counts_release(&counts);
    if (rc < 0) {
        pyr_model_release(&loaded);
        return rc;
    }
    *model = loaded;
    return 0;
}

void pyr_model_release(struct pyr_model *model)
{
    pyr_places_release(model);
    if (model->tallies.item_size)
        pyr_vec_release(&model->tallies);
    pyr_free(model->processes);
    pyr_free(model->threads);
    if (model->reader)
        pyr_reader_close(model->reader);
    *model = (struct pyr_model){0};
}
