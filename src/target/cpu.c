/* Where the calling thread runs, and how soon. */
#include "target/task.h"

#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CPUS_MAX = 8192, SLICE_NS = 100000 };

/* As the kernel has it; glibc names it only in later versions. */
struct scheduling {
    uint32_t size;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

int pyr_cpu_current(void)
{
    return sched_getcpu();
}

int pyr_cpu_sit(int cpu)
{
    unsigned long set[CPUS_MAX / (8 * sizeof(unsigned long))] = {0};
    size_t bits = 8 * sizeof *set;
    if (cpu < 0 || cpu >= CPUS_MAX)
        return PYR_E_MISUSE;
    set[(size_t)cpu / bits] = 1UL << ((size_t)cpu % bits);
    return sched_setaffinity(0, sizeof set, (cpu_set_t *)set) == 0 ? 0 : PYR_E_PERMISSION;
}

/* The length of a slice decides how soon a thread that wakes gets the CPU. Kernels before 6.12 ignore the wish in
 * silence, so it is read back. */
static bool ask_short_slice(void)
{
    struct scheduling now = {0}, wish;
    if (syscall(SYS_sched_getattr, 0, &now, sizeof now, 0) < 0)
        return false;
    if (now.policy != SCHED_OTHER)
        return now.policy == SCHED_FIFO || now.policy == SCHED_RR;
    wish = now;
    wish.size = sizeof wish;
    wish.runtime = SLICE_NS;
    if (syscall(SYS_sched_setattr, 0, &wish, 0) < 0 || syscall(SYS_sched_getattr, 0, &now, sizeof now, 0) < 0)
        return false;
    return now.runtime == SLICE_NS;
}

int pyr_cpu_wake_promptly(void)
{
    if (ask_short_slice())
        return 0;
    struct sched_param lowest = {.sched_priority = 1};
    if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &lowest) == 0)
        return 0;
    return setpriority(PRIO_PROCESS, 0, -20) == 0 ? 0 : 1;
}
