/* HOT: no lock, no system call, no call on the common way through malloc and free. The rare ways are functions of
 * their own, so that the common one saves no registers for them. */
#include "entry.h"

#include "caller.h"
#include "collector.h"
#include "counted.h"
#include "direct.h"
#include "inside.h"
#include "next.h"
#include "raw.h"
#include "sites.h"
#include "stacks.h"

#include <stdint.h>
#include <string.h>

#define ALWAYS_INLINE inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))

struct pyr_heap pyr_main_heap;

static struct pyr_py_allocator former; /* of the domain `obj`: has what was allocated before us */

/* ---- which heap, which site ---- */

struct place {
    struct pyr_heap *heap;
    uint32_t tag; /* of the site, without the rest */
};

static struct place place_of(struct pyr_heap *heap, uint32_t site)
{
    return (struct place){heap, site << PYR_TAG_SITE_SHIFT};
}

static void set(enum pyr_access access);

/* The first time that Python runs (again): the fast way to the thread state has to agree with the sure one. */
static void settle(void)
{
    if (!pyr_inside_holds(&pyr_inside))
        return;
    pyr_main_heap.interpreter = PyInterpreterState_Main();
    pyr_inside.proved = true;
    set(pyr_inside.access);
}

/* False: this thread runs an interpreter that has a GIL of its own. That one's memory stays with the former allocator,
 * which has a state for each; nothing of the main heap may be looked at. */
static bool is_served(const void *tstate)
{
    const void *interpreter = tstate ? pyr_at(tstate, pyr_inside.tstate_interp) : NULL;
    return !tstate || interpreter == pyr_main_heap.interpreter ||
           pyr_inside_shares_gil(&pyr_inside, interpreter, PyInterpreterState_Main());
}

bool pyr_entry_serves(const void *tstate)
{
    return is_served(tstate);
}

/* The first block that is asked for without Python code once the interpreter has begun to end: atexit functions have
 * run and threads have been waited for, and nothing has been torn down yet. */
static void note_end(void)
{
    int (*ends)(void) = Py_IsFinalizing ? Py_IsFinalizing : _Py_IsFinalizing;
    if (ends && pyr_main_heap.file && !pyr_main_heap.file->main_ended_ns && ends())
        pyr_text_live(&pyr_main_heap);
    if (pyr_direct_counts)
        pyr_caller_watch_end();
}

/* Of a thread that is_served. */
static struct place rare_place(const void *tstate)
{
    if (!tstate)
        return place_of(&pyr_main_heap, PYR_SITE_NO_FRAME);
    if (PYR_UNLIKELY(pyr_at(tstate, pyr_inside.tstate_interp) != pyr_main_heap.interpreter))
        settle();
    int inside = pyr_inside_agent;
    pyr_inside_agent = 1;
    uint32_t site = pyr_site_of(&pyr_main_heap, pyr_frame_of(tstate, pyr_inside.chain));
    pyr_inside_agent = inside;
    if (site == PYR_SITE_NO_FRAME)
        note_end();
    else if (site != PYR_SITE_OTHER && pyr_at(tstate, pyr_inside.tstate_interp) == pyr_main_heap.interpreter)
        pyr_collector_enter(&pyr_main_heap); /* Python code is known to run: before, gc may not be ready */
    return place_of(&pyr_main_heap, site);
}

static void make_marks(size_t size);

/* Of the main heap, by a walk along its stack. Marks are made here only: for the stack that was just walked. False: the
 * rare way has to be gone. */
static bool walked_place(struct place *place, size_t size)
{
    const void *tstate = pyr_inside.accessor(), *frame = tstate ? pyr_frame_of(tstate, pyr_inside.chain) : NULL;
    if (!frame || pyr_at(tstate, pyr_inside.tstate_interp) != pyr_main_heap.interpreter)
        return false;
    int inside = pyr_inside_agent;
    pyr_inside_agent = 1;
    uint32_t site = pyr_stack_of(&pyr_main_heap, frame);
    if (PYR_UNLIKELY(pyr_stacks.marks_due))
        make_marks(size);
    pyr_inside_agent = inside;
    *place = place_of(&pyr_main_heap, site);
    return site != PYR_SITE_NO_FRAME;
}

