/* A system call made by a thread of another process, so that it finds everything as it was even if we are killed. */
#include "target/copy_private.h"
#include "target/private.h"

#include <signal.h>
#include <unistd.h>

#define STEP_US 20000

void pyr_step(struct pyr_steps *steps)
{
    if (++steps->done != steps->die_at)
        return;
    kill(steps->who ? steps->who : getpid(), SIGKILL);
    usleep(STEP_US); /* for who is killed to get as far as it does without us */
}

#if defined(__x86_64__)

#include "base/alloc.h"

#include <cpuid.h>
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

/* The kernel's own codes for "begin again". */
enum { RESTARTSYS = 512, RESTARTNOINTR = 513, RESTARTNOHAND = 514, RESTART_RESTARTBLOCK = 516 };

enum {
    RED_ZONE = 128,
    XSTATE_MAX = 16384,
    LEGACY = 512,       /* what FXSAVE writes; then a header of 64 bytes, of which the first 8 say what is there */
    XSTATE_NOTE = 464,  /* in it: the kernel's note on what follows */
    TILE_DATA = 1 << 18 /* AMX: in a frame only of those that use it */
};

enum { SIGNALS_MAX = 16 }; /* that are delivered before the call */

#define LOOK_NS 20000000 /* between looks whether a thread ends unannounced */

#define NOTE_MAGIC1 0x46505853u
#define NOTE_MAGIC2 0x46505845u
#define MASK_SIZE 8 /* of the kernel's sigset_t */

/* ---- instructions of the process ---- */

static const unsigned char call_code[] = {0x0f, 0x05, 0xc3};
static const unsigned char sigreturn_code[] = {0x48, 0xc7, 0xc0, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05};

enum { SEARCH_PIECE = 1 << 18, SEARCH_MAX = 256 << 20 };

static void search_code(const struct pyr_target *target, const struct pyr_mapping *mapping, unsigned char *buffer,
                        struct pyr_gadgets *gadgets)
{
    const uint64_t overlap = sizeof sigreturn_code - 1;
    for (uint64_t at = mapping->start; at < mapping->end && !(gadgets->call && gadgets->sigreturn);) {
        uint64_t size = mapping->end - at < SEARCH_PIECE ? mapping->end - at : SEARCH_PIECE;
        if (pyr_target_read(target, PYR_ADDR(at), buffer, size) < 0)
            return;
        const unsigned char *call = memmem(buffer, size, call_code, sizeof call_code);
        const unsigned char *sigreturn = memmem(buffer, size, sigreturn_code, sizeof sigreturn_code);
        if (call && !gadgets->call)
            gadgets->call = at + (uint64_t)(call - buffer);
        if (sigreturn && !gadgets->sigreturn)
            gadgets->sigreturn = at + (uint64_t)(sigreturn - buffer);
        at += at + size < mapping->end ? size - overlap : size;
    }
}

/* The C library has both; a static program has them in its own code. */
static bool may_be_libc(const struct pyr_mapping *mapping)
{
    const char *slash = strrchr(mapping->path, '/');
    return slash && (strncmp(slash + 1, "libc", 4) == 0 || strncmp(slash + 1, "ld-musl", 7) == 0);
}

int pyr_gadgets_find(struct pyr_target *target, struct pyr_gadgets *gadgets, struct pyr_err *err)
{
    const struct pyr_mapping *maps;
    size_t count;
    uint64_t searched = 0;
    struct pyr_gadgets found = {0};
    int rc = pyr_target_maps(target, true, &maps, &count, err);
    unsigned char *buffer = rc < 0 ? NULL : pyr_alloc(SEARCH_PIECE);
    if (rc < 0 || !buffer)
        return rc < 0 ? rc : pyr_err_set(err, PYR_E_NOMEM, "out of memory");
    for (int other = 0; other < 2; other++)
        for (size_t i = 0; i < count && searched < SEARCH_MAX && !(found.call && found.sigreturn); i++)
            if (maps[i].executable && maps[i].readable && may_be_libc(&maps[i]) == !other) {
                search_code(target, &maps[i], buffer, &found);
                searched += maps[i].end - maps[i].start;
            }
    pyr_free(buffer);
    if (!found.call || !found.sigreturn)
        return pyr_err_set(err, PYR_E_NOT_FOUND,
                           "process %d has no instructions of a C library with which it could be made to fork",
                           (int)pyr_target_pid(target));
    *gadgets = found;
    return 0;
}

