/* The parts of the agent that threads without the GIL share with the one that has it, from many threads at once, built
 * with ThreadSanitizer: regions, blocks and figures of the C library's memory, texts and sites. A mutex is the GIL, and
 * this file tells who has it. */
#include "block.h"
#include "caller.h"
#include "inside.h"
#include "sites.h"
#include "stacks.h"

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    THREADS = 6,
    HOLDERS = 3,
    ROUNDS = 4000,
    KEPT = 64,
    SITES = 40,
    LIMIT = 4 << 20,
    PAGE_BYTES = 4096,
};

struct pyr_heap pyr_main_heap;
struct pyr_inside pyr_inside;
struct pyr_next pyr_next = {.malloc = malloc, .free = free, .usable_size = malloc_usable_size};
_Thread_local int pyr_inside_agent;

static pthread_mutex_t gil = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local struct pyr_caller here;

struct pyr_caller pyr_caller_here(void)
{
    return here;
}

bool pyr_caller_holds(void)
{
    return here.held;
}

/* ---- a heap without Python ---- */

static bool windows_open(int file)
{
    struct pyr_heap *heap = &pyr_main_heap;
    struct pyr_window *windows[] = {&heap->file_window, &heap->site_window, &heap->text_window, &heap->direct_window};
    for (unsigned n = 0; n < 4; n++)
        if (!pyr_window_open(windows[n], pyr_region_window(n), file, (uint64_t)n * LIMIT, LIMIT, PAGE_BYTES))
            return false;
    heap->file = (struct pyr_heap_file *)(void *)heap->file_window.at;
    heap->sites = (struct pyr_heap_site *)(void *)heap->site_window.at;
    return pyr_window_reserve(&heap->site_window, SITES * sizeof *heap->sites);
}

static void heap_open(void)
{
    FILE *file = tmpfile();
    if (!file || ftruncate(fileno(file), 4 * LIMIT) < 0 || !pyr_region_open() || !windows_open(fileno(file)))
        exit(77); /* no room for one: skipped */
    pyr_main_heap.site_count = SITES;
    pyr_main_heap.saved = PYR_SAVED_END;
    pyr_pools_init(&pyr_main_heap);
    pyr_blocks_open();
    if (!pyr_direct_open())
        exit(77);
    pyr_direct_counts = true;
}

/* ---- what threads do ---- */

static uint64_t noise(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

static void give(void **block)
{
    if (*block) {
        pyr_block_count_freed(pyr_block_take(*block));
        free(*block);
    }
    *block = NULL;
}

static void take(void **block, uint64_t *state)
{
    size_t size = noise(state) % 5 ? 1 + noise(state) % 900 : 1000 + noise(state) % 20000;
    enum pyr_heap_domain domain = noise(state) % 3 ? PYR_DOMAIN_C : PYR_DOMAIN_RAW;
    here.site = PYR_SITES_RESERVED + (uint32_t)(noise(state) % (SITES - PYR_SITES_RESERVED));
    *block = pyr_block_add(malloc(size + pyr_block_room(size)), size, domain);
    memset(*block, 1, size);
}

static void learn(uint64_t *state)
{
    pyr_learn_begin();
    if (!pyr_text_live_begin(&pyr_main_heap, 1 + (uint32_t)(noise(state) % 10)))
        abort();
    pyr_learn_end();
}

static void step(void **kept, uint64_t *state)
{
    void **block = &kept[noise(state) % KEPT];
    give(block);
    if (noise(state) % 4)
        take(block, state);
    if (noise(state) % 64 == 0)
        pyr_region_give(pyr_region_take());
    if (noise(state) % 64 == 0)
        learn(state);
    if (here.held)
        pyr_direct_gather();
}

/* The first HOLDERS threads have the GIL in turn; the others never. */
static void *work(void *number)
{
    uint64_t state = 88172645463325252u * (2 * (uintptr_t)number + 1);
    void *kept[KEPT] = {0};
    bool holder = (uintptr_t)number < HOLDERS;
    for (int round = 0; round < ROUNDS + KEPT; round++) {
        if (holder)
            pthread_mutex_lock(&gil);
        here.held = holder;
        if (round < ROUNDS)
            step(kept, &state);
        else
            give(&kept[round - ROUNDS]);
        here.held = false;
        if (holder)
            pthread_mutex_unlock(&gil);
    }
    return NULL;
}

/* ---- the sums ---- */

static int check(void)
{
    const struct pyr_heap_direct *at = (const void *)pyr_main_heap.direct_window.at;
    uint64_t blocks = 0;
    for (uint32_t i = 1; i < pyr_main_heap.file->direct_count; i++) {
        blocks += at[i].allocated_blocks + at[i].loose_allocated_blocks;
        if (at[i].allocated_blocks + at[i].loose_allocated_blocks != at[i].freed_blocks + at[i].loose_freed_blocks ||
            at[i].allocated_bytes + at[i].loose_allocated_bytes != at[i].freed_bytes + at[i].loose_freed_bytes)
            return fprintf(stderr, "figures %u: what was allocated was not freed\n", i);
    }
    return blocks > THREADS * ROUNDS / 2 ? 0 : fprintf(stderr, "%lu blocks\n", (unsigned long)blocks);
}

int main(void)
{
    pthread_t threads[THREADS];
    heap_open();
    for (uintptr_t n = 0; n < THREADS; n++)
        pthread_create(&threads[n], NULL, work, (void *)n); /* NOLINT(performance-no-int-to-ptr) */
    for (unsigned n = 0; n < THREADS; n++)
        pthread_join(threads[n], NULL);
    return check() ? 1 : 0;
}