/* False: it is not in the cache. */
static ALWAYS_INLINE bool cached_tag(const void *frame, enum pyr_chain chain, uint32_t *tag)
{
    uint64_t key = pyr_key_of(frame, chain);
    size_t place = pyr_cache_place(key, chain == PYR_CHAIN_OBJECT);
    if (PYR_UNLIKELY(pyr_cache_at(&pyr_main_heap, place)->key != key) &&
        pyr_cache_at(&pyr_main_heap, place ^= PYR_CACHE_BESIDE)->key != key)
        return false;
    *tag = pyr_cache_at(&pyr_main_heap, place)->tag;
    return true;
}

/* While a frame is not complete, what it allocates belongs to the one that called it. Coroutines and generators begin
 * so, each time. */
static bool callers_place(struct place *place)
{
    enum pyr_chain chain = pyr_inside.chain;
    const void *tstate = pyr_inside.accessor(), *frame = tstate ? pyr_frame_of(tstate, chain) : NULL;
    if (chain == PYR_CHAIN_OBJECT)
        return false;
    while (frame && pyr_cache_skips(&pyr_main_heap, pyr_key_of(frame, chain)))
        frame = pyr_previous_of(frame, chain);
    place->heap = &pyr_main_heap;
    return frame && cached_tag(frame, chain, &place->tag);
}

/* False: another way has to be gone. Which interpreter this is need not be asked: those with a GIL of their own run
 * code of their own, so that what is in the main heap's cache is the main one's. */
static ALWAYS_INLINE bool common_place(struct place *place, enum pyr_access access, enum pyr_chain chain, bool stacks)
{
    const void *tstate = pyr_tstate(access);
    if (PYR_UNLIKELY(!tstate))
        return false;
    const void *frame = pyr_frame_of(tstate, chain);
    if (PYR_UNLIKELY(!frame))
        return false;
    place->heap = &pyr_main_heap;
    if (stacks)
        return pyr_chain_find(frame, chain, &place->tag);
    return PYR_LIKELY(cached_tag(frame, chain, &place->tag));
}

/* ---- malloc ---- */

/* Blocks of the C heap are the heap's own figures, not those of the raw domain: where that is counted, they come from
 * the allocator behind it. Those of a heap that began late come from the one that was there before, and can be left to
 * it at any time. */
static void *c_malloc(size_t size)
{
    if (pyr_direct_counts)
        return pyr_next.malloc(size);
    return pyr_main_heap.late ? former.malloc(former.context, size) : PyMem_RawMalloc(size);
}

static void *c_calloc(size_t count, size_t size)
{
    if (pyr_direct_counts)
        return pyr_next.calloc(count, size);
    return pyr_main_heap.late ? former.calloc(former.context, count, size) : PyMem_RawCalloc(count, size);
}

static void *c_realloc(void *block, size_t size)
{
    if (pyr_direct_counts)
        return pyr_next.realloc(block, size);
    return pyr_main_heap.late ? former.realloc(former.context, block, size) : PyMem_RawRealloc(block, size);
}

static void c_free(void *block)
{
    if (pyr_direct_counts)
        pyr_next.free(block);
    else if (pyr_main_heap.late)
        former.free(former.context, block);
    else
        PyMem_RawFree(block);
}

/* A block of the C heap, as known from now on. */
static void *large_counted(struct place place, void *block, size_t size)
{
    if (!block) {
        pyr_pools_refused(place.heap);
        return NULL;
    }
    uint32_t tag = pyr_recent_add(place.heap, place.tag, block);
    if (PYR_UNLIKELY(!pyr_large_add(&place.heap->large, block, (struct pyr_large_block){size, tag}))) {
        pyr_count_missed(place.heap);
        return block;
    }
    pyr_direct_gather();
    return pyr_count_allocated(place.heap, place.tag, size, block);
}

static NOINLINE void *large_malloc(struct place place, size_t size)
{
    return large_counted(place, c_malloc(size), size);
}

