/* The pieces of the target's memory that one system call reads while the target runs. */
#ifndef PYR_SAMPLE_BATCH_H
#define PYR_SAMPLE_BATCH_H

#include "sample/process.h"

#define PYR_BATCH_MAX 4096 /* pieces in one batch; threads beyond go into the next */

struct pyr_batch {
    struct pyr_process *process;
    struct iovec *local, *remote;
    unsigned count;
    size_t bytes;
    bool has_pulse;
    bool incomplete; /* something foreseen was not there */
    bool slow;       /* interrupted: too much may have happened in between, two equal reads prove little */
};

/* An empty one; the process has room for one at a time. */
struct pyr_batch pyr_batch_start(struct pyr_process *process);

/* Append pieces. */
void pyr_batch_pulse(struct pyr_batch *batch);
void pyr_batch_pass(struct pyr_batch *batch, const struct pyr_sampled *sampled, enum pyr_pass pass);
void pyr_batch_nest(struct pyr_batch *batch, struct pyr_sampled *sampled);
void pyr_batch_anchor(struct pyr_batch *batch, const struct pyr_nested *nested, struct pyr_anchor *anchor);
void pyr_batch_inner(struct pyr_batch *batch, const struct pyr_sampled *sampled, unsigned pass);
void pyr_batch_outer(struct pyr_batch *batch, const struct pyr_sampled *sampled, unsigned pass, bool inside_out);

/* Reads them; what came of it is in the flags. Negative if nothing could be read. HOT. */
int pyr_batch_read(struct pyr_batch *batch);

/* ---- what it brought, for each thread ---- */

/* What it is worth before any stack is looked at: 0, PYR_E_AGAIN if it was slow, PYR_E_TORN if incomplete. */
int pyr_batch_worth(const struct pyr_batch *batch);

/* After an incomplete read: the thread begins with nothing foreseen. */
void pyr_batch_forget(struct pyr_sampled *sampled);

/* The stack at the instant of the anchors of its nest, if the copies of both sides say the same of it: its node.
 * PYR_E_TORN if they do not, PYR_E_FAULT if a frame is outside the window, PYR_E_GONE if the thread is. */
int pyr_batch_prove(struct pyr_process *process, struct pyr_sampled *sampled, struct pyr_side before,
                    struct pyr_side after, uint64_t now_ns, uint32_t *node);

/* After PYR_E_FAULT: to foresee more next time, the stack is walked as it is now. While it runs that proves nothing,
 * but it shows where frames are. PYR_E_TORN, or why that is impossible. */
int pyr_batch_foresee(struct pyr_process *process, struct pyr_sampled *sampled);

/* Records the sample of a thread that was read while it ran: its node, or (PYR_E_TORN, PYR_E_AGAIN) that it is
 * unresolved. */
int pyr_batch_settle(struct pyr_process *process, struct pyr_sampled *sampled, int rc, uint32_t node);

#endif
