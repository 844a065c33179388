#include "target/private.h"
#include "target/proc.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int yama_scope(void)
{
    char digit = '0';
    int fd = open("/proc/sys/kernel/yama/ptrace_scope", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t got = read(fd, &digit, 1);
    close(fd);
    return got == 1 && digit >= '0' && digit <= '9' ? digit - '0' : 0;
}

/* /proc/PID belongs to root, not to the process's user, where the process may not be inspected. */
static bool is_dumpable(pid_t pid, uint64_t uid)
{
    char path[64];
    struct stat at;
    snprintf(path, sizeof path, "/proc/%d", (int)pid);
    return stat(path, &at) < 0 || at.st_uid == uid;
}

static int explain_yama(int pid, int scope, struct pyr_err *err)
{
    if (scope >= 3)
        return pyr_err_set(
            err, PYR_E_PERMISSION,
            "the kernel forbids inspecting any process until the next boot (kernel.yama.ptrace_scope=3), "
            "so process %d cannot be read: change the setting in /etc/sysctl.d and reboot",
            pid);
    return pyr_err_set(err, PYR_E_PERMISSION,
                       "the kernel forbids reading process %d (kernel.yama.ptrace_scope=%d): run as root (sudo), start "
                       "the program with pyrometer, or: sudo sysctl kernel.yama.ptrace_scope=0",
                       pid, scope);
}

int pyr_permission_explain(pid_t pid, struct pyr_err *err)
{
    char text[4096];
    uint64_t uid = 0;
    bool known =
        pyr_proc_read(pid, "status", text, sizeof text) > 0 && pyr_proc_status_field(text, "Uid:", false, &uid);
    int scope = yama_scope();
    if (geteuid() == 0 || !known)
        return pyr_err_set(
            err, PYR_E_PERMISSION,
            "may not read process %d: the capability CAP_SYS_PTRACE is missing; in a container, start it "
            "with --cap-add=SYS_PTRACE",
            (int)pid);
    if (uid != geteuid())
        return pyr_err_set(err, PYR_E_PERMISSION, "process %d belongs to user %u: run as that user or as root (sudo)",
                           (int)pid, (unsigned)uid);
    if (!is_dumpable(pid, uid))
        return pyr_err_set(
            err, PYR_E_PERMISSION,
            "process %d does not let itself be inspected (it changed its privileges, or its program file "
            "is not readable): run as root (sudo)",
            (int)pid);
    if (scope > 0)
        return explain_yama((int)pid, scope, err);
    return pyr_err_set(err, PYR_E_PERMISSION,
                       "may not read process %d: run as root (sudo), or give pyrometer the capability CAP_SYS_PTRACE",
                       (int)pid);
}
