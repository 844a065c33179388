/* How the agent gets in: preloaded, its constructor runs before the program's main. */
#include "api.h"
#include "collector.h"
#include "entry.h"
#include "inside.h"
#include "share.h"
#include "sites.h"
#include "stacks.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* What the user chose instead of the default allocator stays: it was asked for by name. */
static bool allocator_chosen(void)
{
    const char *chosen = getenv("PYTHONMALLOC"), *development = getenv("PYTHONDEVMODE");
    return (chosen && *chosen) || (development && *development);
}

static bool stacks_wanted(void)
{
    const char *mode = getenv(PYR_SHARE_MODE);
    return mode && strcmp(mode, "stacks") == 0;
}

/* fork copies the heap, and us, but shares what is mapped from the file. */
static void before_fork(void)
{
    pyr_share_before_fork(&pyr_main_heap);
}

static void in_child(void)
{
    pyr_region_forked();
    pyr_share_in_child(&pyr_main_heap);
}

static void start(const char *directory)
{
    struct pyr_err err;
    if (stacks_wanted())
        pyr_stacks_start();
    if (!pyr_inside_find(&pyr_inside, &err) || !pyr_region_open() ||
        pyr_share_open(&pyr_main_heap, directory, &err) < 0)
        return;
    pyr_pools_init(&pyr_main_heap);
    pyr_sites_init(&pyr_main_heap);
    pthread_atfork(before_fork, pyr_share_in_parent, in_child);
    pyr_collector_prepare();
    pyr_entry_install();
}

__attribute__((constructor)) static void agent_load(void)
{
    if (!PyMem_SetAllocator || !PyMem_GetAllocator)
        return;
    const char *directory = getenv(PYR_SHARE_DIRECTORY);
    if (directory && *directory && !allocator_chosen())
        start(directory);
}

__attribute__((destructor)) static void agent_unload(void)
{
    if (pyr_main_heap.file)
        pyr_main_heap.file->replaced = !pyr_entry_is_installed();
    pyr_share_close(&pyr_main_heap);
}
