/* The heap of one interpreter, and what of it the hot paths see. One is used by whoever holds that interpreter's GIL:
 * nothing here is locked. docs/heap.md tells the design. */
#ifndef PYR_AGENT_HEAP_H
#define PYR_AGENT_HEAP_H

#include "large.h"
#include "nodes.h"
#include "region.h"
#include "window.h"

#include "record/heap_arena.h"
#include "record/heap_file.h"

#define PYR_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define PYR_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

enum {
    PYR_SMALL_MAX = 512,
    PYR_CLASSES = 2 * PYR_SMALL_MAX / PYR_CLASS_STEP,
    PYR_CACHE_SLOTS = 1 << 12,
};

static inline uint32_t pyr_tag_rest(size_t size)
{
    return ((uint32_t)size - 1) & PYR_TAG_REST;
}

static inline struct pyr_pool *pyr_pool_of(const void *block)
{
    uintptr_t at = (uintptr_t)block;
    uintptr_t arena = at & ~(uintptr_t)(PYR_ARENA_BYTES - 1);
    return (struct pyr_pool *)arena + ((at >> PYR_POOL_SHIFT) & (PYR_POOLS_PER_ARENA - 1));
}

static inline uint32_t *pyr_tag_at(const struct pyr_pool *pool, const void *block)
{
    uint32_t offset = (uint32_t)(uintptr_t)block & (PYR_POOL_BYTES - 1);
    return (uint32_t *)(void *)(pool->tags + pyr_tag_offset(pool, offset));
}

/* Classes come in pairs, tag beside and tag inside. `size` is from 1 to PYR_SMALL_MAX. */
static inline uint32_t pyr_class_of(size_t size)
{
    uint32_t last = (uint32_t)size - 1;
    uint32_t inside = (last & (PYR_CLASS_STEP - 1)) < PYR_CLASS_STEP - sizeof(uint32_t);
    return last / PYR_CLASS_STEP * 2 + inside;
}

struct pyr_cached_site {
    uint64_t key;
    uint32_t tag; /* of the site, without the rest */
};

/* What sites.c keeps to find a site, and texts.c to find a text. */
struct pyr_site_index {
    struct pyr_nodes keys;   /* the sites of the code that is alive, by key */
    struct pyr_nodes codes;  /* the code objects that are alive, by address */
    struct pyr_nodes placed; /* all sites without a caller, by code record and instruction */
    struct pyr_nodes spots;  /* where stacks are kept: the same pairs, whatever called them */
    struct pyr_nodes texts;  /* all texts, by content */
};

/* Memory that is free but kept, in groups of pools. A program that gives memory back for good sees it given back at
 * once. One that takes it again within a moment keeps more the next time; and what it then does not use for a while is
 * given back after all. */
struct pyr_spare {
    uint32_t groups;  /* free ones that have memory */
    uint32_t most;    /* that there were since the last review */
    uint32_t allowed; /* so many may be kept */
    uint32_t given;   /* back, because there were too many, and not missed yet */
    uint32_t looks;   /* ever: the clock is not read for each */
    uint64_t reviewed_ns;
    uint64_t given_ns; /* when memory was given back last, because it was too much */
};

struct pyr_heap {
    uint64_t headroom; /* the peak less what is live */
    struct pyr_heap_site *sites;
    struct pyr_heap_peak *peaks; /* by site */
    uint32_t tag_end;            /* the tags of all sites are lower */
    uint32_t recent_place;       /* of the last one of `recent`, as in a tag */
    uint32_t saved;              /* the last site that was saved since the peak; PYR_SAVED_END: none was */
    struct pyr_heap_file *file;
    const void *interpreter;
    uint32_t site_count;
    /* By size, for a load is less than working it out: the first pool to allocate from, pyr_tag_rest, pyr_class_of. The
     * last pool's next, and none, is pyr_no_pool. Size 0 has a class that has no pool. */
    struct pyr_pool *pools[PYR_SMALL_MAX + 1];
    uint32_t rest_of[PYR_SMALL_MAX + 1];
    uint8_t class_of[PYR_SMALL_MAX + 1];
    /* The blocks that were allocated last. A block's tag names the place that it got here. As long as its address
     * stands there, fewer than PYR_HEAP_RECENT allocations came after it: had a later block of the same address got the
     * place, that one's tag would name it, and it would be that one that is freed. */
    const void *recent[PYR_HEAP_RECENT];

