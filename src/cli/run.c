#include "run.h"

#include <string.h>
#include <unistd.h>

int pyr_run_refused(const struct run *run, int rc)
{
    pyr_say_failed(run->cmd, &run->err, rc);
    return rc == PYR_E_NOT_FOUND ? 127 : rc == PYR_E_PERMISSION ? 126 : PYR_EXIT_FAILED;
}

/* Where nobody asked for it, its failure is no reason not to measure the time: it is told when that has begun. */
static int prepare_memory(struct run *run)
{
    int how = run->args->profile.memory;
    struct pyr_err *err = how == MEMORY_DEFAULT ? &run->memory_err : &run->err;
    int rc = how == MEMORY_OFF ? 0 : pyr_preload_open(&run->preload, how == MEMORY_STACKS, err);
    if (rc < 0 && how == MEMORY_DEFAULT)
        return 0;
    if (run->preload)
        run->program.environment = pyr_preload_environment(run->preload);
    return rc;
}

/* All that can fail for our own reasons fails here, before the program is there. */
static int prepare(struct run *run)
{
    struct pyr_profile_options options = pyr_profile_options_of(&run->args->profile);
    int rc = pyr_signals_take(&run->signals, &run->err);
    if (rc == 0)
        rc = prepare_memory(run);
    if (rc == 0)
        rc = pyr_launch_fork(&run->launch, &run->program, &run->signals, &run->err);
    if (rc < 0)
        return rc;
    pid_t pid = pyr_launch_pid(run->launch);
    run->file = options.output ? strdup(options.output) : pyr_recording_name(run->program.name, pid);
    if (!run->file)
        return pyr_err_set(&run->err, PYR_E_NOMEM, "%s", pyr_status_text(PYR_E_NOMEM));
    options.output = run->file;
    options.wait_python_s = -1;
    options.memory_directory = run->preload ? pyr_preload_directory(run->preload) : NULL;
    options.command = (const char *const *)run->program.argv;
    rc = pyr_profiler_open(&run->profiler, pid, &options, &run->err);
    return rc < 0 ? rc : pyr_session_start(&run->session, run->profiler, &run->err);
}

/* Completes the recording. A failure is told; the program's status stays the result. */
static void complete(struct run *run, int rc, int wait_status)
{
    struct pyr_profile_summary summary = {0};
    struct pyr_err close_err = {0};
    int close_rc = pyr_profiler_close(run->profiler, wait_status, &summary, &close_err);
    run->profiler = NULL;
    bool early = rc < 0 && rc != PYR_E_NOT_PYTHON && rc != PYR_E_GONE;
    if (close_rc < 0) /* it names the file and the cause; that profiling ended early follows from it */
        pyr_say_failed(run->cmd, &close_err, close_rc);
    else if (early)
        pyr_say_failed(run->cmd, &run->err, rc);
    if (close_rc < 0)
        return;
    pyr_say_problem(run->cmd, &summary);
    pyr_preload_close(run->preload);
    run->preload = NULL;
    if (run->args->profile.quiet)
        return;
    if (summary.memory_problem[0] && summary.python_processes)
        pyr_say("run: %s", summary.memory_problem);
    if (summary.python_processes)
        pyr_say_summary(&summary, run->file);
    else
        pyr_say("no Python was seen in %s: %s holds no samples", run->program.argv[0], run->file);
    pyr_say_left(&summary);
}

static void abandon(struct run *run)
{
    if (run->session)
        pyr_session_end(run->session, NULL);
    if (!run->profiler)
        return;
    pyr_profiler_close(run->profiler, -1, NULL, NULL);
    pyr_discard_recording(run->file);
}

static int measure(struct run *run)
{
    if (run->memory_err.status && !run->args->profile.quiet)
        pyr_say("run: no memory figures: %s", run->memory_err.text);
    /* With a duration the recording is complete, and can be read, while the program runs on. */
    int early = run->args->profile.duration_s > 0 ? pyr_session_fd(run->session) : -1;
    bool ended = pyr_launch_watch(run->launch, early, run->profiler);
    int rc = pyr_session_end(run->session, &run->err);
    /* Not reaped before the profiler is done: until then its pid must name nothing else. */
    int wait_status = ended ? pyr_launch_reap(run->launch) : -1;
    complete(run, rc, wait_status);
    if (ended)
        return wait_status;
    pyr_launch_watch(run->launch, -1, NULL);
    return pyr_launch_reap(run->launch);
}

int pyr_run_program(struct run *run)
{
    int status, rc = prepare(run);
    if (rc < 0)
        status = pyr_say_failed(run->cmd, &run->err, rc);
    else if ((rc = pyr_launch_go(run->launch, &run->err)) < 0)
        status = pyr_run_refused(run, rc);
    else
        return pyr_exit_status(measure(run));
    abandon(run);
    return status;
}
