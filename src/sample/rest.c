/* HOT: threads by the thousand that sleep. To look at each of them with every tick would cost more than all else. But
 * the kernel counts for the process as a whole what it counts for each thread: how often it was put on a CPU, and for
 * how long it ran. So as long as the process's figure less those of the threads that are looked at stays what it was,
 * none of the others ran; then each is where it was. Where that is not so, each is looked at.
 *
 * Of both figures the first counts a thread that is put on a CPU at once, and is root's. The second is for anybody, but
 * counts one that runs only when it has run for a while. So it says that none has run and left again; and that none
 * runs now follows if no more threads are able to run in the whole system than those that are known to be. */
#include "sample/rest.h"

#define RESTED_MIN 64     /* from here on it is worth it */
#define LOOKED_AT_MAX 64u /* threads whose figures are taken off */
#define TRIES 3           /* those threads run on */
#define SLIM_FROM 1000
#define LONG_NS 1000000000u

static struct pyr_task *stranger_at(const struct pyr_process *process, size_t i)
{
    return PYR_VEC_AT(&process->strangers, struct pyr_task, i);
}

/* Of the threads that are looked at. */
struct looked_at {
    uint64_t slices, run_ns, running;
};

static int add_task(struct looked_at *sum, struct pyr_task *task)
{
    uint64_t slices, run_ns, futex;
    bool running;
    int rc = pyr_task_slices(task, &slices, &run_ns);
    if (rc == 0)
        rc = pyr_task_running(task, &running, &futex);
    if (rc < 0)
        return rc;
    sum->slices += slices;
    sum->run_ns += run_ns;
    sum->running += running;
    return 0;
}

static int look(struct pyr_process *process, struct looked_at *sum)
{
    int rc = 0;
    *sum = (struct looked_at){0};
    for (size_t i = 0; rc == 0 && i < process->active.count; i++)
        rc = add_task(sum, &pyr_process_active(process, i)->task);
    for (size_t i = 0; rc == 0 && i < process->strangers.count; i++)
        rc = add_task(sum, stranger_at(process, i));
    process->stale |= rc == PYR_E_GONE;
    return rc;
}

static bool same(const struct looked_at *a, const struct looked_at *b)
{
    return a->slices == b->slices && a->run_ns == b->run_ns && a->running == b->running;
}

/* What a figure of the process holds beside those of the rested threads and those that are looked at: what ended
 * threads have left there. It cannot fall, and grows when a rested thread runs. */
struct apart {
    bool slices_known, run_ns_known;
    uint64_t slices, run_ns;
};

/* False: the threads that are looked at ran meanwhile, or the figure is not to be had. */
static bool find_run_ns_apart(struct pyr_process *process, struct apart *apart)
{
    for (int tries = 0; tries < TRIES; tries++) {
        struct looked_at before, after;
        uint64_t runnable, all;
        if (look(process, &before) < 0 || pyr_group_runnable(&process->group, &runnable) < 0 ||
            runnable > before.running + 1 || pyr_group_run_ns(process->pid, &all) < 0 || look(process, &after) < 0)
            return false;
        if (!same(&before, &after))
            continue;
        apart->run_ns = all - before.run_ns - process->rested.run_ns;
        return apart->run_ns_known = true;
    }
    return false;
}

static bool find_slices_apart(struct pyr_process *process, struct apart *apart)
{
    for (int tries = 0; tries < TRIES && !process->group.no_slices; tries++) {
        struct looked_at before, after;
        uint64_t all;
        if (look(process, &before) < 0 || pyr_group_slices(&process->group, process->pid, &all) < 0 ||
            look(process, &after) < 0)
            return false;
        if (before.slices != after.slices)
            continue;
        apart->slices = all - before.slices - process->rested.slices;
        return apart->slices_known = true;
    }
    return false;
}

