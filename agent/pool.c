/* Pools and the arenas that they lie in. Runs once for many blocks. */
#include "heap.h"

#include <string.h>
#include <time.h>

struct pyr_pool pyr_no_pool;

enum {
    FIRST_POOL = 1, /* the descriptors lie in the one before */
    USABLE_POOLS = PYR_POOLS_PER_ARENA - FIRST_POOL,
    CARVE_BYTES = 4096, /* blocks become free a page at a time: what is never used is never touched */
    TAG_BYTES = sizeof(uint32_t),
};

static const uint64_t regret_ns = 250u * 1000 * 1000; /* an arena taken so soon after one was given back was missed */
static const uint64_t idle_ns = 500u * 1000 * 1000;   /* spare arenas unused for so long are given back */

void pyr_pools_init(struct pyr_heap *heap)
{
    heap->spare.allowed = 1;
    for (uint32_t class = 0; class <= PYR_CLASSES; class ++)
        heap->pools[class] = &pyr_no_pool;
    heap->class_of[0] = PYR_CLASSES;
    for (uint32_t size = 1; size <= PYR_SMALL_MAX; size++)
        heap->class_of[size] = (uint8_t)pyr_class_of(size);
}

/* ---- lists of pools that have room ---- */

static void pool_link(struct pyr_pool *pool)
{
    struct pyr_pool **head = &pool->heap->pools[pool->class];
    pool->next = *head;
    pool->previous = NULL;
    if (*head != &pyr_no_pool)
        (*head)->previous = pool;
    *head = pool;
}

static void pool_unlink(struct pyr_pool *pool)
{
    if (pool->previous)
        pool->previous->next = pool->next;
    else
        pool->heap->pools[pool->class] = pool->next;
    if (pool->next != &pyr_no_pool)
        pool->next->previous = pool->previous;
}

/* ---- lists of arenas by free pools ---- */

static void arena_link(struct pyr_arena *arena)
{
    struct pyr_heap *heap = arena->heap;
    uint32_t count = arena->free_count;
    if (count == 0)
        return;
    arena->previous = NULL;
    arena->next = heap->arenas[count];
    if (arena->next)
        arena->next->previous = arena;
    heap->arenas[count] = arena;
    heap->arenas_present |= (uint64_t)1 << count;
}

static void arena_unlink(struct pyr_arena *arena)
{
    struct pyr_heap *heap = arena->heap;
    uint32_t count = arena->free_count;
    if (count == 0)
        return;
    if (arena->next)
        arena->next->previous = arena->previous;
    if (arena->previous)
        arena->previous->next = arena->next;
    else if (!(heap->arenas[count] = arena->next))
        heap->arenas_present &= ~((uint64_t)1 << count);
}

