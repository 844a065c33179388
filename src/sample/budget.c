#include "sample/budget.h"

#define JUDGE_NS 250000000u
#define TICKS_MIN 20u
#define WEIGHT 0.3 /* of the newest measurement in the average */

static void judge(struct pyr_budget *budget, uint64_t now_ns, uint64_t cpu_ns)
{
    if (budget->judged_ns) {
        double tick_ns = (double)(cpu_ns - budget->judged_cpu_ns) / (double)budget->ticks;
        budget->tick_ns += (budget->tick_ns > 0 ? WEIGHT : 1) * (tick_ns - budget->tick_ns);
    }
    budget->judged_ns = now_ns;
    budget->judged_cpu_ns = cpu_ns;
    budget->ticks = 0;
}

double pyr_budget_rate(struct pyr_budget *budget, double wanted_hz, uint64_t now_ns, uint64_t cpu_ns)
{
    if (!budget->judged_ns || (now_ns - budget->judged_ns >= JUDGE_NS && budget->ticks >= TICKS_MIN))
        judge(budget, now_ns, cpu_ns);
    budget->ticks++;
    double allowed_hz = budget->tick_ns > 0 ? PYR_BUDGET_SHARE * 1e9 / budget->tick_ns : wanted_hz;
    if (allowed_hz < PYR_BUDGET_FLOOR_HZ)
        allowed_hz = PYR_BUDGET_FLOOR_HZ;
    return wanted_hz < allowed_hz ? wanted_hz : allowed_hz;
}
