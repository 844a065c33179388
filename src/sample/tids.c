#include "sample/tids.h"

#include "target/kernel_view.h"
#include "target/task.h"

#define PTHREAD_SCAN 2048 /* bytes of libc's thread structure looked through for the tid */

void pyr_tids_release(struct pyr_tids *tids)
{
    if (tids->ours.item_size)
        pyr_vec_release(&tids->ours);
    pyr_map_release(&tids->ours_by_own);
}

int pyr_tids_read(struct pyr_tids *tids, pid_t pid, pid_t namespace_pid)
{
    tids->ours.item_size = sizeof(pid_t);
    tids->ours.count = 0;
    pyr_map_clear(&tids->ours_by_own);
    tids->main_theirs = namespace_pid;
    int rc = pyr_task_list(pid, &tids->ours);
    for (size_t i = 0; rc >= 0 && i < tids->ours.count; i++) {
        pid_t ours = *PYR_VEC_AT(&tids->ours, pid_t, i), theirs = ours;
        if (namespace_pid != pid && pyr_task_namespace_tid(pid, ours, &theirs) < 0)
            continue;
        if (pyr_map_put(&tids->ours_by_own, (uint64_t)theirs, (uint64_t)ours) < 0)
            rc = PYR_E_NOMEM;
    }
    return rc < 0 ? rc : 0;
}

int pyr_tids_of_core(struct pyr_tids *tids, const struct pyr_core_facts *core)
{
    tids->main_theirs = core->pid;
    for (size_t i = 0; i < core->thread_count; i++)
        if (pyr_map_put(&tids->ours_by_own, (uint64_t)core->threads[i], (uint64_t)core->threads[i]) < 0)
            return PYR_E_NOMEM;
    return 0;
}

static pid_t ours_of(const struct pyr_tids *tids, pid_t theirs)
{
    const uint64_t *ours = pyr_map_find(&tids->ours_by_own, (uint64_t)theirs);
    return ours ? (pid_t)*ours : 0;
}

/* Up to 3.10 Python keeps no native id, but the ident is the address of libc's thread structure, which does. Where in
 * it is found with the main thread, whose tid is the process's own pid. */
static int pthread_tid(struct pyr_tids *tids, struct pyr_view view, uint64_t ident, pid_t *tid)
{
    int32_t words[PTHREAD_SCAN / 4];
    if (tids->pthread_offset)
        return pyr_target_read(view.target, pyr_addr_add(PYR_ADDR(ident), tids->pthread_offset), tid, sizeof *tid);
    int rc = pyr_target_read(view.target, PYR_ADDR(ident), words, sizeof words);
    for (int32_t i = 1; rc == 0 && i < PTHREAD_SCAN / 4; i++) {
        if (words[i] != tids->main_theirs)
            continue;
        tids->pthread_offset = i * 4;
        *tid = words[i];
        return 0;
    }
    return rc < 0 ? rc : PYR_E_NOT_FOUND;
}

pid_t pyr_tids_find(struct pyr_tids *tids, struct pyr_view view, const struct pyr_thread_state *state)
{
    pid_t theirs = state->native_id;
    if (!theirs && !state->ident)
        return 0; /* its thread has not begun */
    if (!theirs && pthread_tid(tids, view, state->ident, &theirs) < 0)
        return 0;
    return ours_of(tids, theirs);
}
