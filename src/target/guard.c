/* The guardian of a copy: all that is done to the process, from the first stop to the end of the copy, is done by it,
 * so that none of it depends on whether we live. */
#include "target/copy_private.h"
#include "target/private.h"
#include "target/proc.h"
#include "target/system.h"

#include "base/clock.h"
#include "base/guardian.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef PR_SET_PTRACER
#define PR_SET_PTRACER 0x59616d61
#endif

#define REAP_NS 8000000000ull    /* how long to try to have the process take note of the copy's end */
#define REAP_PAUSE_NS 5000000ull /* between these tries */
#define ANSWER_NS 200000000ull   /* how long threads are held for the caller to judge the moment */

/* ---- zombies ---- */

/* Whether a child that has ended is a copy whose guardian was killed. */
static bool is_left_over(pid_t child)
{
    char text[1024];
    long signal = -1, code = -1;
    struct pyr_proc_stat stat;
    if (pyr_proc_stat_read(child, &stat) < 0 || stat.state != 'Z' ||
        pyr_proc_read(child, "stat", text, sizeof text) <= 0)
        return false;
    const char *p = strrchr(text, ')');
    for (int field = 2; p && field < 52; field++) { /* behind the name: fields 3 and so on */
        p = strchr(p + 1, ' ');
        if (p && field == 37)
            sscanf(p, " %ld", &signal);
        if (p && field == 51)
            sscanf(p, " %ld", &code);
    }
    return signal == 0 && (strstr(text, "(" PYR_COPY_NAME ")") || code == PYR_COPY_LOOSE << 8);
}

static void find_left_over(struct pyr_guard *guard)
{
    struct pyr_vec children = PYR_VEC(pid_t);
    guard->zombies.count = 0;
    pyr_process_children(pyr_target_pid(guard->target), false, &children);
    for (size_t i = 0; i < children.count; i++) {
        pid_t child = *PYR_VEC_AT(&children, pid_t, i), own;
        char text[4096];
        uint64_t last;
        if (!is_left_over(child) || pyr_proc_read(child, "status", text, sizeof text) <= 0 ||
            !pyr_proc_status_field(text, "NSpid:", true, &last))
            continue;
        own = (pid_t)last;
        if (own > 0) /* 0: another guardian has just had it waited for */
            pyr_vec_push(&guard->zombies, &own);
    }
    pyr_vec_release(&children);
}

static struct pyr_injection injection(struct pyr_guard *guard, pid_t tid)
{
    return (struct pyr_injection){
        .target = guard->target, .gadgets = &guard->gadgets, .steps = &guard->steps, .tid = tid};
}

/* By number, which may be another process's by now if another guardian was quicker. It waits only for children whose
 * end sends no SIGCHLD, which a program's own do. */
static struct pyr_injection wait_call(struct pyr_guard *guard, pid_t tid, pid_t child)
{
    struct pyr_injection call = injection(guard, tid);
    call.number = SYS_wait4;
    call.arguments[0] = (uint64_t)child;
    call.arguments[2] = (uint64_t)(unsigned)(__WCLONE | WNOHANG);
    return call;
}

/* True when there is no such zombie any more. */
static bool have_it_waited_for(struct pyr_guard *guard, pid_t tid, pid_t child)
{
    struct pyr_injection call = wait_call(guard, tid, child);
    return pyr_inject(&call, NULL) == 0 && call.result != 0;
}

/* An exec since then has moved everything. */
static int renew_gadgets(struct pyr_guard *guard)
{
    if (pyr_gadgets_hold(guard->target, &guard->gadgets))
        return 0;
    return pyr_gadgets_find(guard->target, &guard->gadgets, NULL);
}

