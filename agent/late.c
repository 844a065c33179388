#include "late.h"

#include "entry.h"
#include "inside.h"
#include "share.h"
#include "sites.h"
#include "span.h"
#include "stacks.h"

#include <stdio.h>

static enum {
    NONE,
    COUNTS,
    PASSES_ON, /* a recording has ended: the former allocator serves */
    UNREAD, /* the same, but another allocator lies before ours, which has to serve it: nobody reads what it counts */
} state;

/* ---- what an earlier recording counted ---- */

/* It is freed as ever, and counted no more. Marks of frames stay true. */
static void forget_block(struct pyr_pool *pool, const char *block)
{
    uint32_t *tag = pyr_tag_at(pool, block);
    if ((*tag & PYR_TAG_MARK) != PYR_TAG_MARK)
        *tag = (*tag & PYR_TAG_CODE) | PYR_SITE_FORGOTTEN << PYR_TAG_SITE_SHIFT;
}

static void forget_arena(char *at)
{
    const struct pyr_heap_arena *arena = (const struct pyr_heap_arena *)(void *)at;
    if (!arena->heap) /* given back: zeroes */
        return;
    for (unsigned i = 1; i < PYR_POOLS_PER_ARENA; i++) {
        struct pyr_pool *pool = (struct pyr_pool *)(void *)at + i;
        const char *start = at + ((size_t)i << PYR_POOL_SHIFT);
        uint32_t size = arena->free >> i & 1 ? 0 : pyr_pool_size(pool);
        for (uint32_t offset = 0; size && offset < pool->fresh; offset += size)
            forget_block(pool, start + offset);
    }
}

/* Large blocks are the former allocator's, and go back to it unseen. */
static void forget_blocks(void)
{
    for (uintptr_t at = 0; at < pyr_region.used; at += PYR_ARENA_BYTES)
        forget_arena((char *)(pyr_region.base + at)); /* NOLINT(performance-no-int-to-ptr) */
    pyr_large_forget(&pyr_main_heap.large);
    pyr_sites_forget_code(&pyr_main_heap);
}

/* ---- on and off ---- */

static bool is_main_interpreter(const struct pyr_inside *inside)
{
    const void *tstate = inside->accessor();
    return tstate && pyr_at(tstate, inside->tstate_interp) == PyInterpreterState_Main();
}

static int check(struct pyr_err *err)
{
    struct pyr_inside inside;
    if (state == COUNTS)
        return pyr_err_set(err, PYR_E_EXISTS, "a memory recording of this process has begun already; stop it first");
    if (state == NONE && pyr_main_heap.file)
        return pyr_err_set(err, PYR_E_EXISTS,
                           "this process is counted already, since it began, by `pyrometer run` or because of "
                           "PYROMETER_MEMORY_DIR: its figures are there");
    if (!PyMem_GetAllocator || !PyMem_SetAllocator || !pyr_inside_find(&inside, err))
        return err->status ? err->status : pyr_err_set(err, PYR_E_UNSUPPORTED, "this Python does not export its API");
    if (!is_main_interpreter(&inside))
        return pyr_err_set(err, PYR_E_UNSUPPORTED,
                           "this is a sub-interpreter; begin in the main one, whose memory can be counted");
    if (pyr_allocator_is_chosen())
        return pyr_err_set(err, PYR_E_UNSUPPORTED,
                           "PYTHONMALLOC or PYTHONDEVMODE chooses this process's allocator, which is left alone; start "
                           "it without");
    if (state == UNREAD ? !pyr_entry_is_installed() : !pyr_entry_may_install())
        return pyr_err_set(err, PYR_E_UNSUPPORTED,
                           "another tool has wrapped Python's allocators, such as tracemalloc, memray or -X dev; stop "
                           "it first");
    return 0;
}

static int begin(const char *directory, bool stacks, struct pyr_err *err)
{
    int rc = check(err);
    if (rc < 0)
        return rc;
    if (pyr_main_heap.file)
        forget_blocks();
    pyr_stacks_start();
    pyr_stacks.on = stacks;
    rc = pyr_install_late(directory, err);
    if (rc == 0)
        pyr_main_heap.file->late = 1;
    return rc;
}

static int refused(const struct pyr_err *err, char *why, size_t why_size)
{
    snprintf(why, why_size, "%s", err->text);
    return -1;
}

int pyrometer_memory_may_start(char *why, size_t why_size)
{
    struct pyr_err err = {0};
    return check(&err) < 0 ? refused(&err, why, why_size) : 0;
}

int pyrometer_memory_start(const char *directory, int stacks, char *why, size_t why_size)
{
    struct pyr_err err = {0};
    if (begin(directory, stacks != 0, &err) < 0)
        return refused(&err, why, why_size);
    pyr_entry_install_late();
    state = COUNTS;
    return 0;
}

int pyrometer_memory_stop(void)
{
    if (state != COUNTS)
        return -1;
    pyr_span_stop(&pyr_main_heap);
    state = pyr_entry_pass_on() ? PASSES_ON : UNREAD;
    pyr_share_end(&pyr_main_heap);
    return 0;
}

void pyrometer_memory_leave(void)
{
    if (state != COUNTS)
        pyr_share_leave(&pyr_main_heap);
}
