/* A tick with every stack certain. A CPU runs one thread at a time: while we run on the one where the target's thread
 * is queued, that thread does not run, and its count of time slices, the same before and after, proves that it did not
 * run elsewhere meanwhile. So nothing of the target is stopped or even touched; it is preempted for some microseconds
 * as it would be by any other program. That this tick would be exact was decided before it, so it favours no code. */
#include "base/clock.h"
#include "sample/process.h"

#define TRIES 6
#define MOMENT_NS 20000u /* to let it run on from a state that is no stack, such as half way into a generator */

struct exact {
    struct pyr_process *process;
    enum pyr_hold hold;
    uint64_t now_ns;
};

/* A thread may be held where its frames do not fit together, as half way into a call: another moment is then taken. */
static int read_and_resolve(const struct exact *exact, struct pyr_sampled *sampled, int tries, uint32_t *node)
{
    int rc = pyr_process_read_still(exact->process, sampled);
    if (rc == 0 && tries + 1 < TRIES && !pyr_chain_plausible(&sampled->seen))
        return PYR_E_TORN;
    return rc < 0 ? rc : pyr_sampled_resolve(sampled, &exact->process->codes, true, exact->now_ns, node);
}

/* It has gone to sleep. */
static int take_resting(const struct exact *exact, struct pyr_sampled *sampled)
{
    bool running;
    uint64_t futex;
    int rc = pyr_task_running(&sampled->task, &running, &futex);
    if (rc < 0 || running)
        return rc < 0 ? rc : PYR_E_AGAIN;
    return pyr_process_read_resting(exact->process, sampled, futex, exact->now_ns);
}

/* One attempt on the CPU where we are. PYR_E_AGAIN: it was, or went, elsewhere. */
static int sit_once(const struct exact *exact, struct pyr_sampled *sampled, int tries, uint32_t *node)
{
    char state;
    uint64_t after;
    int here = pyr_cpu_current();
    int rc = pyr_task_slices(&sampled->task, &sampled->slices_before, NULL);
    if (rc == 0)
        rc = pyr_task_state(&sampled->task, &state, &sampled->cpu);
    if (rc < 0)
        return rc;
    if (state != 'R')
        return take_resting(exact, sampled);
    if (sampled->cpu != here)
        return PYR_E_AGAIN;
    rc = read_and_resolve(exact, sampled, tries, node);
    if (rc < 0 && rc != PYR_E_TORN)
        return rc;
    int again = pyr_task_slices(&sampled->task, &after, NULL);
    if (again < 0)
        return again;
    return after == sampled->slices_before && pyr_cpu_current() == here ? rc : PYR_E_AGAIN;
}

static int sit(const struct exact *exact, struct pyr_sampled *sampled, uint32_t *node)
{
    int rc = PYR_E_AGAIN;
    for (int tries = 0; tries < TRIES && (rc == PYR_E_AGAIN || rc == PYR_E_TORN); tries++) {
        if (rc == PYR_E_TORN)
            pyr_sleep_until_ns(pyr_now_ns() + MOMENT_NS);
        if (sampled->cpu != pyr_cpu_current() && pyr_cpu_sit(sampled->cpu) < 0)
            return PYR_E_AGAIN;
        rc = sit_once(exact, sampled, tries, node);
    }
    return rc;
}

/* The thread was just seen running, so no system call of it is broken. */
static int stop_once(const struct exact *exact, struct pyr_sampled *sampled, int tries, uint32_t *node)
{
    char state;
    int rc = pyr_task_state(&sampled->task, &state, &sampled->cpu);
    if (rc < 0)
        return rc;
    if (state != 'R')
        return PYR_E_TORN;
    rc = pyr_task_hold(sampled->tid, NULL);
    if (rc < 0)
        return rc == PYR_E_GONE ? rc : PYR_E_TORN;
    exact->process->quality->samples_stopped++;
    rc = read_and_resolve(exact, sampled, tries, node);
    int released = pyr_task_release(sampled->tid);
    return rc < 0 ? rc : released;
}

/* The way of last resort. */
static int stop(const struct exact *exact, struct pyr_sampled *sampled, uint32_t *node)
{
    int rc = PYR_E_TORN;
    for (int tries = 0; tries < TRIES && rc == PYR_E_TORN; tries++)
        rc = stop_once(exact, sampled, tries, node);
    return rc;
}

