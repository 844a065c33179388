/* Which kinds of tick a process gets.
 *
 * - Calm: glances, which cost it nothing, and some exact ticks.
 * - Lively: the same, but its stacks move so far from one tick to the next that what was foreseen of them is not there.
 *   So each glance is preceded by a look at where they are now. See pyr_regime_looks.
 * - Restless: so much of it is torn all the same that glances tell little; then all its ticks are exact.
 *
 * The choice is made from the past, at most every quarter of a second, so it is independent of what a tick will meet.
 */
#ifndef PYR_SAMPLE_REGIME_H
#define PYR_SAMPLE_REGIME_H

#include "sample/process.h"

#define PYR_CALM_EXACT_HZ 55.0       /* of calm and lively processes: costs them less than half a percent */
#define PYR_RESTLESS_EXACT_HZ 1000.0 /* what is asked for at most; see budget.h for what there is */

#define PYR_REGIME_GLANCES 64u /* so many are judged by */

/* A process that also gets exact ticks is taken for restless until it is known not to be. */
void pyr_regime_start(struct pyr_process *process, uint64_t now_ns);

/* Whether it can be lively, and so is looked at before a glance. With glances alone always: they fail less often then.
 * Beside exact ticks the frames have to say enough for what is proved to be true where much changes: from 3.11 on. */
bool pyr_regime_looks(const struct pyr_process *process);

/* How a glance at an active thread ended: 0 or PYR_E_TORN; other results tell nothing. */
void pyr_regime_note(struct pyr_process *process, int rc);

/* Whether a look before a glance found frames that were not foreseen. */
void pyr_regime_note_look(struct pyr_process *process, bool surprised);

/* Chooses anew if it is time, and enough was seen. */
void pyr_regime_keep(struct pyr_process *process, uint64_t now_ns);

#endif
