#include "sample/regime.h"

#define DWELL_NS 250000000u

/* By how much frames tell of whether they run: the less they do, the more often two reads are equal by chance. */
static const struct {
    double restless_above, calm_below;
} limits[] = {
    [PYR_STACKTOP_NONE] = {0.03, 0.015},
    [PYR_STACKTOP_INT] = {0.25, 0.15},
    [PYR_STACKTOP_POINTER] = {0.10, 0.05},
};

void pyr_regime_start(struct pyr_process *process, uint64_t now_ns)
{
    process->restless = true;
    process->torn = 0;
    process->glances = 0;
    process->regime_ns = now_ns;
}

/* The mean of the first glances, then one that forgets. */
void pyr_regime_note(struct pyr_process *process, int rc)
{
    if (rc != 0 && rc != PYR_E_TORN)
        return;
    if (process->glances < PYR_REGIME_GLANCES)
        process->glances++;
    process->torn += ((rc == PYR_E_TORN) - process->torn) / process->glances;
}

void pyr_regime_keep(struct pyr_process *process, uint64_t now_ns)
{
    if (process->glances < PYR_REGIME_GLANCES || now_ns - process->regime_ns < DWELL_NS)
        return;
    enum pyr_stacktop_kind kind = process->python.layout.stacktop_kind;
    bool restless = process->torn > (process->restless ? limits[kind].calm_below : limits[kind].restless_above);
    if (restless == process->restless)
        return;
    process->restless = restless;
    process->regime_ns = now_ns;
}
