#include "sample/regime.h"

#define DWELL_NS 250000000u

struct limits {
    double above, below;
};

/* Whether frames tell if they run. The less they do, the more often two reads are equal by chance. */
static bool frames_tell(const struct pyr_process *process)
{
    return process->python.layout.stacktop_kind != PYR_STACKTOP_NONE;
}

static const struct {
    struct limits lively, restless;
} limits[] = {
    [false] = {{0.03, 0.015}, {0.03, 0.015}},
    [true] = {{0.12, 0.08}, {0.60, 0.50}},
};

void pyr_regime_start(struct pyr_process *process, uint64_t now_ns)
{
    process->may_be_restless = true;
    process->regime = PYR_RESTLESS;
    process->torn = process->surprising = 0;
    process->glances = 0;
    process->regime_ns = now_ns;
}

bool pyr_regime_looks(const struct pyr_process *process)
{
    return !process->may_be_restless || frames_tell(process);
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

void pyr_regime_note_look(struct pyr_process *process, bool surprised)
{
    process->surprising += (surprised - process->surprising) / PYR_REGIME_GLANCES;
}

static enum pyr_regime chosen(const struct pyr_process *process)
{
    bool tell = frames_tell(process);
    const struct limits *lively = &limits[tell].lively, *restless = &limits[tell].restless;
    double torn = process->torn;
    switch (process->regime) {
    case PYR_CALM:
        if (torn <= lively->above)
            return PYR_CALM;
        return pyr_regime_looks(process) ? PYR_LIVELY : PYR_RESTLESS;
    case PYR_LIVELY:
        if (torn > restless->above && process->may_be_restless)
            return PYR_RESTLESS;
        return torn + process->surprising < lively->below ? PYR_CALM : PYR_LIVELY;
    default:
        if (torn >= restless->below)
            return PYR_RESTLESS;
        return pyr_regime_looks(process) ? PYR_LIVELY : PYR_CALM;
    }
}

void pyr_regime_keep(struct pyr_process *process, uint64_t now_ns)
{
    if (process->glances < PYR_REGIME_GLANCES || now_ns - process->regime_ns < DWELL_NS)
        return;
    enum pyr_regime regime = chosen(process);
    if (regime == process->regime)
        return;
    if (regime == PYR_LIVELY && process->regime == PYR_CALM) { /* what is torn after a look is another thing */
        process->glances = 0;
        process->torn = 0;
        process->surprising = 1;
    }
    process->regime = regime;
    process->regime_ns = now_ns;
}
