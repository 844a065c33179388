/* The public profiler: two instruments on one recording. The caller's thread takes glances; a second one, which sits on
 * the target's CPU, takes the exact ticks. One lock is held during each tick. */
#include "base/alloc.h"
#include "base/clock.h"
#include "memory/memory.h"
#include "pyrometer/pyrometer.h"
#include "sample/budget.h"
#include "sample/family.h"
#include "sample/regime.h"
#include "sample/schedule.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#define HOUSEKEEPING_NS 10000000u
#define UNDECIDED_NS 2000000u
#define FLUSH_MIN_NS                                                                                                   \
    100000000u /* soon at first, lest much be lost; later rarely, since small pieces compress badly                    \
                */
#define FLUSH_NS 1000000000u
#define FLUSH_MAX_NS 10000000000u
#define PROBE_YOUNG_NS 2000000u
#define YOUNG_NS 1000000000u
#define SHORT_NAP_NS 500000u /* while a process that ends is still to be let go */
#define NAP_NS 20000000u     /* no sleep is longer, so that stop is noticed */

struct pyr_profiler {
    struct pyr_profile_options options;
    struct pyr_writer *writer;
    struct pyr_family family;
    struct pyr_memory *memory;       /* NULL: allocations are not recorded */
    struct pyr_vec memory_processes; /* of struct pyr_memory_process */
    struct pyr_quality quality;
    struct pyr_process_info attached; /* as it was found: at the end it may be gone, or another program */
    pthread_mutex_t lock;
    atomic_bool stop, pausing;
    atomic_bool sampled, announced;
    uint64_t start_ns, ended_ns;
    uint64_t start_cpu_ns;
    uint64_t housekeeping_ns, flush_ns;
    int failure; /* of either thread: the first */
    bool sitter_runs;
    pthread_t sitter;
};

static const char *mode_name(enum pyr_mode mode)
{
    return mode == PYR_MODE_CPU ? "cpu" : mode == PYR_MODE_GIL ? "gil" : "wall";
}

static uint64_t rate_number(double rate_hz)
{
    return rate_hz < 0 ? UINT64_MAX : (uint64_t)(rate_hz + 0.5);
}

static int write_facts(struct pyr_profiler *profiler, const char *output, struct pyr_err *err)
{
    const struct pyr_profile_options *options = &profiler->options;
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    const char *single[] = {profiler->attached.command};
    struct pyr_run_facts facts = {.pyrometer = pyr_version(),
                                  .python = profiler->family.python,
                                  .host = host,
                                  .mode = mode_name(options->mode),
                                  .started_wall_ns = pyr_wall_ns() - (pyr_now_ns() - profiler->start_ns),
                                  .rate_hz = rate_number(options->rate_hz),
                                  .attached = options->attached,
                                  .no_stop = options->truth == PYR_TRUTH_NO_STOP,
                                  .memory = options->memory_directory != NULL,
                                  .opcodes = options->opcodes,
                                  .command = options->command};
    while (options->command && options->command[facts.command_count])
        facts.command_count++;
    if (!options->command && *single) {
        facts.command = single;
        facts.command_count = 1;
    }
    return profiler->writer ? pyr_writer_facts(profiler->writer, &facts)
                            : pyr_writer_open(&profiler->writer, output, options->force, &facts, err);
}

/* Attached, the target has to be Python now or soon; it is told before a file is made. */
static int await_python(pid_t pid, double wait_s, struct pyr_err *err)
{
    struct pyr_target *target;
    int rc = pyr_target_open(&target, pid, err);
    if (rc < 0)
        return rc;
    struct pyr_python *python = pyr_alloc(sizeof *python);
    uint64_t deadline = pyr_now_ns() + (uint64_t)(wait_s * 1e9);
    rc = python ? PYR_E_AGAIN : PYR_E_NOMEM;
    while (python) {
        rc = pyr_python_detect(python, target, err);
        if (rc != PYR_E_AGAIN || pyr_now_ns() >= deadline)
            break;
        pyr_sleep_until_ns(pyr_now_ns() + NAP_NS);
    }
    pyr_free(python);
    pyr_target_close(target);
    return rc;
}