/* The cheaper figure first. What was found without being known before is known once each thread was looked at. */
static bool is_proved(struct pyr_process *process, struct apart *apart)
{
    const struct pyr_rested *rested = &process->rested;
    if (process->active.count + process->strangers.count > LOOKED_AT_MAX)
        return false;
    if (find_run_ns_apart(process, apart) && rested->run_ns_apart_known && apart->run_ns == rested->run_ns_apart)
        return true;
    return find_slices_apart(process, apart) && rested->slices_apart_known && apart->slices == rested->slices_apart;
}

static void drop_holder(struct pyr_process *process, const struct pyr_sampled *sampled)
{
    struct pyr_vec *holders = &process->rested.holders;
    for (size_t i = holders->count; i-- > 0;)
        if (*PYR_VEC_AT(holders, struct pyr_sampled *, i) == sampled)
            pyr_vec_remove(holders, i);
}

static void leave_rested(struct pyr_process *process, struct pyr_sampled *sampled)
{
    struct pyr_rested *rested = &process->rested;
    sampled->rested = false;
    rested->count--;
    rested->truncated -= sampled->known.truncated;
    rested->slices -= sampled->resting_slices;
    rested->run_ns -= sampled->run_ns;
    drop_holder(process, sampled);
}

/* 1: it ran. Where descriptors are short, those that sleep longest keep none. */
static int look_at(struct pyr_process *process, struct pyr_sampled *sampled, bool crowded, uint64_t now_ns)
{
    uint64_t slices;
    int rc = pyr_task_slices(&sampled->task, &slices, NULL);
    if (rc == 0 && slices == sampled->resting_slices) {
        if (crowded && now_ns - sampled->resting_since_ns > LONG_NS)
            pyr_task_close(&sampled->task);
        return 0;
    }
    if (rc < 0 && rc != PYR_E_GONE)
        return rc;
    leave_rested(process, sampled);
    if (rc == PYR_E_GONE)
        sampled->gone = process->stale = true;
    else
        sampled->activity = PYR_ACTIVE;
    return pyr_vec_push(&process->active, &sampled) ? 1 : PYR_E_NOMEM;
}

int pyr_rested_wake(struct pyr_process *process, struct pyr_sampled *sampled)
{
    sampled->activity = PYR_ACTIVE;
    if (!sampled->rested)
        return 0;
    leave_rested(process, sampled);
    return pyr_vec_push(&process->active, &sampled) ? 0 : PYR_E_NOMEM;
}

int pyr_rested_keep(struct pyr_process *process, uint64_t now_ns)
{
    struct pyr_rested *rested = &process->rested;
    struct apart apart = {0};
    if (!rested->count || is_proved(process, &apart))
        return 0;
    bool crowded = pyr_task_crowded(), any = false;
    int rc = 0;
    for (size_t i = 0; rc >= 0 && i < process->threads.count; i++) {
        struct pyr_sampled *sampled = pyr_process_thread(process, i);
        if (!sampled->rested)
            continue;
        rc = look_at(process, sampled, crowded, now_ns);
        any |= rc != 0;
    }
    if (any)
        return rc < 0 ? rc : 0;
    rested->run_ns_apart_known |= apart.run_ns_known;
    rested->slices_apart_known |= apart.slices_known;
    if (apart.run_ns_known)
        rested->run_ns_apart = apart.run_ns;
    if (apart.slices_known)
        rested->slices_apart = apart.slices;
    return 0;
}

/* What foresees its next stack is memory, too: some 30 KiB. */
static void slim(struct pyr_sampled *sampled)
{
    pyr_window_release(&sampled->window);
    pyr_chain_release(&sampled->seen);
    pyr_chain_release(&sampled->seen_again);
}

