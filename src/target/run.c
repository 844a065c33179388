/* Running code in a copy: a call, its faults, its end. Whatever the code does, nothing of it is seen outside: its
 * system calls are not executed (PTRACE_SYSEMU), its memory is its own. */
#include "target/copy_private.h"
#include "target/private.h"

#include "base/clock.h"

#if defined(__x86_64__)

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFAULT_TIMEOUT_NS 10000000000ull

enum { PAGE = 4096, STACK = 1 << 20, INT3 = 0xcc };

static int gone(struct pyr_err *err)
{
    return pyr_err_set(err, PYR_E_GONE, "the copy was killed (by the system, for lack of memory?)");
}

static int call_system(struct pyr_guard *guard, long number, const uint64_t arguments[6], uint64_t *result,
                       struct pyr_err *err)
{
    long got;
    if (pyr_copy_syscall(guard->child, guard->gadgets.call, number, arguments, &got) < 0)
        return gone(err);
    if (got < 0 && got > -PAGE)
        return pyr_err_set(err, got == -ENOMEM ? PYR_E_LIMIT : PYR_E_UNSUPPORTED,
                           "system call %ld fails in the copy: %s", number, strerror((int)-got));
    *result = (uint64_t)got;
    return 0;
}

/* What is shared (MAP_SHARED) would be changed in the process itself, too. */
static int make_alone(struct pyr_guard *guard, struct pyr_err *err)
{
    const struct pyr_mapping *maps;
    size_t count;
    uint64_t nothing;
    if (guard->alone)
        return 0;
    int rc = pyr_target_maps(guard->copy, true, &maps, &count, err);
    for (size_t i = 0; i < count && rc == 0; i++) {
        const struct pyr_mapping *m = &maps[i];
        if (!m->shared || !m->writable)
            continue;
        uint64_t rights = (m->readable ? PROT_READ : PROT_NONE) | (m->executable ? PROT_EXEC : PROT_NONE);
        rc = call_system(guard, SYS_mprotect, (uint64_t[6]){m->start, m->end - m->start, rights}, &nothing, err);
    }
    guard->alone = rc == 0;
    return rc;
}

static int map(struct pyr_guard *guard, uint64_t size, uint64_t *at, struct pyr_err *err)
{
    const uint64_t arguments[6] = {
        0, size, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, ~0ull, 0};
    return call_system(guard, SYS_mmap, arguments, at, err);
}

int pyr_guard_map(struct pyr_guard *guard, uint64_t size, pyr_addr *at, struct pyr_err *err)
{
    int rc = make_alone(guard, err);
    return rc < 0 ? rc : map(guard, size, &at->v, err);
}

static int write_copy(const struct pyr_guard *guard, uint64_t to, const void *from, size_t size)
{
    struct iovec local = {(void *)from, size}, remote = {(void *)(uintptr_t)to, size};
    return process_vm_writev(guard->child, &local, 1, &remote, 1, 0) == (ssize_t)size ? 0 : PYR_E_FAULT;
}

/* A page that cannot be touched, the stack, a page with the trap that a call returns to. */
static int make_stack(struct pyr_guard *guard, struct pyr_err *err)
{
    uint64_t at, nothing;
    unsigned char code[16];
    if (guard->stack_top)
        return 0;
    int rc = map(guard, PAGE + STACK + PAGE, &at, err);
    if (rc == 0)
        rc = call_system(guard, SYS_mprotect, (uint64_t[6]){at, PAGE, PROT_NONE}, &nothing, err);
    if (rc < 0)
        return rc;
    memset(code, INT3, sizeof code);
    if (write_copy(guard, at + PAGE + STACK, code, sizeof code) < 0)
        return gone(err);
    guard->trap = at + PAGE + STACK;
    guard->stack_top = at + PAGE + STACK;
    return 0;
}

/* ---- events ---- */

enum event { EVENT_GONE, EVENT_LATE, EVENT_QUIET, EVENT_TRAP, EVENT_FAULT };

static bool is_fault(int signal)
{
    return signal == SIGSEGV || signal == SIGBUS || signal == SIGFPE || signal == SIGILL;
}

