/* Small facts that the kernel tells of threads and of the system. */
#ifndef PYR_TARGET_KERNEL_VIEW_H
#define PYR_TARGET_KERNEL_VIEW_H

#include "pyrometer/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The thread's id in the innermost pid namespace that it lives in: what the target itself calls it. */
int pyr_task_namespace_tid(pid_t pid, pid_t tid, pid_t *theirs);

/* The newest process or thread id given out on this system: while it stays, nothing was born. *fd is kept open between
 * calls; −1 at first, and to be closed by the caller. One pread. */
int pyr_system_last_pid(int *fd, pid_t *last);

/* Whether a number names a process now, not another of its threads. One system call. */
bool pyr_system_is_process(pid_t pid);

#endif