bool pyr_gadgets_hold(const struct pyr_target *target, const struct pyr_gadgets *gadgets)
{
    unsigned char bytes[sizeof sigreturn_code];
    return pyr_target_read(target, PYR_ADDR(gadgets->call), bytes, sizeof call_code) == 0 &&
           memcmp(bytes, call_code, sizeof call_code) == 0 &&
           pyr_target_read(target, PYR_ADDR(gadgets->sigreturn), bytes, sizeof sigreturn_code) == 0 &&
           memcmp(bytes, sigreturn_code, sizeof sigreturn_code) == 0;
}

/* ---- frames ---- */

/* As the kernel lays it down for a handler, and reads it back at the handler's end. */
struct frame {
    uint64_t returns_to;
    uint64_t flags, link;
    uint64_t alternate_stack[3]; /* with flags that are none the kernel leaves the alternate stack alone */
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, eflags;
    uint16_t cs, gs, fs, ss;
    uint64_t error, trap, old_mask, cr2;
    uint64_t fpu; /* address; 0: as for a new program */
    uint64_t reserved[8];
    uint64_t mask;
};

enum { FRAME_FP_XSTATE = 1, FRAME_SS = 2, FRAME_STRICT_SS = 4 };

struct note {
    uint32_t magic1, extended_size;
    uint64_t features;
    uint32_t size, padding[7];
};

/* What is lent: how the thread was, and what was on its stack where the frames go. From low to high: the thread's
 * frame, the child's, the FPU state. The thread's stack ends at its frame: a signal that comes goes below all of them.
 */
struct loan {
    struct user_regs_struct regs;
    uint64_t mask;
    unsigned char xstate[XSTATE_MAX];
    size_t xstate_size; /* with the magic number at its end */
    uint64_t at, size, child_frame;
    unsigned char saved[XSTATE_MAX + 2048], written[XSTATE_MAX + 2048];
};

/* The size of a standard-format XSAVE area with these features, as this machine has it. */
static size_t xstate_extent(uint64_t features)
{
    size_t extent = LEGACY + 64;
    for (unsigned i = 2; i < 63; i++) {
        unsigned size, offset, ecx, edx;
        if (!(features >> i & 1) || !__get_cpuid_count(0xd, i, &size, &offset, &ecx, &edx))
            continue;
        if (size && offset + size > extent)
            extent = offset + size;
    }
    return extent;
}

static int take_xstate(pid_t tid, struct loan *loan)
{
    struct iovec all = {loan->xstate, XSTATE_MAX - 64};
    uint64_t features, present;
    const uint32_t end = NOTE_MAGIC2;
    if (ptrace(PTRACE_GETREGSET, tid, (void *)(uintptr_t)NT_X86_XSTATE, &all) != 0 || all.iov_len < LEGACY + 64)
        return PYR_E_UNSUPPORTED;
    memcpy(&features, loan->xstate + XSTATE_NOTE, sizeof features); /* ptrace's own note: all that the system has */
    memcpy(&present, loan->xstate + LEGACY, sizeof present);
    if (!(present & TILE_DATA))
        features &= ~(uint64_t)TILE_DATA;
    size_t size = xstate_extent(features);
    if (size > all.iov_len)
        return PYR_E_UNSUPPORTED;
    struct note note = {
        .magic1 = NOTE_MAGIC1, .extended_size = (uint32_t)size + 4, .features = features, .size = (uint32_t)size};
    memcpy(loan->xstate + XSTATE_NOTE, &note, sizeof note);
    memcpy(loan->xstate + size, &end, sizeof end);
    loan->xstate_size = size + sizeof end;
    return 0;
}

static bool begins_again(const struct user_regs_struct *regs)
{
    long result = -(long)regs->rax;
    return (long)regs->orig_rax >= 0 && (result == RESTARTSYS || result == RESTARTNOINTR || result == RESTARTNOHAND ||
                                         result == RESTART_RESTARTBLOCK);
}

/* The thread as it was. An interrupted system call is begun again, with its time from the start if it had a limit that
 * only the kernel knows how to go on with: but this frame is used only if we are killed. */