    /* The sites used last, in pairs: the newer one of a pair is where pyr_cache_slot says, the other one beside it. */
    struct pyr_cached_site cache[PYR_CACHE_SLOTS] __attribute__((aligned(64)));

    /* By number of free pools; arenas without any are in no list. */
    struct pyr_heap_arena *arenas[PYR_POOLS_PER_ARENA];
    uint64_t arenas_present; /* a bit for each list that is not empty */
    uint32_t arena_count;
    uint32_t free_pools; /* of all arenas */
    bool reserve_open;
    struct pyr_spare spare;

    struct pyr_large large;
    struct pyr_site_index index;

    struct pyr_window file_window, site_window, text_window, direct_window, pause_window, peak_window;
    uint32_t number; /* 0: the main interpreter's */
    bool late;       /* Python ran before: what was allocated then may come to it at any time */
};

extern PYR_OWN struct pyr_heap pyr_main_heap;
extern PYR_OWN struct pyr_pool pyr_no_pool; /* has no block, ever */

/* Addresses of instructions need no mixing: those of different functions differ in their low bits as it is. Where a key
 * holds an index, that is mixed in. In units of half a slot: so much is what an address, in units of two bytes, is to
 * be multiplied by. */
static inline size_t pyr_cache_place(uint64_t key, bool has_index)
{
    uint64_t mixed = has_index ? key << 1 ^ key >> 39 : key;
    return mixed & 2 * (PYR_CACHE_SLOTS - 1);
}

static inline struct pyr_cached_site *pyr_cache_at(struct pyr_heap *heap, size_t place)
{
    _Static_assert(sizeof(struct pyr_cached_site) == 16, "two units of a place");
    return (struct pyr_cached_site *)(void *)((char *)heap->cache + 8 * place);
}

static inline struct pyr_cached_site *pyr_cache_slot(struct pyr_heap *heap, uint64_t key, bool has_index)
{
    return pyr_cache_at(heap, pyr_cache_place(key, has_index));
}

enum { PYR_CACHE_BESIDE = 2 }; /* what two places of a pair differ by */

static inline struct pyr_cached_site *pyr_cache_beside(struct pyr_heap *heap, const struct pyr_cached_site *slot)
{
    return &heap->cache[(slot - heap->cache) ^ 1];
}

/* By this key it is kept that a frame is not complete: its caller's site is looked for. Addresses of instructions are
 * even; where keys have an index, all frames are complete. */
static inline uint64_t pyr_skip_key(uint64_t key)
{
    return key | 1;
}

static inline bool pyr_cache_skips(struct pyr_heap *heap, uint64_t key)
{
    const struct pyr_cached_site *slot = pyr_cache_slot(heap, key, false);
    return slot->key == pyr_skip_key(key) || pyr_cache_beside(heap, slot)->key == pyr_skip_key(key);
}

/* ---- pools (pool.c) ---- */

void pyr_pools_init(struct pyr_heap *heap);

/* The first pool of a class, with a free block: NULL when there is no memory. */
struct pyr_pool *pyr_pool_refill(struct pyr_heap *heap, uint32_t class);

/* A request is refused for want of memory: from now on the last pools may be taken. */
void pyr_pools_refused(struct pyr_heap *heap);

/* `left` has fallen to 0. */
void pyr_pool_alarm(struct pyr_pool *pool);

/* ---- counting ---- */

#define PYR_SAVED_END UINT32_MAX

/* There is no memory to know a block by. Any thread. */
static inline void pyr_count_missed(struct pyr_heap *heap)
{
    __atomic_fetch_add(&heap->file->uncounted_blocks, 1, __ATOMIC_RELAXED);
}

/* `tag` of a site alone. A site is 64 bytes and the unit of its tag 16: no shift is needed. */
static inline struct pyr_heap_site *pyr_site_at(const struct pyr_heap *heap, uint32_t tag)
{
    _Static_assert(sizeof(struct pyr_heap_site) == 4 << PYR_TAG_SITE_SHIFT, "a tag tells a site's offset");
    return (struct pyr_heap_site *)(void *)((char *)heap->sites + 4 * (size_t)tag);
}

