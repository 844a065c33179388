#include "pyobj/gil.h"

#define GIL_SIZE 256 /* of struct _gil_runtime_state, with room: its condition variables and mutexes */

bool pyr_gil_held_by(struct pyr_view view, const struct pyr_vec *interps, const struct pyr_thread_state *thread)
{
    const struct pyr_layout *layout = &view.python->layout;
    pyr_addr holder = PYR_NULL;
    uint32_t locked = 1;
    if (layout->gil_kind == PYR_GIL_RUNTIME_CURRENT)
        return pyr_target_read_addr(view.target, pyr_addr_add(view.python->runtime, layout->runtime_tstate_current),
                                    &holder) == 0 &&
               pyr_addr_eq(holder, thread->at);
    for (size_t i = 0; i < interps->count; i++) {
        const struct pyr_interp *interp = PYR_VEC_AT(interps, struct pyr_interp, i);
        if (!pyr_addr_eq(interp->at, thread->interp) || !interp->gil.v)
            continue;
        return pyr_target_read_addr(view.target, pyr_addr_add(interp->gil, layout->gil_last_holder), &holder) == 0 &&
               pyr_target_read_u32(view.target, pyr_addr_add(interp->gil, layout->gil_locked), &locked) == 0 &&
               (int32_t)locked > 0 && pyr_addr_eq(holder, thread->at);
    }
    return false;
}

bool pyr_gil_waited_for(struct pyr_view view, const struct pyr_vec *interps, uint64_t futex)
{
    /* Where the runtime keeps the GIL, so few other locks lie in it that a sleeper there waits for the GIL. */
    if (view.python->layout.gil_kind == PYR_GIL_RUNTIME_CURRENT)
        return futex - view.python->runtime.v < view.python->runtime_size;
    for (size_t i = 0; i < interps->count; i++) {
        uint64_t gil = PYR_VEC_AT(interps, struct pyr_interp, i)->gil.v;
        if (gil && futex - gil < GIL_SIZE)
            return true;
    }
    return false;
}
