/* Which kinds of tick a process gets. Calm: glances, which cost it nothing, and some exact ticks. Restless: so much of
 * it is torn that glances tell little, and of two equal reads too many are equal by chance; then all its ticks are
 * exact. The choice is made from the past, at most every quarter of a second, so it is independent of what a tick will
 * meet. */
#ifndef PYR_SAMPLE_REGIME_H
#define PYR_SAMPLE_REGIME_H

#include "sample/process.h"

#define PYR_CALM_EXACT_HZ 45.0       /* costs the target under half a percent */
#define PYR_RESTLESS_EXACT_HZ 1000.0 /* costs it some percent */

#define PYR_REGIME_GLANCES 64u /* so many are judged by */

/* A process is taken for restless until it is known to be calm. */
void pyr_regime_start(struct pyr_process *process, uint64_t now_ns);

/* How a glance at an active thread ended: 0 or PYR_E_TORN; other results tell nothing. */
void pyr_regime_note(struct pyr_process *process, int rc);

/* Chooses anew if it is time, and enough was seen. */
void pyr_regime_keep(struct pyr_process *process, uint64_t now_ns);

#endif