static void reap(struct pyr_guard *guard, pid_t child)
{
    uint64_t until_ns = pyr_now_ns() + REAP_NS;
    for (bool done = false; !done && pyr_target_alive(guard->target) && pyr_now_ns() < until_ns;) {
        pid_t tid = renew_gadgets(guard) < 0 ? 0 : pyr_still_hold_one(&guard->still);
        pyr_step(&guard->steps);
        done = tid > 0 && have_it_waited_for(guard, tid, child);
        pyr_still_release(&guard->still);
        if (!done)
            pyr_sleep_until_ns(pyr_now_ns() + REAP_PAUSE_NS);
    }
}

static void kill_child(struct pyr_guard *guard)
{
    pyr_step(&guard->steps);
    kill(guard->child, SIGKILL);
    while (waitpid(guard->child, NULL, __WALL) == guard->child || errno == EINTR)
        continue;
    pyr_target_close(guard->copy);
    guard->copy = NULL;
    guard->child = 0;
}

static void end_copy(struct pyr_guard *guard)
{
    if (guard->child)
        kill_child(guard);
    if (guard->child_own)
        reap(guard, guard->child_own);
    guard->child_own = 0;
}

/* ---- making it ---- */

static void let_go(struct pyr_guard *guard)
{
    pyr_still_release(&guard->still);
    guard->facts.pause_ns = pyr_now_ns() - guard->still.since_ns;
    guard->stand_until_ns = 0;
}

static int check_seccomp(struct pyr_guard *guard, const struct pyr_injection *clone, struct pyr_err *err)
{
    struct pyr_injection calls[] = {*clone, wait_call(guard, clone->tid, 1), injection(guard, clone->tid),
                                    injection(guard, clone->tid)};
    calls[2].number = SYS_rt_sigreturn;
    calls[3].number = SYS_exit_group;
    return pyr_seccomp_allows(clone->tid, calls, sizeof calls / sizeof *calls, err);
}

/* The frames that the thread is lent with are left by `ret` if a call is cut short: a shadow stack knows none of it. */
static int check_shadow_stack(pid_t tid, struct pyr_err *err)
{
    char text[4096];
    if (pyr_proc_read(tid, "status", text, sizeof text) > 0 &&
        pyr_proc_status_has(text, "x86_Thread_features:", "shstk"))
        return pyr_err_set(err, PYR_E_UNSUPPORTED, "thread %d has a shadow stack, with which none can be copied",
                           (int)tid);
    return 0;
}

static int explain_clone(struct pyr_guard *guard, long error, struct pyr_err *err)
{
    int pid = (int)pyr_target_pid(guard->target);
    if (error == EAGAIN || error == ENOMEM)
        return pyr_err_set(err, PYR_E_LIMIT, "process %d cannot fork: %s", pid,
                           error == EAGAIN ? "it, its user or its cgroup may have no more processes"
                                           : "the system has no memory for it, or commits no more");
    return pyr_err_set(err, PYR_E_UNSUPPORTED, "process %d cannot fork: %s", pid, strerror((int)error));
}

/* Files are shared rather than opened twice: nothing is held open that the process closes. */
static int have_it_forked(struct pyr_guard *guard, pid_t tid, struct pyr_err *err)
{
    struct pyr_injection clone = injection(guard, tid);
    clone.number = SYS_clone;
    clone.arguments[0] = CLONE_FILES;
    clone.forks = true;
    int rc = check_seccomp(guard, &clone, err);
    if (rc == 0)
        rc = check_shadow_stack(tid, err);
    if (rc < 0)
        return rc;
    uint64_t begin_ns = pyr_now_ns();
    rc = pyr_inject(&clone, err);
    guard->facts.fork_ns = pyr_now_ns() - begin_ns;
    guard->child = clone.child;
    guard->child_own = clone.result > 0 ? (pid_t)clone.result : 0;
    if (rc < 0)
        return rc;
    if (clone.result < 0)
        return explain_clone(guard, -clone.result, err);
    return clone.child ? 0 : pyr_err_set(err, PYR_E_LIMIT, "the copy was killed as soon as it was there");
}