bool pyr_rested_take(struct pyr_process *process, size_t active_index)
{
    struct pyr_rested *rested = &process->rested;
    struct pyr_sampled *sampled = pyr_process_active(process, active_index);
    if (process->threads.count < RESTED_MIN || sampled->task.no_schedstat || !pyr_process_cpu_time_known(sampled))
        return false;
    if ((sampled->flags & PYR_HAS_GIL) && !pyr_vec_push(&rested->holders, &sampled))
        return false;
    pyr_vec_remove(&process->active, active_index);
    if (process->threads.count >= SLIM_FROM)
        slim(sampled);
    sampled->rested = true;
    rested->count++;
    rested->truncated += sampled->known.truncated;
    rested->slices += sampled->resting_slices;
    rested->run_ns += sampled->run_ns;
    return true;
}

static int settle_one(struct pyr_process *process, struct pyr_sampled *sampled)
{
    return pyr_process_write(process, sampled, sampled->node, pyr_process_flags(process, sampled));
}

/* The rested thread that has an interpreter's GIL; NULL if none has. */
static struct pyr_sampled *holder_of(const struct pyr_process *process, const struct pyr_pulse *pulse)
{
    const uint64_t *at = pulse->gil.locked > 0 ? pyr_map_find(&process->by_state, pulse->gil.holder) : NULL;
    struct pyr_sampled *sampled = at ? (struct pyr_sampled *)(uintptr_t)*at : NULL;
    return sampled && sampled->rested ? sampled : NULL;
}

int pyr_rested_settle(struct pyr_process *process)
{
    struct pyr_rested *rested = &process->rested;
    int rc = 0;
    process->quality->samples_taken += rested->count;
    process->quality->samples_truncated += rested->truncated;
    for (size_t i = rested->holders.count; rc == 0 && i-- > 0;) {
        struct pyr_sampled *sampled = *PYR_VEC_AT(&rested->holders, struct pyr_sampled *, i);
        rc = settle_one(process, sampled);
        if (!(sampled->flags & PYR_HAS_GIL))
            pyr_vec_remove(&rested->holders, i);
    }
    for (size_t i = 0; rc == 0 && rested->count && i < process->pulses.count; i++) {
        struct pyr_sampled *sampled = holder_of(process, PYR_VEC_AT(&process->pulses, struct pyr_pulse, i));
        if (!sampled || (sampled->flags & PYR_HAS_GIL))
            continue;
        rc = settle_one(process, sampled);
        if (rc == 0 && !pyr_vec_push(&rested->holders, &sampled))
            rc = PYR_E_NOMEM;
    }
    return rc;
}

void pyr_rested_forget(struct pyr_process *process, struct pyr_sampled *sampled)
{
    if (sampled->rested) {
        leave_rested(process, sampled);
        return;
    }
    for (size_t i = 0; i < process->active.count; i++) {
        if (pyr_process_active(process, i) != sampled)
            continue;
        pyr_vec_remove(&process->active, i);
        return;
    }
}

static void drop_strangers(struct pyr_process *process)
{
    for (size_t i = 0; i < process->strangers.count; i++)
        pyr_task_close(stranger_at(process, i));
    process->strangers.count = 0;
}

int pyr_rested_note_strangers(struct pyr_process *process)
{
    int rc = 0;
    drop_strangers(process);
    if (process->threads.count < RESTED_MIN)
        return 0;
    for (size_t i = 0; rc == 0 && i < process->tids.ours.count; i++) {
        pid_t tid = *PYR_VEC_AT(&process->tids.ours, pid_t, i);
        struct pyr_task task;
        if (pyr_map_find(&process->by_tid, (uint64_t)tid) || process->strangers.count > LOOKED_AT_MAX)
            continue;
        if (pyr_task_open(&task, process->pid, tid) == 0 && !pyr_vec_push(&process->strangers, &task))
            rc = PYR_E_NOMEM;
    }
    return rc;
}

void pyr_rested_release(struct pyr_process *process)
{
    drop_strangers(process);
    pyr_vec_release(&process->strangers);
    pyr_vec_release(&process->rested.holders);
    pyr_group_close(&process->group);
}
