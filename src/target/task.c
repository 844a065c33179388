/* HOT: what a thread did since the last look; one pread each, no allocation. */
#include "target/task.h"

#include "target/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SPARED_MIN = 40 };

static int open_file(pid_t pid, pid_t tid, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/%s", (int)pid, (int)tid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? pyr_proc_status(errno) : fd;
}

/* How many descriptors all threads together keep. They leave an eighth, and at least some, for all else. */
static atomic_long kept;

static long kept_max(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 0;
    long all = limit.rlim_cur > LONG_MAX ? LONG_MAX : (long)limit.rlim_cur, spared = all / 8;
    return all - (spared < SPARED_MIN ? SPARED_MIN : spared);
}

bool pyr_task_crowded(void)
{
    return atomic_load_explicit(&kept, memory_order_relaxed) >= kept_max();
}

static int open_once(struct pyr_task *task, int *fd, const char *name)
{
    if (*fd >= 0)
        return *fd;
    return open_file(task->pid, task->tid, name);
}

/* Keeps what was opened, or closes it. */
static void keep(int *fd, int opened)
{
    if (opened == *fd)
        return;
    if (pyr_task_crowded()) {
        close(opened);
        return;
    }
    atomic_fetch_add_explicit(&kept, 1, memory_order_relaxed);
    *fd = opened;
}

static ssize_t read_file(struct pyr_task *task, int *fd, const char *name, char *text, size_t size)
{
    int opened = open_once(task, fd, name);
    if (opened < 0)
        return opened;
    ssize_t got = pread(opened, text, size, 0);
    int error = errno;
    keep(fd, opened);
    return got > 0 ? got : got < 0 ? pyr_proc_status(error) : PYR_E_GONE;
}

int pyr_task_open(struct pyr_task *task, pid_t pid, pid_t tid)
{
    struct pyr_task opened = PYR_TASK_CLOSED;
    opened.pid = pid;
    opened.tid = tid;
    int fd = open_file(pid, tid, "schedstat");
    if (fd >= 0) {
        keep(&opened.schedstat_fd, fd);
    } else if (fd == PYR_E_GONE) {
        if ((fd = open_file(pid, tid, "stat")) < 0)
            return fd;
        keep(&opened.stat_fd, fd);
        opened.no_schedstat = true;
    } else {
        return fd;
    }
    *task = opened;
    return 0;
}

static void close_one(int *fd)
{
    if (*fd < 0)
        return;
    close(*fd);
    *fd = -1;
    atomic_fetch_sub_explicit(&kept, 1, memory_order_relaxed);
}

void pyr_task_close(struct pyr_task *task)
{
    close_one(&task->stat_fd);
    close_one(&task->schedstat_fd);
    close_one(&task->syscall_fd);
}

static const char *scan_number(const char *p, const char *end, uint64_t *value)
{
    uint64_t number = 0;
    while (p < end && *p == ' ')
        p++;
    const char *first = p;
    for (; p < end && *p >= '0' && *p <= '9'; p++)
        number = number * 10 + (uint64_t)(*p - '0');
    *value = number;
    return p > first ? p : NULL;
}

int pyr_task_times(struct pyr_task *task, uint64_t *ran_ns, uint64_t *waited_ns, uint64_t *slices)
{
    char text[128];
    if (task->no_schedstat)
        return PYR_E_UNSUPPORTED;
    ssize_t got = read_file(task, &task->schedstat_fd, "schedstat", text, sizeof text);
    if (got < 0)
        return (int)got;
    uint64_t ran, waited, count;
    const char *end = text + got, *p = scan_number(text, end, &ran);
    p = p ? scan_number(p, end, &waited) : NULL;
    p = p ? scan_number(p, end, &count) : NULL;
    if (!p)
        return PYR_E_FORMAT;
    *ran_ns = ran;
    *waited_ns = waited;
    if (slices)
        *slices = count;
    return 0;
}

int pyr_task_slices(struct pyr_task *task, uint64_t *slices, uint64_t *run_ns)
{
    uint64_t ran, waited;
    int rc = pyr_task_times(task, &ran, &waited, slices);
    if (rc == 0 && run_ns)
        *run_ns = ran;
    return rc;
}

int pyr_task_state(struct pyr_task *task, char *state, int *cpu)
{
    char text[2048];
    ssize_t got = read_file(task, &task->stat_fd, "stat", text, sizeof text);
    if (got < 0)
        return (int)got;
    struct pyr_proc_stat stat;
    int status = pyr_proc_stat_parse(text, (size_t)got, &stat);
    if (status < 0)
        return status;
    *state = stat.state;
    *cpu = stat.cpu;
    return 0;
}

static uint64_t scan_hex(const char *p, const char *end)
{
    uint64_t value = 0;
    for (; p < end && *p == ' '; p++)
        continue;
    for (p += 2; p < end; p++) {
        if (*p >= '0' && *p <= '9')
            value = value << 4 | (uint64_t)(*p - '0');
        else if (*p >= 'a' && *p <= 'f')
            value = value << 4 | (uint64_t)(*p - 'a' + 10);
        else
            break;
    }
    return value;
}

int pyr_task_running(struct pyr_task *task, bool *running, uint64_t *futex)
{
    char text[256];
    ssize_t got = task->no_syscall ? -1 : read_file(task, &task->syscall_fd, "syscall", text, sizeof text);
    *futex = 0;
    task->no_syscall |= (got == PYR_E_GONE || got == PYR_E_PERMISSION) && task->syscall_fd < 0;
    if (got <= 0) {
        char state = 'R';
        int cpu;
        int rc = pyr_task_state(task, &state, &cpu);
        if (rc == 0)
            *running = state == 'R';
        return rc;
    }
    *running = text[0] == 'r'; /* "running", else the number of a system call or -1 */
    uint64_t number;
    const char *after = scan_number(text, text + got, &number);
    if (!*running && after && number == SYS_futex)
        *futex = scan_hex(after, text + got);
    return 0;
}

int pyr_task_name(const struct pyr_task *task, char *name, size_t size)
{
    char text[64];
    if (size == 0)
        return PYR_E_MISUSE;
    int fd = open_file(task->pid, task->tid, "comm");
    if (fd < 0)
        return fd;
    ssize_t got = read(fd, text, sizeof text);
    int error = errno;
    close(fd);
    if (got < 0)
        return pyr_proc_status(error);
    size_t length = (size_t)got;
    if (length && text[length - 1] == '\n')
        length--;
    if (length > 15)
        length = 15;
    if (length > size - 1)
        length = size - 1;
    memcpy(name, text, length);
    name[length] = '\0';
    return 0;
}

int pyr_task_list(pid_t pid, struct pyr_vec *tids)
{
    char directory[64];
    snprintf(directory, sizeof directory, "/proc/%d/task", (int)pid);
    return pyr_proc_numbers(directory, tids);
}
