/* Threads by the thousand that sleep: what is looked at is the process as a whole, while it proves that none of them
 * ran. All within a tick. */
#ifndef PYR_SAMPLE_REST_H
#define PYR_SAMPLE_REST_H

#include "sample/process.h"

/* Those that rested and do so no more become active: at once, if one of them ran. */
int pyr_rested_keep(struct pyr_process *process, uint64_t now_ns);

/* Takes an active thread that rests out of those that are looked at with every tick, if there are many. */
bool pyr_rested_take(struct pyr_process *process, size_t active_index);

/* Samples of the rested ones: who of them has the GIL may have changed. */
int pyr_rested_settle(struct pyr_process *process);

/* A thread that rested has to be looked at, if it was one of these. */
int pyr_rested_wake(struct pyr_process *process, struct pyr_sampled *sampled);

/* A thread is about to be released. */
void pyr_rested_forget(struct pyr_process *process, struct pyr_sampled *sampled);

/* Which threads of the process are not Python's: after its tids were read, and by_tid. */
int pyr_rested_note_strangers(struct pyr_process *process);
void pyr_rested_release(struct pyr_process *process);

#endif
