/* For how long each thread ran and waited for a CPU: samples cannot tell one from the other. Read with ticks, but not
 * with each. HOT: what rests since it was read is not read again. */
#include "sample/process.h"

#define FIRST_NS 1000000u /* a thread may live for a moment only … */
#define MOST_NS 25000000u /* … and is read ever less often if it does not */

bool pyr_process_cpu_time_known(const struct pyr_sampled *sampled)
{
    return sampled->activity == PYR_RESTING && sampled->cpu_settled && sampled->resting_slices == sampled->cpu_slices;
}

static uint64_t longer(uint64_t wait_ns)
{
    return wait_ns ? wait_ns * 2 < MOST_NS ? wait_ns * 2 : MOST_NS : FIRST_NS;
}

static int read_thread(struct pyr_process *process, struct pyr_sampled *sampled, uint64_t now_ns)
{
    uint64_t ran_ns, waited_ns;
    if (pyr_task_times(&sampled->task, &ran_ns, &waited_ns, &sampled->cpu_slices) < 0)
        return 0; /* it is gone, or the kernel does not count */
    int rc = pyr_writer_cpu_time(process->writer, sampled->number, ran_ns, waited_ns);
    if (rc < 0)
        return rc == PYR_E_LIMIT ? 0 : rc;
    sampled->cpu_settled = sampled->activity == PYR_RESTING && sampled->resting_slices == sampled->cpu_slices;
    sampled->cpu_wait_ns = longer(sampled->cpu_wait_ns);
    /* All that are read at the same pace are read at the same tick: it begins a new stretch of time in reports. */
    if (sampled->cpu_wait_ns == MOST_NS)
        sampled->cpu_due_ns = process->cpu_due_ns;
    else
        sampled->cpu_due_ns = now_ns + sampled->cpu_wait_ns;
    return 0;
}

int pyr_process_read_cpu_times(struct pyr_process *process, uint64_t now_ns)
{
    int rc = 0;
    if (now_ns >= process->cpu_due_ns)
        process->cpu_due_ns = now_ns + MOST_NS;
    for (size_t i = 0; rc == 0 && i < process->active.count; i++) {
        struct pyr_sampled *sampled = pyr_process_active(process, i);
        if (!sampled->gone && now_ns >= sampled->cpu_due_ns && !pyr_process_cpu_time_known(sampled))
            rc = read_thread(process, sampled, now_ns);
    }
    return rc;
}