/* Code that runs without the GIL leaves its frames alone: two reads are enough, and our CPU need not change. */
static int take_elsewhere(const struct exact *exact, struct pyr_sampled *sampled, uint32_t *node)
{
    uint32_t found;
    bool running;
    uint64_t futex;
    if (pyr_process_flags(exact->process, sampled) & PYR_HAS_GIL)
        return PYR_E_AGAIN;
    int rc = pyr_task_running(&sampled->task, &running, &futex);
    if (rc < 0 || !running)
        return rc < 0 ? rc : PYR_E_AGAIN; /* asleep by now: for which there is better proof */
    rc = pyr_process_glance_one(exact->process, sampled, exact->now_ns, &found);
    if (rc == 0 && (pyr_process_flags(exact->process, sampled) & PYR_HAS_GIL))
        return PYR_E_AGAIN; /* it has just got it */
    if (rc == 0)
        *node = found;
    return rc == PYR_E_TORN ? PYR_E_AGAIN : rc;
}

static int take_thread(const struct exact *exact, struct pyr_sampled *sampled)
{
    uint32_t node = sampled->node;
    int rc = PYR_E_AGAIN;
    bool elsewhere = sampled->cpu != pyr_cpu_current();
    if (exact->hold == PYR_HOLD_SIT) {
        if (elsewhere)
            rc = take_elsewhere(exact, sampled, &node);
        if (rc == PYR_E_AGAIN)
            rc = sit(exact, sampled, &node);
    }
    if (rc == PYR_E_AGAIN)
        rc = stop(exact, sampled, &node);
    if (rc == PYR_E_GONE) {
        sampled->gone = exact->process->stale = true;
        return 0;
    }
    if (rc < 0 && rc != PYR_E_TORN && rc != PYR_E_AGAIN)
        return rc;
    if (rc == 0 && sampled->activity == PYR_RESTING)
        return 0; /* it has just gone to sleep: settled with the others that rest */
    if (rc == 0 && pyr_chain_plausible(&sampled->seen))
        pyr_sampled_keep_calls(sampled, &exact->process->codes);
    uint8_t flags = pyr_process_flags(exact->process, sampled);
    if (rc < 0) {
        flags |= PYR_UNRESOLVED;
        node = sampled->node;
    }
    return pyr_process_sample(exact->process, sampled, node, flags);
}

static int read_pulse(struct pyr_process *process)
{
    struct iovec *local = process->local.items, *remote = process->remote.items;
    unsigned n = pyr_process_pulse_pieces(process, local, remote);
    ssize_t got = pyr_target_readv(process->target, local, n, remote, n);
    pyr_process_pulse_take(process);
    return got < 0 ? (int)got : 0;
}

/* Those on this CPU first: they are the ones that wait for us. */
static int take_active(const struct exact *exact)
{
    int here = pyr_cpu_current(), rc = 0;
    for (int elsewhere = 0; elsewhere < 2; elsewhere++) {
        for (size_t i = 0; rc >= 0 && i < exact->process->active.count; i++) {
            struct pyr_sampled *sampled = pyr_process_active(exact->process, i);
            if (sampled->gone || sampled->activity != PYR_ACTIVE || sampled->taken ||
                (sampled->cpu != here && !elsewhere))
                continue;
            sampled->taken = true;
            rc = take_thread(exact, sampled);
        }
    }
    return rc;
}

int pyr_process_exact(struct pyr_process *process, enum pyr_hold hold, enum pyr_tick_kind kind, uint64_t now_ns,
                      uint64_t time_ns)
{
    struct exact exact = {.process = process, .hold = hold, .now_ns = now_ns};
    int rc = pyr_writer_tick_begin(process->writer, process->number, time_ns, kind);
    if (rc < 0)
        return rc;
    rc = pyr_roster_keep(process, now_ns);
    if (rc >= 0)
        rc = pyr_process_screen(process, PYR_SCREEN_RESTING, now_ns);
    if (rc == 0)
        rc = read_pulse(process);
    for (size_t i = 0; i < process->active.count; i++)
        pyr_process_active(process, i)->taken = false;
    if (rc >= 0)
        rc = take_active(&exact);
    if (rc >= 0)
        rc = pyr_process_settle_resting(process);
    if (rc >= 0)
        rc = pyr_process_read_cpu_times(process, now_ns);
    int ended = pyr_writer_tick_end(process->writer);
    process->quality->ticks_exact++;
    return rc < 0 ? rc : ended;
}