static int open_memory(struct pyr_profiler *profiler, struct pyr_err *err)
{
    const struct pyr_memory_options options = {
        .directory = profiler->options.memory_directory,
        .writer = profiler->writer,
        .started_ns = profiler->start_ns,
        .started_wall_ns = pyr_wall_ns() - (pyr_now_ns() - profiler->start_ns),
        .only_known = !profiler->options.follow_children,
    };
    profiler->memory_processes = PYR_VEC(struct pyr_memory_process);
    return options.directory ? pyr_memory_open(&profiler->memory, &options, err) : 0;
}

int pyr_profiler_open(struct pyr_profiler **out, pid_t pid, const struct pyr_profile_options *options,
                      struct pyr_err *err)
{
    if (options->attached) {
        int rc = await_python(pid, options->wait_python_s, err);
        if (rc < 0)
            return rc;
    }
    struct pyr_profiler *profiler = pyr_alloc(sizeof *profiler);
    if (!profiler)
        return pyr_err_set(err, PYR_E_NOMEM, "out of memory");
    profiler->options = *options;
    profiler->start_ns = pyr_now_ns();
    profiler->start_cpu_ns = pyr_process_cpu_ns();
    profiler->family.root = pid;
    profiler->family.follow_children = options->follow_children;
    profiler->family.adopt_orphans = options->follow_children && !options->attached;
    profiler->family.quality = &profiler->quality;
    double rate = options->rate_hz;
    profiler->family.regimes = options->truth == PYR_TRUTH_AUTO && (rate < 0 || rate > PYR_CALM_EXACT_HZ);
    pthread_mutex_init(&profiler->lock, NULL);
    if (!options->command)
        pyr_process_info_read(&profiler->attached, pid, NULL);
    int rc = write_facts(profiler, options->output, err);
    if (rc == 0) {
        profiler->family.writer = profiler->writer;
        rc = pyr_family_start(&profiler->family, err);
    }
    if (rc == 0)
        rc = open_memory(profiler, err);
    if (rc < 0) {
        pyr_profiler_close(profiler, -1, NULL, NULL);
        return rc;
    }
    *out = profiler;
    return 0;
}

void pyr_profiler_stop(struct pyr_profiler *profiler)
{
    atomic_store(&profiler->stop, true);
}

void pyr_profiler_pause(struct pyr_profiler *profiler)
{
    atomic_store(&profiler->pausing, true);
    pthread_mutex_lock(&profiler->lock);
}

void pyr_profiler_resume(struct pyr_profiler *profiler)
{
    atomic_store(&profiler->pausing, false);
    pthread_mutex_unlock(&profiler->lock);
}

/* Who samples without a rest would have the lock again before the one that waits for it. */
static void give_way(struct pyr_profiler *profiler)
{
    while (atomic_load(&profiler->pausing) && !atomic_load(&profiler->stop))
        pyr_sleep_until_ns(pyr_now_ns() + SHORT_NAP_NS);
}

/* Records a failure that ends the run: a target that is gone, or whose memory changed under a read, is none. */
static void note_failure(struct pyr_profiler *profiler, int rc)
{
    if (rc >= 0 || rc == PYR_E_GONE || rc == PYR_E_TORN || rc == PYR_E_FAULT || rc == PYR_E_AGAIN)
        return;
    if (!profiler->failure)
        profiler->failure = rc;
    atomic_store(&profiler->stop, true);
}

static bool over(struct pyr_profiler *profiler)
{
    return atomic_load(&profiler->stop) || profiler->family.root_gone;
}

