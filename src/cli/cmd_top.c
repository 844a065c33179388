#include "cmd.h"
#include "profile_options.h"
#include "streams.h"
#include "top.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long a program may take to end by itself when it is told to. */
#define GRACE_S 2

static int begin(struct top *top, pid_t pid, struct pyr_err *err)
{
    struct pyr_profile_options options = pyr_profile_options_of(&top->args->profile);
    const char *place = getenv("TMPDIR");
    snprintf(top->directory, sizeof top->directory, "%.40s/pyrometer-XXXXXX",
             place && *place && strlen(place) <= 40 ? place : "/tmp");
    if (!mkdtemp(top->directory)) {
        top->directory[0] = 0;
        return pyr_err_set(err, PYR_E_IO, "no temporary directory can be made in TMPDIR");
    }
    snprintf(top->file, sizeof top->file, "%s/top.pyro", top->directory);
    options.output = top->file;
    options.attached = !top->launch;
    options.wait_python_s = top->launch ? -1 : 2;
    int rc = pyr_profiler_open(&top->profiler, pid, &options, err);
    if (rc == 0)
        rc = pyr_session_start(&top->session, top->profiler, err);
    return rc == 0 && top->launch ? pyr_launch_go(top->launch, err) : rc;
}

static int end(struct top *top, int rc, struct pyr_err *err)
{
    pyr_live_close(top->live);
    free(top->text);
    pyr_follow_close(top->follow);
    if (top->session && rc == 0)
        rc = pyr_session_end(top->session, err);
    else if (top->session)
        pyr_session_end(top->session, NULL);
    if (top->profiler)
        pyr_profiler_close(top->profiler, -1, NULL, NULL);
    if (top->launch)
        pyr_launch_end(top->launch, GRACE_S);
    pyr_launch_close(top->launch);
    pyr_program_release(&top->program);
    if (top->directory[0]) {
        unlink(top->file);
        rmdir(top->directory);
    }
    return rc;
}

/* pid 0: words are a command. */
static int observe(struct top *top, pid_t pid, char *const *words, struct pyr_err *err)
{
    int rc = pyr_signals_take(&top->signals, err);
    if (rc == 0 && !pid)
        rc = pyr_program_resolve(&top->program, PYR_PROGRAM_AUTO, words, NULL, err);
    if (rc == 0 && !pid)
        rc = pyr_launch_fork(&top->launch, &top->program, &top->signals, err);
    if (rc == 0)
        rc = begin(top, pid ? pid : pyr_launch_pid(top->launch), err);
    if (rc == 0)
        rc = pyr_live_open(&top->live, err);
    if (rc == 0)
        pyr_top_watch(top);
    return end(top, rc, err);
}

static int top_run(const struct pyr_cmd *cmd, void *args, const struct pyr_words *words)
{
    struct top top = {.args = args, .mode = ((struct top_args *)args)->profile.mode};
    struct pyr_err err = {0};
    int64_t pid = 0;
    int saved[3];
    bool command = words->separator == 0 && words->count > 0;
    if (!command && (words->count != 1 || !pyr_read_pid(words->items[0], &pid)))
        return pyr_say_wrong(cmd, "it wants one PID, or -- and a COMMAND");
    if (top.args->interval_s < 0.1)
        return pyr_say_wrong(cmd, "--interval is 0.1 s at least");
    if (!pyr_stdio_terminal(stdout)) {
        pyr_err_set(&err, PYR_E_UNSUPPORTED,
                    "standard output is not a terminal; record with `pyrometer attach` instead");
        return pyr_say_failed(cmd, &err, PYR_E_UNSUPPORTED);
    }
    if (command)
        pyr_stdio_hide(saved);
    int rc = observe(&top, (pid_t)pid, words->items, &err);
    if (command)
        pyr_stdio_show(saved);
    return rc < 0 ? pyr_say_failed(cmd, &err, rc) : PYR_EXIT_DONE;
}

#define AT(field) offsetof(struct top_args, field)

static const struct pyr_option options[] = {
    {.letter = 'r',
     .name = "rate",
     .kind = PYR_OPTION_RATE,
     .value = "RATE",
     .offset = AT(profile.rate_hz),
     .help = "samples per second; default 100"},
    {.name = "mode",
     .kind = PYR_OPTION_CHOICE,
     .value = "MODE",
     .offset = AT(profile.mode),
     .choices = pyr_mode_choices,
     .help = "what is shown at first: wall, cpu or gil"},
    {.letter = 'i',
     .name = "interval",
     .kind = PYR_OPTION_SECONDS,
     .value = "TIME",
     .offset = AT(interval_s),
     .help = "how often the view is brought up to date; default 1"},
    {.letter = 'w',
     .name = "window",
     .kind = PYR_OPTION_SECONDS,
     .value = "TIME",
     .offset = AT(window_s),
     .help = "how much of the past is shown; default 10"},
    {.name = "no-children", .offset = AT(profile.no_children), .help = "leave out the processes it starts"},
    {.name = "no-stop", .offset = AT(profile.no_stop), .help = "never stop the process, not for an instant"},
    PYR_OPTION_END,
};

static const struct top_args defaults = {.profile = {.rate_hz = 100}, .interval_s = 1, .window_s = 10};

const struct pyr_cmd pyr_cmd_top = {
    .name = "top",
    .summary = "Shows live where the time of a process goes",
    .usage = (const char *const[]){"[OPTION...] PID", "[OPTION...] -- COMMAND [ARG...]", NULL},
    .details = "q ends it, m changes the mode, a shows all of the time or the recent, s sorts by total time or by\n"
               "own, / shows only what has what you type in its name or file, p stops the view but not the measuring.\n"
               "A COMMAND runs without the terminal, its streams are /dev/null, and it is terminated at the end.\n",
    .options = options,
    .args_size = sizeof(struct top_args),
    .defaults = &defaults,
    .run = top_run,
};
