/* Pools and the arenas that they lie in. Runs once for many blocks. */
#include "heap.h"

#include <string.h>
#include <sys/mman.h>
#include <time.h>

struct pyr_pool pyr_no_pool;

enum {
    FIRST_POOL = 1, /* the descriptors lie in the one before */
    USABLE_POOLS = PYR_POOLS_PER_ARENA - FIRST_POOL,
    GROUP_POOLS = 4, /* 64 KiB: as much as can be expected to become free together, and is worth a system call */
    SPARE_MIN = 16,  /* groups: 1 MiB */
    WORTH_GROUPS = 4,
    RESERVE_POOLS = 16, /* 256 KiB of address space */
    LOOKS = 8,          /* of which one reads the clock */
    CARVE_BYTES = 4096, /* blocks become free a page at a time: what is never used is never touched */
    TAG_BYTES = sizeof(uint32_t),
    ROOM_PART = 16, /* at most so small a part of a pool is kept from those who allocate */
};

static const uint64_t regret_ns = 250u * 1000 * 1000; /* memory taken so soon after some was given back was missed */
static const uint64_t idle_ns = 500u * 1000 * 1000;   /* what is free for so long is given back */

void pyr_pools_init(struct pyr_heap *heap)
{
    heap->spare.allowed = SPARE_MIN;
    heap->pools[0] = &pyr_no_pool;
    heap->class_of[0] = PYR_CLASSES;
    for (uint32_t size = 1; size <= PYR_SMALL_MAX; size++) {
        heap->pools[size] = &pyr_no_pool;
        heap->rest_of[size] = pyr_tag_rest(size);
        heap->class_of[size] = (uint8_t)pyr_class_of(size);
    }
}

/* ---- lists of pools that have room ---- */

static uint32_t largest_of(uint32_t class)
{
    return (class / 2 + 1) * PYR_CLASS_STEP - (class % 2 ? TAG_BYTES : 0);
}

static struct pyr_pool *first_of(const struct pyr_heap *heap, uint32_t class)
{
    return heap->pools[largest_of(class)];
}

/* For each size of its class. */
static void first_set(struct pyr_heap *heap, uint32_t class, struct pyr_pool *pool)
{
    uint32_t largest = largest_of(class), sizes = class % 2 ? PYR_CLASS_STEP - TAG_BYTES : TAG_BYTES;
    for (uint32_t n = 0; n < sizes; n++)
        heap->pools[largest - n] = pool;
}

static void pool_link(struct pyr_pool *pool)
{
    struct pyr_pool *first = first_of(pool->heap, pool->class);
    pool->next = first;
    pool->previous = NULL;
    if (first != &pyr_no_pool)
        first->previous = pool;
    first_set(pool->heap, pool->class, pool);
}

static void pool_unlink(struct pyr_pool *pool)
{
    if (pool->previous)
        pool->previous->next = pool->next;
    else
        first_set(pool->heap, pool->class, pool->next);
    if (pool->next != &pyr_no_pool)
        pool->next->previous = pool->previous;
}

/* ---- lists of arenas by free pools ---- */

static void arena_link(struct pyr_heap_arena *arena)
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

static void arena_unlink(struct pyr_heap_arena *arena)
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

/* ---- giving memory back ---- */

static uint64_t group_of(unsigned number)
{
    return (((uint64_t)1 << GROUP_POOLS) - 1) << (number & ~(GROUP_POOLS - 1u));
}

/* Free, and with memory. Pool 0 is none. */
static bool is_spare(const struct pyr_heap_arena *arena, uint64_t group)
{
    return ((arena->free | 1) & group) == group && (arena->touched & group);
}

static uint32_t spare_groups(const struct pyr_heap_arena *arena)
{
    uint32_t count = 0;
    for (unsigned number = 0; number < PYR_POOLS_PER_ARENA; number += GROUP_POOLS)
        count += is_spare(arena, group_of(number));
    return count;
}

