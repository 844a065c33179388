/* Facts about a process: who it is, what it has used, when it became another program. */
#include "base/alloc.h"
#include "base/buf.h"
#include "target/private.h"
#include "target/proc.h"

#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

enum { COMMAND_MAX = 4096 };

/* The length of the UTF-8 character at p, or 0 if what is there is not one, or a control character. */
static size_t printable(const unsigned char *p, size_t left)
{
    if (*p < 0x80)
        return *p >= 0x20 && *p != 0x7f;
    size_t size = *p >= 0xf0 ? 4 : *p >= 0xe0 ? 3 : 2;
    if (*p < 0xc2 || *p > 0xf4 || size > left)
        return 0;
    uint32_t code = *p & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (p[i] & 0x3fu);
    }
    bool overlong = (size == 3 && code < 0x800) || (size == 4 && code < 0x10000);
    bool surrogate = code >= 0xd800 && code < 0xe000;
    return overlong || surrogate || code < 0xa0 || code > 0x10ffff ? 0 : size;
}

static char *escape(const char *bytes, size_t size, size_t limit)
{
    struct pyr_buf text = {0};
    for (size_t i = 0; i < size;) {
        const unsigned char *p = (const unsigned char *)bytes + i;
        size_t length = printable(p, size - i);
        char hex[8];
        if (length == 0)
            snprintf(hex, sizeof hex, "\\x%02x", *p);
        if (text.size + (length ? length : 4) > limit)
            break;
        pyr_buf_append(&text, length ? (const void *)p : hex, length ? length : 4);
        i += length ? length : 1;
    }
    pyr_buf_u8(&text, 0);
    char *copy = text.failed ? NULL : pyr_memdup(text.bytes, text.size);
    pyr_buf_release(&text);
    return copy;
}

/* "[name]", as ps shows it, for a process that has no arguments any more. */
static char *command_from_name(pid_t pid)
{
    char name[64], text[80];
    ssize_t size = pyr_proc_read(pid, "comm", name, sizeof name);
    if (size > 0 && name[size - 1] == '\n')
        name[size - 1] = '\0';
    snprintf(text, sizeof text, "[%s]", size > 0 ? name : "?");
    return escape(text, strlen(text), COMMAND_MAX);
}

static char *read_command(pid_t pid)
{
    char text[COMMAND_MAX + 4];
    ssize_t got = pyr_proc_read(pid, "cmdline", text, sizeof text);
    if (got <= 0)
        return command_from_name(pid);
    size_t size = (size_t)got;
    while (size && text[size - 1] == '\0')
        size--;
    for (size_t i = 0; i < size; i++)
        if (text[i] == '\0')
            text[i] = ' ';
    return size ? escape(text, size, COMMAND_MAX) : command_from_name(pid);
}

static char *read_executable(pid_t pid)
{
    char link[PATH_MAX + 16], root[PATH_MAX];
    ssize_t size = pyr_proc_link(pid, "exe", link, sizeof link);
    if (size < 0)
        return pyr_strdup("");
    pyr_cut_deleted(link, (size_t)size);
    ssize_t root_size = pyr_proc_link(pid, "root", root, sizeof root);
    return pyr_strdup(pyr_below_root(link, root, root_size > 0 ? (size_t)root_size : 0));
}

int pyr_process_info_read(struct pyr_process_info *info, pid_t pid, struct pyr_err *err)
{
    struct pyr_proc_stat stat;
    char text[4096];
    int status = pyr_proc_stat_read(pid, &stat);
    if (status < 0)
        return pyr_err_set(err, status, "cannot read about process %d: %s", (int)pid, pyr_status_text(status));
    uint64_t own = (uint64_t)pid;
    if (pyr_proc_read(pid, "status", text, sizeof text) > 0)
        pyr_proc_status_field(text, "NSpid:", true, &own);
    struct pyr_process_info found = {
        .pid = pid,
        .parent = stat.parent,
        .namespace_pid = (pid_t)own,
        .start_ticks = stat.start_ticks,
        .command = read_command(pid),
        .executable = read_executable(pid),
        .zombie = stat.state == 'Z' || stat.state == 'X',
        .stopped = stat.state == 'T' || stat.state == 't',
    };
    if (!found.command || !found.executable) {
        pyr_process_info_release(&found);
        return pyr_err_set(err, PYR_E_NOMEM, "out of memory");
    }
    *info = found;
    return 0;
}