/* Of a pool that has a free block. */
static ALWAYS_INLINE void *pool_malloc(struct pyr_pool *pool, struct place place, size_t size)
{
    void *block = pool->free;
    pool->free = *(void **)block;
    pool->left++;
    *pyr_tag_at(pool, block) = pyr_recent_add(place.heap, place.tag, block) | place.heap->rest_of[size];
    return pyr_count_allocated(place.heap, place.tag, size, block);
}

static NOINLINE void *small_malloc(struct place place, size_t size)
{
    struct pyr_pool *pool = pyr_pool_refill(place.heap, place.heap->class_of[size]);
    return pool ? pool_malloc(pool, place, size) : large_malloc(place, size);
}

/* Up to PYR_SMALL_MAX. */
static ALWAYS_INLINE void *place_malloc(struct place place, size_t size)
{
    struct pyr_pool *pool = place.heap->pools[size];
    return PYR_LIKELY(pool->free) ? pool_malloc(pool, place, size) : small_malloc(place, size ? size : 1);
}

/* Of an interpreter with a GIL of its own. */
static NOINLINE void *other_malloc(size_t size)
{
    __atomic_store_n(&pyr_main_heap.file->other_gils, 1, __ATOMIC_RELAXED);
    return former.malloc(former.context, size);
}

static NOINLINE void *rare_malloc(size_t size)
{
    const void *tstate = pyr_inside.accessor();
    if (!is_served(tstate))
        return other_malloc(size);
    struct place place = rare_place(tstate);
    if (size == 0)
        size = 1;
    if (size > (size_t)PTRDIFF_MAX)
        return NULL;
    return size <= PYR_SMALL_MAX ? small_malloc(place, size) : large_malloc(place, size);
}

static NOINLINE void *callers_malloc(size_t size)
{
    struct place place;
    return callers_place(&place) ? place_malloc(place, size) : rare_malloc(size);
}

static NOINLINE void *walked_malloc(size_t size)
{
    struct place place;
    return walked_place(&place, size) ? place_malloc(place, size) : rare_malloc(size);
}

static ALWAYS_INLINE void *malloc_through(size_t size, enum pyr_access access, enum pyr_chain chain, bool stacks)
{
    struct place place;
    if (PYR_UNLIKELY(size > PYR_SMALL_MAX))
        return rare_malloc(size);
    if (PYR_UNLIKELY(!common_place(&place, access, chain, stacks)))
        return stacks ? walked_malloc(size) : callers_malloc(size);
    return place_malloc(place, size);
}

/* ---- free ---- */

/* Without a part of the tag that says more than that. */
static ALWAYS_INLINE void small_uncount(struct pyr_pool *pool, uint32_t tag, const void *block)
{
    pyr_count_freed(&pyr_main_heap, tag, block, pool->least + (tag & PYR_TAG_REST));
}

/* Of a block that is no code object, mark or overwritten. */
static ALWAYS_INLINE bool is_plain(uint32_t tag)
{
    return PYR_LIKELY((tag & ~(PYR_TAG_REST | PYR_TAG_RECENT)) < pyr_main_heap.tag_end);
}

static ALWAYS_INLINE void small_free(struct pyr_pool *pool, void *block)
{
    *(void **)block = pool->free;
    pool->free = block;
    if (PYR_UNLIKELY(--pool->left == 0))
        pyr_pool_alarm(pool);
}

/* A code object, or a tag that something has written over: the block is freed all the same. */
static NOINLINE void odd_free(struct pyr_pool *pool, void *block, uint32_t tag)
{
    if ((tag & PYR_TAG_MARK) == PYR_TAG_CODE) {
        pyr_code_died(&pyr_main_heap, block);
        tag &= ~PYR_TAG_CODE;
    }
    if (is_plain(tag))
        small_uncount(pool, tag, block);
    small_free(pool, block);
}

