#include "base/guardian.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void close_all_but(int kept)
{
#ifdef SYS_close_range
    if ((kept == 0 || syscall(SYS_close_range, 0u, (unsigned)kept - 1, 0u) == 0) &&
        syscall(SYS_close_range, (unsigned)kept + 1, ~0u, 0u) == 0)
        return;
#endif
    long most = sysconf(_SC_OPEN_MAX);
    for (int fd = 0; fd < most; fd++)
        if (fd != kept)
            close(fd);
}

static void settle(const char *name, int kept)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    setsid();
    prctl(PR_SET_NAME, name, 0UL, 0UL, 0UL);
    close_all_but(kept);
    if (chdir("/") != 0)
        _exit(1);
}

pid_t pyr_guardian_start(const char *name, int *link, struct pyr_err *err)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return pyr_err_set(err, PYR_E_LIMIT, "no socket: %s", strerror(errno));
    pid_t pid = fork();
    if (pid == 0) {
        settle(name, ends[0]);
        *link = ends[0];
        return 0;
    }
    int error = errno;
    close(ends[0]);
    if (pid < 0) {
        close(ends[1]);
        return pyr_err_set(err, PYR_E_LIMIT, "no process: %s", strerror(error));
    }
    *link = ends[1];
    return pid;
}

void pyr_guardian_end(pid_t guardian, int link)
{
    close(link);
    while (guardian > 0 && waitpid(guardian, NULL, 0) < 0 && errno == EINTR)
        continue;
}
