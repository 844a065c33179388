/* HOT: a tick while the target runs. One batched read, palindromic for each thread: its frames from root to leaf, where
 * its innermost frame is, and its frames from leaf to root. A word equal in both passes held its value at the instant
 * between them (the double collect of the snapshot literature), so a chain equal in both is the stack of that instant.
 */
#include "sample/batch.h"
#include "sample/regime.h"
#include "sample/rest.h"

/* The pulse is read right before, not in between: the shorter the time between the passes, the less is torn. */
static void add_thread(struct pyr_batch *batch, struct pyr_sampled *sampled, bool with_pulse)
{
    if (with_pulse)
        pyr_batch_pulse(batch);
    pyr_batch_pass(batch, sampled, PYR_PASS_IN);
    pyr_batch_nest(batch, sampled);
    pyr_batch_pass(batch, sampled, PYR_PASS_OUT);
}

static bool takes_part(const struct pyr_sampled *sampled)
{
    return !sampled->gone && sampled->activity == PYR_ACTIVE;
}

static int prove(struct pyr_process *process, struct pyr_sampled *sampled, uint64_t now_ns, uint32_t *node)
{
    struct pyr_side before = {PYR_PASS_IN, PYR_PASS_IN}, after = {PYR_PASS_OUT, PYR_PASS_OUT};
    int rc = pyr_batch_prove(process, sampled, before, after, now_ns, node);
    return rc == PYR_E_FAULT ? pyr_batch_foresee(process, sampled) : rc;
}

static int judge(struct pyr_process *process, const struct pyr_batch *batch, struct pyr_sampled *sampled,
                 uint64_t now_ns, uint32_t *node)
{
    int rc = pyr_batch_worth(batch);
    if (batch->incomplete)
        pyr_batch_forget(sampled);
    return rc < 0 ? rc : prove(process, sampled, now_ns, node);
}

static int settle(struct pyr_process *process, const struct pyr_batch *batch, struct pyr_sampled *sampled,
                  uint64_t now_ns)
{
    uint32_t node = sampled->node;
    int rc = judge(process, batch, sampled, now_ns, &node); /* by itself: it fills node */
    return pyr_batch_settle(process, sampled, rc, node);
}

/* The threads that rest: nothing to read, but who has the GIL may have changed. */
int pyr_process_settle_resting(struct pyr_process *process)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < process->active.count; i++) {
        struct pyr_sampled *sampled = pyr_process_active(process, i);
        if (!sampled->gone && sampled->activity == PYR_RESTING)
            rc = pyr_process_sample(process, sampled, sampled->node, pyr_process_flags(process, sampled));
    }
    return rc == 0 ? pyr_rested_settle(process) : rc;
}

/* As many threads as fit into one system call, from *next on. */
static int take_batch(struct pyr_process *process, struct pyr_batch *batch, size_t *next, uint64_t now_ns)
{
    size_t first = *next;
    bool wants_pulse = first == 0;
    for (; *next < process->active.count; ++*next) {
        struct pyr_sampled *sampled = pyr_process_active(process, *next);
        if (batch->count + 2 * sampled->window.count + PYR_REGION_PIECES + pyr_nest_pieces_max(&sampled->nest) >
            PYR_BATCH_MAX)
            break;
        if (takes_part(sampled))
            add_thread(batch, sampled, wants_pulse && !batch->has_pulse);
    }
    if (wants_pulse && !batch->has_pulse)
        pyr_batch_pulse(batch);
    int rc = pyr_batch_read(batch);
    for (size_t i = first; rc == 0 && i < *next; i++)
        if (takes_part(pyr_process_active(process, i)))
            rc = settle(process, batch, pyr_process_active(process, i), now_ns);
    return rc;
}

static int take_batches(struct pyr_process *process, uint64_t now_ns)
{
    size_t next = 0;
    int rc;
    do {
        struct pyr_batch batch = pyr_batch_start(process);
        rc = take_batch(process, &batch, &next, now_ns);
    } while (rc == 0 && next < process->active.count);
    return rc;
}

int pyr_process_glance_one(struct pyr_process *process, struct pyr_sampled *sampled, uint64_t now_ns, uint32_t *node)
{
    struct pyr_batch batch = pyr_batch_start(process);
    add_thread(&batch, sampled, true);
    int rc = pyr_batch_read(&batch);
    return rc < 0 ? rc : judge(process, &batch, sampled, now_ns, node);
}

int pyr_process_probe(struct pyr_process *process, uint64_t now_ns)
{
    int rc = 0;
    for (size_t i = 0; rc >= 0 && i < process->active.count; i++) {
        struct pyr_sampled *sampled = pyr_process_active(process, i);
        uint32_t node;
        if (!takes_part(sampled))
            continue;
        rc = pyr_process_glance_one(process, sampled, now_ns, &node);
        if (rc == PYR_E_GONE)
            process->stale = sampled->gone = true;
        pyr_regime_note(process, rc);
        if (rc == PYR_E_TORN || rc == PYR_E_GONE || rc == PYR_E_AGAIN)
            rc = 0;
    }
    return rc;
}

int pyr_process_room(struct pyr_process *process)
{
    if (pyr_vec_reserve(&process->local, PYR_BATCH_MAX) < 0 || pyr_vec_reserve(&process->remote, PYR_BATCH_MAX) < 0)
        return PYR_E_NOMEM;
    return 0;
}

static struct pyr_sampled *only_active(const struct pyr_process *process)
{
    for (size_t i = 0; i < process->active.count; i++)
        if (takes_part(pyr_process_active(process, i)))
            return pyr_process_active(process, i);
    return NULL;
}

/* Where there are several interpreters, each tick has to look at all of them. */
static bool may_burst(const struct pyr_process *process, const struct pyr_sampled *active)
{
    return process->interps.count == 1 && active->nest.count == 1 && active->window.count;
}

int pyr_process_glance(struct pyr_process *process, unsigned ticks, uint64_t now_ns, uint64_t time_ns)
{
    int rc = pyr_writer_tick_begin(process->writer, process->number, time_ns, PYR_TICK_GLANCE);
    if (rc < 0)
        return rc;
    process->quality->ticks_glance++;
    rc = pyr_roster_keep(process, now_ns);
    if (rc >= 0)
        rc = pyr_process_screen(process, PYR_SCREEN_ALL, now_ns);
    struct pyr_sampled *alone = rc == 1 && ticks > 1 ? only_active(process) : NULL;
    if (alone && may_burst(process, alone))
        rc = pyr_process_burst(process, alone, ticks, now_ns, time_ns);
    else if (rc >= 0)
        rc = take_batches(process, now_ns);
    if (rc >= 0)
        rc = pyr_process_settle_resting(process);
    if (rc >= 0)
        rc = pyr_process_read_cpu_times(process, now_ns);
    int ended = pyr_writer_tick_end(process->writer);
    return rc < 0 ? rc : ended;
}
