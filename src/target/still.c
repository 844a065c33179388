/* All threads of a process still at once: those that run are stopped, those that sleep are proved to. */
#include "base/clock.h"
#include "target/copy_private.h"
#include "target/private.h"
#include "target/proc.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

enum { PATIENT_ROUNDS = 4, ROUNDS_MAX = 32 };

static struct pyr_still_thread *thread_at(struct pyr_still *still, size_t i)
{
    return PYR_VEC_AT(&still->threads, struct pyr_still_thread, i);
}

/* tids come in the same order nearly always: the search begins where the last one ended. */
static struct pyr_still_thread *find(struct pyr_still *still, pid_t tid, size_t *from)
{
    size_t count = still->threads.count;
    for (size_t i = 0; i < count; i++) {
        struct pyr_still_thread *thread = thread_at(still, (*from + i) % count);
        if (thread->task.tid == tid) {
            *from = (*from + i + 1) % count;
            return thread;
        }
    }
    return NULL;
}

static int note_thread(struct pyr_still *still, pid_t tid, size_t *from)
{
    struct pyr_still_thread *thread = find(still, tid, from);
    if (!thread) {
        thread = pyr_vec_push(&still->threads, NULL);
        if (!thread)
            return PYR_E_NOMEM;
        if (pyr_task_open(&thread->task, still->pid, tid) < 0)
            thread->task =
                (struct pyr_task){.pid = still->pid, .tid = tid, .stat_fd = -1, .schedstat_fd = -1, .syscall_fd = -1};
        thread->slices = UINT64_MAX;
    }
    thread->here = true;
    return 0;
}

static void drop_ended(struct pyr_still *still)
{
    for (size_t i = still->threads.count; i-- > 0;) {
        struct pyr_still_thread *thread = thread_at(still, i);
        if (thread->here)
            continue;
        if (thread->held) {
            pyr_task_release(thread->task.tid);
            still->held--;
        }
        pyr_task_close(&thread->task);
        pyr_vec_remove(&still->threads, i);
    }
}

/* The threads that there are now; what is known of each stays. */
static int list_threads(struct pyr_still *still)
{
    struct pyr_vec tids = PYR_VEC(pid_t);
    size_t from = 0;
    int rc = pyr_task_list(still->pid, &tids);
    for (size_t i = 0; i < still->threads.count; i++)
        thread_at(still, i)->here = false;
    for (size_t i = 0; i < tids.count && rc == 0; i++)
        rc = note_thread(still, *PYR_VEC_AT(&tids, pid_t, i), &from);
    if (rc == 0)
        drop_ended(still);
    pyr_vec_release(&tids);
    return rc == 0 && still->threads.count == 0 ? PYR_E_GONE : rc;
}

/* What cannot be interrupted cannot be stopped either: to wait for that could take long. */
static bool is_stuck(struct pyr_still_thread *thread)
{
    char state;
    int cpu;
    return pyr_task_state(&thread->task, &state, &cpu) == 0 && state == 'D';
}

/* Whether it may be left alone. The count is read before the state: whatever runs after that shows in the count; and
 * while the count stays the same, so does the state. */
static bool is_asleep(struct pyr_still_thread *thread, bool must_stop)
{
    uint64_t before = thread->slices, futex;
    bool running;
    if ((must_stop || thread->restless) && !is_stuck(thread))
        return false;
    if (pyr_task_slices(&thread->task, &thread->slices, NULL) < 0)
        return false;
    if (!thread->asleep || thread->slices != before)
        thread->asleep = pyr_task_running(&thread->task, &running, &futex) == 0 && !running;
    return thread->asleep;
}

static int hold(struct pyr_still *still, struct pyr_still_thread *thread, struct pyr_err *err)
{
    if (thread->held)
        return 0;
    int rc = pyr_task_hold(thread->task.tid, err);
    if (rc == PYR_E_GONE)
        return 0; /* the next list of threads is without it */
    if (rc < 0)
        return rc;
    if (!still->held++)
        still->since_ns = pyr_now_ns();
    thread->held = true;
    return 0;
}

static int hold_first(struct pyr_still *still, pid_t tid, struct pyr_err *err)
{
    size_t from = 0;
    struct pyr_still_thread *thread = tid ? find(still, tid, &from) : NULL;
    return thread && !is_asleep(thread, false) ? hold(still, thread, err) : 0;
}

/* One look at every thread: how many were neither held nor asleep since the last look. */
static int hold_running(struct pyr_still *still, bool every, bool insist, unsigned *changed, struct pyr_err *err)
{
    int rc = 0;
    *changed = 0;
    for (size_t i = 0; i < still->threads.count && rc == 0; i++) {
        struct pyr_still_thread *thread = thread_at(still, i);
        uint64_t before = thread->slices;
        if (thread->held)
            continue;
        bool asleep = is_asleep(thread, every);
        if (asleep && thread->slices == before)
            continue;
        ++*changed;
        thread->restless |= insist;
        if (!asleep)
            rc = hold(still, thread, err);
    }
    return rc;
}

