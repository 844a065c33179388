#include "target/proc.h"

#include "pyrometer/err.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { STAT_FIRST = 3, STAT_LAST = 39 };

int pyr_proc_status(int error)
{
    switch (error) {
    case ENOENT:
    case ESRCH:
        return PYR_E_GONE;
    case EPERM:
    case EACCES:
        return PYR_E_PERMISSION;
    case EMFILE:
    case ENFILE:
        return PYR_E_LIMIT;
    case ENOMEM:
        return PYR_E_NOMEM;
    default:
        return PYR_E_IO;
    }
}

static int proc_path(char *path, size_t size, pid_t pid, const char *name)
{
    int length = snprintf(path, size, "/proc/%d/%s", (int)pid, name);
    return length < 0 || (size_t)length >= size ? PYR_E_MISUSE : 0;
}

int pyr_proc_open(pid_t pid, const char *name)
{
    char path[128];
    if (proc_path(path, sizeof path, pid, name) < 0)
        return PYR_E_MISUSE;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? pyr_proc_status(errno) : fd;
}

ssize_t pyr_proc_read(pid_t pid, const char *name, char *to, size_t size)
{
    int fd = pyr_proc_open(pid, name);
    if (fd < 0)
        return fd;
    size_t done = 0;
    ssize_t got = 0;
    while (done < size - 1 && (got = read(fd, to + done, size - 1 - done)) > 0)
        done += (size_t)got;
    int error = errno;
    close(fd);
    if (got < 0)
        return pyr_proc_status(error);
    to[done] = '\0';
    return (ssize_t)done;
}

int pyr_proc_read_all(pid_t pid, const char *name, size_t limit, struct pyr_buf *to)
{
    int fd = pyr_proc_open(pid, name);
    if (fd < 0)
        return fd;
    int status = 0;
    for (;;) {
        if (pyr_buf_reserve(to, 65536) < 0) {
            status = PYR_E_NOMEM;
            break;
        }
        ssize_t got = read(fd, to->bytes + to->size, to->capacity - to->size - 1);
        if (got < 0)
            status = pyr_proc_status(errno);
        if (got <= 0)
            break;
        to->size += (size_t)got;
        if (to->size > limit) {
            status = PYR_E_LIMIT;
            break;
        }
    }
    close(fd);
    if (status == 0)
        to->bytes[to->size] = '\0';
    return status;
}

ssize_t pyr_proc_link(pid_t pid, const char *name, char *to, size_t size)
{
    char path[128];
    if (proc_path(path, sizeof path, pid, name) < 0)
        return PYR_E_MISUSE;
    ssize_t length = readlink(path, to, size);
    if (length < 0)
        return pyr_proc_status(errno);
    if ((size_t)length >= size)
        return PYR_E_LIMIT;
    to[length] = '\0';
    return length;
}

static bool parse_pid(const char *name, pid_t *pid)
{
    uint64_t value = 0;
    const char *p = name;
    for (; *p >= '0' && *p <= '9' && value < INT32_MAX; p++)
        value = value * 10 + (uint64_t)(*p - '0');
    if (p == name || *p || value == 0 || value > INT32_MAX)
        return false;
    *pid = (pid_t)value;
    return true;
}

/* getdents64 rather than readdir: this runs often while sampling, and takes nothing from the heap. */
int pyr_proc_numbers(const char *directory, struct pyr_vec *pids)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return pyr_proc_status(errno);
    char buffer[8192] __attribute__((aligned(16)));
    ssize_t got;
    int status = 0;
    while (status == 0 && (got = syscall(SYS_getdents64, fd, buffer, sizeof buffer)) != 0) {
        if (got < 0) {
            status = pyr_proc_status(errno);
            break;
        }
        for (ssize_t at = 0; at < got;) {
            const struct dirent64 *entry = (const struct dirent64 *)(buffer + at);
            pid_t pid;
            if (parse_pid(entry->d_name, &pid) && !pyr_vec_push(pids, &pid))
                status = PYR_E_NOMEM;
            at += entry->d_reclen;
        }
    }
    close(fd);
    return status;
}

