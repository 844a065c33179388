#include "pyobj/interp.h"

#include "base/map.h"

static int read_word(struct pyr_view view, pyr_addr base, int32_t offset, uint64_t *word)
{
    return pyr_target_read(view.target, pyr_addr_add(base, offset), word, sizeof *word);
}

static int interp_read(struct pyr_view view, pyr_addr at, struct pyr_interp *interp, pyr_addr *next)
{
    const struct pyr_layout *layout = &view.python->layout;
    uint64_t id, head, following, gil = 0;
    int rc = read_word(view, at, layout->interp_id, &id);
    if (rc == 0)
        rc = read_word(view, at, layout->interp_threads_head, &head);
    if (rc == 0)
        rc = read_word(view, at, layout->interp_next, &following);
    if (rc == 0 && PYR_HAS(layout, interp_gil))
        rc = read_word(view, at, layout->interp_gil, &gil);
    if (rc < 0)
        return rc;
    *interp = (struct pyr_interp){.at = at, .id = (int64_t)id, .gil = PYR_ADDR(gil), .threads_head = PYR_ADDR(head)};
    next->v = following;
    return 0;
}

int pyr_interps_read(struct pyr_view view, struct pyr_vec *interps)
{
    pyr_addr at;
    int rc = read_word(view, view.python->runtime, view.python->layout.runtime_interpreters_head, &at.v);
    for (size_t n = 0; rc == 0 && at.v; n++) {
        struct pyr_interp interp;
        if (n == PYR_INTERPRETERS_MAX)
            return PYR_E_TORN;
        rc = interp_read(view, at, &interp, &at);
        if (rc == 0 && !pyr_vec_push(interps, &interp))
            return PYR_E_NOMEM;
    }
    return rc;
}

static int thread_read(struct pyr_view view, pyr_addr at, struct pyr_thread_state *thread, pyr_addr *next)
{
    const struct pyr_layout *layout = &view.python->layout;
    uint64_t ident, interp, following, unique_id, native_id = 0;
    int rc = read_word(view, at, layout->tstate_thread_id, &ident);
    if (rc == 0)
        rc = read_word(view, at, layout->tstate_unique_id, &unique_id);
    if (rc == 0)
        rc = read_word(view, at, layout->tstate_interp, &interp);
    if (rc == 0)
        rc = read_word(view, at, layout->tstate_next, &following);
    if (rc == 0 && PYR_HAS(layout, tstate_native_thread_id))
        rc = read_word(view, at, layout->tstate_native_thread_id, &native_id);
    if (rc < 0)
        return rc;
    *thread = (struct pyr_thread_state){
        .at = at, .interp = PYR_ADDR(interp), .unique_id = unique_id, .ident = ident, .native_id = (pid_t)native_id};
    next->v = following;
    return 0;
}

/* A thread state that was freed does not point back to its interpreter. */
static int thread_of(struct pyr_view view, const struct pyr_interp *interp, pyr_addr at,
                     struct pyr_thread_state *thread, pyr_addr *next)
{
    int rc = thread_read(view, at, thread, next);
    if (rc < 0)
        return rc == PYR_E_FAULT ? PYR_E_TORN : rc;
    thread->interp_id = interp->id;
    return pyr_addr_eq(thread->interp, interp->at) ? 0 : PYR_E_TORN;
}

int pyr_thread_state_read(struct pyr_view view, const struct pyr_interp *interp, pyr_addr at,
                          struct pyr_thread_state *thread)
{
    pyr_addr next;
    return thread_of(view, interp, at, thread, &next);
}

static int threads_of(struct pyr_view view, const struct pyr_interp *interp, struct pyr_vec *threads)
{
    pyr_addr at = interp->threads_head;
    for (size_t n = 0; at.v; n++) {
        struct pyr_thread_state thread;
        if (n == PYR_THREADS_MAX)
            return PYR_E_TORN;
        int rc = thread_of(view, interp, at, &thread, &at);
        if (rc < 0)
            return rc;
        if (!pyr_vec_push(threads, &thread))
            return PYR_E_NOMEM;
    }
    return 0;
}

/* Where numbers are borrowed, a new state bears its creator's until its thread runs. The list begins with the newest,
 * so of those with the same number only the last is real. */
static int clear_borrowed(struct pyr_vec *threads, size_t first)
{
    struct pyr_map idents = {0};
    int rc = 0;
    for (size_t i = threads->count; rc == 0 && i-- > first;) {
        struct pyr_thread_state *thread = PYR_VEC_AT(threads, struct pyr_thread_state, i);
        if (!thread->ident)
            continue;
        if (pyr_map_find(&idents, thread->ident))
            *thread =
                (struct pyr_thread_state){.at = thread->at, .interp = thread->interp, .interp_id = thread->interp_id};
        else
            rc = pyr_map_put(&idents, thread->ident, 1);
    }
    pyr_map_release(&idents);
    return rc;
}

int pyr_thread_states_read(struct pyr_view view, const struct pyr_vec *interps, struct pyr_vec *threads)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < interps->count; i++) {
        size_t first = threads->count;
        rc = threads_of(view, PYR_VEC_AT(interps, struct pyr_interp, i), threads);
        if (rc == 0 && view.python->layout.tstate_numbers_borrowed)
            rc = clear_borrowed(threads, first);
    }
    return rc;
}
