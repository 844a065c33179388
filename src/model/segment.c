/* What a tick is worth. Ticks come too late, or not at all, where the machine is busy or we were stopped: so they are
 * not all worth the same, but in each stretch of time (a segment) as much as passed in it, divided by how many they
 * were. A gap lies within a segment, so that the ticks on both sides of it stand for it. */
#include "base/alloc.h"
#include "model/counts.h"
#include "model/model.h"
#include "pyrometer/err.h"
#include "record/reader.h"

#define TICKS_ENOUGH 8          /* in a segment, that its own chance does not decide what they are worth … */
#define PATIENCE_NS 1000000000u /* … but where they are rare, this is enough */
#define READ_NS 20000000u       /* segments end where CPU times were read, if they are this long … */
#define UNREAD_NS 150000000u    /* … or where none come */
#define SPAN_MAX_NS 200000000u  /* also where there is gap after gap */
#define LONG_GAP_NS 40000000u   /* shorter ones need no ticks of their own behind them */
#define GAP_TIMES 4.0           /* the usual interval; jitter makes it twice, a lost tick three times as long */
#define GAP_MIN_NS 3000000u     /* at the highest rates ticks come in bursts */
#define PACE_OVER 64.0          /* ticks that the usual interval is averaged over */
#define PACE_KNOWN 16           /* intervals before one can be told from a gap */
#define PACE_GAPS 4             /* so many gaps in a row are none: the rate is another one */

static bool due(const struct pyr_live_process *process, uint64_t enough_ns)
{
    uint64_t ticks = pyr_ticks_between(&process->segment.base, &process->now);
    uint64_t quiet_ns = process->last_ns - process->segment.quiet_ns;
    uint64_t span_ns = process->last_ns - process->segment.start_ns;
    if (ticks >= TICKS_ENOUGH && span_ns - process->segment.gaps_ns >= SPAN_MAX_NS)
        return true;
    return quiet_ns >= enough_ns && (ticks >= TICKS_ENOUGH || quiet_ns >= PATIENCE_NS);
}

int pyr_segment_touch(struct pyr_counts *counts, uint32_t number, struct pyr_live_thread *thread)
{
    struct pyr_segment *segment = &pyr_counts_process(counts, thread->process)->segment;
    if (thread->segment == segment->number)
        return 0;
    thread->segment = segment->number;
    uint64_t ticks = pyr_ticks_between(&thread->since, &segment->base);
    if (thread->alive && ticks) {
        struct pyr_worth worth = {segment->before.seconds - thread->since_worth.seconds,
                                  segment->before.square - thread->since_worth.square};
        int rc = pyr_counts_close_run(counts, number, thread, &segment->base);
        if (rc < 0)
            return rc;
        /* These ticks are not of this segment: they are worth what they were. */
        pyr_counts_open(counts, thread->last_tally - 1)->segment_ticks -= ticks;
        rc = pyr_cpu_time_book(counts, thread->last_tally - 1, ticks, worth);
        if (rc < 0)
            return rc;
        thread->since = segment->base;
    }
    return pyr_vec_push(&segment->threads, &number) ? 0 : PYR_E_NOMEM;
}

/* The first tick of all stands for an interval like the others; not for one in which a thousand threads were seen for
 * the first time, or the machine had no time for us. */
static double first_tick_s(const struct pyr_counts *counts, double interval_s)
{
    double usual_s = counts->rate_hz > 0 ? GAP_TIMES / counts->rate_hz : 0, limit_s = GAP_MIN_NS / 1e9;
    limit_s = usual_s > limit_s ? usual_s : limit_s;
    return interval_s < limit_s ? interval_s : limit_s;
}

/* What passed in the segment. */
static double seconds_of(const struct pyr_counts *counts, const struct pyr_live_process *process, uint64_t ticks)
{
    double span_s = (double)(process->last_ns - process->segment.start_ns) / 1e9;
    if (!process->segment.is_first)
        return span_s;
    if (ticks >= 2 && span_s > 0)
        return span_s + first_tick_s(counts, span_s / (double)(ticks - 1));
    return counts->rate_hz > 0 ? (double)ticks / counts->rate_hz : 0;
}

static int close_runs(struct pyr_counts *counts, const struct pyr_live_process *process)
{
    const struct pyr_segment *segment = &process->segment;
    for (size_t i = 0; i < segment->threads.count; i++) {
        uint32_t number = *PYR_VEC_AT(&segment->threads, uint32_t, i);
        struct pyr_live_thread *thread = pyr_counts_thread(counts, number);
        int rc = thread->alive ? pyr_counts_close_run(counts, number, thread, &process->now) : 0;
        if (rc < 0)
            return rc;
        thread->since = process->now;
    }
    return 0;
}