static bool sleep_until(struct pyr_profiler *profiler, uint64_t deadline)
{
    for (uint64_t now = pyr_now_ns(); now < deadline; now = pyr_now_ns()) {
        if (over(profiler))
            return false;
        uint64_t nap = pyr_task_tidy() ? SHORT_NAP_NS : NAP_NS;
        pyr_sleep_until_ns(deadline - now > nap ? now + nap : deadline);
    }
    return !over(profiler);
}

static struct pyr_process *process_at(const struct pyr_profiler *profiler, size_t i)
{
    return PYR_VEC_AT(&profiler->family.members, struct pyr_member, i)->process;
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

static void note_problem(struct pyr_profiler *profiler, const struct pyr_process *process)
{
    struct pyr_err *problem = &profiler->family.problem;
    if (problem->status)
        return;
    if (process->hidden)
        pyr_err_set(problem, PYR_E_PERMISSION,
                    "process %d does not let itself be read any more (it changed its privileges?): the recording holds "
                    "what was before; root (sudo) may read on",
                    (int)process->pid);
    else if (process->left_out)
        pyr_err_set(
            problem, PYR_E_LIMIT,
            "%zu threads of process %d were left out, for want of file descriptors: raise the limit (ulimit -n)",
            process->left_out, (int)process->pid);
}

/* A process that may not be read any more does not end the profiling of the others. */
static void note_reading(struct pyr_profiler *profiler, struct pyr_process *process, int rc)
{
    process->hidden |= rc == PYR_E_PERMISSION;
    note_problem(profiler, process);
    if (rc != PYR_E_PERMISSION)
        note_failure(profiler, rc);
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

/* One glance at every calm Python process. False if there is none. */
static bool glance(struct pyr_profiler *profiler)
{
    bool any = false;
    unsigned ticks = profiler->options.rate_hz < 0 ? PYR_BURST : 1;
    pthread_mutex_lock(&profiler->lock);
    for (size_t i = 0; i < profiler->family.members.count; i++) {
        struct pyr_process *process = process_at(profiler, i);
        if (!process->is_python || process->restless || process->hidden)
            continue;
        uint64_t now = pyr_now_ns();
        note_tick(profiler, process, pyr_process_glance(process, ticks, now, now - profiler->start_ns));
        if (profiler->options.truth == PYR_TRUTH_AUTO)
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
        struct pyr_process *process = process_at(profiler, i);
        if (!process->is_python || process->hidden || (!process->restless && pyr_schedule_lot(schedule) >= calm_share))
            continue;
        enum pyr_tick_kind kind = process->restless ? PYR_TICK_ONLY : PYR_TICK_EXACT;
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
        any = process_at(profiler, i)->restless;
    pthread_mutex_unlock(&profiler->lock);
    return any;
}

/* Whether restless processes have become calm. */
static void probe(struct pyr_profiler *profiler)
{
    pthread_mutex_lock(&profiler->lock);
    for (size_t i = 0; i < profiler->family.members.count; i++) {
        struct pyr_process *process = process_at(profiler, i);
        uint64_t now = pyr_now_ns();
        if (!process->is_python || !process->restless || process->hidden)
            continue;
        note_reading(profiler, process, pyr_process_probe(process, now));
        pyr_regime_keep(process, now);
    }
    pthread_mutex_unlock(&profiler->lock);
}

static int list_memory_processes(struct pyr_profiler *profiler)
{
    profiler->memory_processes.count = 0;
    for (size_t i = 0; i < profiler->family.members.count; i++) {
        const struct pyr_process *process = process_at(profiler, i);
        const struct pyr_memory_process row = {process->pid, process->namespace_pid, process->number,
                                               process->python.layout.free_threaded};
        if (process->is_python && !pyr_vec_push(&profiler->memory_processes, &row))
            return PYR_E_NOMEM;
    }
    return 0;
}

typedef int (*memory_step)(struct pyr_memory *, const struct pyr_memory_process *, size_t, uint64_t);

static int keep_memory(struct pyr_profiler *profiler, memory_step step, uint64_t time_ns)
{
    if (!profiler->memory)
        return 0;
    int rc = list_memory_processes(profiler);
    return rc < 0 ? rc
                  : step(profiler->memory, profiler->memory_processes.items, profiler->memory_processes.count, time_ns);
}

static void measure_own(struct pyr_profiler *profiler)
{
    profiler->quality.own_cpu_ns = pyr_process_cpu_ns() - profiler->start_cpu_ns;
    profiler->quality.elapsed_ns = pyr_now_ns() - profiler->start_ns;
}

static uint64_t flush_wait_ns(uint64_t time_ns)
{
    uint64_t soon = time_ns / 10 < FLUSH_NS ? time_ns / 10 : FLUSH_NS, late = time_ns / 20;
    uint64_t wait = soon > late ? soon : late;
    return wait < FLUSH_MIN_NS ? FLUSH_MIN_NS : wait < FLUSH_MAX_NS ? wait : FLUSH_MAX_NS;
}

static int flush(struct pyr_profiler *profiler, struct pyr_err *err)
{
    measure_own(profiler);
    int rc = pyr_writer_quality(profiler->writer, &profiler->quality);
    return rc < 0 ? rc : pyr_writer_flush(profiler->writer, err);
}

int pyr_profiler_flush(struct pyr_profiler *profiler, struct pyr_err *err)
{
    pthread_mutex_lock(&profiler->lock);
    int rc = flush(profiler, err);
    pthread_mutex_unlock(&profiler->lock);
    return rc;
}

static void keep_house(struct pyr_profiler *profiler)
{
    uint64_t now = pyr_now_ns(), time = now - profiler->start_ns;
    if (now < profiler->housekeeping_ns)
        return;
    profiler->housekeeping_ns = now + HOUSEKEEPING_NS;
    pthread_mutex_lock(&profiler->lock);
    int rc = pyr_family_keep(&profiler->family, now, time);
    if (profiler->family.undecided)
        profiler->housekeeping_ns = now + UNDECIDED_NS;
    for (size_t i = 0; i < profiler->family.members.count; i++)
        note_problem(profiler, process_at(profiler, i));
    if (rc == 0)
        rc = keep_memory(profiler, pyr_memory_keep, time);
    if (rc == 0 && now >= profiler->flush_ns) {
        profiler->flush_ns = now + flush_wait_ns(time);
        rc = flush(profiler, NULL);
    }
    note_failure(profiler, rc);
    pthread_mutex_unlock(&profiler->lock);
    double duration_s = profiler->options.duration_s;
    if (duration_s > 0 && (double)time >= duration_s * 1e9)
        atomic_store(&profiler->stop, true);
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
            !sleep_until(profiler, pyr_schedule_next(&schedule, pyr_now_ns(), &profiler->quality.deadlines_missed)))
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

/* A process that is new is judged quickly. */
static uint64_t probe_wait_ns(struct pyr_profiler *profiler)
{
    uint64_t now = pyr_now_ns(), wait = profiler->family.undecided ? UNDECIDED_NS : HOUSEKEEPING_NS;
    pthread_mutex_lock(&profiler->lock);
    for (size_t i = 0; i < profiler->family.members.count; i++)
        if (process_at(profiler, i)->restless && now - process_at(profiler, i)->regime_ns < YOUNG_NS)
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
        if ((rate >= 0 || !any) && !sleep_until(profiler, next))
            break;
        give_way(profiler);
        any = rate != 0 && glance(profiler);
        if (!any && profiler->family.regimes)
            probe(profiler);
        keep_house(profiler);
    }
}

int pyr_profiler_run(struct pyr_profiler *profiler, struct pyr_err *err)
{
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    keep_house(profiler);
    if (profiler->options.rate_hz == 0)
        atomic_store(&profiler->sampled, true);
    announce(profiler);
    if (profiler->options.truth != PYR_TRUTH_NO_STOP && profiler->options.rate_hz != 0) {
        int rc = start_sitter(profiler);
        if (rc < 0)
            return pyr_err_set(err, rc, "cannot start a thread: out of memory or of processes");
    }
    glance_until_over(profiler);
    if (profiler->sitter_runs)
        pthread_join(profiler->sitter, NULL);
    profiler->sitter_runs = false;
    profiler->ended_ns = pyr_now_ns();
    pyr_family_measure(&profiler->family);
    if (profiler->failure)
        return pyr_err_set(err, profiler->failure, "profiling ended early: %s", pyr_status_text(profiler->failure));
    return 0;
}

static void summarise(const struct pyr_profiler *profiler, struct pyr_profile_summary *summary)
{
    const struct pyr_quality *quality = &profiler->quality;
    uint64_t now = profiler->ended_ns ? profiler->ended_ns : pyr_now_ns();
    double elapsed = (double)(now - profiler->start_ns) / 1e9;
    uint64_t ticks = quality->ticks_glance + quality->ticks_exact;
    *summary = (struct pyr_profile_summary){
        .elapsed_s = elapsed,
        .own_cpu_s = (double)(pyr_process_cpu_ns() - profiler->start_cpu_ns) / 1e9,
        .rate_hz = elapsed > 0 ? (double)ticks / elapsed : 0,
        .samples = quality->samples_taken,
        .samples_unresolved = quality->samples_unresolved,
        .samples_failed = quality->samples_failed,
        .samples_stopped = quality->samples_stopped,
        .samples_truncated = quality->samples_truncated,
        .deadlines_missed = quality->deadlines_missed,
        .processes = profiler->family.processes,
        .python_processes = profiler->family.pythons,
        .threads = profiler->family.threads,
        .file_bytes = profiler->writer ? pyr_writer_bytes(profiler->writer) : 0,
        .rss_bytes = pyr_family_rss(&profiler->family),
    };
    snprintf(summary->python, sizeof summary->python, "%s", profiler->family.python);
    snprintf(summary->problem, sizeof summary->problem, "%s", profiler->family.problem.text);
}

void pyr_profiler_summary(const struct pyr_profiler *profiler, struct pyr_profile_summary *summary)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)&profiler->lock;
    pthread_mutex_lock(lock);
    summarise(profiler, summary);
    pthread_mutex_unlock(lock);
}