void pyr_process_info_release(struct pyr_process_info *info)
{
    pyr_free(info->command);
    pyr_free(info->executable);
    *info = (struct pyr_process_info){0};
}

/* The process's own CPU clock counts nanoseconds, ended threads included; the ticks of stat are 10 ms. */
static uint64_t cpu_used_ns(pid_t pid, const struct pyr_proc_stat *stat)
{
    clockid_t clock;
    struct timespec used;
    if (clock_getcpuclockid(pid, &clock) == 0 && clock_gettime(clock, &used) == 0)
        return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
    return (stat->user_ticks + stat->system_ticks) * (1000000000 / (uint64_t)sysconf(_SC_CLK_TCK));
}

int pyr_process_usage(pid_t pid, uint64_t *rss_bytes, uint64_t *peak_rss_bytes, uint64_t *cpu_ns)
{
    struct pyr_proc_stat stat;
    char text[4096];
    int status = pyr_proc_stat_read(pid, &stat);
    if (status < 0)
        return status;
    pid_t via = stat.state == 'Z' ? pyr_proc_live_thread(pid) : pid;
    uint64_t rss_kb = 0, peak_kb = 0;
    if (via > 0 && pyr_proc_read(via, "status", text, sizeof text) > 0) {
        pyr_proc_status_field(text, "VmRSS:", false, &rss_kb);
        pyr_proc_status_field(text, "VmHWM:", false, &peak_kb);
    }
    *rss_bytes = rss_kb * 1024;
    *peak_rss_bytes = peak_kb * 1024;
    *cpu_ns = cpu_used_ns(pid, &stat);
    return 0;
}

/* What waitid would say when it reaps the child, without reaping it: libc hides that the call gives the usage as well.
 */
int pyr_child_peak_rss(pid_t pid, uint64_t *peak_rss_bytes, bool *had_children)
{
    siginfo_t info = {0};
    struct rusage usage = {0};
    struct pyr_proc_stat stat;
    int rc = (int)syscall(SYS_waitid, P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT, &usage);
    if (rc < 0 || info.si_pid != pid)
        return PYR_E_NOT_FOUND;
    int status = pyr_proc_stat_read(pid, &stat);
    if (status < 0)
        return status;
    *peak_rss_bytes = (uint64_t)usage.ru_maxrss * 1024;
    *had_children = stat.child_faults > 0;
    return 0;
}

/* Reads through another thread, *via, if the first one has ended: its files are then empty, or root's. */
static ssize_t read_auxv(pid_t *via, void *to, size_t size)
{
    ssize_t got = pyr_proc_read(*via, "auxv", to, size);
    if (got > 0)
        return got;
    pid_t other = pyr_proc_live_thread(*via);
    if (other < 0 || other == *via)
        return got == 0 ? PYR_E_GONE : got;
    *via = other;
    return pyr_proc_read(other, "auxv", to, size);
}

/* Two executions of one program may look the same from outside, but for the random bytes the kernel gives to each. */
int pyr_target_exec_id(pid_t pid, uint64_t *id)
{
    struct {
        Elf64_auxv_t entry[64];
        char end;
    } vector = {0};
    pid_t via = pid;
    ssize_t got = read_auxv(&via, &vector, sizeof vector);
    if (got <= 0)
        return got < 0 ? (int)got : PYR_E_GONE;
    char random[16] = {0};
    for (size_t i = 0; i < (size_t)got / sizeof *vector.entry && i < 64; i++) {
        if (vector.entry[i].a_type != AT_RANDOM)
            continue;
        struct iovec local = {random, sizeof random}, remote = {(void *)(uintptr_t)vector.entry[i].a_un.a_val, 16};
        if (process_vm_readv(via, &local, 1, &remote, 1, 0) != sizeof random)
            memset(random, 0, sizeof random);
    }
    *id = XXH64(random, sizeof random, XXH64(&vector, (size_t)got, 0));
    return 0;
}
