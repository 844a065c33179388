/* What the kernel offers and permits. */
#include "doctor/checks.h"

#include "target/system.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define SAY(check, text, ...) snprintf((check)->text, sizeof(check)->text, __VA_ARGS__)

int pyr_check_kernel(struct pyr_checks *checks)
{
    struct pyr_check *check = pyr_checks_add(checks, "kernel");
    struct utsname system;
    if (!check)
        return PYR_E_NOMEM;
    check->essential = true;
    uname(&system);
    SAY(check, found, "%.60s %.100s on %.60s", system.sysname, system.release, system.machine);
    return 0;
}

static bool have_capability(int number)
{
    uint64_t effective = 0;
    return pyr_system_capabilities(&effective) == 0 && (effective >> number & 1);
}

int pyr_check_permission(struct pyr_checks *checks)
{
    struct pyr_check *check = pyr_checks_add(checks, "permission");
    if (!check)
        return PYR_E_NOMEM;
    bool capable = have_capability(CAP_SYS_PTRACE);
    int scope = pyr_system_ptrace_scope();
    char yama[40] = "no Yama";
    if (scope >= 0)
        snprintf(yama, sizeof yama, "ptrace_scope %d", scope);
    SAY(check, found, "%s, %s CAP_SYS_PTRACE, user %ld", yama, capable ? "with" : "without", (long)geteuid());
    if (scope == 3) {
        check->level = PYR_CHECK_MISSING;
        check->essential = true;
        SAY(check, advice, "ptrace_scope 3 forbids all of it until the next boot: set kernel.yama.ptrace_scope to 1");
    } else if (scope == 2 && !capable) {
        check->level = PYR_CHECK_MISSING;
        check->essential = true;
        SAY(check, advice, "use sudo, or set kernel.yama.ptrace_scope to 1 (then `run` works) or 0 (`attach` too)");
    } else if (scope == 1 && !capable) {
        check->level = PYR_CHECK_LIMITED;
        SAY(check, advice, "`run` works; to `attach` use sudo, or sysctl kernel.yama.ptrace_scope=0");
    } else if (!capable) {
        check->level = PYR_CHECK_LIMITED;
        SAY(check, advice, "processes of this user only; for those of others use sudo");
    }
    return 0;
}

/* In a container it is the seccomp profile or the dropped capability that forbids these calls. */
static void judge_probe(struct pyr_check *check, int error, const char *works)
{
    if (!error) {
        SAY(check, found, "%s", works);
        return;
    }
    check->level = PYR_CHECK_MISSING;
    SAY(check, found, "fails on a child of our own: %s", strerror(error));
    SAY(check, advice, "%s",
        error == ENOSYS ? "the kernel was built without CONFIG_CROSS_MEMORY_ATTACH"
                        : "in a container add --cap-add SYS_PTRACE, or allow the call in its seccomp profile");
}

int pyr_check_reading(struct pyr_checks *checks)
{
    struct pyr_check *check = pyr_checks_add(checks, "reading memory");
    if (!check)
        return PYR_E_NOMEM;
    check->essential = true;
    judge_probe(check, pyr_system_read_probe(), "a child's memory can be read");
    return 0;
}

int pyr_check_stopping(struct pyr_checks *checks)
{
    struct pyr_check *check = pyr_checks_add(checks, "stopping threads");
    if (!check)
        return PYR_E_NOMEM;
    judge_probe(check, pyr_system_stop_probe(), "a child can be held for an instant");
    if (check->level == PYR_CHECK_MISSING)
        check->level = PYR_CHECK_LIMITED;
    return 0;
}

int pyr_check_schedstat(struct pyr_checks *checks)
{
    struct pyr_check *check = pyr_checks_add(checks, "schedstat");
    if (!check)
        return PYR_E_NOMEM;
    if (pyr_system_has_schedstat()) {
        SAY(check, found, "threads tell how often they ran");
        return 0;
    }
    check->level = PYR_CHECK_LIMITED;
    SAY(check, found, "threads do not tell how often they ran");
    SAY(check, advice, "sampling costs more without it: it needs a kernel with CONFIG_SCHED_INFO");
    return 0;
}

int pyr_check_slices(struct pyr_checks *checks)
{
    struct pyr_check *check = pyr_checks_add(checks, "scheduler slices");
    if (!check)
        return PYR_E_NOMEM;
    int error = pyr_system_slice_probe();
    if (!error) {
        SAY(check, found, "the sampler may ask for a short slice, to wake on time");
        return 0;
    }
    check->level = PYR_CHECK_LIMITED;
    SAY(check, found, "the sampler cannot ask for a short slice (%s)", strerror(error));
    SAY(check, advice, "samples may be late on a busy machine: Linux 6.12 or later does better%s",
        have_capability(CAP_SYS_NICE) ? "" : ", and so does CAP_SYS_NICE");
    return 0;
}
