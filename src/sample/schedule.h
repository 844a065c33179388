/* When to sample: one random instant in each period. Stratified, so the rate is steady; random, so that nothing
 * periodic in the target can hide from it. A deadline that was missed is dropped and counted, never caught up. */
#ifndef PYR_SAMPLE_SCHEDULE_H
#define PYR_SAMPLE_SCHEDULE_H

#include <stdint.h>

struct pyr_schedule {
    uint64_t base_ns, period_ns, slot;
    uint64_t seed;
};

void pyr_schedule_start(struct pyr_schedule *schedule, double rate_hz, uint64_t now_ns, uint64_t seed);

/* The next deadline, later than now; adds the slots that were passed over to *missed. */
uint64_t pyr_schedule_next(struct pyr_schedule *schedule, uint64_t now_ns, uint64_t *missed);

/* A random number in [0, 1), of the same generator. */
double pyr_schedule_lot(struct pyr_schedule *schedule);

#endif
