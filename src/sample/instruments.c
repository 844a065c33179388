/* Two instruments on one recording. The caller's thread takes glances; a second one, which sits on the target's CPU,
 * takes the exact ticks. One lock is held during each tick. */
#include "base/clock.h"
#include "sample/budget.h"
#include "sample/profiler.h"
#include "sample/regime.h"
#include "sample/schedule.h"

#include <signal.h>
#include <sys/prctl.h>

#define PROBE_YOUNG_NS 2000000u
#define YOUNG_NS 1000000000u
#define LOOK_MAX_NS 100000u
#define LOOKS 32                 /* their time is averaged over about as many */
#define SHORT_NAP_NS 500000u     /* while a process that ends is still to be let go */
#define SITTER_NAP_NS 100000000u /* longer than others: each wake-up there takes the CPU from the target */

/* Who samples without a rest would have the lock again before the one that waits for it. */
static void give_way(struct pyr_profiler *profiler)
{
    while (atomic_load(&profiler->pausing) && !atomic_load(&profiler->stop))
        pyr_sleep_until_ns(pyr_now_ns() + SHORT_NAP_NS);
}

static bool over(struct pyr_profiler *profiler)
{
    return atomic_load(&profiler->stop) || profiler->family.root_gone;
}

static bool sleep_until(struct pyr_profiler *profiler, uint64_t deadline, uint64_t longest_ns)
{
    for (uint64_t now = pyr_now_ns(); now < deadline; now = pyr_now_ns()) {
        if (over(profiler))
            return false;
        uint64_t nap = pyr_task_tidy() ? SHORT_NAP_NS : longest_ns;
        pyr_sleep_until_ns(deadline - now > nap ? now + nap : deadline);
    }
    return !over(profiler);
}

static bool exact_only(const struct pyr_profiler *profiler)
{
    return profiler->options.truth == PYR_TRUTH_EXACT || profiler->options.truth == PYR_TRUTH_STOP;
}

/* The exact ticks that a calm process gets, of those asked for. */
static double calm_exact_rate(const struct pyr_profiler *profiler)
{
    double rate = profiler->options.rate_hz;
    if (exact_only(profiler))
        return rate;
    return rate < 0 || rate > PYR_CALM_EXACT_HZ ? PYR_CALM_EXACT_HZ : rate;
}

static double restless_exact_rate(const struct pyr_profiler *profiler)
{
    double rate = profiler->options.rate_hz;
    return rate < 0 || rate > PYR_RESTLESS_EXACT_HZ ? PYR_RESTLESS_EXACT_HZ : rate;
}

/* A process that may not be read any more does not end the profiling of the others. */
static void note_reading(struct pyr_profiler *profiler, struct pyr_process *process, int rc)
{
    process->hidden |= rc == PYR_E_PERMISSION;
    pyr_profiler_note_problem(profiler, process);
    if (rc != PYR_E_PERMISSION)
        pyr_profiler_note_failure(profiler, rc);
}

static void note_tick(struct pyr_profiler *profiler, struct pyr_process *process, int rc)
{
    if (rc < 0)
        profiler->quality.samples_failed++;
    else
        atomic_store(&profiler->sampled, true);
    note_reading(profiler, process, rc);
}

/* Outside of the lock: whoever is told may take its time. */
static void announce(struct pyr_profiler *profiler)
{
    if (profiler->options.ready && atomic_load(&profiler->sampled) && !atomic_exchange(&profiler->announced, true))
        profiler->options.ready(profiler->options.ready_context);
}

/* Looks take the longer the more they find, and glances must not come the later for it: they come when most looks are
 * over, by what is known of earlier ones. */
static void await_glance(struct pyr_profiler *profiler, uint64_t begun_ns)
{
    int64_t took = (int64_t)(pyr_now_ns() - begun_ns);
    while (pyr_now_ns() - begun_ns < profiler->look_ns)
        ;
    int64_t wanted = took + took / 4, usual = (int64_t)profiler->look_ns;
    usual += (wanted - usual) / LOOKS;
    profiler->look_ns = usual < LOOK_MAX_NS ? (uint64_t)usual : LOOK_MAX_NS;
}

