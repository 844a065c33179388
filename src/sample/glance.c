/* HOT: a tick while the target runs. One batched read, palindromic for each thread: its frames from root to leaf, where
 * its innermost frame is, and its frames from leaf to root. A word equal in both passes held its value at the instant
 * between them (the double collect of the snapshot literature), so a chain equal in both is the stack of that instant.
 */
#include "base/clock.h"
#include "sample/process.h"

#define BATCH_MAX 4096 /* pieces in one batch; threads beyond go into the next */
#define SLOW_TIMES 3.0 /* a read that takes this much longer than usual was interrupted */
#define TORN_OVER 64.0 /* the share of torn glances is averaged over about as many */

struct batch {
    struct iovec *local, *remote;
    unsigned count;
    size_t first, after; /* the threads in it */
    size_t bytes;
    bool incomplete; /* something foreseen was not there */
    bool has_pulse;
    bool slow; /* too much may have happened in between */
};

static void add_pieces(struct batch *batch, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        batch->bytes += batch->local[batch->count + i].iov_len;
    batch->count += n;
}

static void add_pass(struct batch *batch, const struct pyr_sampled *sampled, enum pyr_pass pass)
{
    add_pieces(batch,
               pyr_window_pieces(&sampled->window, pass, batch->local + batch->count, batch->remote + batch->count));
}

static void add_anchor(const struct pyr_process *process, struct batch *batch, struct pyr_sampled *sampled)
{
    add_pieces(batch, pyr_sampled_anchor_pieces(sampled, &process->python.layout, batch->local + batch->count,
                                                batch->remote + batch->count));
}

static void add_pulse(struct pyr_process *process, struct batch *batch)
{
    batch->has_pulse = true;
    add_pieces(batch, pyr_process_pulse_pieces(process, batch->local + batch->count, batch->remote + batch->count));
}

static void add_thread(struct pyr_process *process, struct batch *batch, struct pyr_sampled *sampled)
{
    add_pass(batch, sampled, PYR_PASS_IN);
    add_anchor(process, batch, sampled);
    add_pass(batch, sampled, PYR_PASS_OUT);
}

static bool takes_part(const struct pyr_sampled *sampled)
{
    return !sampled->gone && sampled->activity == PYR_ACTIVE;
}

/* Two equal reads prove little when much time is between them: as after we were preempted half way. */
static bool took_too_long(struct pyr_process *process, const struct batch *batch, uint64_t took_ns)
{
    double each_ns = (double)took_ns / batch->count;
    bool slow = process->piece_ns > 0 && each_ns > SLOW_TIMES * process->piece_ns;
    if (process->piece_ns <= 0)
        process->piece_ns = each_ns;
    process->piece_ns += ((slow ? SLOW_TIMES * process->piece_ns : each_ns) - process->piece_ns) / TORN_OVER;
    return slow;
}

static int read_batch(struct pyr_process *process, struct batch *batch)
{
    uint64_t before = pyr_now_ns();
    ssize_t got = pyr_target_readv(process->target, batch->local, batch->count, batch->remote, batch->count);
    if (got < 0)
        return (int)got;
    batch->incomplete = (size_t)got != batch->bytes;
    if (batch->has_pulse && !batch->incomplete)
        pyr_process_pulse_take(process);
    batch->slow = took_too_long(process, batch, pyr_now_ns() - before);
    return 0;
}

/* What an unreadable batch leaves: each thread begins with nothing foreseen. */
static void forget_foreseen(struct pyr_sampled *sampled)
{
    sampled->window.count = 0;
    sampled->window.size = 0;
    sampled->anchor.cframe = 0;
}

/* Both passes, followed from the same leaf. */
static int follow_both(struct pyr_process *process, struct pyr_sampled *sampled)
{
    const struct pyr_layout *layout = &process->python.layout;
    uint64_t leaf, at;
    int rc = pyr_sampled_leaf(sampled, layout, &leaf);
    if (rc < 0)
        return rc;
    sampled->seen.depth = sampled->seen_again.depth = 0;
    sampled->seen.truncated = sampled->seen_again.truncated = false;
    at = leaf;
    rc = pyr_window_follow(&sampled->window, PYR_PASS_IN, layout, &at, &sampled->seen);
    if (rc < 0)
        return rc;
    at = leaf;
    rc = pyr_window_follow(&sampled->window, PYR_PASS_OUT, layout, &at, &sampled->seen_again);
    if (rc < 0)
        return rc;
    bool proved = pyr_chain_same(&sampled->seen, &sampled->seen_again) && pyr_chain_plausible(&sampled->seen) &&
                  pyr_chain_plausible(&sampled->seen_again);
    return proved ? 0 : PYR_E_TORN;
}

/* A frame outside what was foreseen. To foresee it next time, the stack is walked as it is now: while it runs that
 * proves nothing, but it shows where frames are. */
static int foresee_anew(struct pyr_process *process, struct pyr_sampled *sampled)
{
    int rc = pyr_sampled_read_still(sampled, process->view, NULL);
    return rc == PYR_E_NOMEM || rc == PYR_E_GONE ? rc : PYR_E_TORN;
}

