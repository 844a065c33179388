#include "launch.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Left alone: what cannot be caught; what our own faults raise; SIGCHLD, which would wake us at each of the sampler's
 * stops; SIGPIPE, which is ignored; and what stops a background process that uses the terminal. */
static const int left_alone[] = {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS,  SIGFPE,  SIGILL,  SIGABRT,
                                 SIGTRAP, SIGSYS,  SIGCHLD, SIGPIPE, SIGTTIN, SIGTTOU, SIGPROF};

static void taken(sigset_t *set)
{
    sigfillset(set);
    for (size_t i = 0; i < sizeof left_alone / sizeof *left_alone; i++)
        sigdelset(set, left_alone[i]);
}

static bool is_ignored(int signal)
{
    struct sigaction action;
    return sigaction(signal, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

int pyr_signals_take(struct pyr_signals *signals, struct pyr_err *err)
{
    sigset_t set;
    struct pyr_signals saved = {.interrupt_ignored = is_ignored(SIGINT)};
    taken(&set);
    saved.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (saved.fd < 0)
        return pyr_err_set(err, PYR_E_LIMIT, "signals cannot be watched: %s", strerror(errno));
    pthread_sigmask(SIG_BLOCK, &set, &saved.mask);
    /* An inherited SIG_IGN would have the kernel reap the program, and its status would be lost. */
    sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDSTOP}, &saved.chld);
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, &saved.pipe);
    *signals = saved;
    return 0;
}

void pyr_signals_restore(const struct pyr_signals *signals)
{
    sigaction(SIGCHLD, &signals->chld, NULL);
    sigaction(SIGPIPE, &signals->pipe, NULL);
    sigprocmask(SIG_SETMASK, &signals->mask, NULL);
}

bool pyr_signals_next(const struct pyr_signals *signals, struct signalfd_siginfo *info)
{
    return read(signals->fd, info, sizeof *info) == (ssize_t)sizeof *info;
}

static bool sent_by_kernel(const struct signalfd_siginfo *info)
{
    return info->ssi_code != SI_USER && info->ssi_code != SI_QUEUE && info->ssi_code != SI_TKILL;
}

bool pyr_signal_is_ours_alone(const struct signalfd_siginfo *info, pid_t program)
{
    /* When a terminal hangs up the kernel tells the session's leader only. */
    if (sent_by_kernel(info))
        return info->ssi_signo == SIGHUP && getsid(0) == getpid();
    /* What the program sends to its group or its parent is not for itself. */
    return (pid_t)info->ssi_pid != program;
}

bool pyr_signals_end_wanted(const struct pyr_signals *signals)
{
    struct signalfd_siginfo info;
    bool wanted = false;
    while (pyr_signals_next(signals, &info)) {
        switch (info.ssi_signo) {
        case SIGINT:
        case SIGQUIT:
            /* A shell's background job shares the terminal's group: its Ctrl-C is not meant for us. */
            wanted |= !(signals->interrupt_ignored && sent_by_kernel(&info));
            break;
        case SIGTERM:
        case SIGHUP:
            wanted = true;
            break;
        default:
            /* SIGTSTP too: stopped at the wrong instant we would leave a thread of the target held. */
            break;
        }
    }
    return wanted;
}