static int fork_lender(struct pyr_guard *guard, struct pyr_err *err)
{
    pid_t tid = pyr_still_lender(&guard->still, err);
    if (tid < 0)
        return (int)tid;
    if (!pyr_still_proved(&guard->still))
        return pyr_err_set(err, PYR_E_AGAIN, "process %d did not stand still", (int)pyr_target_pid(guard->target));
    while (guard->zombies.count && have_it_waited_for(guard, tid, *PYR_VEC_AT(&guard->zombies, pid_t, 0)))
        pyr_vec_remove(&guard->zombies, 0);
    int rc = have_it_forked(guard, tid, err);
    if (rc == 0 && !pyr_still_proved(&guard->still))
        rc = pyr_err_set(err, PYR_E_AGAIN, "a thread of process %d woke while it was copied",
                         (int)pyr_target_pid(guard->target));
    return rc;
}

/* Who may read it, and that it is the first to be killed if memory runs out. */
static void mark(struct pyr_guard *guard)
{
    char path[64];
    long ignored;
    if (pyr_system_ptrace_scope() == 1)
        pyr_copy_syscall(guard->child, guard->gadgets.call, SYS_prctl, (uint64_t[6]){PR_SET_PTRACER, ~0ull}, &ignored);
    snprintf(path, sizeof path, "/proc/%d/oom_score_adj", (int)guard->child);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0 && write(fd, "1000", 4) < 0)
        errno = 0; /* the kernel chooses as ever */
    if (fd >= 0)
        close(fd);
}

static int make(struct pyr_guard *guard, struct pyr_err *err)
{
    if (!guard->still.held)
        return pyr_err_set(err, PYR_E_AGAIN, "process %d was held for too long and let go",
                           (int)pyr_target_pid(guard->target));
    guard->facts.threads = (unsigned)guard->still.threads.count;
    int rc = fork_lender(guard, err);
    guard->facts.held = guard->still.held;
    pyr_step(&guard->steps);
    let_go(guard);
    if (rc == 0) {
        mark(guard);
        rc = pyr_target_open(&guard->copy, guard->child, err);
    }
    if (rc < 0)
        end_copy(guard);
    guard->facts.pid = guard->child;
    return rc;
}

/* ---- answering ---- */

static int hold(struct pyr_guard *guard, const struct pyr_copy_question *question, struct pyr_err *err)
{
    int rc = renew_gadgets(guard);
    if (rc < 0)
        return pyr_err_set(err, rc, "process %d cannot be made to fork", (int)pyr_target_pid(guard->target));
    rc = pyr_still_hold(&guard->still, question->first, question->every, err);
    if (rc == 0 && !guard->still.held) { /* all sleep: one is needed all the same */
        pid_t tid = pyr_still_lender(&guard->still, err);
        rc = tid < 0 ? (int)tid : 0;
        if (rc < 0)
            pyr_still_release(&guard->still);
    }
    pyr_step(&guard->steps);
    if (rc == 0)
        guard->stand_until_ns = pyr_now_ns() + ANSWER_NS;
    return rc;
}

static int stand(struct pyr_guard *guard, uint64_t span_ns, struct pyr_err *err)
{
    if (!guard->still.held)
        return pyr_err_set(err, PYR_E_AGAIN, "process %d was held for too long and let go",
                           (int)pyr_target_pid(guard->target));
    guard->stand_until_ns = pyr_now_ns() + span_ns;
    guard->facts.threads = (unsigned)guard->still.threads.count;
    guard->facts.held = guard->still.held;
    guard->facts.pid = pyr_target_pid(guard->target);
    guard->facts.stopped = true;
    guard->facts.pause_ns = guard->facts.fork_ns = 0;
    return 0;
}

static int leave(struct pyr_guard *guard)
{
    if (guard->still.held)
        let_go(guard);
    return 0;
}

