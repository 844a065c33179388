/* What the public profiler is made of, for the files that implement it: profiler.c opens, keeps house and closes;
 * instruments.c takes the ticks. */
#ifndef PYR_SAMPLE_PROFILER_H
#define PYR_SAMPLE_PROFILER_H

#include "memory/memory.h"
#include "pyrometer/pyrometer.h"
#include "sample/family.h"

#include <pthread.h>
#include <stdatomic.h>

#define PYR_HOUSEKEEPING_NS 10000000u
#define PYR_UNDECIDED_NS 2000000u /* while it is not known yet what a process is */
#define PYR_NAP_NS 20000000u      /* no sleep is longer, so that stop is noticed */

struct pyr_profiler {
    struct pyr_profile_options options;
    struct pyr_writer *writer;
    struct pyr_family family;
    struct pyr_memory *memory;       /* NULL: allocations are not recorded */
    struct pyr_vec memory_processes; /* of struct pyr_memory_process */
    struct pyr_quality quality;
    struct pyr_process_info attached; /* as it was found: at the end it may be gone, or another program */
    pthread_mutex_t lock;
    atomic_bool stop, pausing;
    atomic_bool sampled, announced;
    uint64_t start_ns, ended_ns;
    uint64_t start_cpu_ns;
    uint64_t housekeeping_ns, flush_ns;
    uint64_t look_ns; /* from a look to its glance */
    int failure;      /* of either thread: the first */
    bool sitter_runs;
    pthread_t sitter;
};

static inline struct pyr_process *pyr_profiler_process(const struct pyr_profiler *profiler, size_t i)
{
    return PYR_VEC_AT(&profiler->family.members, struct pyr_member, i)->process;
}

/* Records a failure that ends the run: a target that is gone, or whose memory changed under a read, is none. */
void pyr_profiler_note_failure(struct pyr_profiler *profiler, int rc);

/* What a user should know of a process that could not be read whole. */
void pyr_profiler_note_problem(struct pyr_profiler *profiler, const struct pyr_process *process);

/* What is not due on every tick, where it is due: processes that came and went, memory, the file. */
void pyr_profiler_keep_house(struct pyr_profiler *profiler);

/* Ticks until the run is over. PYR_E_NOMEM if there is no thread to be had; other failures are noted. */
int pyr_instruments_run(struct pyr_profiler *profiler);

#endif
