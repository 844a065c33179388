#include "sample/batch.h"

#include "base/clock.h"
#include "sample/regime.h"

#define SLOW_TIMES 3.0 /* a read that takes this much longer than usual was interrupted */
#define OVER 64.0      /* times are averaged over about as many */

struct pyr_batch pyr_batch_start(struct pyr_process *process)
{
    return (struct pyr_batch){.process = process, .local = process->local.items, .remote = process->remote.items};
}

static void add_pieces(struct pyr_batch *batch, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        batch->bytes += batch->local[batch->count + i].iov_len;
    batch->count += n;
}

void pyr_batch_pulse(struct pyr_batch *batch)
{
    batch->has_pulse = true;
    add_pieces(batch,
               pyr_process_pulse_pieces(batch->process, batch->local + batch->count, batch->remote + batch->count));
}

void pyr_batch_pass(struct pyr_batch *batch, const struct pyr_sampled *sampled, enum pyr_pass pass)
{
    add_pieces(batch,
               pyr_window_pieces(&sampled->window, pass, batch->local + batch->count, batch->remote + batch->count));
}

void pyr_batch_nest(struct pyr_batch *batch, struct pyr_sampled *sampled)
{
    add_pieces(batch, pyr_nest_pieces(&sampled->nest, &batch->process->python.layout, batch->local + batch->count,
                                      batch->remote + batch->count));
}

void pyr_batch_anchor(struct pyr_batch *batch, const struct pyr_nested *nested, struct pyr_anchor *anchor)
{
    add_pieces(batch, pyr_anchor_pieces(&nested->state, &batch->process->python.layout, anchor,
                                        batch->local + batch->count, batch->remote + batch->count));
}

void pyr_batch_inner(struct pyr_batch *batch, const struct pyr_sampled *sampled, unsigned pass)
{
    add_pieces(batch, pyr_window_inner_piece(&sampled->window, pass, batch->local + batch->count,
                                             batch->remote + batch->count));
}

void pyr_batch_outer(struct pyr_batch *batch, const struct pyr_sampled *sampled, unsigned pass, bool inside_out)
{
    add_pieces(batch, pyr_window_outer_pieces(&sampled->window, pass, inside_out, batch->local + batch->count,
                                              batch->remote + batch->count));
}

/* As after we were preempted half way. */
static bool took_too_long(struct pyr_process *process, const struct pyr_batch *batch, uint64_t took_ns)
{
    double each_ns = (double)took_ns / batch->count;
    bool slow = process->piece_ns > 0 && each_ns > SLOW_TIMES * process->piece_ns;
    if (process->piece_ns <= 0)
        process->piece_ns = each_ns;
    process->piece_ns += ((slow ? SLOW_TIMES * process->piece_ns : each_ns) - process->piece_ns) / OVER;
    return slow;
}

int pyr_batch_read(struct pyr_batch *batch)
{
    struct pyr_process *process = batch->process;
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

int pyr_batch_worth(const struct pyr_batch *batch)
{
    if (batch->slow)
        return PYR_E_AGAIN;
    return batch->incomplete ? PYR_E_TORN : 0;
}

void pyr_batch_forget(struct pyr_sampled *sampled)
{
    sampled->window.count = 0;
    sampled->window.size = 0;
    pyr_nest_forget(&sampled->nest);
}

/* Both sides, followed from the same leaves. */
static int follow_both(struct pyr_process *process, struct pyr_sampled *sampled, struct pyr_side before,
                       struct pyr_side after)
{
    const struct pyr_layout *layout = &process->python.layout;
    int rc = pyr_nest_leaves(&sampled->nest, layout);
    if (rc < 0)
        return rc;
    sampled->seen.depth = sampled->seen_again.depth = 0;
    sampled->seen.truncated = sampled->seen_again.truncated = false;
    struct pyr_nest_walk in = pyr_nest_walk_begin(&sampled->nest), out = in;
    rc = pyr_nest_follow(&sampled->nest, &sampled->window, before, layout, &in, &sampled->seen);
    if (rc < 0)
        return rc;
    rc = pyr_nest_follow(&sampled->nest, &sampled->window, after, layout, &out, &sampled->seen_again);
    if (rc < 0)
        return rc;
    if (!pyr_process_nest_holds(process, sampled))
        return PYR_E_TORN;
    bool proved = pyr_chain_same(&sampled->seen, &sampled->seen_again) && pyr_chain_plausible(&sampled->seen) &&
                  pyr_chain_plausible(&sampled->seen_again);
    if (process->regime == PYR_LIVELY && process->may_be_restless)
        proved = proved && pyr_chain_steady(&sampled->seen);
    return proved ? 0 : PYR_E_TORN;
}

int pyr_batch_prove(struct pyr_process *process, struct pyr_sampled *sampled, struct pyr_side before,
                    struct pyr_side after, uint64_t now_ns, uint32_t *node)
{
    int rc = follow_both(process, sampled, before, after);
    process->codes.only_seen_calls = process->regime == PYR_LIVELY && process->may_be_restless;
    return rc < 0 ? rc : pyr_sampled_resolve(sampled, &process->codes, false, now_ns, node);
}

int pyr_batch_foresee(struct pyr_process *process, struct pyr_sampled *sampled)
{
    int rc = pyr_sampled_read_still(sampled, process->view, NULL);
    return rc == PYR_E_NOMEM || rc == PYR_E_GONE ? rc : PYR_E_TORN;
}

int pyr_batch_settle(struct pyr_process *process, struct pyr_sampled *sampled, int rc, uint32_t node)
{
    bool unresolved = rc == PYR_E_TORN || rc == PYR_E_AGAIN;
    if (rc == PYR_E_GONE)
        process->stale = sampled->gone = true;
    if (rc < 0 && !unresolved)
        return rc == PYR_E_GONE ? 0 : rc;
    pyr_regime_note(process, rc);
    uint8_t flags = pyr_process_flags(process, sampled);
    if (unresolved)
        flags |= PYR_UNRESOLVED;
    return pyr_process_sample(process, sampled, unresolved ? sampled->node : node, flags);
}