/* The lock is held. */
static void look_ahead(struct pyr_profiler *profiler, enum pyr_regime regime)
{
    uint64_t begun = pyr_now_ns();
    bool any = false;
    for (size_t i = 0; i < profiler->family.members.count; i++) {
        struct pyr_process *process = pyr_profiler_process(profiler, i);
        if (!process->is_python || process->regime != regime || process->hidden || !pyr_regime_looks(process))
            continue;
        note_reading(profiler, process, pyr_process_look(process));
        any = true;
    }
    if (any)
        await_glance(profiler, begun);
}

/* One glance at every Python process that is not restless. False if there is none. At the highest rate nothing is
 * looked at before: the next tick follows at once. */
static bool glance(struct pyr_profiler *profiler)
{
    bool any = false, highest = profiler->options.rate_hz < 0;
    unsigned ticks = highest ? PYR_BURST : 1;
    pthread_mutex_lock(&profiler->lock);
    if (!highest)
        look_ahead(profiler, PYR_LIVELY);
    for (size_t i = 0; i < profiler->family.members.count; i++) {
        struct pyr_process *process = pyr_profiler_process(profiler, i);
        if (!process->is_python || process->regime == PYR_RESTLESS || process->hidden)
            continue;
        uint64_t now = pyr_now_ns();
        note_tick(profiler, process, pyr_process_glance(process, ticks, now, now - profiler->start_ns));
        pyr_regime_keep(process, now);
        any = true;
    }
    pthread_mutex_unlock(&profiler->lock);
    announce(profiler);
    return any;
}

/* One exact tick of every Python process. Calm ones take their part of a rate that is meant for restless ones, by lot.
 */
static void take_exact(struct pyr_profiler *profiler, double rate, struct pyr_schedule *schedule)
{
    enum pyr_hold hold = profiler->options.truth == PYR_TRUTH_STOP ? PYR_HOLD_STOP : PYR_HOLD_SIT;
    double calm_share = rate > 0 ? calm_exact_rate(profiler) / rate : 1;
    pthread_mutex_lock(&profiler->lock);
    for (size_t i = 0; i < profiler->family.members.count; i++) {
        struct pyr_process *process = pyr_profiler_process(profiler, i);
        if (!process->is_python || process->hidden ||
            (process->regime != PYR_RESTLESS && pyr_schedule_lot(schedule) >= calm_share))
            continue;
        enum pyr_tick_kind kind = process->regime == PYR_RESTLESS ? PYR_TICK_ONLY : PYR_TICK_EXACT;
        uint64_t now = pyr_now_ns();
        note_tick(profiler, process, pyr_process_exact(process, hold, kind, now, now - profiler->start_ns));
    }
    pthread_mutex_unlock(&profiler->lock);
    announce(profiler);
}

/* An always exact mode is an oracle: it takes what it needs. */
static double within_budget(const struct pyr_profiler *profiler, struct pyr_budget *budget, double rate)
{
    if (exact_only(profiler))
        return rate;
    return pyr_budget_rate(budget, rate, pyr_now_ns(), pyr_thread_cpu_ns());
}

static bool differs(double rate, double other)
{
    return rate > 1.1 * other || other > 1.1 * rate;
}

static bool any_restless(struct pyr_profiler *profiler)
{
    bool any = false;
    pthread_mutex_lock(&profiler->lock);
    for (size_t i = 0; i < profiler->family.members.count && !any; i++)
        any = pyr_profiler_process(profiler, i)->regime == PYR_RESTLESS;
    pthread_mutex_unlock(&profiler->lock);
    return any;
}

/* Whether restless processes have become calmer. */
static void probe(struct pyr_profiler *profiler)
{
    pthread_mutex_lock(&profiler->lock);
    look_ahead(profiler, PYR_RESTLESS);
    for (size_t i = 0; i < profiler->family.members.count; i++) {
        struct pyr_process *process = pyr_profiler_process(profiler, i);
        uint64_t now = pyr_now_ns();
        if (!process->is_python || process->regime != PYR_RESTLESS || process->hidden)
            continue;
        note_reading(profiler, process, pyr_process_probe(process, now));
        pyr_regime_keep(process, now);
    }
    pthread_mutex_unlock(&profiler->lock);
}

static uint64_t own_seed(struct pyr_profiler *profiler, unsigned which)
{
    return profiler->start_ns * 2 + which;
}

