/* All threads of a process in one figure: whether any of them ran, without a look at each. */
#ifndef PYR_TARGET_GROUP_H
#define PYR_TARGET_GROUP_H

#include "pyrometer/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Zeroed with both descriptors -1 (PYR_GROUP_CLOSED) it is closed. */
struct pyr_group {
    int netlink_fd, load_fd;
    uint16_t family;
    uint32_t sequence;
    bool no_slices; /* the kernel's taskstats are root's, and not in every kernel */
};

#define PYR_GROUP_CLOSED ((struct pyr_group){.netlink_fd = -1, .load_fd = -1})

void pyr_group_close(struct pyr_group *group);

/* The sum of pyr_task_slices over all threads, and some that have ended: it never falls. PYR_E_UNSUPPORTED where it is
 * not to be had. */
int pyr_group_slices(struct pyr_group *group, pid_t pid, uint64_t *slices);

/* The same sum of the run_ns of pyr_task_slices. For any user. */
int pyr_group_run_ns(pid_t pid, uint64_t *run_ns);

/* How many threads of the whole system run or wait for a CPU at this instant, the caller included; sometimes more are
 * counted than do, never fewer. */
int pyr_group_runnable(struct pyr_group *group, uint64_t *count);

#endif
