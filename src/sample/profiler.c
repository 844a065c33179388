/* The public profiler: opened, kept and closed. */
#include "sample/profiler.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "sample/regime.h"

#include <stdio.h>
#include <unistd.h>

#define FLUSH_MIN_NS 100000000u /* soon at first, lest much be lost; later rarely: small pieces compress badly */
#define FLUSH_NS 1000000000u
#define FLUSH_MAX_NS 10000000000u

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
        pyr_sleep_until_ns(pyr_now_ns() + PYR_NAP_NS);
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

void pyr_profiler_note_failure(struct pyr_profiler *profiler, int rc)
{
    if (rc >= 0 || rc == PYR_E_GONE || rc == PYR_E_TORN || rc == PYR_E_FAULT || rc == PYR_E_AGAIN)
        return;
    if (!profiler->failure)
        profiler->failure = rc;
    atomic_store(&profiler->stop, true);
}

void pyr_profiler_note_problem(struct pyr_profiler *profiler, const struct pyr_process *process)
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

static int list_memory_processes(struct pyr_profiler *profiler)
{
    profiler->memory_processes.count = 0;
    for (size_t i = 0; i < profiler->family.members.count; i++) {
        const struct pyr_process *process = pyr_profiler_process(profiler, i);
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

void pyr_profiler_keep_house(struct pyr_profiler *profiler)
{
    uint64_t now = pyr_now_ns(), time = now - profiler->start_ns;
    if (now < profiler->housekeeping_ns)
        return;
    profiler->housekeeping_ns = now + PYR_HOUSEKEEPING_NS;
    pthread_mutex_lock(&profiler->lock);
    int rc = pyr_family_keep(&profiler->family, now, time);
    if (profiler->family.undecided)
        profiler->housekeeping_ns = now + PYR_UNDECIDED_NS;
    for (size_t i = 0; i < profiler->family.members.count; i++)
        pyr_profiler_note_problem(profiler, pyr_profiler_process(profiler, i));
    if (rc == 0)
        rc = keep_memory(profiler, pyr_memory_keep, time);
    if (rc == 0 && now >= profiler->flush_ns) {
        profiler->flush_ns = now + flush_wait_ns(time);
        rc = flush(profiler, NULL);
    }
    pyr_profiler_note_failure(profiler, rc);
    pthread_mutex_unlock(&profiler->lock);
    double duration_s = profiler->options.duration_s;
    if (duration_s > 0 && (double)time >= duration_s * 1e9)
        atomic_store(&profiler->stop, true);
}

int pyr_profiler_run(struct pyr_profiler *profiler, struct pyr_err *err)
{
    int rc = pyr_instruments_run(profiler);
    if (rc < 0)
        return pyr_err_set(err, rc, "cannot start a thread: out of memory or of processes");
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