static int book_tallies(struct pyr_counts *counts, const struct pyr_segment *segment, double tick_s)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < segment->tallies.count; i++) {
        uint32_t number = *PYR_VEC_AT(&segment->tallies, uint32_t, i);
        struct pyr_open_tally *open = pyr_counts_open(counts, number);
        uint64_t ticks = open->segment_ticks;
        open->segment_ticks = 0;
        struct pyr_worth worth = {(double)ticks * tick_s, (double)ticks * tick_s * tick_s};
        rc = ticks ? pyr_cpu_time_book(counts, number, ticks, worth) : 0;
    }
    return rc;
}

static int settle_threads(struct pyr_counts *counts, const struct pyr_segment *segment)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < segment->threads.count; i++) {
        uint32_t number = *PYR_VEC_AT(&segment->threads, uint32_t, i);
        struct pyr_live_thread *thread = pyr_counts_thread(counts, number);
        thread->since_worth = segment->before;
        rc = pyr_cpu_time_settle(counts, number, thread->alive ? PYR_SETTLE_IF_ENOUGH : PYR_SETTLE_LAST);
    }
    return rc;
}

int pyr_segment_end(struct pyr_counts *counts, struct pyr_live_process *process)
{
    struct pyr_segment *segment = &process->segment;
    uint64_t ticks = pyr_ticks_between(&segment->base, &process->now);
    int rc = close_runs(counts, process);
    if (rc < 0)
        return rc;
    double seconds = ticks ? seconds_of(counts, process, ticks) : 0, tick_s = ticks ? seconds / (double)ticks : 0;
    rc = book_tallies(counts, segment, tick_s);
    segment->before.seconds += seconds;
    segment->before.square += seconds * tick_s;
    if (rc == 0)
        rc = settle_threads(counts, segment);
    segment->threads.count = segment->tallies.count = 0;
    segment->base = process->now;
    segment->start_ns = segment->quiet_ns = process->last_ns;
    segment->gaps_ns = 0;
    segment->is_first = segment->is_first && !ticks;
    segment->number++;
    return rc;
}

static bool any_ticks(const struct pyr_live_process *process)
{
    return process->now.glance || process->now.exact || process->now.only;
}

int pyr_segment_before_tick(struct pyr_counts *counts, struct pyr_live_process *process, const struct pyr_event *event)
{
    struct pyr_segment *segment = &process->segment;
    bool only = event->tick_kind == PYR_TICK_ONLY, changes = only != segment->only;
    if (!any_ticks(process)) {
        segment->start_ns = segment->quiet_ns = process->first_ns = process->last_ns = event->time_ns;
        segment->is_first = true;
    }
    segment->only = only;
    /* Ticks of the two regimes are not equally dense. */
    return changes || due(process, UNREAD_NS) ? pyr_segment_end(counts, process) : 0;
}

int pyr_segment_after_reading(struct pyr_counts *counts, struct pyr_live_process *process)
{
    return due(process, READ_NS) ? pyr_segment_end(counts, process) : 0;
}

void pyr_segment_take_tick(struct pyr_live_process *process, const struct pyr_event *event)
{
    struct pyr_pace *pace = &process->pace[process->segment.only];
    uint64_t since_ns = event->time_ns - process->last_ns;
    bool first = !any_ticks(process);
    process->last_ns = event->time_ns;
    if (first)
        return;
    if (pace->seen < PACE_KNOWN) {
        pace->interval_ns += ((double)since_ns - pace->interval_ns) / (double)++pace->seen;
        return;
    }
    double limit_ns = GAP_TIMES * pace->interval_ns;
    if ((double)since_ns > limit_ns && since_ns > GAP_MIN_NS) {
        uint64_t gap_ns = since_ns - (uint64_t)pace->interval_ns;
        process->unobserved_ns += gap_ns;
        process->longest_gap_ns = gap_ns > process->longest_gap_ns ? gap_ns : process->longest_gap_ns;
        if (since_ns > LONG_GAP_NS) {
            process->segment.quiet_ns = event->time_ns;
            process->segment.gaps_ns += since_ns;
        }
        pace->gaps_ns += gap_ns;
        if (++pace->gaps == PACE_GAPS) {
            process->unobserved_ns -= pace->gaps_ns;
            *pace = (struct pyr_pace){0};
            return;
        }
    } else {
        pace->gaps = 0;
        pace->gaps_ns = 0;
    }
    double taken_ns = (double)since_ns > limit_ns ? limit_ns : (double)since_ns;
    pace->interval_ns += (taken_ns - pace->interval_ns) / PACE_OVER;
}

void pyr_segment_release(struct pyr_segment *segment)
{
    pyr_vec_release(&segment->threads);
    pyr_vec_release(&segment->tallies);
}