static NOINLINE void rare_free(void *block)
{
    struct pyr_large_block known;
    struct pyr_heap *heap = &pyr_main_heap;
    if (!block)
        return;
    bool served = is_served(pyr_inside.accessor());
    if (!served || !pyr_large_remove(&heap->large, block, &known)) {
        if (served && pyr_main_heap.late) /* it may have been code */
            pyr_code_died(heap, block);
        former.free(former.context, block);
        return;
    }
    if (known.tag & PYR_TAG_CODE)
        pyr_code_died(heap, block);
    pyr_count_freed(heap, known.tag & ~PYR_TAG_CODE, block, (size_t)known.size);
    c_free(block);
}

/* Its site changes for the first time since the peak. */
static NOINLINE void first_free(struct pyr_pool *pool, void *block, uint32_t tag)
{
    small_uncount(pool, tag, block);
    small_free(pool, block);
}

static void heap_free(void *context, void *block)
{
    (void)context;
    if (PYR_UNLIKELY(!pyr_region_owns(block))) {
        rare_free(block);
        return;
    }
    struct pyr_pool *pool = pyr_pool_of(block);
    uint32_t tag = *pyr_tag_at(pool, block);
    if (!is_plain(tag)) {
        odd_free(pool, block, tag);
        return;
    }
    if (PYR_UNLIKELY(!pyr_site_of_tag(&pyr_main_heap, tag)->saved)) {
        first_free(pool, block, tag);
        return;
    }
    small_uncount(pool, tag, block);
    small_free(pool, block);
}

/* ---- calloc and realloc ---- */

/* NULL stays NULL. Most are lists of two to four: to set some bytes twice costs less than to call somebody. */
static ALWAYS_INLINE void *zeroed(char *block, size_t size)
{
    if (PYR_UNLIKELY(!block))
        return NULL;
    if (size < 16 || size > 32)
        return memset(block, 0, size);
    memset(block, 0, 16);
    memset(block + size - 16, 0, 16);
    return block;
}

static NOINLINE void *rare_calloc(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > (size_t)PTRDIFF_MAX)
        return NULL;
    const void *tstate = pyr_inside.accessor();
    if (!is_served(tstate))
        return former.calloc(former.context, count, size);
    struct place place = rare_place(tstate);
    void *block;
    if (bytes <= PYR_SMALL_MAX) {
        block = small_malloc(place, bytes ? bytes : 1);
        return block ? memset(block, 0, bytes) : NULL;
    }
    return large_counted(place, c_calloc(count, size), bytes);
}

/* A block from before a heap that began late: what it becomes is counted, for it was asked for now. How large it was
 * is not known, so the former allocator moves it. */
static void *adopt(struct place place, void *block, size_t size)
{
    void *moved = former.realloc(former.context, block, size);
    if (!moved || size > PYR_SMALL_MAX)
        return large_counted(place, moved, size);
    void *own = small_malloc(place, size);
    if (!own)
        return moved;
    memcpy(own, moved, size);
    former.free(former.context, moved);
    return own;
}

/* Of a block in the C heap that stays there. */
static void *large_realloc(struct place place, void *block, size_t size)
{
    struct pyr_large_block known;
    struct pyr_large *large = &place.heap->large;
    if (!pyr_large_remove(large, block, &known))
        return pyr_main_heap.late ? adopt(place, block, size) : former.realloc(former.context, block, size);
    void *moved = c_realloc(block, size);
    if (!moved) {
        pyr_large_add(large, block, known);
        pyr_pools_refused(place.heap);
        return NULL;
    }
    pyr_count_freed(place.heap, known.tag & ~PYR_TAG_CODE, block, known.size);
    return large_counted(place, moved, size);
}

/* From a pool to anywhere else. What the old block was is uncounted first: for the peak they are one. All that the
 * block has room for is copied: a program that has written a byte too far has changed the tag, and with it the size. */
static NOINLINE void *small_move(struct place place, void *block, size_t size)
{
    struct pyr_pool *pool = pyr_pool_of(block);
    uint32_t tag = *pyr_tag_at(pool, block);
    size_t old_size = pool->least + (tag & PYR_TAG_REST), room = pyr_pool_size(pool);
    bool known = is_plain(tag);
    if (known)
        small_uncount(pool, tag, block);
    void *moved = size <= PYR_SMALL_MAX ? place_malloc(place, size) : large_malloc(place, size);
    if (!moved) /* it stays what it was */
        return known ? pyr_count_allocated(place.heap, tag & ~(PYR_TAG_REST | PYR_TAG_RECENT), old_size, NULL) : NULL;
    memcpy(moved, block, room < size ? room : size);
    if (known)
        small_free(pool, block);
    else
        odd_free(pool, block, tag);
    return moved;
}

