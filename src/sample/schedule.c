#include "sample/schedule.h"

void pyr_schedule_start(struct pyr_schedule *schedule, double rate_hz, uint64_t now_ns, uint64_t seed)
{
    *schedule = (struct pyr_schedule){.base_ns = now_ns, .period_ns = (uint64_t)(1e9 / rate_hz), .seed = seed};
    if (schedule->period_ns == 0)
        schedule->period_ns = 1;
}

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t random_word(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

uint64_t pyr_schedule_next(struct pyr_schedule *schedule, uint64_t now_ns, uint64_t *missed)
{
    for (;;) {
        uint64_t start = schedule->base_ns + schedule->slot * schedule->period_ns;
        uint64_t deadline = start + random_word(&schedule->seed) % schedule->period_ns;
        schedule->slot++;
        if (deadline > now_ns)
            return deadline;
        (*missed)++;
        uint64_t current = (now_ns - schedule->base_ns) / schedule->period_ns;
        if (current > schedule->slot) {
            *missed += current - schedule->slot;
            schedule->slot = current;
        }
    }
}

double pyr_schedule_lot(struct pyr_schedule *schedule)
{
    return (double)(random_word(&schedule->seed) >> 11) * 0x1p-53;
}
