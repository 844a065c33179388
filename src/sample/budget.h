/* What exact ticks may cost. They take the CPU that the target runs on, so that our CPU time there is its loss: it is
 * measured, and the rate kept so low that the loss stays small, whatever a wake-up costs on this machine. */
#ifndef PYR_SAMPLE_BUDGET_H
#define PYR_SAMPLE_BUDGET_H

#include <stdint.h>

#define PYR_BUDGET_SHARE 0.004   /* of one CPU; interrupts come on top of it */
#define PYR_BUDGET_FLOOR_HZ 55.0 /* so many are always allowed: fewer would tell too little */

/* Zeroed it allows everything, until it has measured. */
struct pyr_budget {
    uint64_t judged_ns, judged_cpu_ns, ticks; /* since when: clock, own CPU time then, ticks from then on */
    double tick_ns;                           /* CPU time of a tick, averaged; 0: not known yet */
};

/* Called before each tick, with the CPU time that this thread has used: the rate that is allowed, at most `wanted_hz`.
 */
double pyr_budget_rate(struct pyr_budget *budget, double wanted_hz, uint64_t now_ns, uint64_t cpu_ns);

#endif