static ALWAYS_INLINE void *small_realloc(struct place place, void *block, size_t size)
{
    struct pyr_pool *pool = pyr_pool_of(block);
    uint32_t *tag = pyr_tag_at(pool, block);
    if (PYR_UNLIKELY(size > PYR_SMALL_MAX || pyr_main_heap.class_of[size] != pool->class) || !is_plain(*tag))
        return small_move(place, block, size);
    small_uncount(pool, *tag, block);
    *tag = pyr_recent_add(place.heap, place.tag, block) | pyr_tag_rest(size);
    return pyr_count_allocated(place.heap, place.tag, size, block);
}

static NOINLINE void *rare_realloc(void *block, size_t size)
{
    if (!block)
        return rare_malloc(size);
    if (size > (size_t)PTRDIFF_MAX)
        return NULL;
    const void *tstate = pyr_inside.accessor();
    if (!is_served(tstate))
        return former.realloc(former.context, block, size);
    struct place place = rare_place(tstate);
    if (pyr_region_owns(block))
        return small_realloc(place, block, size ? size : 1);
    return large_realloc(place, block, size ? size : 1);
}

/* Of a small block. */
static NOINLINE void *walked_realloc(void *block, size_t size)
{
    struct place place;
    return walked_place(&place, size) ? small_realloc(place, block, size) : rare_realloc(block, size);
}

static ALWAYS_INLINE void *realloc_through(void *block, size_t size, enum pyr_access access, enum pyr_chain chain,
                                           bool stacks)
{
    struct place place;
    if (PYR_UNLIKELY(!pyr_region_owns(block) || size == 0))
        return rare_realloc(block, size);
    if (PYR_UNLIKELY(!common_place(&place, access, chain, stacks)))
        return stacks ? walked_realloc(block, size) : rare_realloc(block, size);
    return small_realloc(place, block, size);
}

/* ---- once the heap has been replaced ---- */

void pyr_entry_free(void *block)
{
    heap_free(NULL, block);
}

void *pyr_entry_realloc(void *block, size_t size)
{
    size_t room = pyr_pool_size(pyr_pool_of(block));
    void *moved = size ? pyr_counted_malloc(size, PYR_DOMAIN_C) : NULL;
    if (moved)
        memcpy(moved, block, room < size ? room : size);
    if (moved || !size)
        heap_free(NULL, block);
    return moved;
}

/* ---- marks (stacks.h) ---- */

/* While one is made, and only that: the frame object that becomes it is nothing that the program asked for. Meanwhile
 * threads of interpreters with a GIL of their own come by here, too: they do not take part. */
static bool is_marking(void)
{
    return is_served(pyr_inside.accessor());
}

static void *mark_malloc(void *context, size_t size)
{
    (void)context;
    if (!is_marking())
        return rare_malloc(size);
    uint32_t class = size && size <= PYR_SMALL_MAX ? pyr_class_of(size) : PYR_CLASSES;
    struct pyr_pool *pool = class < PYR_CLASSES ? pyr_pool_refill(&pyr_main_heap, class) : NULL;
    if (!pool)
        return PyMem_RawMalloc(size);
    void *block = pool->free;
    pool->free = *(void **)block;
    pool->left++;
    *pyr_tag_at(pool, block) = PYR_TAG_MARK | pyr_stacks.mark_site << PYR_TAG_SITE_SHIFT | pyr_tag_rest(size);
    return block;
}

static void *mark_calloc(void *context, size_t count, size_t size)
{
    (void)context;
    return is_marking() ? PyMem_RawCalloc(count, size) : rare_calloc(count, size);
}