/* The memory of the pools in a mask goes back; what they were is forgotten. */
static void pools_purge(struct pyr_heap_arena *arena, uint64_t pools)
{
    uint32_t before = spare_groups(arena);
    arena->touched &= ~pools;
    arena->heap->spare.groups -= before - spare_groups(arena);
    while (pools) {
        unsigned first = (unsigned)__builtin_ctzll(pools);
        uint64_t rest = ~(pools >> first);
        unsigned count = rest ? (unsigned)__builtin_ctzll(rest) : PYR_POOLS_PER_ARENA;
        for (unsigned n = first; n < first + count; n++)
            ((struct pyr_pool *)arena)[n].heap = NULL;
        madvise((char *)arena + ((size_t)first << PYR_POOL_SHIFT), (size_t)count << PYR_POOL_SHIFT, MADV_DONTNEED);
        pools &= first + count < PYR_POOLS_PER_ARENA ? ~(uint64_t)0 << (first + count) : 0;
    }
}

static void arena_give(struct pyr_heap *heap, struct pyr_heap_arena *arena)
{
    arena_unlink(arena);
    heap->spare.groups -= spare_groups(arena);
    heap->free_pools -= arena->free_count;
    heap->arena_count--;
    pyr_region_give(arena);
    state_arenas(heap);
}

static void pool_give(struct pyr_pool *pool);

/* Those that stayed though they are empty: see is_kept. */
static void give_empty(struct pyr_heap *heap)
{
    for (uint32_t class = 0; class < PYR_CLASSES; class ++) {
        struct pyr_pool *pool = first_of(heap, class);
        if (pool == &pyr_no_pool || pool->left > 0)
            continue;
        pool_unlink(pool);
        pool_give(pool);
    }
}

/* Now and then: what has been free since the last time goes back, whatever else was needed. */
static void review(struct pyr_heap *heap, uint64_t now)
{
    struct pyr_spare *spare = &heap->spare;
    if (now - spare->reviewed_ns < idle_ns)
        return;
    spare->reviewed_ns = now;
    give_empty(heap);
    for (uint64_t lists = heap->arenas_present; lists; lists &= lists - 1) {
        for (struct pyr_heap_arena *arena = heap->arenas[__builtin_ctzll(lists)], *next; arena; arena = next) {
            next = arena->next;
            uint64_t pools = arena->idle & arena->touched;
            arena->idle = arena->free;
            if (pools)
                pools_purge(arena, pools);
            if (arena->free_count == USABLE_POOLS && !arena->touched && heap->arena_count > 1)
                arena_give(heap, arena);
        }
    }
    if (spare->allowed > spare->most)
        spare->allowed = spare->most > SPARE_MIN ? spare->most : SPARE_MIN;
    spare->most = spare->groups;
}

/* The clock is not read each time. */
static void look(struct pyr_heap *heap)
{
    if (++heap->spare.looks % LOOKS == 0)
        review(heap, now_ns());
}

/* A group without memory is taken into use: if it was given back a moment ago, one more is kept from now on. */
static void spare_missed(struct pyr_spare *spare)
{
    if (!spare->given)
        return;
    if (now_ns() - spare->given_ns < regret_ns) {
        spare->allowed++;
        spare->given--;
    } else {
        spare->given = 0;
    }
}

/* A group has become free. */
static void spare_added(struct pyr_heap *heap, struct pyr_heap_arena *arena, uint64_t group)
{
    struct pyr_spare *spare = &heap->spare;
    bool whole = arena->free_count == USABLE_POOLS;
    uint32_t inside = whole ? spare_groups(arena) : 1;
    if (spare->groups > spare->most)
        spare->most = spare->groups;
    /* An arena that has hardly any memory is not worth its address space. */
    if (spare->groups <= spare->allowed && (!whole || inside > WORTH_GROUPS))
        return;
    spare->given += inside;
    spare->given_ns = now_ns();
    if (whole)
        arena_give(heap, arena);
    else
        pools_purge(arena, arena->touched & group);
}

/* ---- taking and giving pools ---- */

static struct pyr_heap_arena *arena_new(struct pyr_heap *heap)
{
    struct pyr_heap_arena *arena = pyr_region_take();
    if (!arena)
        return NULL;
    arena->heap = heap;
    arena->free = ~(uint64_t)0 << FIRST_POOL;
    arena->free_count = USABLE_POOLS;
    heap->free_pools += USABLE_POOLS;
    heap->arena_count++;
    arena_link(arena);
    state_arenas(heap);
    return arena;
}

static struct pyr_heap_arena *arena_of(struct pyr_pool *pool)
{
    return (struct pyr_heap_arena *)(void *)(pool - pool->number);
}

