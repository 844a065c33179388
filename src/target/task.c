/* HOT: what a thread did since the last look; one pread each, no allocation. */
#include "target/task.h"

#include "target/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_file(pid_t pid, pid_t tid, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/%s", (int)pid, (int)tid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? pyr_proc_status(errno) : fd;
}

int pyr_task_open(struct pyr_task *task, pid_t pid, pid_t tid)
{
    int stat_fd = open_file(pid, tid, "stat");
    if (stat_fd < 0)
        return stat_fd;
    int schedstat_fd = open_file(pid, tid, "schedstat");
    if (schedstat_fd < 0 && schedstat_fd != PYR_E_GONE) {
        close(stat_fd);
        return schedstat_fd;
    }
    int syscall_fd = open_file(pid, tid, "syscall"); /* not in every kernel: stat serves as well */
    *task = (struct pyr_task){.pid = pid,
                              .tid = tid,
                              .stat_fd = stat_fd,
                              .schedstat_fd = schedstat_fd < 0 ? -1 : schedstat_fd,
                              .syscall_fd = syscall_fd < 0 ? -1 : syscall_fd};
    return 0;
}

void pyr_task_close(struct pyr_task *task)
{
    if (task->stat_fd >= 0)
        close(task->stat_fd);
    if (task->schedstat_fd >= 0)
        close(task->schedstat_fd);
    if (task->syscall_fd >= 0)
        close(task->syscall_fd);
    task->stat_fd = task->schedstat_fd = task->syscall_fd = -1;
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

int pyr_task_times(const struct pyr_task *task, uint64_t *ran_ns, uint64_t *waited_ns, uint64_t *slices)
{
    char text[128];
    if (task->schedstat_fd < 0)
        return PYR_E_UNSUPPORTED;
    ssize_t got = pread(task->schedstat_fd, text, sizeof text, 0);
    if (got <= 0)
        return got < 0 ? pyr_proc_status(errno) : PYR_E_GONE;
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

int pyr_task_slices(const struct pyr_task *task, uint64_t *slices, uint64_t *run_ns)
{
    uint64_t ran, waited;
    int rc = pyr_task_times(task, &ran, &waited, slices);
    if (rc == 0 && run_ns)
        *run_ns = ran;
    return rc;
}

int pyr_task_state(const struct pyr_task *task, char *state, int *cpu)
{
    char text[2048];
    ssize_t got = pread(task->stat_fd, text, sizeof text, 0);
    if (got <= 0)
        return got < 0 ? pyr_proc_status(errno) : PYR_E_GONE;
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

int pyr_task_running(const struct pyr_task *task, bool *running, uint64_t *futex)
{
    char text[256];
    ssize_t got = task->syscall_fd < 0 ? -1 : pread(task->syscall_fd, text, sizeof text, 0);
    *futex = 0;
    if (got <= 0) {
        char state;
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
