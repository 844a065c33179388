/* Holding one thread still, for an instant: SEIZE, INTERRUPT, wait, DETACH. */
#include "target/private.h"
#include "target/proc.h"
#include "target/task.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { EXITING = 0x4 }; /* PF_EXITING of the kernel */
enum { LEAVING_MAX = 64, PATIENCE_TRIES = 50, EAGER_TRIES = 50, PATIENCE_NS = 100000 };

static bool is_first_thread(pid_t tid)
{
    return syscall(SYS_tgkill, tid, tid, 0) == 0 || errno == EPERM;
}

static int await_event(pid_t tid, int options, siginfo_t *event)
{
    int rc;
    do {
        event->si_pid = 0;
        rc = waitid(P_PID, (id_t)tid, event, options | __WALL);
    } while (rc < 0 && errno == EINTR);
    return rc;
}

static bool is_stop(const siginfo_t *event)
{
    return event->si_code == CLD_TRAPPED || event->si_code == CLD_STOPPED;
}

/* A traced thread that ended stays until its tracer takes note. The end of our own child is left to whoever waits for
 * it: taking note would take its exit status. */
static void take_note_of_end(pid_t tid)
{
    struct pyr_proc_stat stat;
    siginfo_t event;
    bool own_child = is_first_thread(tid) && pyr_proc_stat_read(tid, &stat) == 0 && stat.parent == getpid();
    if (!own_child)
        await_event(tid, WEXITED | WNOHANG, &event);
}

/* Threads on their way out that are still traced; a first thread's end is reported only when all others have ended. */
static _Thread_local struct {
    pid_t tid[LEAVING_MAX];
    size_t count;
} leaving;

static bool is_traced_by_caller(pid_t pid, char *state)
{
    char text[4096];
    uint64_t tracer = 0;
    const char *line;
    if (pyr_proc_read(pid, "status", text, sizeof text) <= 0 || !(line = strstr(text, "\nState:\t")))
        return false;
    *state = line[strlen("\nState:\t")];
    return pyr_proc_status_field(text, "TracerPid:", false, &tracer) && tracer == (uint64_t)syscall(SYS_gettid);
}

/* A thread that executes another program takes the number of its process's first thread, and our hold with it. The
 * number it has now, having asked it to stop; 0 if there is none. */
static pid_t find_renamed(void)
{
    struct pyr_vec pids = PYR_VEC(pid_t);
    pid_t found = 0;
    pyr_proc_numbers("/proc", &pids);
    for (size_t i = 0; i < pids.count && found == 0; i++) {
        siginfo_t event;
        char state;
        pid_t pid = *PYR_VEC_AT(&pids, pid_t, i);
        if (!is_traced_by_caller(pid, &state) || state == 'Z' || state == 'X')
            continue;
        bool unnoted = await_event(pid, WSTOPPED | WNOHANG | WNOWAIT, &event) == 0 && event.si_pid;
        if (state != 't' || unnoted) /* else it is held on purpose */
            found = pid;
    }
    pyr_vec_release(&pids);
    if (found)
        ptrace(PTRACE_INTERRUPT, found, 0, 0);
    return found;
}

/* One step towards being rid of a thread that is ending; true when it is done. */
static bool let_leave(pid_t *tid)
{
    siginfo_t event;
    if (await_event(*tid, WSTOPPED | WEXITED | WNOWAIT | WNOHANG, &event) < 0)
        return (*tid = find_renamed()) == 0;
    if (event.si_pid == 0)
        return false;
    if (!is_stop(&event)) {
        take_note_of_end(*tid);
        return true;
    }
    await_event(*tid, WSTOPPED | WNOHANG, &event);
    return ptrace(PTRACE_DETACH, *tid, 0, 0) == 0;
}

size_t pyr_task_tidy(void)
{
    for (size_t i = 0; i < leaving.count;) {
        if (let_leave(&leaving.tid[i]))
            leaving.tid[i] = leaving.tid[--leaving.count];
        else
            i++;
    }
    return leaving.count;
}

/* Must not block: the end may need other threads that the caller holds. */
static void see_off(pid_t tid)
{
    for (int i = 0; i < PATIENCE_TRIES; i++) {
        if (let_leave(&tid))
            return;
        nanosleep(&(struct timespec){.tv_nsec = PATIENCE_NS}, NULL);
    }
    if (leaving.count < LEAVING_MAX)
        leaving.tid[leaving.count++] = tid;
}

/* Once the first thread is on its way out, it does not stop any more, and its end is reported only when all other
 * threads have ended: waiting for either could last for ever. */
bool pyr_task_ending(pid_t tid)
{
    struct pyr_proc_stat stat;
    return pyr_proc_stat_read(tid, &stat) < 0 || (stat.flags & EXITING);
}