static void pool_claim(struct pyr_heap *heap, struct pyr_heap_arena *arena, unsigned number)
{
    uint64_t bit = (uint64_t)1 << number, group = group_of(number);
    if (is_spare(arena, group))
        heap->spare.groups--;
    else if (!(arena->touched & group))
        spare_missed(&heap->spare);
    arena_unlink(arena);
    arena->free &= ~bit;
    arena->idle &= ~bit;
    arena->touched |= bit;
    arena->free_count--;
    heap->free_pools--;
    arena_link(arena);
}

/* Where memory ends the last pools are kept until a request has been refused: whoever handles that MemoryError needs
 * blocks, of any size. */
void pyr_pools_refused(struct pyr_heap *heap)
{
    heap->reserve_open = true;
}

static bool has_pool(struct pyr_heap *heap)
{
    if (heap->free_pools > RESERVE_POOLS || arena_new(heap)) {
        heap->reserve_open = false;
        return true;
    }
    return heap->reserve_open && heap->free_pools > 0;
}

/* From the fullest arena that has one, so that the emptiest become empty. */
static struct pyr_pool *pool_take(struct pyr_heap *heap)
{
    if (!has_pool(heap))
        return NULL;
    struct pyr_heap_arena *arena = heap->arenas[__builtin_ctzll(heap->arenas_present)];
    unsigned number = (unsigned)__builtin_ctzll(arena->free);
    pool_claim(heap, arena, number);
    struct pyr_pool *pool = (struct pyr_pool *)arena + number;
    pool->number = (uint8_t)number;
    return pool;
}

static void pool_give(struct pyr_pool *pool)
{
    struct pyr_heap *heap = pool->heap;
    struct pyr_heap_arena *arena = arena_of(pool);
    uint64_t group = group_of(pool->number);
    arena_unlink(arena);
    arena->free |= (uint64_t)1 << pool->number;
    arena->free_count++;
    heap->free_pools++;
    arena_link(arena);
    if (is_spare(arena, group)) {
        heap->spare.groups++;
        spare_added(heap, arena, group);
    }
    look(heap);
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
    pool->tag_step = inside ? 1u << PYR_TAG_STEP_SHIFT : ((TAG_BYTES << PYR_TAG_STEP_SHIFT) + size - 1) / size;
    pool->tags = pool_start(pool) + (inside ? size - TAG_BYTES : PYR_POOL_BYTES - count * TAG_BYTES);
}

static struct pyr_pool *pool_new(struct pyr_heap *heap, uint32_t class)
{
    struct pyr_pool *pool = pool_take(heap);
    if (!pool)
        return NULL;
    pool->heap = heap;
    pool->free = NULL;
    pool->fresh = 0;
    pool_shape(pool, class);
    pool->left = 0;
    pool->kept = 0;
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

/* A pool that has been full comes back when so many blocks are free again. Back for each of them, where a program frees
 * as many blocks as it allocates most would be the only one of their pool, and go this way. */
static void pool_full(struct pyr_pool *pool)
{
    uint32_t used = pool->left, room = used > ROOM_PART ? used / ROOM_PART : 1;
    pool_unlink(pool);
    pool->left = room;
    pool->kept = used - room;
}

/* It looks, too: a program that has had its peak may do little from then on, and empty no more pools. */
struct pyr_pool *pyr_pool_refill(struct pyr_heap *heap, uint32_t class)
{
    look(heap);
    for (;;) {
        struct pyr_pool *pool = first_of(heap, class);
        if (pool == &pyr_no_pool && !(pool = pool_new(heap, class)))
            return NULL;
        if (pool->free || pool_carve(pool))
            return pool;
        pool_full(pool);
    }
}

/* The only pool of a class to allocate from stays when it is empty, if little of it has ever been used: where there is
 * one block of a class at a time, it would else be taken and given for each. */
static bool is_kept(const struct pyr_pool *pool)
{
    return !pool->previous && pool->next == &pyr_no_pool && pool->fresh <= CARVE_BYTES;
}

void pyr_pool_alarm(struct pyr_pool *pool)
{
    struct pyr_pool *first = first_of(pool->heap, pool->class);
    if (pool->kept) {
        pool->left = pool->kept;
        pool->kept = 0;
        pool_link(pool);
        if (first == &pyr_no_pool || first->left > 0)
            return;
        pool = first;
    } else if (is_kept(pool)) {
        return;
    }
    pool_unlink(pool);
    pool_give(pool);
}