static void *mark_realloc(void *context, void *block, size_t size)
{
    (void)context;
    return rare_realloc(block, size);
}

/* The stack that was walked last. What is being allocated must not be a frame object: two for a frame cannot be. */
static NOINLINE void make_marks(size_t size)
{
    static const struct pyr_py_allocator marking = {NULL, mark_malloc, mark_calloc, mark_realloc, heap_free};
    struct pyr_py_allocator now, own = marking;
    if (pyr_inside.chain != PYR_CHAIN_OBJECT &&
        (!PyFrame_GetBack || !Py_DecRef ||
         size >= (size_t)(uintptr_t)pyr_at(PyFrame_Type, pyr_inside.layout.type_basicsize)))
        return;
    PyMem_GetAllocator(PYR_PY_DOMAIN_OBJ, &now);
    PyMem_SetAllocator(PYR_PY_DOMAIN_OBJ, &own);
    pyr_stacks_mark();
    PyMem_SetAllocator(PYR_PY_DOMAIN_OBJ, &now);
}

/* ---- one set of functions for each way to the site ---- */

#define ENTRY(name, access, chain, stacks)                                                                             \
    static void *name##_malloc(void *context, size_t size)                                                             \
    {                                                                                                                  \
        (void)context;                                                                                                 \
        return malloc_through(size, access, chain, stacks);                                                            \
    }                                                                                                                  \
    static void *name##_calloc(void *context, size_t count, size_t size)                                               \
    {                                                                                                                  \
        (void)context;                                                                                                 \
        size_t bytes;                                                                                                  \
        if (PYR_UNLIKELY(__builtin_mul_overflow(count, size, &bytes) || bytes > PYR_SMALL_MAX))                        \
            return rare_calloc(count, size);                                                                           \
        return zeroed(malloc_through(bytes, access, chain, stacks), bytes);                                            \
    }                                                                                                                  \
    static void *name##_realloc(void *context, void *block, size_t size)                                               \
    {                                                                                                                  \
        if (PYR_UNLIKELY(!block))                                                                                      \
            return name##_malloc(context, size);                                                                       \
        return realloc_through(block, size, access, chain, stacks);                                                    \
    }

#define ALLOCATOR(name)                                                                                                \
    {                                                                                                                  \
        NULL, name##_malloc, name##_calloc, name##_realloc, heap_free                                                  \
    }