static struct frame own_frame(const struct loan *loan, const struct pyr_gadgets *gadgets, uint64_t fpu)
{
    const struct user_regs_struct *r = &loan->regs;
    bool again = begins_again(r);
    return (struct frame){
        .returns_to = gadgets->sigreturn,
        .flags = FRAME_FP_XSTATE | FRAME_SS | FRAME_STRICT_SS,
        .alternate_stack = {0, 0x7fffffff, 0},
        .r8 = r->r8,
        .r9 = r->r9,
        .r10 = r->r10,
        .r11 = r->r11,
        .r12 = r->r12,
        .r13 = r->r13,
        .r14 = r->r14,
        .r15 = r->r15,
        .rdi = r->rdi,
        .rsi = r->rsi,
        .rbp = r->rbp,
        .rbx = r->rbx,
        .rdx = r->rdx,
        .rax = again ? r->orig_rax : r->rax,
        .rcx = r->rcx,
        .rsp = r->rsp,
        .rip = again ? r->rip - 2 : r->rip,
        .eflags = r->eflags,
        .cs = (uint16_t)r->cs,
        .ss = (uint16_t)r->ss,
        .fpu = fpu,
        .mask = loan->mask,
    };
}

/* exit_group, with all signals blocked. */
static struct frame child_frame(const struct loan *loan, const struct pyr_gadgets *gadgets, uint64_t stack)
{
    return (struct frame){
        .returns_to = gadgets->sigreturn,
        .flags = FRAME_SS | FRAME_STRICT_SS,
        .alternate_stack = {0, 0x7fffffff, 0},
        .rax = SYS_exit_group,
        .rdi = PYR_COPY_LOOSE,
        .rip = gadgets->call,
        .rsp = stack,
        .eflags = 0x202,
        .cs = (uint16_t)loan->regs.cs,
        .ss = (uint16_t)loan->regs.ss,
        .mask = ~0ull,
    };
}

static int write_memory(pid_t tid, uint64_t to, const void *from, size_t size)
{
    struct iovec local = {(void *)from, size}, remote = {(void *)(uintptr_t)to, size};
    return process_vm_writev(tid, &local, 1, &remote, 1, 0) == (ssize_t)size ? 0 : PYR_E_FAULT;
}

static int lay_frames(struct pyr_injection *in, struct loan *loan)
{
    uint64_t fpu = (loan->regs.rsp - RED_ZONE - loan->xstate_size) & ~63ull;
    uint64_t child = (fpu - sizeof(struct frame)) & ~15ull, own = (child - sizeof(struct frame)) & ~15ull;
    const struct frame frames[] = {own_frame(loan, in->gadgets, fpu), child_frame(loan, in->gadgets, child)};
    loan->at = own;
    loan->child_frame = child;
    loan->size = fpu + loan->xstate_size - own;
    if (loan->regs.rsp < sizeof loan->saved || loan->size > sizeof loan->saved ||
        pyr_target_read(in->target, PYR_ADDR(own), loan->saved, loan->size) < 0)
        return PYR_E_FAULT;
    memcpy(loan->written, loan->saved, loan->size);
    memcpy(loan->written, &frames[0], sizeof frames[0]);
    memcpy(loan->written + (child - own), &frames[1], sizeof frames[1]);
    memcpy(loan->written + (fpu - own), loan->xstate, loan->xstate_size);
    return write_memory(in->tid, loan->at, loan->written, loan->size);
}

/* In the middle of a restartable sequence the kernel would not see, behind our registers, that it was interrupted. */
static bool in_restartable_sequence(const struct pyr_injection *in, uint64_t ip)
{
#ifndef PTRACE_GET_RSEQ_CONFIGURATION
    enum { PTRACE_GET_RSEQ_CONFIGURATION = 0x420f };
#endif
    struct {
        uint64_t area;
        uint32_t size, signature, flags, padding;
    } config = {0};
    uint64_t sequence, body[3]; /* version and flags; start; length */
    if (ptrace(PTRACE_GET_RSEQ_CONFIGURATION, in->tid, (void *)sizeof config, &config) <= 0 || !config.area ||
        pyr_target_read(in->target, PYR_ADDR(config.area + 8), &sequence, sizeof sequence) < 0 || !sequence)
        return false;
    if (pyr_target_read(in->target, PYR_ADDR(sequence), body, sizeof body) < 0)
        return true;
    return ip - body[1] < body[2];
}

/* ---- the call ---- */