static void state_arenas(struct pyr_heap *heap)
{
    uint64_t bytes = (uint64_t)heap->arena_count << PYR_ARENA_SHIFT;
    heap->file->arena_bytes = bytes;
    if (bytes > heap->file->peak_arena_bytes)
        heap->file->peak_arena_bytes = bytes;
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static struct pyr_arena *arena_new(struct pyr_heap *heap)
{
    struct pyr_arena *arena = pyr_region_take();
    if (!arena)
        return NULL;
    arena->heap = heap;
    arena->free = ~(uint64_t)0 << FIRST_POOL;
    arena->free_count = USABLE_POOLS;
    heap->arena_count++;
    heap->spare.count++;
    if (heap->spare.allowed < heap->arena_count && heap->spare.given_ns && now_ns() - heap->spare.given_ns < regret_ns)
        heap->spare.allowed = 2 * heap->spare.allowed + 1;
    arena_link(arena);
    state_arenas(heap);
    return arena;
}

static void arena_give(struct pyr_heap *heap, struct pyr_arena *arena)
{
    arena_unlink(arena);
    heap->spare.count--;
    heap->arena_count--;
    pyr_region_give(arena);
    state_arenas(heap);
}

/* Now and then: those that were not needed, whatever else was. */
static void spare_review(struct pyr_heap *heap, uint64_t now)
{
    struct pyr_spare *spare = &heap->spare;
    if (now - spare->since_ns < idle_ns)
        return;
    while (spare->least > 1) {
        arena_give(heap, heap->arenas[USABLE_POOLS]);
        spare->least--;
    }
    if (spare->allowed > spare->count + 1)
        spare->allowed = spare->count + 1;
    spare->least = spare->count;
    spare->since_ns = now;
}

static void arena_emptied(struct pyr_heap *heap, struct pyr_arena *arena)
{
    struct pyr_spare *spare = &heap->spare;
    spare->count++;
    if (spare->count > spare->allowed) {
        arena_give(heap, arena);
        spare->given_ns = now_ns();
    }
}

static struct pyr_arena *arena_of(struct pyr_pool *pool)
{
    return (struct pyr_arena *)(void *)(pool - pool->number);
}

static void pool_claim(struct pyr_heap *heap, struct pyr_arena *arena, unsigned number)
{
    arena_unlink(arena);
    heap->spare.count -= arena->free_count == USABLE_POOLS;
    if (heap->spare.count < heap->spare.least)
        heap->spare.least = heap->spare.count;
    arena->free &= ~((uint64_t)1 << number);
    arena->free_count--;
    arena_link(arena);
}

/* From the fullest arena that has one, so that the emptiest become empty. */
static struct pyr_pool *pool_take(struct pyr_heap *heap)
{
    struct pyr_arena *arena =
        heap->arenas_present ? heap->arenas[__builtin_ctzll(heap->arenas_present)] : arena_new(heap);
    if (!arena)
        return NULL;
    unsigned number = (unsigned)__builtin_ctzll(arena->free);
    pool_claim(heap, arena, number);
    struct pyr_pool *pool = (struct pyr_pool *)arena + number;
    pool->number = (uint8_t)number;
    return pool;
}

/* A class that has one block at a time gets the same pool again and again, as it was. In an arena that has been given
 * back, or taken anew, nothing is left of it. */
static struct pyr_pool *pool_take_again(struct pyr_heap *heap, uint32_t class)
{
    struct pyr_pool *pool = heap->emptied[class];
    if (!pool || pool->heap != heap || pool->class != class || !(arena_of(pool)->free >> pool->number & 1))
        return NULL;
    pool_claim(heap, arena_of(pool), pool->number);
    return pool;
}

static void pool_give(struct pyr_pool *pool)
{
    struct pyr_heap *heap = pool->heap;
    struct pyr_arena *arena = arena_of(pool);
    heap->emptied[pool->class] = pool;
    arena_unlink(arena);
    arena->free |= (uint64_t)1 << pool->number;
    arena->free_count++;
    arena_link(arena);
    if (arena->free_count == USABLE_POOLS)
        arena_emptied(heap, arena);
    if (heap->spare.count > 1)
        spare_review(heap, now_ns());
}

/* ---- pools ---- */

static char *pool_start(const struct pyr_pool *pool)
{
    return (char *)(pool - pool->number) + ((size_t)pool->number << PYR_POOL_SHIFT);
}

static void pool_shape(struct pyr_pool *pool, uint32_t class)
{
    uint32_t size = (class / 2 + 1) * PYR_CLASS_STEP;
    bool inside = class % 2;
    uint32_t count = PYR_POOL_BYTES / (inside ? size : size + TAG_BYTES);
    pool->class = (uint8_t) class;
    pool->least = (uint16_t)(size - PYR_CLASS_STEP + 1);
    pool->end = (uint16_t)(count * size);
    pool->reciprocal = ((1u << PYR_RECIPROCAL_SHIFT) + size - 1) / size;
    pool->stride = inside ? size : TAG_BYTES;
    pool->tags = pool_start(pool) + (inside ? size - TAG_BYTES : PYR_POOL_BYTES - count * TAG_BYTES);
}

static struct pyr_pool *pool_new(struct pyr_heap *heap, uint32_t class)
{
    struct pyr_pool *pool = pool_take_again(heap, class);
    if (!pool) {
        pool = pool_take(heap);
        if (!pool)
            return NULL;
        pool->heap = heap;
        pool->free = NULL;
        pool->fresh = 0;
        pool_shape(pool, class);
    }
    pool->used = 0;
    pool->alarm = 0;
    pool_link(pool);
    return pool;
}

/* False if all its blocks are in use. */
static bool pool_carve(struct pyr_pool *pool)
{
    uint32_t room = (uint32_t)pool->end - pool->fresh, size = pyr_pool_size(pool);
    if (room == 0)
        return false;
    uint32_t bytes = room < CARVE_BYTES ? room : CARVE_BYTES - CARVE_BYTES % size;
    char *first = pool_start(pool) + pool->fresh, *block = first;
    for (; block + size < first + bytes; block += size)
        *(void **)block = block + size;
    *(void **)block = NULL;
    pool->free = first;
    pool->fresh = (uint16_t)(pool->fresh + bytes);
    return true;
}

struct pyr_pool *pyr_pool_refill(struct pyr_heap *heap, uint32_t class)
{
    for (;;) {
        struct pyr_pool *pool = heap->pools[class];
        if (pool == &pyr_no_pool && !(pool = pool_new(heap, class)))
            return NULL;
        if (pool->free || pool_carve(pool))
            return pool;
        pool_unlink(pool);
        pool->alarm = pool->used - 1;
    }
}

void pyr_pool_alarm(struct pyr_pool *pool)
{
    if (pool->alarm) {
        pool->alarm = 0;
        pool_link(pool);
        return;
    }
    pool_unlink(pool);
    pool_give(pool);
}