/* What a stop means. A signal that somebody sent is nothing: it is dropped. */
static enum event classify(struct pyr_guard *guard, int status, struct pyr_copy_outcome *outcome)
{
    siginfo_t info;
    struct user_regs_struct regs;
    int signal = WSTOPSIG(status);
    if (!WIFSTOPPED(status) || ptrace(PTRACE_GETREGS, guard->child, 0, &regs) != 0)
        return EVENT_GONE;
    outcome->ip = regs.rip;
    outcome->sp = regs.rsp;
    outcome->value = regs.rax;
    if (signal == (SIGTRAP | 0x80)) {
        outcome->signal = SIGSYS;
        outcome->address = regs.rip;
        return EVENT_FAULT;
    }
    if (status >> 16 || ptrace(PTRACE_GETSIGINFO, guard->child, 0, &info) != 0 || info.si_code <= 0)
        return EVENT_QUIET;
    outcome->signal = signal;
    outcome->address = (uint64_t)(uintptr_t)info.si_addr;
    return signal == SIGTRAP ? EVENT_TRAP : is_fault(signal) ? EVENT_FAULT : EVENT_QUIET;
}

/* Until the copy stops, or we are left alone by who asks. */
static enum event await(struct pyr_guard *guard, uint64_t until_ns, struct pyr_copy_outcome *outcome)
{
    for (;;) {
        int status;
        struct signalfd_siginfo child_stops;
        pid_t got = waitpid(guard->child, &status, __WALL | WNOHANG);
        if (got != 0)
            return got == guard->child ? classify(guard, status, outcome) : EVENT_GONE;
        struct pollfd on[] = {{.fd = guard->stops, .events = POLLIN}, {.fd = guard->link, .events = POLLRDHUP}};
        uint64_t now = pyr_now_ns();
        if (now >= until_ns)
            return EVENT_LATE;
        uint64_t left_ms = (until_ns - now) / 1000000 + 1;
        poll(on, 2, left_ms < 1000 ? (int)left_ms : 1000);
        if (on[1].revents)
            return EVENT_LATE;
        if (on[0].revents && read(guard->stops, &child_stops, sizeof child_stops) < 0)
            continue;
    }
}

/* Stops it when it is late; it may come to an end of its own just then. */
static enum event interrupt(struct pyr_guard *guard, struct pyr_copy_outcome *outcome)
{
    int status;
    pid_t got;
    ptrace(PTRACE_INTERRUPT, guard->child, 0, 0);
    do
        got = waitpid(guard->child, &status, __WALL);
    while (got < 0 && errno == EINTR);
    enum event event = got == guard->child ? classify(guard, status, outcome) : EVENT_GONE;
    return event == EVENT_GONE || event == EVENT_TRAP ? event : EVENT_LATE;
}

/* Goes on where the code said, if it did. */
static bool recover(struct pyr_guard *guard, const struct pyr_copy_outcome *outcome)
{
    struct pyr_copy_recovery recovery;
    struct user_regs_struct regs;
    pyr_addr at = guard->call.recovery;
    if (!at.v || guard->faults >= guard->call.faults_max ||
        pyr_target_read(guard->copy, at, &recovery, sizeof recovery) < 0 || !recovery.buffer[1] ||
        ptrace(PTRACE_GETREGS, guard->child, 0, &regs) != 0)
        return false;
    const uint64_t said[] = {(uint64_t)outcome->signal, outcome->address};
    write_copy(guard, at.v + offsetof(struct pyr_copy_recovery, signal), said, sizeof said);
    regs.rbp = (uintptr_t)recovery.buffer[0];
    regs.rip = (uintptr_t)recovery.buffer[1];
    regs.rsp = (uintptr_t)recovery.buffer[2];
    regs.eflags = 0x202;
    regs.orig_rax = ~0ull;
    guard->faults++;
    return ptrace(PTRACE_SETREGS, guard->child, 0, &regs) == 0;
}

