#include "cmd.h"
#include "profile_options.h"
#include "progress.h"
#include "streams.h"

#include "pyrometer/launch.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct attach_args {
    struct profile_args profile;
};

/* How long a process may take to turn out to be Python: it may have been started just now. */
#define WAIT_PYTHON_S 2

/* Until the profiling has ended, or somebody wants it to. */
static void watch(struct pyr_profiler *profiler, struct pyr_session *session, const struct pyr_signals *signals,
                  bool progress)
{
    struct pollfd fds[] = {{.fd = signals->fd, .events = POLLIN}, {.fd = pyr_session_fd(session), .events = POLLIN}};
    struct pyr_profile_summary summary;
    for (;;) {
        poll(fds, 2, progress ? 1000 : -1);
        if (fds[1].revents || (fds[0].revents && pyr_signals_end_wanted(signals)))
            break;
        if (!progress)
            continue;
        pyr_profiler_summary(profiler, &summary);
        pyr_progress_show(&summary);
    }
    if (progress)
        pyr_progress_clear();
}

static int record(struct pyr_profiler *profiler, const struct pyr_signals *signals, bool quiet,
                  struct pyr_profile_summary *summary, struct pyr_err *err)
{
    struct pyr_session *session;
    int rc = pyr_session_start(&session, profiler, err);
    if (rc == 0) {
        watch(profiler, session, signals, !quiet && pyr_stdio_terminal(stderr));
        rc = pyr_session_end(session, err);
    }
    struct pyr_err close_err = {0};
    int close_rc = pyr_profiler_close(profiler, -1, summary, &close_err);
    if (close_rc < 0) /* it names the file and the cause; that profiling ended early follows from it */
        *err = close_err;
    return close_rc < 0 ? close_rc : rc;
}

static int attach(const struct pyr_cmd *cmd, const struct profile_args *args, pid_t pid, const char *file)
{
    struct pyr_profile_options options = pyr_profile_options_of(args);
    struct pyr_profile_summary summary = {0};
    struct pyr_profiler *profiler;
    struct pyr_signals signals;
    struct pyr_err err = {0};
    options.output = file;
    options.attached = true;
    options.wait_python_s = WAIT_PYTHON_S;
    int rc = pyr_signals_take(&signals, &err);
    if (rc == 0)
        rc = pyr_profiler_open(&profiler, pid, &options, &err);
    if (rc < 0)
        return pyr_say_failed(cmd, &err, rc);
    rc = record(profiler, &signals, args->quiet, &summary, &err);
    if (rc < 0 && !summary.samples)
        pyr_discard_recording(file);
    if (rc < 0)
        return pyr_say_failed(cmd, &err, rc);
    pyr_say_problem(cmd, &summary);
    if (!args->quiet) {
        pyr_say_summary(&summary, file);
        pyr_say_left(&summary);
    }
    return PYR_EXIT_DONE;
}

static int attach_run(const struct pyr_cmd *cmd, void *args, const struct pyr_words *words)
{
    const struct profile_args *profile = &((struct attach_args *)args)->profile;
    struct pyr_err err = {0};
    int64_t pid;
    if (words->count != 1 || !pyr_read_pid(words->items[0], &pid))
        return pyr_say_wrong(cmd, words->count == 1 ? "'%s' is not the number of a process" : "it wants one PID%.0s",
                             words->count ? words->items[0] : "");
    if (pid == getpid())
        return pyr_say_wrong(cmd, "%ld is pyrometer itself", (long)pid);
    if (profile->output && pyr_refuse_existing(profile->output, profile->force, &err))
        return pyr_say_failed(cmd, &err, PYR_E_EXISTS);
    char *file = profile->output ? strdup(profile->output) : pyr_recording_name(NULL, (pid_t)pid);
    if (!file)
        return pyr_say_failed(cmd, &err, PYR_E_NOMEM);
    int status = attach(cmd, profile, (pid_t)pid, file);
    free(file);
    return status;
}

static const struct pyr_option options[] = {PROFILE_OPTIONS(attach_args), PYR_OPTION_END};

static const struct attach_args defaults = {.profile = PROFILE_DEFAULTS};

const struct pyr_cmd pyr_cmd_attach = {
    .name = "attach",
    .summary = "Records where the time of a running process goes",
    .usage = (const char *const[]){"[OPTION...] PID", NULL},
    .details = "It ends with the process, after --duration, or at Ctrl-C, which ends the profiling only: the\n"
               "process runs on, and the recording is complete.\n",
    .options = options,
    .args_size = sizeof(struct attach_args),
    .defaults = &defaults,
    .run = attach_run,
};