static int take_state(struct pyr_injection *in, struct loan *loan, struct pyr_err *err)
{
    if (ptrace(PTRACE_GETREGS, in->tid, 0, &loan->regs) != 0 ||
        ptrace(PTRACE_GETSIGMASK, in->tid, (void *)MASK_SIZE, &loan->mask) != 0)
        return pyr_err_set(err, PYR_E_GONE, "thread %d has ended", (int)in->tid);
    if (loan->regs.cs != 0x33)
        return pyr_err_set(err, PYR_E_UNSUPPORTED, "thread %d runs 32-bit code", (int)in->tid);
    if (in_restartable_sequence(in, loan->regs.rip))
        return pyr_err_set(err, PYR_E_AGAIN, "thread %d is in a restartable sequence", (int)in->tid);
    if (take_xstate(in->tid, loan) < 0)
        return pyr_err_set(err, PYR_E_UNSUPPORTED, "the FPU state of thread %d cannot be read", (int)in->tid);
    return 0;
}

/* The one change from which on the thread helps itself. */
static int commit(const struct pyr_injection *in, const struct loan *loan)
{
    struct user_regs_struct regs = loan->regs;
    regs.rip = in->gadgets->call;
    regs.rsp = loan->at;
    regs.eflags = 0x202;
    regs.rax = (uint64_t)in->number;
    regs.orig_rax = ~0ull;
    regs.rdi = in->arguments[0];
    regs.rsi = in->forks ? loan->child_frame : in->arguments[1];
    regs.rdx = in->arguments[2];
    regs.r10 = in->arguments[3];
    regs.r8 = in->arguments[4];
    regs.r9 = in->arguments[5];
    return ptrace(PTRACE_SETREGS, in->tid, 0, &regs) == 0 ? 0 : PYR_E_GONE;
}

enum stop { STOP_CALL, STOP_SIGNAL, STOP_CLONE, STOP_ASKED, STOP_GONE };

static int peek(pid_t tid, int options, siginfo_t *event)
{
    int rc;
    do {
        event->si_pid = 0;
        rc = waitid(P_PID, (id_t)tid, event, WEXITED | WSTOPPED | __WALL | options);
    } while (rc < 0 && errno == EINTR);
    return rc;
}

/* The next event, not yet taken note of. Not simply waited for: if all are killed, a first thread may be past the
 * announcement of its end, and is reported when the others have ended, who wait for us. SIGCHLD is blocked here. */
static int await_event(pid_t tid, siginfo_t *event)
{
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    while (peek(tid, WNOWAIT | WNOHANG, event) == 0 && !event->si_pid)
        if (sigtimedwait(&children, NULL, &(struct timespec){.tv_nsec = LOOK_NS}) < 0 && pyr_task_ending(tid))
            return -1;
    return event->si_pid ? 0 : -1;
}

/* A signal that is about to be delivered is not taken note of: once it is, it would be lost with us. */
static enum stop await(pid_t tid, int *signal)
{
    siginfo_t event;
    if (await_event(tid, &event) < 0)
        return STOP_GONE;
    if (event.si_code == CLD_TRAPPED && event.si_status >> 8 == 0 && event.si_status != (SIGTRAP | 0x80)) {
        *signal = event.si_status;
        return STOP_SIGNAL;
    }
    peek(tid, WNOHANG, &event); /* which may be another one by now: it was killed */
    if (event.si_code != CLD_TRAPPED && event.si_code != CLD_STOPPED)
        return STOP_GONE;
    switch (event.si_status >> 8) {
    case 0:
        return STOP_CALL;
    case PTRACE_EVENT_CLONE:
        return STOP_CLONE;
    case PTRACE_EVENT_STOP:
        return STOP_ASKED;
    default: /* it is about to end */
        ptrace(PTRACE_DETACH, tid, 0, 0);
        return STOP_GONE;
    }
}

static enum stop go_on(pid_t tid, enum __ptrace_request how, int *signal)
{
    return ptrace(how, tid, 0, 0) == 0 ? await(tid, signal) : STOP_GONE;
}

/* To a stop in which the registers can be given back so that an interrupted call is begun again. */
static enum stop settle(pid_t tid, int *signal)
{
    return ptrace(PTRACE_INTERRUPT, tid, 0, 0) == 0 ? go_on(tid, PTRACE_CONT, signal) : STOP_GONE;
}

