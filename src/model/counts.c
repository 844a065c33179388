/* HOT: no allocation but for new stacks, threads and processes; one hash look-up per change of a thread. */
#include "model/counts.h"

#include "base/alloc.h"
#include "model/model.h"
#include "pyrometer/err.h"
#include "record/reader.h"

#include <string.h>

#define LIVE_MAX (1u << 24) /* processes or threads: more is damage, not a program */

static size_t hash_of(uint32_t thread, uint32_t node, uint8_t flags)
{
    uint64_t key = ((uint64_t)node << 32 | thread) ^ (uint64_t)flags << 24;
    key *= 0x9e3779b97f4a7c15ULL;
    return (size_t)(key ^ key >> 29);
}

static struct pyr_tally *tally_at(struct pyr_counts *counts, uint32_t number)
{
    return PYR_VEC_AT(&counts->tallies, struct pyr_tally, number);
}

static bool tally_is(const struct pyr_tally *tally, uint32_t thread, uint32_t node, uint8_t flags)
{
    return tally->node == node && tally->thread == thread && tally->flags == flags;
}

static uint32_t *slot_of(struct pyr_counts *counts, uint32_t thread, uint32_t node, uint8_t flags)
{
    size_t i = hash_of(thread, node, flags) & counts->mask;
    while (counts->slots[i] && !tally_is(tally_at(counts, counts->slots[i] - 1), thread, node, flags))
        i = (i + 1) & counts->mask;
    return &counts->slots[i];
}

static int grow_slots(struct pyr_counts *counts)
{
    size_t size = counts->slots ? (counts->mask + 1) * 2 : 1024;
    uint32_t *slots = pyr_alloc(size * sizeof *slots);
    if (!slots)
        return PYR_E_NOMEM;
    pyr_free(counts->slots);
    counts->slots = slots;
    counts->mask = size - 1;
    for (uint32_t i = 0; i < counts->tallies.count; i++) {
        const struct pyr_tally *tally = tally_at(counts, i);
        *slot_of(counts, tally->thread, tally->node, tally->flags) = i + 1;
    }
    return 0;
}

int64_t pyr_counts_tally(struct pyr_counts *counts, uint32_t thread, uint32_t node, uint8_t flags)
{
    if (!counts->slots || counts->tallies.count * 2 > counts->mask) {
        int rc = counts->tallies.count >= UINT32_MAX / 2 ? PYR_E_LIMIT : grow_slots(counts);
        if (rc < 0)
            return rc;
    }
    uint32_t *slot = slot_of(counts, thread, node, flags);
    if (!*slot) {
        struct pyr_tally tally = {.thread = thread, .node = node, .flags = flags};
        if (!pyr_vec_push(&counts->open, NULL) || !pyr_vec_push(&counts->tallies, &tally))
            return PYR_E_NOMEM;
        *slot = (uint32_t)counts->tallies.count;
    }
    return *slot;
}

/* Ticks whose worth is not known before the segment ends. */
static int count_in_segment(struct pyr_counts *counts, const struct pyr_live_thread *thread, uint64_t ticks)
{
    uint32_t number = thread->last_tally - 1;
    struct pyr_open_tally *open = pyr_counts_open(counts, number);
    struct pyr_segment *segment = &pyr_counts_process(counts, thread->process)->segment;
    if (!open->segment_ticks && !pyr_vec_push(&segment->tallies, &number))
        return PYR_E_NOMEM;
    open->segment_ticks += ticks;
    return 0;
}

int pyr_counts_close_run(struct pyr_counts *counts, uint32_t number, struct pyr_live_thread *thread,
                         const struct pyr_ticks *until)
{
    uint64_t glance = until->glance - thread->since.glance, exact = until->exact - thread->since.exact;
    uint64_t only = until->only - thread->since.only;
    if (!thread->alive || !(glance | exact | only))
        return 0;
    uint32_t node = thread->flags & PYR_UNRESOLVED ? PYR_NODE_EMPTY : thread->node;
    if (!thread->last_tally || !tally_is(tally_at(counts, thread->last_tally - 1), number, node, thread->flags)) {
        int64_t found = pyr_counts_tally(counts, number, node, thread->flags);
        if (found < 0)
            return (int)found;
        thread->last_tally = (uint32_t)found;
    }
    struct pyr_tally *tally = tally_at(counts, thread->last_tally - 1);
    tally->glance += glance;
    tally->exact += exact;
    tally->only += only;
    return count_in_segment(counts, thread, glance + exact + only);
}

static void count_state(struct pyr_live_process *process, uint8_t flags, int step)
{
    process->runnable += (flags & PYR_ON_CPU ? 1u : 0u) * (uint32_t)step;
    process->gil_held += (flags & PYR_HAS_GIL ? 1u : 0u) * (uint32_t)step;
    process->gil_wanted += (flags & PYR_WAITS_GIL ? 1u : 0u) * (uint32_t)step;
    process->in_gc += (flags & PYR_IN_GC ? 1u : 0u) * (uint32_t)step;
}

