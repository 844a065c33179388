/* HOT: a look at where the frames are, before a glance that has to foresee them. What runs Python code may be in other
 * coroutines, or come from C by other ways, at every tick: foreseen from the last tick, half of its frames would be
 * missing. The look itself proves nothing, and nothing is recorded of it; whatever it finds, the glance follows. */
#include "sample/batch.h"
#include "sample/regime.h"

/* Those that ran at the last tick, and those that were asleep then and run now. */
static bool is_due(struct pyr_sampled *sampled)
{
    bool running;
    uint64_t futex;
    if (sampled->gone)
        return false;
    return sampled->activity == PYR_ACTIVE || (pyr_task_running(&sampled->task, &running, &futex) == 0 && running);
}

int pyr_process_look(struct pyr_process *process)
{
    int rc = 0;
    for (size_t i = 0; i < process->active.count && (rc == 0 || rc == PYR_E_TORN); i++) {
        struct pyr_sampled *sampled = pyr_process_active(process, i);
        if (!is_due(sampled))
            continue;
        rc = pyr_batch_foresee(process, sampled);
        pyr_regime_note_look(process, sampled->surprised);
    }
    return rc == PYR_E_TORN || rc == PYR_E_GONE ? 0 : rc;
}
