#include "cmd.h"
#include "profile_options.h"
#include "progress.h"
#include "streams.h"

#include "pyrometer/launch.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct attach_args {
    struct profile_args profile;
    unsigned ready_fd;
    bool from_within;
};

#define NO_FD UINT_MAX

/* How long a process may take to turn out to be Python: it may have been started just now. */
#define WAIT_PYTHON_S 2

struct ready {
    int fd;
    pid_t pid;
    const char *directory; /* for the agent; NULL: none */
};

/* Whoever waits for it may have gone. */
static void say_ready(void *context)
{
    const struct ready *ready = context;
    char line[PATH_MAX + 32];
    int length = snprintf(line, sizeof line, "ready %ld%s%s\n", (long)ready->pid, ready->directory ? " " : "",
                          ready->directory ? ready->directory : "");
    ssize_t written = write(ready->fd, line, (size_t)length);
    (void)written;
    close(ready->fd);
}

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

static int attach(const struct pyr_cmd *cmd, const struct attach_args *attach_args, pid_t pid, const char *file,
                  const char *directory)
{
    const struct profile_args *args = &attach_args->profile;
    struct ready ready = {.fd = (int)attach_args->ready_fd, .pid = pid, .directory = directory};
    struct pyr_profile_options options = pyr_profile_options_of(args);
    struct pyr_profile_summary summary = {0};
    struct pyr_profiler *profiler;
    struct pyr_signals signals;
    struct pyr_err err = {0};
    options.output = file;
    options.attached = true;
    options.memory_directory = directory;
    options.wait_python_s = WAIT_PYTHON_S;
    if (attach_args->ready_fd != NO_FD) {
        options.ready = say_ready;
        options.ready_context = &ready;
    }
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

/* With a directory for the agent that the process loads itself: it goes when we do. */
static int attach_with(const struct pyr_cmd *cmd, const struct attach_args *args, pid_t pid, const char *file)
{
    struct pyr_preload *preload = NULL;
    struct pyr_err err = {0};
    int rc = args->from_within ? pyr_preload_open(&preload, false, &err) : 0;
    if (rc < 0)
        return pyr_say_failed(cmd, &err, rc);
    int status = attach(cmd, args, pid, file, preload ? pyr_preload_directory(preload) : NULL);
    pyr_preload_close(preload);
    return status;
}

static int attach_run(const struct pyr_cmd *cmd, void *args, const struct pyr_words *words)
{
    const struct attach_args *attach_args = args;
    const struct profile_args *profile = &attach_args->profile;
    struct pyr_err err = {0};
    int64_t pid;
    if (words->count != 1 || !pyr_read_pid(words->items[0], &pid))
        return pyr_say_wrong(cmd, words->count == 1 ? "'%s' is not the number of a process" : "it wants one PID%.0s",
                             words->count ? words->items[0] : "");
    if (pid == getpid())
        return pyr_say_wrong(cmd, "%ld is pyrometer itself", (long)pid);
    if (attach_args->ready_fd != NO_FD && fcntl((int)attach_args->ready_fd, F_SETFD, FD_CLOEXEC) != 0)
        return pyr_say_wrong(cmd, "--ready-fd %u is no open file descriptor", attach_args->ready_fd);
    if (profile->output && pyr_refuse_existing(profile->output, profile->force, &err))
        return pyr_say_failed(cmd, &err, PYR_E_EXISTS);
    char *file = profile->output ? strdup(profile->output) : pyr_recording_name(NULL, (pid_t)pid);
    if (!file)
        return pyr_say_failed(cmd, &err, PYR_E_NOMEM);
    int status = attach_with(cmd, attach_args, (pid_t)pid, file);
    free(file);
    return status;
}

static const struct pyr_option options[] = {
    PROFILE_OPTIONS(attach_args),
    {.name = "ready-fd",
     .kind = PYR_OPTION_COUNT,
     .value = "N",
     .offset = offsetof(struct attach_args, ready_fd),
     .help = "write \"ready PID\" and a newline to file descriptor N, and close it, when the first sample is taken"},
    {.name = "memory-from-within",
     .offset = offsetof(struct attach_args, from_within),
     .help = "record also what the process counts by itself, in a directory that --ready-fd names behind PID: for "
             "pyrometer.memory.start()"},
    PYR_OPTION_END};

static const struct attach_args defaults = {.profile = PROFILE_DEFAULTS, .ready_fd = NO_FD};

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
