/* How the agent gets in: preloaded, its constructor runs before the program's main. */
#include "api.h"
#include "block.h"
#include "collector.h"
#include "counted.h"
#include "direct.h"
#include "entry.h"
#include "inside.h"
#include "late.h"
#include "maps.h"
#include "next.h"
#include "share.h"
#include "sites.h"
#include "stacks.h"
#include "tags.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

bool pyr_allocator_is_chosen(void)
{
    const char *chosen = getenv("PYTHONMALLOC"), *development = getenv("PYTHONDEVMODE");
    return (chosen && *chosen) || (development && *development);
}

/* One that checks for errors has to see each block as it was asked for. */
static bool is_checked(void)
{
    const char *preloaded = getenv("LD_PRELOAD");
    return __asan_init || __tsan_init || __msan_init || (preloaded && strstr(preloaded, "vgpreload"));
}

/* Memory that is not of the private heap. */
static void start_direct(void)
{
    if (PyGILState_GetThisThreadState && !is_checked() && pyr_counted_are_called() && pyr_next.is_c_library &&
        pyr_next.usable_size)
        pyr_direct_counts = pyr_direct_open();
}

static bool stacks_wanted(void)
{
    const char *mode = getenv(PYR_SHARE_MODE);
    return mode && strcmp(mode, "stacks") == 0;
}

/* fork copies the heap, and us, but shares what is mapped from the file. */
static int inside_before;

static void before_fork(void)
{
    pyr_maps_before_fork();
    pyr_direct_before_fork();
    pyr_blocks_before_fork();
    inside_before = pyr_inside_agent;
    pyr_inside_agent = 1; /* what is allocated meanwhile does not wait for the locks */
    pyr_share_before_fork(&pyr_main_heap);
}

static void in_parent(void)
{
    pyr_share_in_parent();
    pyr_inside_agent = inside_before;
    pyr_blocks_in_parent();
    pyr_direct_in_parent();
    pyr_maps_in_parent();
}

static void in_child(void)
{
    pyr_maps_in_child();
    pyr_direct_in_child();
    pyr_blocks_in_child();
    pyr_caller_forked();
    pyr_region_forked();
    pyr_share_in_child(&pyr_main_heap);
    pyr_inside_agent = inside_before;
}

static int open_heap(const char *directory, struct pyr_err *err)
{
    if (!pyr_inside_find(&pyr_inside, err))
        return err->status;
    if (!pyr_region.base && !pyr_region_open())
        return pyr_err_set(err, PYR_E_NOMEM, "there is no room for its heap in the address space");
    int rc = pyr_share_open(&pyr_main_heap, directory, err);
    if (rc < 0)
        return rc;
    pyr_pools_init(&pyr_main_heap);
    pyr_sites_init(&pyr_main_heap);
    pyr_blocks_open();
    pthread_atfork(before_fork, in_parent, in_child);
    pyr_tags_tell(&pyr_main_heap);
    return 0;
}

static void start(const char *directory)
{
    struct pyr_err err;
    if (stacks_wanted())
        pyr_stacks_start();
    if (open_heap(directory, &err) < 0)
        return;
    start_direct();
    pyr_collector_prepare();
    pyr_entry_install();
}

int pyr_install_late(const char *directory, struct pyr_err *err)
{
    if (!pyr_main_heap.file)
        return open_heap(directory, err);
    return pyr_share_begin_again(&pyr_main_heap, directory, err);
}

__attribute__((constructor)) static void agent_load(void)
{
    if (!PyMem_SetAllocator || !PyMem_GetAllocator || (Py_IsInitialized && Py_IsInitialized()))
        return; /* no Python; or loaded by a program that runs, for what it calls (tracemalloc.c, late.c) */
    const char *directory = getenv(PYR_SHARE_DIRECTORY);
    if (directory && *directory && !pyr_allocator_is_chosen())
        start(directory);
}

__attribute__((destructor)) static void agent_unload(void)
{
    if (pyr_main_heap.file)
        pyr_main_heap.file->replaced = !pyr_entry_is_installed();
    pyr_share_close(&pyr_main_heap);
}