/* The first thread's next event. It may have passed the point at which its end is announced just before it was seized:
 * then nothing more comes, so that it is looked at again and again instead of waited for. */
static int await_first_thread(pid_t tid, siginfo_t *event)
{
    for (unsigned tries = 1;; tries++) {
        if (await_event(tid, WSTOPPED | WEXITED | WNOWAIT | WNOHANG, event) < 0)
            return -1;
        if (event->si_pid == tid)
            return 0;
        if (tries <= EAGER_TRIES) {
            sched_yield();
            continue;
        }
        if (pyr_task_ending(tid))
            return -1;
        nanosleep(&(struct timespec){.tv_nsec = PATIENCE_NS}, NULL);
    }
}

/* The next event of the thread, not yet taken note of. A wait for its number would sleep on when the thread takes
 * another number (see find_renamed), so that all threads are waited for; but not when another's end is in the way. */
static int await_thread(pid_t tid, siginfo_t *event)
{
    if (is_first_thread(tid))
        return await_first_thread(tid, event);
    for (;;) {
        event->si_pid = 0;
        int rc = waitid(P_ALL, 0, event, WSTOPPED | WEXITED | WNOWAIT | __WALL | __WNOTHREAD);
        if (rc == 0 && event->si_pid == tid)
            return 0;
        if (rc < 0 && errno != EINTR)
            return rc;
        if (rc == 0 && (!is_stop(event) || ptrace(PTRACE_DETACH, event->si_pid, 0, 0) < 0))
            return await_event(tid, WSTOPPED | WEXITED | WNOWAIT, event);
        if (await_event(tid, WSTOPPED | WEXITED | WNOWAIT | WNOHANG, event) < 0 || event->si_pid == tid)
            return event->si_pid == tid ? 0 : -1;
    }
}

/* Waits until the thread is in the stop that was asked for, or one by job control. A signal that was about to be
 * delivered is delivered first: its handler is entered after the release. */
static int await_stop(pid_t tid)
{
    for (;;) {
        siginfo_t event;
        if (await_thread(tid, &event) < 0) {
            see_off(tid);
            return PYR_E_GONE;
        }
        if (!is_stop(&event)) {
            take_note_of_end(tid);
            return PYR_E_GONE;
        }
        int signal = event.si_status & 0xff, kind = event.si_status >> 8;
        if (kind) /* a signal that was taken note of would be lost if we were killed now */
            await_event(tid, WSTOPPED | WNOHANG, &event);
        if (kind == PTRACE_EVENT_STOP) {
            pyr_restart_call(tid);
            return 0;
        }
        if (kind) { /* it is about to end or has begun another program */
            ptrace(PTRACE_DETACH, tid, 0, 0);
            return PYR_E_GONE;
        }
        ptrace(PTRACE_CONT, tid, 0, signal);
    }
}

static int explain_refusal(pid_t tid, struct pyr_err *err)
{
    char text[4096];
    uint64_t tracer = 0;
    ssize_t got = pyr_proc_read(tid, "status", text, sizeof text);
    struct pyr_proc_stat stat;
    if (got <= 0 || (pyr_proc_stat_read(tid, &stat) == 0 && (stat.state == 'Z' || stat.state == 'X')))
        return pyr_err_set(err, PYR_E_GONE, "thread %d has ended", (int)tid);
    if (pyr_proc_status_field(text, "TracerPid:", false, &tracer) && tracer)
        return pyr_err_set(err, PYR_E_PERMISSION,
                           "thread %d is traced by process %d (a debugger, strace?): end that first, or use --no-stop",
                           (int)tid, (int)tracer);
    return pyr_permission_explain(tid, err);
}

int pyr_task_hold(pid_t tid, struct pyr_err *err)
{
    pyr_task_tidy();
    if (ptrace(PTRACE_SEIZE, tid, 0, PTRACE_O_TRACEEXIT | PTRACE_O_TRACEEXEC) < 0) {
        if (errno == EPERM || errno == EACCES)
            return explain_refusal(tid, err);
        return pyr_err_set(err, PYR_E_GONE, "thread %d has ended", (int)tid);
    }
    int status;
    if (ptrace(PTRACE_INTERRUPT, tid, 0, 0) == 0 && !(is_first_thread(tid) && pyr_task_ending(tid))) {
        status = await_stop(tid);
    } else {
        see_off(tid);
        status = PYR_E_GONE;
    }
    return status < 0 ? pyr_err_set(err, status, "thread %d has ended", (int)tid) : 0;
}

int pyr_task_release(pid_t tid)
{
    if (ptrace(PTRACE_DETACH, tid, 0, 0) == 0)
        return 0;
    if (errno != ESRCH)
        return PYR_E_MISUSE;
    see_off(tid); /* it was killed while it was held */
    return PYR_E_GONE;
}
