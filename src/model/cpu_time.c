/* Samples say when a thread could run; whether it ran then, or waited for a CPU, the kernel knows: it counts both, per
 * thread. Between two readings a thread's time T is what it ran, R, what it waited, W, and the rest, in which it slept.
 * So what its samples stand for is stretched: those that could run to R + W, of which R ran, the others to the rest.
 * Samples that are few tell little about stacks: then it is done for several readings in one (a stratum). */
#include "model/counts.h"
#include "model/model.h"
#include "pyrometer/err.h"
#include "record/reader.h"

#include <math.h>

#define SAMPLES_ENOUGH 10 /* that could run, in a stratum */
#define READING_NS 100000000u
#define BY_CHANCE 3.0  /* standard errors */
#define EXTEND_MAX 2.0 /* times: readings of a thread that lives for moments leave much of its life out */

/* What the parts of a stratum become. */
struct parts {
    double run_s;  /* seconds of the samples that could run … */
    double ran_s;  /* … of which it ran */
    double rest_s; /* seconds of the others */
};

static struct pyr_tally *tally_at(const struct pyr_counts *counts, uint32_t number)
{
    return PYR_VEC_AT(&counts->tallies, struct pyr_tally, number);
}

static bool could_run(const struct pyr_tally *tally)
{
    return tally->flags & PYR_ON_CPU;
}

static void add_worth(struct pyr_worth *sum, struct pyr_worth worth)
{
    sum->seconds += worth.seconds;
    sum->square += worth.square;
}

/* Adds to the tally what is known now. */
static void give(struct pyr_tally *tally, struct pyr_worth worth, double ran_share)
{
    tally->seconds += worth.seconds;
    tally->square += worth.square;
    tally->ran_s += could_run(tally) ? worth.seconds * ran_share : 0;
}

/* Asleep while nothing was measured: that is certain. */
static bool slept_through(const struct pyr_live_thread *thread, const struct pyr_tally *tally)
{
    return !could_run(tally) && !thread->stratum.tallies.count && thread->stratum.ran_s <= 0 &&
           !thread->stratum.read_now;
}

int pyr_cpu_time_book(struct pyr_counts *counts, uint32_t number, uint64_t ticks, struct pyr_worth worth)
{
    struct pyr_tally *tally = tally_at(counts, number);
    struct pyr_live_thread *thread = pyr_counts_thread(counts, tally->thread);
    struct pyr_stratum *stratum = &thread->stratum;
    if (!thread->measured || slept_through(thread, tally)) {
        give(tally, worth, 1);
        return 0;
    }
    struct pyr_open_tally *open = pyr_counts_open(counts, number);
    if (!open->stratum_ticks && !pyr_vec_push(&stratum->tallies, &number))
        return PYR_E_NOMEM;
    open->stratum_ticks += ticks;
    add_worth(&open->worth, worth);
    add_worth(could_run(tally) ? &stratum->run : &stratum->rest, worth);
    *(could_run(tally) ? &stratum->run_ticks : &stratum->rest_ticks) += ticks;
    return 0;
}

/* It ran for no longer than samples say that it could: what is more, by chance, waits for the samples to come. What is
 * more than by chance is taken from its sleep, and so is all of it with the last of them: where all CPUs are busy,
 * ticks come late, and too few of them while it runs. */
static struct parts divide(const struct pyr_stratum *stratum, double ran_s, bool last)
{
    double run_s = stratum->run.seconds, all_s = run_s + stratum->rest.seconds;
    double sure_s = last ? ran_s : ran_s - BY_CHANCE * sqrt(stratum->run.square);
    if (sure_s > run_s && run_s > 0)
        run_s = sure_s < all_s ? sure_s : all_s;
    return (struct parts){run_s, ran_s < run_s ? ran_s : run_s, all_s - run_s};
}

/* Where nothing was measured: as for the other threads of the process. */
static struct parts as_others(const struct pyr_stratum *stratum, const struct pyr_live_process *process)
{
    double share = process->could_run_s > 0 ? process->ran_s / process->could_run_s : 1;
    return (struct parts){stratum->run.seconds, stratum->run.seconds * share, stratum->rest.seconds};
}

static double ratio(double part, double whole)
{
    return whole > 0 ? part / whole : 0;
}

static void distribute(struct pyr_counts *counts, struct pyr_stratum *stratum, const struct parts *parts)
{
    double run = ratio(parts->run_s, stratum->run.seconds), rest = ratio(parts->rest_s, stratum->rest.seconds);
    for (size_t i = 0; i < stratum->tallies.count; i++) {
        uint32_t number = *PYR_VEC_AT(&stratum->tallies, uint32_t, i);
        struct pyr_tally *tally = tally_at(counts, number);
        struct pyr_open_tally *open = pyr_counts_open(counts, number);
        double times = could_run(tally) ? run : rest;
        struct pyr_worth worth = {open->worth.seconds * times, open->worth.square * times * times};
        give(tally, worth, ratio(parts->ran_s, parts->run_s));
        open->worth = (struct pyr_worth){0};
        open->stratum_ticks = 0;
    }
}