static void *sit_and_tick(void *context)
{
    struct pyr_profiler *profiler = context;
    struct pyr_schedule schedule;
    struct pyr_budget budget = {0};
    double rate = calm_exact_rate(profiler);
    pyr_cpu_wake_promptly();
    pyr_cpu_sit(pyr_cpu_current()); /* not to wander off between two looks */
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    pyr_schedule_start(&schedule, rate, pyr_now_ns(), own_seed(profiler, 1));
    take_exact(profiler, rate, &schedule); /* at once: at a low rate the first would come late */
    while (!over(profiler)) {
        double wanted = any_restless(profiler) ? restless_exact_rate(profiler) : calm_exact_rate(profiler);
        wanted = within_budget(profiler, &budget, wanted);
        if (differs(wanted, rate)) {
            pyr_schedule_start(&schedule, wanted, pyr_now_ns(), schedule.seed);
            rate = wanted;
        }
        if (rate > 0 &&
            !sleep_until(profiler, pyr_schedule_next(&schedule, pyr_now_ns(), &profiler->quality.deadlines_missed),
                         SITTER_NAP_NS))
            break;
        pyr_task_tidy();
        give_way(profiler);
        take_exact(profiler, rate, &schedule);
    }
    return NULL;
}

static int start_sitter(struct pyr_profiler *profiler)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int rc = pthread_create(&profiler->sitter, NULL, sit_and_tick, profiler);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    profiler->sitter_runs = rc == 0;
    return rc == 0 ? 0 : PYR_E_NOMEM;
}

/* The part of the rate that is left to glances. Negative: as fast as can be. */
static double glance_rate(const struct pyr_profiler *profiler)
{
    double rate = profiler->options.rate_hz;
    if (exact_only(profiler))
        return 0;
    if (profiler->options.truth == PYR_TRUTH_NO_STOP || rate <= 0)
        return rate;
    return rate - calm_exact_rate(profiler);
}

/* Restless, for all that is known, for a short time or for want of having been seen while it ran. */
static bool may_be_calm(const struct pyr_process *process, uint64_t now_ns)
{
    return process->regime == PYR_RESTLESS && process->active.count &&
           (process->glances < PYR_REGIME_GLANCES || now_ns - process->regime_ns < YOUNG_NS);
}

/* A process that is new, or has just become restless, is judged quickly. */
static uint64_t probe_wait_ns(struct pyr_profiler *profiler)
{
    uint64_t now = pyr_now_ns(), wait = profiler->family.undecided ? PYR_UNDECIDED_NS : PYR_HOUSEKEEPING_NS;
    pthread_mutex_lock(&profiler->lock);
    for (size_t i = 0; i < profiler->family.members.count; i++)
        if (may_be_calm(pyr_profiler_process(profiler, i), now))
            wait = PROBE_YOUNG_NS;
    pthread_mutex_unlock(&profiler->lock);
    return wait;
}

static void glance_until_over(struct pyr_profiler *profiler)
{
    struct pyr_schedule schedule;
    double rate = glance_rate(profiler);
    bool any = true;
    if (rate > 0)
        pyr_schedule_start(&schedule, rate, pyr_now_ns(), own_seed(profiler, 0));
    if (profiler->options.truth == PYR_TRUTH_NO_STOP && rate != 0)
        glance(profiler);
    while (!over(profiler)) {
        uint64_t next = any ? profiler->housekeeping_ns : pyr_now_ns() + probe_wait_ns(profiler), skipped = 0;
        /* With nothing to glance at, waking up for it is all that it would cost. */
        if (any && rate > 0)
            next = pyr_schedule_next(&schedule, pyr_now_ns(), &profiler->quality.deadlines_missed);
        else if (rate > 0)
            pyr_schedule_next(&schedule, next, &skipped);
        if ((rate >= 0 || !any) && !sleep_until(profiler, next, PYR_NAP_NS))
            break;
        give_way(profiler);
        any = rate != 0 && glance(profiler);
        if (!any && profiler->family.regimes)
            probe(profiler);
        pyr_profiler_keep_house(profiler);
    }
}

int pyr_instruments_run(struct pyr_profiler *profiler)
{
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    pyr_profiler_keep_house(profiler);
    if (profiler->options.rate_hz == 0)
        atomic_store(&profiler->sampled, true);
    announce(profiler);
    if (profiler->options.truth != PYR_TRUTH_NO_STOP && profiler->options.rate_hz != 0) {
        int rc = start_sitter(profiler);
        if (rc < 0)
            return rc;
    }
    glance_until_over(profiler);
    if (profiler->sitter_runs)
        pthread_join(profiler->sitter, NULL);
    profiler->sitter_runs = false;
    return 0;
}
