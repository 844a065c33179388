/* HOT: as many ticks as can be, of a process with one thread that runs: several in one system call. The outer frames
 * are read before and after, and the innermost region again and again with the anchor in between, so that each read of
 * it is the second of one tick and the first of the next:
 *
 *     outer 0, inner 0, anchor 0, inner 1, anchor 1, inner 2 … anchor n−1, inner n, outer n
 *
 * A tick is proved by what equals on both sides of its anchor, as in any glance; only the sides of the outer frames are
 * further apart. With one tick this is a glance. */
#include "base/clock.h"
#include "sample/batch.h"

#define PIECES_MAX 1024u /* that the kernel takes in one call */

static unsigned ticks_that_fit(const struct pyr_sampled *sampled, unsigned ticks)
{
    unsigned fixed = 2 * sampled->window.count + PYR_EXTRA_MAX;
    unsigned fit = fixed < PIECES_MAX ? (PIECES_MAX - fixed) / (1 + PYR_ANCHOR_PIECES) : 1;
    if (fit > PYR_BURST)
        fit = PYR_BURST;
    return ticks < fit ? ticks : fit;
}

static void lay_out(struct pyr_batch *batch, struct pyr_sampled *sampled, struct pyr_anchor *anchors, unsigned ticks)
{
    const struct pyr_nested *nested = sampled->nest.states;
    pyr_batch_pulse(batch);
    pyr_batch_outer(batch, sampled, 0, false);
    pyr_batch_inner(batch, sampled, 0);
    for (unsigned k = 0; k < ticks; k++) {
        anchors[k].cframe = nested->anchor.cframe;
        pyr_batch_anchor(batch, nested, &anchors[k]);
        pyr_batch_inner(batch, sampled, k + 1);
    }
    pyr_batch_outer(batch, sampled, ticks, true);
}

/* Ends one tick, and begins the next. */
static int next_tick(struct pyr_process *process, uint64_t time_ns)
{
    int rc = pyr_process_settle_resting(process);
    int ended = pyr_writer_tick_end(process->writer);
    if (rc < 0 || ended < 0)
        return rc < 0 ? rc : ended;
    process->quality->ticks_glance++;
    return pyr_writer_tick_begin(process->writer, process->number, time_ns, PYR_TICK_GLANCE);
}

/* The node of tick k of n. */
static int prove(struct pyr_process *process, struct pyr_sampled *sampled, const struct pyr_anchor *anchor, unsigned k,
                 unsigned n, uint64_t now_ns, uint32_t *node)
{
    struct pyr_side before = {.inner = k, .outer = 0}, after = {.inner = k + 1, .outer = n};
    sampled->nest.states[0].anchor = *anchor;
    return pyr_batch_prove(process, sampled, before, after, now_ns, node);
}

int pyr_process_burst(struct pyr_process *process, struct pyr_sampled *sampled, unsigned ticks, uint64_t now_ns,
                      uint64_t time_ns)
{
    struct pyr_anchor anchors[PYR_BURST];
    struct pyr_batch batch = pyr_batch_start(process);
    bool foresee = false;
    ticks = ticks_that_fit(sampled, ticks);
    int rc = pyr_window_make_passes(&sampled->window, ticks + 1);
    if (rc < 0)
        return rc;
    lay_out(&batch, sampled, anchors, ticks);
    uint64_t start_ns = pyr_now_ns();
    rc = pyr_batch_read(&batch);
    uint64_t each_ns = (pyr_now_ns() - start_ns) / ticks;
    for (unsigned k = 0; rc >= 0 && k < ticks; k++) {
        uint32_t node = sampled->node;
        int proved = pyr_batch_worth(&batch);
        if (k > 0)
            rc = next_tick(process, time_ns + k * each_ns);
        if (proved == 0)
            proved = prove(process, sampled, &anchors[k], k, ticks, now_ns, &node);
        foresee |= proved == PYR_E_FAULT;
        if (rc >= 0)
            rc = pyr_batch_settle(process, sampled, proved == PYR_E_FAULT ? PYR_E_TORN : proved, node);
    }
    if (batch.incomplete)
        pyr_batch_forget(sampled);
    if (rc >= 0 && foresee && pyr_batch_foresee(process, sampled) == PYR_E_GONE)
        process->stale = sampled->gone = true;
    return rc;
}