static int complete(struct pyr_profiler *profiler, int root_exit_status, struct pyr_err *err)
{
    if (!profiler->writer)
        return 0;
    uint64_t now = profiler->ended_ns ? profiler->ended_ns : pyr_now_ns();
    measure_own(profiler);
    int rc = keep_memory(profiler, pyr_memory_finish, now - profiler->start_ns);
    int ended = pyr_family_end(&profiler->family, now - profiler->start_ns, root_exit_status);
    rc = rc < 0 ? rc : ended;
    if (rc == 0)
        rc = write_facts(profiler, NULL, err);
    if (rc == 0)
        rc = pyr_writer_quality(profiler->writer, &profiler->quality);
    int closed = pyr_writer_close(profiler->writer, err);
    profiler->writer = NULL;
    return closed < 0 ? closed : rc;
}

int pyr_profiler_close(struct pyr_profiler *profiler, int root_exit_status, struct pyr_profile_summary *summary,
                       struct pyr_err *err)
{
    if (summary)
        summarise(profiler, summary);
    uint64_t bytes_before = summary ? summary->file_bytes : 0;
    int rc = complete(profiler, root_exit_status, err);
    if (summary)
        summary->file_bytes = bytes_before;
    if (summary && profiler->memory)
        snprintf(summary->memory_problem, sizeof summary->memory_problem, "%s", pyr_memory_problem(profiler->memory));
    pyr_memory_close(profiler->memory);
    pyr_vec_release(&profiler->memory_processes);
    if (summary)
        summary->left_running = pyr_family_left(&profiler->family, &summary->left_pid);
    pyr_family_release(&profiler->family);
    pyr_process_info_release(&profiler->attached);
    pthread_mutex_destroy(&profiler->lock);
    pyr_free(profiler);
    return rc;
}