/* It ran, but never while a sample was taken: where, is not known. */
static int give_unseen(struct pyr_counts *counts, uint32_t number, struct pyr_stratum *stratum)
{
    double ran_s = stratum->ran_s < stratum->rest.seconds ? stratum->ran_s : stratum->rest.seconds;
    if (stratum->run_ticks || ran_s <= 0)
        return 0;
    int64_t found = pyr_counts_tally(counts, number, PYR_NODE_EMPTY, PYR_ON_CPU | PYR_UNRESOLVED);
    if (found < 0)
        return (int)found;
    give(tally_at(counts, (uint32_t)found - 1), (struct pyr_worth){ran_s, 0}, 1);
    struct parts parts = {.rest_s = stratum->rest.seconds - ran_s};
    distribute(counts, stratum, &parts);
    return 1;
}

/* The readings of a thread begin and end within its life: what they leave out is taken to be as the rest. */
static double extension(const struct pyr_stratum *stratum, bool last)
{
    double times = 1, all_s = stratum->run.seconds + stratum->rest.seconds;
    if (last && stratum->covered_s > 0)
        times = stratum->run.seconds / stratum->covered_s;
    else if (stratum->is_first && stratum->read_s > 0)
        times = all_s / stratum->read_s;
    return times < 1 ? 1 : times > EXTEND_MAX ? EXTEND_MAX : times;
}

static void begin_anew(struct pyr_stratum *stratum, double ran_s)
{
    struct pyr_vec tallies = stratum->tallies;
    tallies.count = 0;
    *stratum = (struct pyr_stratum){.tallies = tallies, .ran_s = ran_s};
}

static bool may_settle(const struct pyr_stratum *stratum, enum pyr_settle when)
{
    bool idle = !stratum->run_ticks && stratum->ran_s <= 0;
    if (when == PYR_SETTLE_LAST || idle)
        return true;
    if (when == PYR_SETTLE_NOW)
        return stratum->covered_s > 0 || !stratum->run_ticks;
    return stratum->run_ticks >= SAMPLES_ENOUGH && stratum->covered_s > 0;
}

int pyr_cpu_time_settle(struct pyr_counts *counts, uint32_t number, enum pyr_settle when)
{
    struct pyr_live_thread *thread = pyr_counts_thread(counts, number);
    struct pyr_live_process *process = pyr_counts_process(counts, thread->process);
    struct pyr_stratum *stratum = &thread->stratum;
    bool last = when == PYR_SETTLE_LAST;
    if (stratum->read_now)
        stratum->covered_s = stratum->run.seconds;
    stratum->read_now = false;
    if (!thread->measured || !stratum->tallies.count || !may_settle(stratum, when))
        return 0;
    int rc = last ? give_unseen(counts, number, stratum) : 0;
    double times = extension(stratum, last), left_s = last ? 0 : stratum->ran_s;
    struct parts parts = as_others(stratum, process);
    if (rc == 0 && stratum->covered_s > 0) {
        parts = divide(stratum, stratum->ran_s * times, last);
        left_s = stratum->ran_s * times - parts.ran_s;
        process->ran_s += parts.ran_s;
        process->could_run_s += parts.run_s;
    }
    if (rc == 0)
        distribute(counts, stratum, &parts);
    begin_anew(stratum, left_s);
    return rc < 0 ? rc : 0;
}

/* The part of a reading that is of the window: it is of no more time than there is between readings of what runs. */
static double part_in_window(const struct pyr_counts *counts, uint64_t since_ns, uint64_t until_ns)
{
    uint64_t most_ns = until_ns > READING_NS ? until_ns - READING_NS : 0, from_ns = counts->from_ns;
    since_ns = since_ns > most_ns ? since_ns : most_ns;
    if (from_ns <= since_ns)
        return 1;
    return from_ns < until_ns ? (double)(until_ns - from_ns) / (double)(until_ns - since_ns) : 0;
}

static int take_reading(struct pyr_counts *counts, struct pyr_live_process *process, const struct pyr_cpu_time *read,
                        uint64_t time_ns)
{
    struct pyr_live_thread *thread = pyr_counts_thread(counts, read->thread);
    struct pyr_stratum *stratum = &thread->stratum;
    uint64_t since_ns = thread->reading_ns;
    bool first = !thread->measured;
    thread->reading_ns = time_ns;
    thread->measured = process->measured = true;
    if (first)
        stratum->is_first = true;
    if (first || !pyr_counts_in_window(counts, time_ns))
        return 0;
    double part = part_in_window(counts, since_ns, time_ns);
    stratum->ran_s += part * (double)read->ran_ns / 1e9;
    stratum->waited_s += part * (double)read->waited_ns / 1e9;
    stratum->read_s += part * (double)(time_ns - since_ns) / 1e9;
    stratum->read_now = true;
    return pyr_segment_touch(counts, read->thread, thread);
}

int pyr_cpu_time_read(struct pyr_counts *counts, struct pyr_live_process *process, const struct pyr_event *event)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < event->cpu_time_count; i++)
        rc = take_reading(counts, process, &event->cpu_times[i], event->time_ns);
    return rc;
}