static int run(struct pyr_guard *guard, uint64_t timeout_ns, struct pyr_copy_outcome *result, struct pyr_err *err)
{
    uint64_t until_ns = pyr_now_ns() + (timeout_ns ? timeout_ns : DEFAULT_TIMEOUT_NS);
    struct pyr_copy_outcome outcome = {0};
    enum event event;
    guard->may_continue = false;
    do {
        if (ptrace(PTRACE_SYSEMU, guard->child, 0, 0) != 0)
            return gone(err);
        event = await(guard, until_ns, &outcome);
    } while (event == EVENT_QUIET || (event == EVENT_FAULT && recover(guard, &outcome)));
    if (event == EVENT_LATE)
        event = interrupt(guard, &outcome);
    if (event == EVENT_GONE || pyr_copy_park(guard->child) < 0)
        return gone(err);
    if (event == EVENT_LATE)
        outcome.end = PYR_COPY_TIMED_OUT;
    else if (event == EVENT_FAULT)
        outcome.end = PYR_COPY_FAULTED;
    else
        outcome.end = outcome.ip == guard->trap + 1 ? PYR_COPY_RETURNED : PYR_COPY_TRAPPED;
    if (event != EVENT_FAULT)
        outcome.signal = 0, outcome.address = 0;
    outcome.faults = guard->faults;
    guard->may_continue = outcome.end == PYR_COPY_TRAPPED || outcome.end == PYR_COPY_TIMED_OUT;
    *result = outcome;
    return 0;
}

int pyr_guard_call(struct pyr_guard *guard, const struct pyr_copy_call *call, struct pyr_copy_outcome *outcome,
                   struct pyr_err *err)
{
    struct user_regs_struct regs;
    int rc = make_alone(guard, err);
    if (rc == 0)
        rc = make_stack(guard, err);
    if (rc < 0)
        return rc;
    uint64_t sp = guard->stack_top - 8; /* as after the call instruction */
    if (write_copy(guard, sp, &guard->trap, sizeof guard->trap) < 0 ||
        ptrace(PTRACE_GETREGS, guard->child, 0, &regs) != 0)
        return gone(err);
    regs.rip = call->entry.v;
    regs.rsp = sp;
    regs.rbp = 0;
    regs.eflags = 0x202;
    regs.rax = 0;
    regs.orig_rax = ~0ull;
    regs.rdi = call->arguments[0];
    regs.rsi = call->arguments[1];
    regs.rdx = call->arguments[2];
    regs.rcx = call->arguments[3];
    regs.r8 = call->arguments[4];
    regs.r9 = call->arguments[5];
    guard->call = *call;
    guard->faults = 0;
    if (ptrace(PTRACE_SETREGS, guard->child, 0, &regs) != 0)
        return gone(err);
    return run(guard, call->timeout_ns, outcome, err);
}

int pyr_guard_continue(struct pyr_guard *guard, uint64_t timeout_ns, struct pyr_copy_outcome *outcome,
                       struct pyr_err *err)
{
    if (!guard->may_continue)
        return pyr_err_set(err, PYR_E_MISUSE, "there is no call in the copy that could go on");
    return run(guard, timeout_ns, outcome, err);
}

#else

int pyr_guard_map(struct pyr_guard *guard, uint64_t size, pyr_addr *at, struct pyr_err *err)
{
    (void)guard;
    (void)size;
    (void)at;
    return pyr_err_set(err, PYR_E_UNSUPPORTED, "not on this kind of processor");
}

int pyr_guard_call(struct pyr_guard *guard, const struct pyr_copy_call *call, struct pyr_copy_outcome *outcome,
                   struct pyr_err *err)
{
    (void)guard;
    (void)call;
    (void)outcome;
    return pyr_err_set(err, PYR_E_UNSUPPORTED, "not on this kind of processor");
}

int pyr_guard_continue(struct pyr_guard *guard, uint64_t timeout_ns, struct pyr_copy_outcome *outcome,
                       struct pyr_err *err)
{
    (void)guard;
    (void)timeout_ns;
    (void)outcome;
    return pyr_err_set(err, PYR_E_UNSUPPORTED, "not on this kind of processor");
}

#endif