static void end_thread(struct pyr_live_process *process, struct pyr_live_thread *thread)
{
    if (thread->alive)
        count_state(process, thread->flags, -1);
    thread->alive = false;
}

static int grow_live(struct pyr_vec *vec, uint32_t number)
{
    if (number >= LIVE_MAX)
        return PYR_E_FORMAT;
    while (vec->count <= number)
        if (!pyr_vec_push(vec, NULL))
            return PYR_E_NOMEM;
    return 0;
}

static int process_of(struct pyr_counts *counts, uint32_t number, struct pyr_live_process **out)
{
    int rc = grow_live(&counts->processes, number);
    if (rc < 0)
        return rc;
    *out = PYR_VEC_AT(&counts->processes, struct pyr_live_process, number);
    if (!(*out)->known) {
        (*out)->exit_status = -1;
        (*out)->segment = (struct pyr_segment){.number = 1, .threads = PYR_VEC(uint32_t), .tallies = PYR_VEC(uint32_t)};
    }
    (*out)->known = true;
    return 0;
}

/* 1 and the thread, 0 if the recording does not know it or it is of another process, or a negative status. */
static int thread_of(struct pyr_counts *counts, uint32_t number, uint32_t process, struct pyr_live_thread **out)
{
    int rc = number < pyr_reader_threads(counts->reader) ? grow_live(&counts->threads, number) : 1;
    if (rc)
        return rc < 0 ? rc : 0;
    struct pyr_live_thread *thread = PYR_VEC_AT(&counts->threads, struct pyr_live_thread, number);
    if (!thread->known) {
        const struct pyr_thread_facts *facts = pyr_reader_thread(counts->reader, number);
        if (!facts)
            return 0;
        thread->process = facts->process;
        thread->stratum.tallies = PYR_VEC(uint32_t);
        thread->known = true;
    }
    *out = thread;
    return thread->process == process;
}

static int take_sample(struct pyr_counts *counts, struct pyr_live_process *process, uint32_t process_number,
                       const struct pyr_sample *sample)
{
    struct pyr_live_thread *thread;
    int rc = thread_of(counts, sample->thread, process_number, &thread);
    if (rc <= 0)
        return rc;
    rc = pyr_segment_touch(counts, sample->thread, thread);
    if (rc == 0)
        rc = pyr_counts_close_run(counts, sample->thread, thread, &process->before);
    if (rc < 0)
        return rc;
    end_thread(process, thread);
    thread->node = sample->node;
    thread->flags = sample->flags & PYR_SAMPLE_FLAGS;
    thread->since = process->before;
    thread->alive = true;
    count_state(process, sample->flags, 1);
    return 0;
}

static void count_tick(struct pyr_live_process *process, const struct pyr_event *event)
{
    uint64_t since_ns = event->time_ns - process->last_ns;
    pyr_segment_take_tick(process, event);
    process->now.glance += event->tick_kind == PYR_TICK_GLANCE;
    process->now.only += event->tick_kind == PYR_TICK_ONLY;
    process->now.exact += event->tick_kind != PYR_TICK_GLANCE && event->tick_kind != PYR_TICK_ONLY;
    process->overlap_runnable += process->runnable > 0 ? since_ns : 0;
    process->overlap_gil_held += process->gil_held > 0 ? since_ns : 0;
    process->overlap_gil_wanted += process->gil_wanted > 0 ? since_ns : 0;
    process->overlap_in_gc += process->in_gc > 0 ? since_ns : 0;
}

/* Outside the window changes are followed, ticks do not count. */
static int take_tick(struct pyr_counts *counts, struct pyr_live_process *process, const struct pyr_event *event)
{
    bool counts_here = pyr_counts_in_window(counts, event->time_ns);
    int begun = counts_here ? pyr_segment_before_tick(counts, process, event) : 0;
    if (begun < 0)
        return begun;
    process->before = process->now;
    for (uint32_t i = 0; i < event->sample_count; i++) {
        int rc = take_sample(counts, process, event->process, &event->samples[i]);
        if (rc < 0)
            return rc;
    }
    if (counts_here)
        count_tick(process, event);
    return 0;
}

/* It is absent from the last tick on. */
static int take_thread_end(struct pyr_counts *counts, const struct pyr_event *event)
{
    const struct pyr_thread_facts *facts = pyr_reader_thread(counts->reader, event->thread);
    struct pyr_live_process *process;
    struct pyr_live_thread *thread;
    if (!facts)
        return 0;
    int rc = process_of(counts, facts->process, &process);
    if (rc == 0)
        rc = thread_of(counts, event->thread, facts->process, &thread);
    if (rc <= 0)
        return rc;
    rc = pyr_segment_touch(counts, event->thread, thread);
    if (rc == 0)
        rc = pyr_counts_close_run(counts, event->thread, thread, &process->before);
    end_thread(process, thread);
    return rc;
}

