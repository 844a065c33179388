/* While the program runs: its end, its stops, and the signals that are meant for it. */
#include "launch.h"

#include "base/clock.h"
#include "pyrometer/pyrometer.h"

#include <poll.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* How often to look whether the program has stopped: there is no event for it that the sampler's own stops do not
 * cause as well. Sooner for a while after the terminal asked for it. */
#define LOOK_MS 200
#define LOOK_SOON_MS 10
#define LOOKS_SOON 50

/* Without a descriptor for the process its end is found by looking, too. */
#define LOOK_BLIND_MS 20

/* What became of the program, 0 for nothing: a CLD_ code. WNOWAIT: neither an end nor a stop is taken from those whose
 * it is, the reaper and the sampler. */
static int peek(const struct pyr_launch *launch)
{
    siginfo_t info;
    memset(&info, 0, sizeof info);
    if (waitid(P_PID, (id_t)launch->pid, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT) != 0)
        return CLD_EXITED;
    return info.si_pid ? info.si_code : 0;
}

static bool is_end(int code)
{
    return code == CLD_EXITED || code == CLD_KILLED || code == CLD_DUMPED;
}

static void pass_on(const struct pyr_launch *launch, const struct signalfd_siginfo *info)
{
    int signal = (int)info->ssi_signo;
    if (info->ssi_code == SI_QUEUE)
        sigqueue(launch->pid, signal, (union sigval){.sival_ptr = (void *)(uintptr_t)info->ssi_ptr}); // NOLINT
    else
        kill(launch->pid, signal);
}

/* True if a stop of the program may follow. */
static bool take_signals(const struct pyr_launch *launch)
{
    struct signalfd_siginfo info;
    bool stop_may_follow = false;
    while (pyr_signals_next(launch->signals, &info)) {
        stop_may_follow |= info.ssi_signo == SIGTSTP;
        /* A shell continues the whole group; a program that is still stopped is continued below. */
        if (info.ssi_signo != SIGCONT && pyr_signal_is_ours_alone(&info, launch->pid))
            pass_on(launch, &info);
    }
    return stop_may_follow;
}

/* The program has stopped: so do we, that the shell takes the terminal back, but not while a thread of it is held: that
 * one would not hear of being continued. When we go on, so must the program. */
static void stop_with_it(const struct pyr_launch *launch, struct pyr_profiler *profiler)
{
    if (profiler)
        pyr_profiler_pause(profiler);
    if (peek(launch) == CLD_STOPPED)
        kill(getpid(), SIGSTOP);
    if (profiler)
        pyr_profiler_resume(profiler);
    if (peek(launch) == CLD_STOPPED)
        kill(launch->pid, SIGCONT);
}

static int look_after(const struct pyr_launch *launch, int looks_soon)
{
    if (launch->pid_fd < 0)
        return LOOK_BLIND_MS;
    if (!launch->job_control)
        return -1;
    return looks_soon ? LOOK_SOON_MS : LOOK_MS;
}

bool pyr_launch_watch(struct pyr_launch *launch, int other_fd, struct pyr_profiler *profiler)
{
    struct pollfd fds[] = {{.fd = launch->signals->fd, .events = POLLIN},
                           {.fd = launch->pid_fd, .events = POLLIN},
                           {.fd = other_fd, .events = POLLIN}};
    int looks_soon = 0;
    for (;;) {
        int code = peek(launch);
        if (is_end(code))
            return true;
        if (code == CLD_STOPPED && launch->job_control)
            stop_with_it(launch, profiler);
        if (poll(fds, 3, look_after(launch, looks_soon)) > 0 && fds[2].revents)
            return is_end(peek(launch));
        looks_soon -= looks_soon > 0;
        if (fds[0].revents && take_signals(launch))
            looks_soon = LOOKS_SOON;
    }
}

void pyr_launch_end(const struct pyr_launch *launch, double grace_s)
{
    uint64_t deadline = pyr_now_ns() + (uint64_t)(grace_s * 1e9);
    if (launch->reaped)
        return;
    kill(launch->pid, SIGTERM);
    kill(launch->pid, SIGCONT);
    while (!is_end(peek(launch)) && pyr_now_ns() < deadline)
        pyr_sleep_until_ns(pyr_now_ns() + LOOK_SOON_MS * 1000000u);
    if (!is_end(peek(launch)))
        kill(launch->pid, SIGKILL);
}
