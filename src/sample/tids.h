/* The kernel's threads of a process, and which of them a Python thread state is. */
#ifndef PYR_SAMPLE_TIDS_H
#define PYR_SAMPLE_TIDS_H

#include "base/map.h"
#include "pyobj/interp.h"
#include "target/core.h"

/* Zeroed it is empty and releasable. */
struct pyr_tids {
    struct pyr_vec ours;        /* of pid_t: as we see them */
    struct pyr_map ours_by_own; /* by the number that the process itself knows (another pid namespace) */
    pid_t main_theirs;
    int32_t pthread_offset; /* up to 3.10: where libc's thread structure keeps the tid; 0 until found */
};

/* Reads them anew. namespace_pid: the process's own pid as it sees it. */
int pyr_tids_read(struct pyr_tids *tids, pid_t pid, pid_t namespace_pid);
int pyr_tids_of_core(struct pyr_tids *tids, const struct pyr_core_facts *core); /* the same of a core file */
void pyr_tids_release(struct pyr_tids *tids);

/* Our tid of a thread state; 0 if no thread of the process is it (not started yet, or over). */
pid_t pyr_tids_find(struct pyr_tids *tids, struct pyr_view view, const struct pyr_thread_state *state);

#endif
