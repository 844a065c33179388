/* Shared inside src/launch. */
#ifndef PYR_LAUNCH_LAUNCH_H
#define PYR_LAUNCH_LAUNCH_H

#include "pyrometer/launch.h"

#include <sys/signalfd.h>

struct pyr_launch {
    pid_t pid;
    int gate_fd;   /* closing it unwritten ends the child; −1 once it runs */
    int report_fd; /* an errno arrives here if exec fails, nothing if it succeeds */
    int pid_fd;    /* −1 where the kernel has none */
    const char *path;
    const struct pyr_signals *signals;
    bool reaped;
    bool job_control; /* there is a terminal to give back when the program stops */
};

/* Undoes pyr_files_raise; async-signal-safe. */
void pyr_files_restore(void);

/* The next signal that has come; false if there is none. */
bool pyr_signals_next(const struct pyr_signals *signals, struct signalfd_siginfo *info);

/* Whether a signal that reached us has not reached the program as well. */
bool pyr_signal_is_ours_alone(const struct signalfd_siginfo *info, pid_t program);

#endif