/* The node of the stack that both passes agree on, PYR_E_TORN if they do not. */
static int prove(struct pyr_process *process, struct pyr_sampled *sampled, uint64_t now_ns, uint32_t *node)
{
    int rc = follow_both(process, sampled);
    if (rc == PYR_E_FAULT)
        return foresee_anew(process, sampled);
    return rc < 0 ? rc : pyr_sampled_resolve(sampled, &process->codes, false, now_ns, node);
}

static int settle(struct pyr_process *process, struct pyr_sampled *sampled, uint64_t now_ns)
{
    uint32_t node = sampled->node;
    int rc = prove(process, sampled, now_ns, &node);
    if (rc == PYR_E_GONE)
        process->stale = sampled->gone = true;
    if (rc < 0 && rc != PYR_E_TORN)
        return rc == PYR_E_GONE ? 0 : rc;
    process->torn += ((rc == PYR_E_TORN) - process->torn) / TORN_OVER;
    uint8_t flags = pyr_process_flags(process, sampled);
    if (rc == PYR_E_TORN)
        flags |= PYR_UNRESOLVED;
    return pyr_process_sample(process, sampled, rc == PYR_E_TORN ? sampled->node : node, flags);
}

static int settle_batch(struct pyr_process *process, const struct batch *batch, uint64_t now_ns)
{
    for (size_t i = batch->first; i < batch->after; i++) {
        struct pyr_sampled *sampled = pyr_process_active(process, i);
        int rc = 0;
        if (!takes_part(sampled))
            continue;
        if (batch->incomplete)
            forget_foreseen(sampled);
        if (batch->incomplete || batch->slow)
            rc = pyr_process_sample(process, sampled, sampled->node,
                                    (uint8_t)(pyr_process_flags(process, sampled) | PYR_UNRESOLVED));
        else
            rc = settle(process, sampled, now_ns);
        if (rc < 0)
            return rc;
    }
    return 0;
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

static int take_batches(struct pyr_process *process, uint64_t now_ns)
{
    struct batch batch = {.local = process->local.items, .remote = process->remote.items};
    batch.count = 0;
    add_pulse(process, &batch);
    for (;;) {
        for (; batch.after < process->active.count; batch.after++) {
            struct pyr_sampled *sampled = pyr_process_active(process, batch.after);
            if (batch.count + 2 * sampled->window.count + PYR_REGION_PIECES + PYR_ANCHOR_PIECES > BATCH_MAX)
                break;
            if (takes_part(sampled))
                add_thread(process, &batch, sampled);
        }
        int rc = read_batch(process, &batch);
        if (rc == 0)
            rc = settle_batch(process, &batch, now_ns);
        if (rc < 0 || batch.after == process->active.count)
            return rc;
        batch.first = batch.after;
        batch.count = 0;
        batch.bytes = 0;
        batch.has_pulse = false;
    }
}

int pyr_process_glance_one(struct pyr_process *process, struct pyr_sampled *sampled, uint64_t now_ns, uint32_t *node)
{
    struct batch batch = {.local = process->local.items, .remote = process->remote.items};
    add_pass(&batch, sampled, PYR_PASS_IN);
    add_anchor(process, &batch, sampled);
    add_pulse(process, &batch);
    add_pass(&batch, sampled, PYR_PASS_OUT);
    int rc = read_batch(process, &batch);
    if (rc < 0)
        return rc;
    if (batch.incomplete)
        forget_foreseen(sampled);
    if (batch.slow)
        return PYR_E_AGAIN;
    return batch.incomplete ? PYR_E_TORN : prove(process, sampled, now_ns, node);
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
        if (rc == 0 || rc == PYR_E_TORN)
            process->torn += ((rc == PYR_E_TORN) - process->torn) / TORN_OVER;
        if (rc == PYR_E_TORN || rc == PYR_E_GONE || rc == PYR_E_AGAIN)
            rc = 0;
    }
    return rc;
}

int pyr_process_room(struct pyr_process *process)
{
    if (pyr_vec_reserve(&process->local, BATCH_MAX) < 0 || pyr_vec_reserve(&process->remote, BATCH_MAX) < 0)
        return PYR_E_NOMEM;
    return 0;
}

int pyr_process_glance(struct pyr_process *process, uint64_t now_ns, uint64_t time_ns)
{
    int rc = pyr_writer_tick_begin(process->writer, process->number, time_ns, PYR_TICK_GLANCE);
    if (rc < 0)
        return rc;
    rc = pyr_roster_keep(process, now_ns);
    if (rc >= 0)
        rc = pyr_process_screen(process, PYR_SCREEN_ALL, now_ns);
    if (rc >= 0)
        rc = take_batches(process, now_ns);
    if (rc >= 0)
        rc = pyr_process_settle_resting(process);
    int ended = pyr_writer_tick_end(process->writer);
    process->quality->ticks_glance++;
    return rc < 0 ? rc : ended;
}
