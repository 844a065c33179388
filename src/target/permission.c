#include "target/private.h"
#include "target/proc.h"
#include "target/system.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LSM_LIST_MODULES = 461, CAP_SYS_PTRACE_NUMBER = 19 }; /* the first from Linux 6.8 on, the same on all machines */

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

/* The kernel's numbers (lsm.h); those that decide about who may look at whom. */
static const struct {
    uint64_t number;
    const char *name;
} security_modules[] = {{101, "SELinux"},  {102, "Smack"},   {103, "TOMOYO"},
                        {104, "AppArmor"}, {109, "BPF LSM"}, {110, "Landlock"}};

/* The names of those that are active, with commas; "" where the kernel does not tell. */
static void list_security_modules(char *names, size_t size)
{
    uint64_t active[64];
    uint32_t bytes = sizeof active;
    long count = syscall(LSM_LIST_MODULES, active, &bytes, 0);
    size_t used = 0;
    names[0] = 0;
    for (long i = 0; i < count && i < 64; i++)
        for (size_t j = 0; j < sizeof security_modules / sizeof *security_modules; j++)
            if (active[i] == security_modules[j].number && used < size)
                used += (size_t)snprintf(names + used, size - used, "%s%s", used ? ", " : "", security_modules[j].name);
}

/* The first user namespace maps every number to itself. */
static bool in_first_user_namespace(void)
{
    char text[128];
    unsigned inside, outside, count;
    return pyr_proc_read(getpid(), "uid_map", text, sizeof text) <= 0 ||
           (sscanf(text, "%u %u %u", &inside, &outside, &count) == 3 && !inside && !outside && count == UINT32_MAX);
}

/* With the capability nothing is left but what it does not reach. */
static int explain_capable(int pid, struct pyr_err *err)
{
    char names[128];
    if (!in_first_user_namespace())
        return pyr_err_set(
            err, PYR_E_PERMISSION,
            "may not read process %d: it belongs to another user namespace (outside this container?), where "
            "the CAP_SYS_PTRACE of this one does not count: run pyrometer there",
            pid);
    list_security_modules(names, sizeof names);
    return pyr_err_set(
        err, PYR_E_PERMISSION,
        "may not read process %d, though CAP_SYS_PTRACE is there: a security module of the kernel forbids it "
        "(active: %s); change its policy, see dmesg or the audit log",
        pid, names[0] ? names : "not known");
}

static bool permitted(const char *status, uint64_t *capabilities)
{
    const char *line = strstr(status, "\nCapPrm:");
    if (line)
        *capabilities = strtoull(line + strlen("\nCapPrm:"), NULL, 16);
    return line != NULL;
}

/* One that has more rights than we is not ours to read, though it is the same user's. */
static bool has_more_capabilities(const char *status)
{
    char own[4096];
    uint64_t ours, theirs;
    return pyr_proc_read(getpid(), "status", own, sizeof own) > 0 && permitted(own, &ours) &&
           permitted(status, &theirs) && (theirs & ~ours);
}

static bool is_capable(void)
{
    uint64_t effective;
    return pyr_system_capabilities(&effective) == 0 && (effective >> CAP_SYS_PTRACE_NUMBER & 1);
}

int pyr_permission_explain(pid_t pid, struct pyr_err *err)
{
    char text[4096];
    uint64_t uid = 0;
    bool known =
        pyr_proc_read(pid, "status", text, sizeof text) > 0 && pyr_proc_status_field(text, "Uid:", false, &uid);
    int scope = yama_scope();
    if (scope >= 3)
        return explain_yama((int)pid, scope, err);
    if (is_capable())
        return explain_capable((int)pid, err);
    if (geteuid() == 0 || !known)
        return pyr_err_set(
            err, PYR_E_PERMISSION,
            "may not read process %d: the capability CAP_SYS_PTRACE is missing; in a container, start it "
            "with --cap-add=SYS_PTRACE",
            (int)pid);
    if (uid != geteuid())
        return pyr_err_set(err, PYR_E_PERMISSION, "process %d belongs to user %u: run as that user or as root (sudo)",
                           (int)pid, (unsigned)uid);
    if (has_more_capabilities(text))
        return pyr_err_set(err, PYR_E_PERMISSION,
                           "may not read process %d: it has capabilities that you do not have: run as root (sudo)",
                           (int)pid);
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
