/* The global interpreter lock: who has it, and who waits for it. */
#ifndef PYR_PYOBJ_GIL_H
#define PYR_PYOBJ_GIL_H

#include "pyobj/interp.h"

/* Whether this thread state holds its interpreter's GIL now. */
bool pyr_gil_held_by(struct pyr_view view, const struct pyr_vec *interps, const struct pyr_thread_state *thread);

/* Whether a futex at this address is part of a GIL: a thread that sleeps on it waits for its turn. */
bool pyr_gil_waited_for(struct pyr_view view, const struct pyr_vec *interps, uint64_t futex);

#endif