static int give_back(const struct pyr_injection *in, const struct loan *loan)
{
    if (ptrace(PTRACE_SETREGS, in->tid, 0, &loan->regs) != 0)
        return PYR_E_GONE;
    pyr_step(in->steps);
    write_memory(in->tid, loan->at, loan->saved, loan->size);
    return 0;
}

/* A signal that came before the call is delivered as if we were not there; the thread stops again in its handler. */
static int deliver(const struct pyr_injection *in, const struct loan *loan, int signal)
{
    int other;
    if (give_back(in, loan) < 0 || ptrace(PTRACE_INTERRUPT, in->tid, 0, 0) != 0 ||
        ptrace(PTRACE_CONT, in->tid, 0, signal) != 0)
        return PYR_E_GONE;
    for (int i = 0; i < 64; i++) {
        enum stop stop = await(in->tid, &other);
        if (stop == STOP_ASKED)
            return PYR_E_AGAIN;
        if (stop == STOP_GONE || ptrace(PTRACE_CONT, in->tid, 0, stop == STOP_SIGNAL ? other : 0) != 0)
            break;
    }
    return PYR_E_GONE;
}

/* ---- the copy ---- */

int pyr_copy_park(pid_t copy)
{
    int signal;
    enum stop stop = settle(copy, &signal);
    while (stop != STOP_GONE && stop != STOP_ASKED)
        stop = go_on(copy, PTRACE_CONT, &signal);
    return stop == STOP_GONE ? PYR_E_GONE : 0;
}

int pyr_copy_syscall(pid_t copy, uint64_t at, long number, const uint64_t arguments[6], long *result)
{
    struct user_regs_struct regs;
    int signal;
    enum stop stop = STOP_SIGNAL;
    if (ptrace(PTRACE_GETREGS, copy, 0, &regs) != 0)
        return PYR_E_GONE;
    regs.rip = at;
    regs.eflags = 0x202;
    regs.rax = (uint64_t)number;
    regs.orig_rax = ~0ull;
    regs.rdi = arguments[0];
    regs.rsi = arguments[1];
    regs.rdx = arguments[2];
    regs.r10 = arguments[3];
    regs.r8 = arguments[4];
    regs.r9 = arguments[5];
    if (ptrace(PTRACE_SETREGS, copy, 0, &regs) != 0)
        return PYR_E_GONE;
    for (int calls = 0; calls < 2; calls += stop == STOP_CALL) /* its begin and its end; signals are dropped */
        if ((stop = go_on(copy, PTRACE_SYSCALL, &signal)) == STOP_GONE)
            return PYR_E_GONE;
    *result = ptrace(PTRACE_PEEKUSER, copy, offsetof(struct user_regs_struct, rax), 0);
    return pyr_copy_park(copy);
}

/* at: where on its stack there is room for a word. */
static void name_child(const struct pyr_injection *in, pid_t child, uint64_t at)
{
    static const char name[16] = PYR_COPY_NAME;
    char before[sizeof name];
    long result;
    if (pyr_target_read(in->target, PYR_ADDR(at), before, sizeof before) < 0 ||
        write_memory(child, at, name, sizeof name) < 0)
        return;
    pyr_copy_syscall(child, in->gadgets->call, SYS_prctl, (uint64_t[6]){PR_SET_NAME, at}, &result);
    write_memory(child, at, before, sizeof before);
}

/* The child, as soon as it has stopped for the first time. It gets its name first: if we are killed before that, it
 * ends by itself, and after it with us, so that each time one can tell whose zombie it is. */
static pid_t adopt(const struct pyr_injection *in, const struct loan *loan)
{
    unsigned long number = 0;
    int signal;
    if (ptrace(PTRACE_GETEVENTMSG, in->tid, 0, &number) != 0 || !number)
        return 0;
    pid_t child = (pid_t)number;
    pyr_step(in->steps);
    if (await(child, &signal) == STOP_GONE)
        return 0;
    pyr_step(in->steps);
    ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD);
    ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_SUSPEND_SECCOMP); /* root may */
    name_child(in, child, loan->at - 64);
    pyr_step(in->steps);
    ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_SUSPEND_SECCOMP);
    write_memory(child, loan->at, loan->saved, loan->size);
    return child;
}

