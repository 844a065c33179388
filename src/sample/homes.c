#include "sample/homes.h"

#include <string.h>

static const struct pyr_thread_state *state_at(const struct pyr_vec *states, size_t i)
{
    return PYR_VEC_AT(states, struct pyr_thread_state, i);
}

static struct pyr_home *home_at(const struct pyr_vec *homes, size_t i)
{
    return PYR_VEC_AT(homes, struct pyr_home, i);
}

static bool is_main_stack(const struct pyr_mapping *map)
{
    return strcmp(map->path, "[stack]") == 0;
}

/* A thread's ident is where libc keeps the thread itself: at the upper end of its stack. The first thread's stack is
 * the kernel's. */
static void find_stack(struct pyr_home *home, struct pyr_target *target, const struct pyr_mapping *main_stack)
{
    const struct pyr_mapping *map =
        home->tid == pyr_target_pid(target) ? main_stack : pyr_target_mapping_at(target, PYR_ADDR(home->ident));
    if (!map)
        return;
    home->stack_low = map->start;
    home->stack_high = map == main_stack ? map->end : home->ident;
}

/* The thread on whose stack an address is; NULL if that is not known. */
static const struct pyr_home *home_of(const struct pyr_vec *homes, uint64_t at)
{
    for (size_t i = 0; i < homes->count; i++) {
        const struct pyr_home *home = home_at(homes, i);
        if (home->tid && at >= home->stack_low && at < home->stack_high)
            return home;
    }
    return NULL;
}

static void move_home(struct pyr_vec *homes, struct pyr_view view, const struct pyr_thread_state *state,
                      struct pyr_home *home)
{
    const struct pyr_layout *layout = &view.python->layout;
    uint64_t at;
    if (pyr_target_read(view.target, pyr_addr_add(state->at, layout->tstate_on_stack), &at, sizeof at) < 0 ||
        at - state->at.v < layout->tstate_size) /* it runs nothing */
        return;
    const struct pyr_home *owner = home_of(homes, at);
    if (owner)
        *home = *owner;
    else
        home->stack_low = home->stack_high = 0; /* stacks of its own making: its numbers are all there is */
}

static int see_stacks(struct pyr_vec *homes, struct pyr_target *target, struct pyr_view view,
                      const struct pyr_vec *states)
{
    const struct pyr_mapping *maps, *main_stack = NULL;
    size_t count;
    int rc = pyr_target_maps(target, true, &maps, &count, NULL);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < count; i++)
        if (is_main_stack(&maps[i]))
            main_stack = &maps[i];
    for (size_t i = 0; i < homes->count; i++)
        find_stack(home_at(homes, i), target, main_stack);
    for (size_t i = 0; i < homes->count; i++)
        if (state_at(states, i)->interp_id)
            move_home(homes, view, state_at(states, i), home_at(homes, i));
    return 0;
}

int pyr_homes_read(struct pyr_vec *homes, struct pyr_target *target, struct pyr_view view, struct pyr_tids *tids,
                   const struct pyr_vec *states)
{
    const struct pyr_layout *layout = &view.python->layout;
    bool several = false;
    if (pyr_vec_reserve(homes, states->count) < 0)
        return PYR_E_NOMEM;
    homes->count = states->count;
    /* The oldest first: with the main thread is found how to tell the others' ids. */
    for (size_t i = states->count; i-- > 0;) {
        const struct pyr_thread_state *state = state_at(states, i);
        *home_at(homes, i) = (struct pyr_home){.tid = pyr_tids_find(tids, view, state), .ident = state->ident};
        several = several || state->interp_id;
    }
    if (!several || !PYR_HAS(layout, tstate_on_stack))
        return 0;
    return see_stacks(homes, target, view, states);
}
