/* One thread of a process as the kernel sees it: did it run, where, and holding it still. */
#ifndef PYR_TARGET_TASK_H
#define PYR_TARGET_TASK_H

#include "base/addr.h"
#include "base/vec.h"
#include "pyrometer/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Zeroed with all descriptors -1 (PYR_TASK_CLOSED) it is closed. Its files are opened when they are first read, and
 * kept open while there are descriptors to spare (see pyr_task_crowded); else they are opened for each reading. */
struct pyr_task {
    pid_t pid, tid;
    int stat_fd, schedstat_fd, syscall_fd;
    bool no_schedstat, no_syscall; /* not in every kernel */
};

#define PYR_TASK_CLOSED ((struct pyr_task){.stat_fd = -1, .schedstat_fd = -1, .syscall_fd = -1})

int pyr_task_open(struct pyr_task *task, pid_t pid, pid_t tid); /* PYR_E_GONE; PYR_E_LIMIT out of descriptors */
void pyr_task_close(struct pyr_task *task);                     /* it can be read on */

/* Whether threads have as many descriptors as this process can spare them: then those that need them least should be
 * closed. Thread-safe. */
bool pyr_task_crowded(void);

/* How often it was put on a CPU so far, and for how long. The count is exact; the time is brought up to date only when
 * it leaves the CPU or at the kernel's tick. HOT: one pread. run_ns may be NULL. PYR_E_GONE; PYR_E_UNSUPPORTED where
 * the kernel was built without this count. */
int pyr_task_slices(struct pyr_task *task, uint64_t *slices, uint64_t *run_ns);

/* For how long it ran so far, and waited for a CPU though it could have run: brought up to date likewise. HOT: one
 * pread, of which slices may be NULL. */
int pyr_task_times(struct pyr_task *task, uint64_t *ran_ns, uint64_t *waited_ns, uint64_t *slices);

/* Its state letter ('R' running or runnable, 'S' …) and the CPU it runs on or ran on last. HOT: one pread. */
int pyr_task_state(struct pyr_task *task, char *state, int *cpu);

/* What it does, more cheaply than its state letter: running or able to run; else asleep, and in a futex wait *futex is
 * the address it waits for, 0 otherwise. HOT: one pread. */
int pyr_task_running(struct pyr_task *task, bool *running, uint64_t *futex);

int pyr_task_name(const struct pyr_task *task, char *name,
                  size_t size); /* comm, NUL-terminated, at most 15 bytes of any kind */

/* The threads of a process: tids appended to an empty vector of pid_t. */
int pyr_task_list(pid_t pid, struct pyr_vec *tids);

/* Stops one thread (PTRACE_SEIZE, INTERRUPT, wait) and lets it go (DETACH). Signals that arrive meanwhile are
 * delivered on release. Never call it for a thread that sleeps: it would break its system call (HAZARDS: EINTR).
 * PYR_E_PERMISSION if another tracer has it. PYR_E_GONE if it ended (or executed another program) meanwhile: nothing is
 * held then. The caller's thread must do both.
 * Any wait of another thread of this process that covers the target would take the stop and leave the caller waiting
 * for it: to await a child that is also a target, poll its pidfd first and wait for it when that is readable. */
int pyr_task_hold(pid_t tid, struct pyr_err *err);
int pyr_task_release(pid_t tid);

/* A thread that is asked to stop while it ends cannot always be let go at once, and until it is, its end is hidden from
 * whoever waits for it. Goes on with those of the calling thread; returns how many are left: then call it again soon,
 * whether or not there is something to hold. */
size_t pyr_task_tidy(void);

/* The CPU the calling thread runs on; moving the calling thread onto a CPU (PYR_E_PERMISSION where it may not). */
int pyr_cpu_current(void);
int pyr_cpu_sit(int cpu);
/* Asks the scheduler to run the calling thread at once when it wakes: shortest slice, else real-time or nice where
 * permitted. Never fails; returns 0, or 1 if nothing could be had. */
int pyr_cpu_wake_promptly(void);

#endif