/* From the entry of the call to its end. */
static enum stop finish_call(struct pyr_injection *in, const struct loan *loan, int *signal)
{
    enum stop stop = go_on(in->tid, PTRACE_SYSCALL, signal);
    if (stop == STOP_CLONE) {
        in->child = adopt(in, loan);
        pyr_step(in->steps);
        stop = go_on(in->tid, PTRACE_SYSCALL, signal);
    }
    if (stop != STOP_CALL)
        return STOP_GONE;
    in->result = ptrace(PTRACE_PEEKUSER, in->tid, offsetof(struct user_regs_struct, rax), 0);
    pyr_step(in->steps);
    return settle(in->tid, signal);
}

/* PYR_E_AGAIN: a signal came first, and the thread stands in its handler. */
static int run_committed(struct pyr_injection *in, const struct loan *loan)
{
    int signal;
    enum stop stop = go_on(in->tid, PTRACE_SYSCALL, &signal);
    pyr_step(in->steps);
    if (stop == STOP_SIGNAL)
        return deliver(in, loan, signal);
    if (stop == STOP_ASKED)
        return give_back(in, loan) < 0 ? PYR_E_GONE : PYR_E_AGAIN;
    if (stop == STOP_CALL)
        stop = finish_call(in, loan, &signal);
    if (stop == STOP_SIGNAL) /* the call is done all the same */
        return deliver(in, loan, signal) == PYR_E_AGAIN ? 0 : PYR_E_GONE;
    if (stop != STOP_ASKED || give_back(in, loan) < 0)
        return PYR_E_GONE;
    return in->result == -RESTARTNOINTR ? PYR_E_AGAIN : 0;
}

static int try_call(struct pyr_injection *in, struct loan *loan, struct pyr_err *err)
{
    int rc = take_state(in, loan, err);
    if (rc < 0)
        return rc;
    rc = lay_frames(in, loan);
    if (rc < 0)
        return pyr_err_set(err, rc, "thread %d has no room on its stack", (int)in->tid);
    pyr_step(in->steps);
    if (commit(in, loan) < 0)
        return pyr_err_set(err, PYR_E_GONE, "thread %d has ended", (int)in->tid);
    pyr_step(in->steps);
    rc = run_committed(in, loan);
    pyr_step(in->steps);
    return rc < 0 ? pyr_err_set(err, rc, rc == PYR_E_AGAIN ? "signals keep coming to thread %d" : "thread %d has ended",
                                (int)in->tid)
                  : 0;
}

int pyr_inject(struct pyr_injection *in, struct pyr_err *err)
{
    const int options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXIT | PTRACE_O_TRACEEXEC;
    int rc = PYR_E_AGAIN;
    in->child = 0;
    in->result = 0;
    if (!pyr_gadgets_hold(in->target, in->gadgets))
        return pyr_err_set(err, PYR_E_AGAIN, "process %d executes another program", (int)pyr_target_pid(in->target));
    struct loan *loan = pyr_alloc(sizeof *loan);
    if (!loan)
        return pyr_err_set(err, PYR_E_NOMEM, "out of memory");
    if (ptrace(PTRACE_SETOPTIONS, in->tid, 0, options) != 0)
        rc = pyr_err_set(err, PYR_E_GONE, "thread %d has ended", (int)in->tid);
    for (int i = 0; i < SIGNALS_MAX && rc == PYR_E_AGAIN; i++)
        rc = try_call(in, loan, err);
    pyr_free(loan);
    return rc;
}

#else

int pyr_copy_park(pid_t copy)
{
    (void)copy;
    return PYR_E_UNSUPPORTED;
}

int pyr_gadgets_find(struct pyr_target *target, struct pyr_gadgets *gadgets, struct pyr_err *err)
{
    (void)target;
    (void)gadgets;
    return pyr_err_set(err, PYR_E_UNSUPPORTED, "a copy of a process can be made on x86-64 only, this is %s",
                       pyr_machine_name(pyr_machine()));
}

bool pyr_gadgets_hold(const struct pyr_target *target, const struct pyr_gadgets *gadgets)
{
    (void)target;
    (void)gadgets;
    return false;
}

int pyr_inject(struct pyr_injection *injection, struct pyr_err *err)
{
    (void)injection;
    return pyr_err_set(err, PYR_E_UNSUPPORTED, "not on this kind of processor");
}

int pyr_copy_syscall(pid_t copy, uint64_t at, long number, const uint64_t arguments[6], long *result)
{
    (void)copy;
    (void)at;
    (void)number;
    (void)arguments;
    (void)result;
    return PYR_E_UNSUPPORTED;
}

#endif