static int take_cpu_times(struct pyr_counts *counts, struct pyr_live_process *process, const struct pyr_event *event)
{
    for (uint32_t i = 0; i < event->cpu_time_count; i++) {
        struct pyr_live_thread *thread;
        int rc = thread_of(counts, event->cpu_times[i].thread, event->process, &thread);
        if (rc <= 0)
            return rc < 0 ? rc : PYR_E_FORMAT;
    }
    int rc = pyr_cpu_time_read(counts, process, event);
    return rc == 0 && pyr_counts_in_window(counts, event->time_ns) ? pyr_segment_after_reading(counts, process) : rc;
}

static void take_process_end(struct pyr_live_process *process, const struct pyr_event *event)
{
    process->ended = true;
    process->exit_status = event->exit_status;
    process->end_ns = event->time_ns;
}

static void take_usage(struct pyr_live_process *process, const struct pyr_event *event)
{
    if (event->cpu_ns > process->cpu_ns)
        process->cpu_ns = event->cpu_ns;
    if (event->rss_bytes > process->peak_rss_bytes)
        process->peak_rss_bytes = event->rss_bytes;
}

int pyr_counts_event(struct pyr_counts *counts, const struct pyr_event *event)
{
    if (event->kind == PYR_EVENT_THREAD_END)
        return take_thread_end(counts, event);
    if (event->kind == PYR_EVENT_THREAD || event->process >= pyr_reader_processes(counts->reader))
        return 0;
    struct pyr_live_process *process;
    int rc = process_of(counts, event->process, &process);
    if (rc < 0)
        return rc;
    if (event->time_ns > counts->end_ns)
        counts->end_ns = event->time_ns;
    if (event->kind == PYR_EVENT_TICK)
        return take_tick(counts, process, event);
    if (event->kind == PYR_EVENT_CPU_TIMES)
        return take_cpu_times(counts, process, event);
    if (event->kind == PYR_EVENT_PROCESS_END)
        take_process_end(process, event);
    if (event->kind == PYR_EVENT_PROCESS_END || event->kind == PYR_EVENT_USAGE)
        take_usage(process, event);
    return 0;
}

/* All ticks so far are booked. */
static int catch_up(struct pyr_counts *counts)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < counts->threads.count; i++)
        if (pyr_counts_thread(counts, i)->alive)
            rc = pyr_segment_touch(counts, i, pyr_counts_thread(counts, i));
    for (uint32_t i = 0; rc == 0 && i < counts->processes.count; i++)
        if (pyr_counts_process(counts, i)->known)
            rc = pyr_segment_end(counts, pyr_counts_process(counts, i));
    return rc;
}

int pyr_counts_pause(struct pyr_counts *counts)
{
    int rc = catch_up(counts);
    for (uint32_t i = 0; rc == 0 && i < counts->threads.count; i++)
        if (pyr_counts_thread(counts, i)->alive)
            rc = pyr_cpu_time_settle(counts, i, PYR_SETTLE_NOW);
    return rc;
}

int pyr_counts_finish(struct pyr_counts *counts)
{
    int rc = catch_up(counts);
    for (uint32_t i = 0; rc == 0 && i < counts->threads.count; i++) {
        if (pyr_counts_thread(counts, i)->known)
            rc = pyr_cpu_time_settle(counts, i, PYR_SETTLE_LAST);
        pyr_counts_thread(counts, i)->alive = false;
    }
    return rc;
}

void pyr_counts_init(struct pyr_counts *counts, const struct pyr_reader *reader, const struct pyr_model_filter *filter)
{
    uint64_t rate_hz = pyr_reader_facts(reader)->rate_hz;
    *counts = (struct pyr_counts){
        .reader = reader,
        .processes = PYR_VEC(struct pyr_live_process),
        .threads = PYR_VEC(struct pyr_live_thread),
        .tallies = PYR_VEC(struct pyr_tally),
        .open = PYR_VEC(struct pyr_open_tally),
        .from_ns = pyr_window_ns(filter->from_s),
        .to_ns = filter->to_s > 0 ? pyr_window_ns(filter->to_s) : UINT64_MAX,
        .rate_hz = rate_hz == UINT64_MAX ? 0 : (double)rate_hz,
    };
}

void pyr_counts_release(struct pyr_counts *counts)
{
    for (uint32_t i = 0; i < counts->processes.count; i++)
        pyr_segment_release(&pyr_counts_process(counts, i)->segment);
    for (uint32_t i = 0; i < counts->threads.count; i++)
        pyr_vec_release(&pyr_counts_thread(counts, i)->stratum.tallies);
    pyr_vec_release(&counts->processes);
    pyr_vec_release(&counts->threads);
    pyr_vec_release(&counts->tallies);
    pyr_vec_release(&counts->open);
    pyr_free(counts->slots);
    *counts = (struct pyr_counts){0};
}