static int hold_all(struct pyr_still *still, pid_t first, bool every, struct pyr_err *err)
{
    int rc = list_threads(still);
    for (size_t i = 0; rc == 0 && i < still->threads.count; i++) /* what can be known while all run costs no pause */
        is_asleep(thread_at(still, i), every);
    if (rc == 0)
        rc = hold_first(still, first, err);
    for (int round = 0; rc == 0 && round < ROUNDS_MAX; round++) {
        unsigned changed;
        rc = hold_running(still, every, round >= PATIENT_ROUNDS, &changed, err);
        if (rc == 0)
            rc = list_threads(still);
        if (rc == 0 && changed == 0)
            return 0;
    }
    return rc < 0 ? rc : pyr_err_set(err, PYR_E_AGAIN, "the threads of process %d come and go", (int)still->pid);
}

int pyr_still_hold(struct pyr_still *still, pid_t first, bool every, struct pyr_err *err)
{
    int rc = hold_all(still, first, every, err);
    if (rc == PYR_E_GONE)
        pyr_err_set(err, rc, "process %d has ended", (int)still->pid);
    if (rc == PYR_E_NOMEM)
        pyr_err_set(err, rc, "out of memory");
    if (rc < 0)
        pyr_still_release(still);
    return rc;
}

int pyr_still_proved(struct pyr_still *still)
{
    int proved = 1;
    for (size_t i = 0; i < still->threads.count; i++) {
        struct pyr_still_thread *thread = thread_at(still, i);
        uint64_t slices;
        if (thread->held || (pyr_task_slices(&thread->task, &slices, NULL) == 0 && slices == thread->slices))
            continue;
        thread->restless = true;
        proved = 0;
    }
    return proved;
}

/* ---- who is lent ---- */

/* Calls that time out after a span that only the kernel keeps count of: begun again after a stop, they last longer. The
 * others go on by themselves; one that does already (restart_syscall) would not if we were killed. */
static const short spans[] = {
    SYS_epoll_pwait,    SYS_recvfrom, SYS_recvmsg,      SYS_recvmmsg,        SYS_sendto,     SYS_sendmsg,
    SYS_accept,         SYS_accept4,  SYS_io_getevents, SYS_rt_sigtimedwait, SYS_semtimedop,
#ifdef SYS_epoll_wait
    SYS_epoll_wait,
#endif
#ifdef SYS_io_uring_enter
    SYS_io_uring_enter,
#endif
};

/* The better to lend the lower: runs; is in a call that can be begun again; in one of the above; cannot be stopped. */
static int rank(const struct pyr_still *still, pid_t tid)
{
    char name[64], text[256], *end;
    struct pyr_proc_stat stat;
    snprintf(name, sizeof name, "task/%d/syscall", (int)tid);
    if (pyr_proc_thread_stat_read(still->pid, tid, &stat) == 0 && stat.state == 'D')
        return 3;
    if (pyr_proc_read(still->pid, name, text, sizeof text) <= 0)
        return 2;
    long number = strtol(text, &end, 10);
    if (end == text || number < 0)
        return 0;
    for (size_t i = 0; i < sizeof spans / sizeof *spans; i++)
        if (spans[i] == number)
            return 2;
    return 1;
}

static struct pyr_still_thread *best(struct pyr_still *still, bool held)
{
    struct pyr_still_thread *found = NULL;
    int least = INT_MAX;
    for (size_t i = 0; i < still->threads.count && least > held; i++) {
        struct pyr_still_thread *thread = thread_at(still, i);
        int its = thread->held == held ? rank(still, thread->task.tid) : INT_MAX;
        if (its < least) {
            least = its;
            found = thread;
        }
    }
    return found;
}

pid_t pyr_still_lender(struct pyr_still *still, struct pyr_err *err)
{
    struct pyr_still_thread *thread = best(still, true);
    if (thread)
        return thread->task.tid;
    thread = best(still, false);
    int rc = thread ? hold(still, thread, err) : PYR_E_AGAIN;
    if (rc < 0 && rc != PYR_E_AGAIN)
        return rc;
    if (rc == 0 && thread->held)
        return thread->task.tid;
    return pyr_err_set(err, PYR_E_AGAIN, "no thread of process %d can be stopped", (int)still->pid);
}

pid_t pyr_still_hold_one(struct pyr_still *still)
{
    int rc = list_threads(still);
    return rc < 0 ? rc : pyr_still_lender(still, NULL);
}

/* ---- the end ---- */

void pyr_still_release(struct pyr_still *still)
{
    for (size_t i = 0; i < still->threads.count; i++)
        if (thread_at(still, i)->held) {
            pyr_task_release(thread_at(still, i)->task.tid);
            thread_at(still, i)->held = false;
        }
    still->held = 0;
    pyr_task_tidy();
}

void pyr_still_close(struct pyr_still *still)
{
    pyr_still_release(still);
    for (size_t i = 0; i < still->threads.count; i++)
        pyr_task_close(&thread_at(still, i)->task);
    pyr_vec_release(&still->threads);
}