int pyr_proc_stat_parse(const char *text, size_t size, struct pyr_proc_stat *stat)
{
    const char *end = text + size, *p = memrchr(text, ')', size);
    if (!p || end - p < 4 || p[1] != ' ')
        return PYR_E_FORMAT;
    uint64_t field[STAT_LAST + 1] = {0};
    field[STAT_FIRST] = (unsigned char)p[2];
    p += 3;
    for (int i = STAT_FIRST + 1; i <= STAT_LAST; i++) {
        if (p >= end || *p++ != ' ')
            return PYR_E_FORMAT;
        bool negative = p < end && *p == '-';
        p += negative;
        uint64_t value = 0;
        for (; p < end && *p >= '0' && *p <= '9'; p++)
            value = value * 10 + (uint64_t)(*p - '0');
        field[i] = negative ? 0 - value : value;
    }
    *stat = (struct pyr_proc_stat){
        .state = (char)field[3],
        .parent = (pid_t)field[4],
        .flags = field[9],
        .child_faults = field[11],
        .user_ticks = field[14],
        .system_ticks = field[15],
        .start_ticks = field[22],
        .cpu = (int)field[39],
    };
    return 0;
}

static int stat_read(pid_t pid, const char *name, struct pyr_proc_stat *stat)
{
    char text[2048];
    ssize_t size = pyr_proc_read(pid, name, text, sizeof text);
    return size < 0 ? (int)size : pyr_proc_stat_parse(text, (size_t)size, stat);
}

int pyr_proc_stat_read(pid_t pid, struct pyr_proc_stat *stat)
{
    return stat_read(pid, "stat", stat);
}

int pyr_proc_thread_stat_read(pid_t pid, pid_t tid, struct pyr_proc_stat *stat)
{
    char name[64];
    snprintf(name, sizeof name, "task/%d/stat", (int)tid);
    return stat_read(pid, name, stat);
}

static const char *skip_blank(const char *p)
{
    while (*p == ' ' || *p == '\t')
        p++;
    return p;
}

/* What follows the name of a field; NULL if there is none. */
static const char *status_line(const char *status, const char *field)
{
    size_t length = strlen(field);
    const char *line = status;
    while (line && strncmp(line, field, length) != 0) {
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    return line ? line + length : NULL;
}

bool pyr_proc_status_has(const char *status, const char *field, const char *word)
{
    const char *line = status_line(status, field), *at = line ? strstr(line, word) : NULL;
    size_t length = strlen(word);
    for (; at && at < line + strcspn(line, "\n"); at = strstr(at + 1, word))
        if ((at == line || at[-1] == ' ' || at[-1] == '\t') && (!at[length] || strchr(" \t\n", at[length])))
            return true;
    return false;
}

bool pyr_proc_status_field(const char *status, const char *field, bool last, uint64_t *value)
{
    const char *line = status_line(status, field);
    if (!line)
        return false;
    bool found = false;
    for (const char *p = skip_blank(line); *p >= '0' && *p <= '9'; p = skip_blank(p)) {
        uint64_t number = 0;
        for (; *p >= '0' && *p <= '9'; p++)
            number = number * 10 + (uint64_t)(*p - '0');
        *value = number;
        found = true;
        if (!last)
            break;
    }
    return found;
}

pid_t pyr_proc_live_thread(pid_t pid)
{
    char directory[64];
    snprintf(directory, sizeof directory, "/proc/%d/task", (int)pid);
    struct pyr_vec tids = PYR_VEC(pid_t);
    int status = pyr_proc_numbers(directory, &tids);
    pid_t found = status < 0 ? status : PYR_E_GONE;
    for (size_t i = 0; i < tids.count && found < 0; i++) {
        struct pyr_proc_stat stat;
        pid_t tid = *PYR_VEC_AT(&tids, pid_t, i);
        if (pyr_proc_stat_read(tid, &stat) == 0 && stat.state != 'Z' && stat.state != 'X')
            found = tid;
    }
    pyr_vec_release(&tids);
    return found;
}
