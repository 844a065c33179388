#include "sample/names.h"

void pyr_names_release(struct pyr_names *names)
{
    pyr_map_release(&names->active);
    pyr_map_release(&names->by_ident);
}

void pyr_names_read(struct pyr_names *names, struct pyr_view view, const struct pyr_vec *interps)
{
    pyr_map_clear(&names->by_ident);
    for (size_t i = 0; i < interps->count; i++) {
        pyr_addr interp = PYR_VEC_AT(interps, struct pyr_interp, i)->at, active;
        const uint64_t *known = pyr_map_find(&names->active, interp.v);
        if (known)
            active.v = *known;
        else if (pyr_threading_active(view, interp, &active) < 0 || pyr_map_put(&names->active, interp.v, active.v) < 0)
            continue;
        pyr_threading_by_ident(view, active, &names->by_ident);
    }
}

bool pyr_names_find(const struct pyr_names *names, struct pyr_view view, uint64_t ident, const struct pyr_task *task,
                    struct pyr_buf *name)
{
    const uint64_t *thread = pyr_map_find(&names->by_ident, ident);
    char comm[32] = "MainThread";
    if (thread && pyr_threading_name(view, PYR_ADDR(*thread), name) == 0)
        return true;
    if (task->tid != task->pid && pyr_task_name(task, comm, sizeof comm) < 0)
        comm[0] = 0;
    pyr_buf_append(name, comm, strlen(comm) + 1);
    if (!name->failed)
        name->size--;
    return false;
}