/* Of a block's tag, but for flags. */
static inline struct pyr_heap_site *pyr_site_of_tag(const struct pyr_heap *heap, uint32_t tag)
{
    return pyr_site_at(heap, tag & ~(PYR_TAG_REST | PYR_TAG_RECENT));
}

/* What it holds. */
static inline uint64_t pyr_site_blocks(const struct pyr_heap_site *site)
{
    return site->allocated_blocks - site->freed_blocks - site->temporary_blocks;
}

static inline uint64_t pyr_site_bytes(const struct pyr_heap_site *site)
{
    return site->allocated_bytes - site->freed_bytes - site->temporary_bytes;
}

/* Keeps what a site held at the peak, before it changes for the first time since. */
static inline void pyr_site_save(struct pyr_heap *heap, struct pyr_heap_site *site)
{
    uint32_t number = (uint32_t)(site - heap->sites);
    heap->peaks[number].blocks = pyr_site_blocks(site);
    heap->peaks[number].bytes = pyr_site_bytes(site);
    site->saved = heap->saved;
    heap->saved = number + 1;
}

/* The tag of a block that is being allocated: with its place among the last ones. */
static inline uint32_t pyr_recent_add(struct pyr_heap *heap, uint32_t tag, const void *block)
{
    _Static_assert(PYR_SITES_MAX << PYR_TAG_SITE_SHIFT <= PYR_TAG_FRAME, "bits of their own");
    _Static_assert((uint64_t)PYR_HEAP_RECENT << PYR_TAG_RECENT_SHIFT == 1ull << 32,
                   "the last place is before the first");
    uint32_t place = heap->recent_place += 1u << PYR_TAG_RECENT_SHIFT;
    heap->recent[place >> PYR_TAG_RECENT_SHIFT] = block;
    return tag | place;
}

/* A block that is being freed or moved, by its whole tag: whether it still is among the last ones. */
static inline bool pyr_recent_has(const struct pyr_heap *heap, uint32_t tag, const void *block)
{
    return heap->recent[tag >> PYR_TAG_RECENT_SHIFT] == block;
}

/* Counters are added to where they are, not loaded early in case they are to be saved. */
#define PYR_IN_PLACE() __asm__ volatile("" ::: "memory")

/* The headroom has gone below zero: there is a new maximum, and what was kept of the last one is void. While the total
 * only rises nothing is saved. Returns the block, so that it can be the last thing to call. */
void *pyr_count_peak(struct pyr_heap *heap, struct pyr_heap_site *site, size_t size, void *block);

/* A site's first block since a maximum. Returns the block, likewise. */
void *pyr_count_first(struct pyr_heap *heap, struct pyr_heap_site *site, size_t size, void *block);

/* True if there was less room: then there is none now, but what is missing. The compiler would load, subtract and
 * store: that is an instruction more, and one that waits. */
static inline bool pyr_headroom_lower(struct pyr_heap *heap, uint64_t by)
{
#ifdef __x86_64__
    bool below;
    __asm__("subq %2, %0" : "+m"(heap->headroom), "=@ccc"(below) : "r"(by));
    return below;
#else
    return __builtin_sub_overflow(heap->headroom, by, &heap->headroom);
#endif
}

/* Returns the block. */
static inline __attribute__((always_inline)) void *pyr_count_allocated(struct pyr_heap *heap, uint32_t tag, size_t size,
                                                                       void *block)
{
    struct pyr_heap_site *site = pyr_site_at(heap, tag);
    if (PYR_UNLIKELY(pyr_headroom_lower(heap, size)))
        return pyr_count_peak(heap, site, size, block);
    if (PYR_UNLIKELY(!site->saved))
        return pyr_count_first(heap, site, size, block);
    PYR_IN_PLACE();
    site->allocated_blocks++;
    site->allocated_bytes += size;
    return block;
}

/* `tag`: the block's, but for flags. */
static inline void pyr_count_freed(struct pyr_heap *heap, uint32_t tag, const void *block, size_t size)
{
    struct pyr_heap_site *site = pyr_site_of_tag(heap, tag);
    if (PYR_UNLIKELY(!site->saved))
        pyr_site_save(heap, site);
    PYR_IN_PLACE();
    heap->headroom += size;
    if (pyr_recent_has(heap, tag, block)) {
        site->temporary_blocks++;
        site->temporary_bytes += size;
    } else {
        site->freed_blocks++;
        site->freed_bytes += size;
    }
}

#endif
