/* System calls that a hold broke. Most of them the kernel begins again by itself; some it ends with EINTR, though no
 * signal came: a thread that runs when it is asked to stop may have begun one of these before it stops. */
#include "target/private.h"

#if defined(__x86_64__)

#include <errno.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>

/* The kernel's own code for "begin again, unless a handler runs first: then EINTR". */
#define ERESTARTNOHAND 514

/* Those that have done nothing yet when they fail with EINTR. Not close and connect: their second call is another. */
static const short repeatable[] = {
    SYS_read,         SYS_readv,  SYS_write,      SYS_writev,       SYS_recvfrom,        SYS_recvmsg,
    SYS_recvmmsg,     SYS_sendto, SYS_sendmsg,    SYS_accept,       SYS_accept4,         SYS_epoll_wait,
    SYS_epoll_pwait,  SYS_semop,  SYS_semtimedop, SYS_io_getevents, SYS_rt_sigtimedwait,
#ifdef SYS_epoll_pwait2
    SYS_epoll_pwait2,
#endif
};

static bool is_repeatable(long call)
{
    for (size_t i = 0; i < sizeof repeatable / sizeof *repeatable; i++)
        if (repeatable[i] == call)
            return true;
    return false;
}

void pyr_restart_call(pid_t tid)
{
    long result = ptrace(PTRACE_PEEKUSER, tid, offsetof(struct user_regs_struct, rax), 0);
    if (result != -EINTR)
        return;
    long call = ptrace(PTRACE_PEEKUSER, tid, offsetof(struct user_regs_struct, orig_rax), 0);
    if (is_repeatable(call)) /* what interrupts the thread otherwise than by a call has -1 here */
        ptrace(PTRACE_POKEUSER, tid, offsetof(struct user_regs_struct, rax), (long)-ERESTARTNOHAND);
}

#else

/* Elsewhere the register that a call began with is out of a tracer's reach. */
void pyr_restart_call(pid_t tid)
{
    (void)tid;
}

#endif
