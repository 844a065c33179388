#include "target/kernel_view.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The start of a small file of /proc, NUL-terminated. */
static int read_small(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return PYR_E_GONE;
    ssize_t got = read(fd, text, size - 1);
    close(fd);
    if (got < 0)
        return PYR_E_GONE;
    text[got] = 0;
    return 0;
}

int pyr_task_namespace_tid(pid_t pid, pid_t tid, pid_t *theirs)
{
    char path[64], text[4096];
    snprintf(path, sizeof path, "/proc/%d/task/%d/status", (int)pid, (int)tid);
    int rc = read_small(path, text, sizeof text);
    if (rc < 0)
        return rc;
    const char *line = strstr(text, "\nNSpid:");
    if (!line)
        return PYR_E_UNSUPPORTED;
    line += strlen("\nNSpid:");
    /* One number for each namespace, outermost first: the last one is what it calls itself. */
    long last = 0;
    while (*line && *line != '\n') {
        char *end;
        long number = strtol(line, &end, 10);
        if (end == line)
            break;
        last = number;
        line = end;
    }
    if (last <= 0)
        return PYR_E_UNSUPPORTED;
    *theirs = (pid_t)last;
    return 0;
}

int pyr_system_last_pid(int *fd, pid_t *last)
{
    char text[256];
    if (*fd < 0)
        *fd = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
    ssize_t got = *fd < 0 ? -1 : pread(*fd, text, sizeof text - 1, 0);
    if (got <= 0)
        return PYR_E_UNSUPPORTED;
    text[got] = 0;
    const char *field = strrchr(text, ' ');
    if (!field)
        return PYR_E_UNSUPPORTED;
    *last = (pid_t)strtol(field, NULL, 10);
    return 0;
}

bool pyr_system_is_process(pid_t pid)
{
    return syscall(SYS_tgkill, pid, pid, 0) == 0 || errno == EPERM;
}
