/* Interpreters, their threads, and the GIL. */
#ifndef PYR_PYOBJ_INTERP_H
#define PYR_PYOBJ_INTERP_H

#include "base/vec.h"
#include "pyobj/view.h"

#define PYR_INTERPRETERS_MAX 1024
#define PYR_THREADS_MAX 65536

struct pyr_interp {
    pyr_addr at;
    int64_t id;
    pyr_addr gil;          /* struct _gil_runtime_state; PYR_NULL where the runtime keeps it */
    pyr_addr threads_head; /* its first thread state */
};

struct pyr_thread_state {
    pyr_addr at;
    pyr_addr interp;
    int64_t interp_id;
    uint64_t unique_id; /* never given to another thread state, though its address may be */
    uint64_t ident;     /* pthread_t, Python's threading.get_ident() */
    pid_t native_id;    /* kernel thread id as the target sees it; 0 where the version does not keep it */
};

/* Reads all interpreters (of struct pyr_interp) and all thread states (of struct pyr_thread_state), appended to empty
 * vectors. The target may run meanwhile: a list that changes under the walk yields PYR_E_TORN or misses the newest
 * ones. Walks are bounded. */
int pyr_interps_read(struct pyr_view view, struct pyr_vec *interps);
int pyr_thread_states_read(struct pyr_view view, const struct pyr_vec *interps, struct pyr_vec *threads);

/* Reads the thread state at an address that an interpreter's list is said to have. PYR_E_TORN if it is not of this
 * interpreter. */
int pyr_thread_state_read(struct pyr_view view, const struct pyr_interp *interp, pyr_addr at,
                          struct pyr_thread_state *thread);

#endif