static int end(struct pyr_guard *guard)
{
    leave(guard);
    end_copy(guard);
    find_left_over(
        guard); /* a thread that was lent when its guardian was killed may have forked since the first look */
    for (; guard->zombies.count; pyr_vec_remove(&guard->zombies, 0))
        reap(guard, *PYR_VEC_AT(&guard->zombies, pid_t, 0));
    return 0;
}

static int act(struct pyr_guard *guard, const struct pyr_copy_question *question, struct pyr_copy_answer *answer)
{
    struct pyr_err *err = &answer->err;
    if (question->ask >= PYR_ASK_MAP && question->ask < PYR_ASK_END && !guard->child)
        return pyr_err_set(err, PYR_E_GONE, "the copy was killed (by the system, for lack of memory?)");
    switch (question->ask) {
    case PYR_ASK_TRY:
        return hold(guard, question, err);
    case PYR_ASK_FORK:
        return make(guard, err);
    case PYR_ASK_STAND:
        return stand(guard, question->size, err);
    case PYR_ASK_LEAVE:
        return leave(guard);
    case PYR_ASK_MAP:
        return pyr_guard_map(guard, question->size, &answer->at, err);
    case PYR_ASK_CALL:
        return pyr_guard_call(guard, &question->call, &answer->outcome, err);
    case PYR_ASK_CONTINUE:
        return pyr_guard_continue(guard, question->call.timeout_ns, &answer->outcome, err);
    case PYR_ASK_END:
        return end(guard);
    }
    return PYR_E_MISUSE;
}

/* False when there is nobody left to answer to. */
static bool answer_one(struct pyr_guard *guard)
{
    struct pyr_copy_question question;
    struct pyr_copy_answer answer = {0};
    ssize_t got = recv(guard->link, &question, sizeof question, 0);
    if (got < 0 && errno == EINTR)
        return true;
    if (got != (ssize_t)sizeof question)
        return false;
    answer.status = act(guard, &question, &answer);
    answer.facts = guard->facts;
    return send(guard->link, &answer, sizeof answer, MSG_NOSIGNAL) == (ssize_t)sizeof answer &&
           question.ask != PYR_ASK_END;
}

/* In ms, for poll; rounded up. */
static int time_left(const struct pyr_guard *guard)
{
    uint64_t now = pyr_now_ns();
    if (!guard->stand_until_ns)
        return -1;
    return guard->stand_until_ns <= now ? 0 : (int)((guard->stand_until_ns - now) / 1000000) + 1;
}

/* Where the process ends first, nobody waits for the copy any more, and what it holds open must be closed. */
static void serve(struct pyr_guard *guard)
{
    struct pollfd on[] = {{.fd = guard->link, .events = POLLIN},
                          {.fd = pyr_target_pidfd(guard->target), .events = POLLIN}};
    for (;;) {
        int ready = poll(on, 2, time_left(guard));
        if (ready == 0 || (guard->stand_until_ns && pyr_now_ns() >= guard->stand_until_ns))
            leave(guard);
        if (ready > 0 && on[1].revents) {
            if (guard->child)
                kill_child(guard);
            on[1].fd = -1;
        }
        if (ready > 0 && on[0].revents && !answer_one(guard))
            return;
    }
}

/* Each thread's files are kept open: to open them takes longer than to read them. */
static void allow_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

void pyr_guard_run(int link, struct pyr_target *target, const struct pyr_gadgets *gadgets, struct pyr_steps steps)
{
    struct pyr_guard guard = {
        .link = link,
        .target = target,
        .gadgets = *gadgets,
        .steps = steps,
        .still = {.pid = pyr_target_pid(target), .threads = PYR_VEC(struct pyr_still_thread)},
        .zombies = PYR_VEC(pid_t),
    };
    sigset_t children;
    /* Whoever started us may not want to be told of stops, and we have that from it. */
    sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    allow_descriptors();
    guard.stops = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
    find_left_over(&guard);
    serve(&guard);
    end(&guard);
    pyr_still_close(&guard.still);
    _exit(0);
}