/* By line, and by stack. */
#define ENTRIES(name, access, chain)                                                                                   \
    ENTRY(name, access, chain, false)                                                                                  \
    ENTRY(name##_stacks, access, chain, true)                                                                          \
    static const struct pyr_py_allocator name[2] = {ALLOCATOR(name), ALLOCATOR(name##_stacks)};

ENTRIES(object_global, PYR_ACCESS_GLOBAL, PYR_CHAIN_OBJECT)
ENTRIES(object_call, PYR_ACCESS_CALL, PYR_CHAIN_OBJECT)
ENTRIES(cframe_global, PYR_ACCESS_GLOBAL, PYR_CHAIN_CFRAME)
ENTRIES(cframe_tls, PYR_ACCESS_TLS, PYR_CHAIN_CFRAME)
ENTRIES(usual_cframe_global, PYR_ACCESS_GLOBAL, PYR_CHAIN_USUAL_CFRAME)
ENTRIES(cframe_call, PYR_ACCESS_CALL, PYR_CHAIN_CFRAME)
ENTRIES(direct_tls, PYR_ACCESS_TLS, PYR_CHAIN_DIRECT)
ENTRIES(direct_call, PYR_ACCESS_CALL, PYR_CHAIN_DIRECT)
ENTRIES(usual_tls, PYR_ACCESS_TLS, PYR_CHAIN_USUAL)

static const struct pyr_py_allocator *const allocators[][3] = {
    [PYR_CHAIN_OBJECT] = {[PYR_ACCESS_CALL] = object_call, [PYR_ACCESS_GLOBAL] = object_global},
    [PYR_CHAIN_CFRAME] =
        {[PYR_ACCESS_CALL] = cframe_call, [PYR_ACCESS_GLOBAL] = cframe_global, [PYR_ACCESS_TLS] = cframe_tls},
    [PYR_CHAIN_USUAL_CFRAME] = {[PYR_ACCESS_CALL] = cframe_call, [PYR_ACCESS_GLOBAL] = usual_cframe_global},
    [PYR_CHAIN_DIRECT] = {[PYR_ACCESS_CALL] = direct_call, [PYR_ACCESS_TLS] = direct_tls},
    [PYR_CHAIN_USUAL] = {[PYR_ACCESS_CALL] = direct_call, [PYR_ACCESS_TLS] = usual_tls},
};

static void set(enum pyr_access access)
{
    struct pyr_py_allocator allocator = allocators[pyr_inside.chain][access][pyr_stacks.on];
    PyMem_SetAllocator(PYR_PY_DOMAIN_MEM, &allocator);
    PyMem_SetAllocator(PYR_PY_DOMAIN_OBJ, &allocator);
}

void pyr_entry_install(void)
{
    struct pyr_py_allocator raw = pyr_raw_allocator;
    PyMem_GetAllocator(PYR_PY_DOMAIN_OBJ, &former);
    if (pyr_direct_counts)
        PyMem_SetAllocator(PYR_PY_DOMAIN_RAW, &raw);
    set(PYR_ACCESS_CALL);
}

/* ---- in a program that runs already ---- */

/* The recording has ended: new blocks come from the former allocator again, ours go back where they came from. */
static void *past_malloc(void *context, size_t size)
{
    (void)context;
    return former.malloc(former.context, size);
}

static void *past_calloc(void *context, size_t count, size_t size)
{
    (void)context;
    return former.calloc(former.context, count, size);
}

static void *past_realloc(void *context, void *block, size_t size)
{
    (void)context;
    struct pyr_large_block known;
    if (!block || !pyr_region_owns(block)) {
        void *moved = former.realloc(former.context, block, size);
        if (block && moved && is_served(pyr_inside.accessor()))
            pyr_large_remove(&pyr_main_heap.large, block, &known);
        return moved;
    }
    void *moved = former.malloc(former.context, size);
    if (!moved)
        return NULL;
    size_t room = pyr_pool_size(pyr_pool_of(block));
    memcpy(moved, block, room < size ? room : size);
    heap_free(NULL, block);
    return moved;
}

static const struct pyr_py_allocator past = {NULL, past_malloc, past_calloc, past_realloc, heap_free};

static bool is_same(const struct pyr_py_allocator *a, const struct pyr_py_allocator *b)
{
    return a->context == b->context && a->malloc == b->malloc && a->free == b->free;
}

/* CPython's own have no context; what has one, or differs between the domains, has been put before them. */
bool pyr_entry_may_install(void)
{
    struct pyr_py_allocator memory, objects;
    PyMem_GetAllocator(PYR_PY_DOMAIN_MEM, &memory);
    PyMem_GetAllocator(PYR_PY_DOMAIN_OBJ, &objects);
    if (pyr_main_heap.late)
        return is_same(&memory, &past) && is_same(&objects, &past);
    return !objects.context && is_same(&memory, &objects);
}

void pyr_entry_install_late(void)
{
    if (!pyr_main_heap.late)
        PyMem_GetAllocator(PYR_PY_DOMAIN_OBJ, &former);
    pyr_main_heap.late = true;
    set(PYR_ACCESS_CALL);
    settle();
}

bool pyr_entry_pass_on(void)
{
    struct pyr_py_allocator own = past;
    if (!pyr_entry_is_installed())
        return false;
    PyMem_SetAllocator(PYR_PY_DOMAIN_MEM, &own);
    PyMem_SetAllocator(PYR_PY_DOMAIN_OBJ, &own);
    return true;
}

bool pyr_entry_is_installed(void)
{
    struct pyr_py_allocator memory, objects;
    PyMem_GetAllocator(PYR_PY_DOMAIN_MEM, &memory);
    PyMem_GetAllocator(PYR_PY_DOMAIN_OBJ, &objects);
    return objects.free == heap_free && objects.malloc != past_malloc && memory.free == heap_free;
}
