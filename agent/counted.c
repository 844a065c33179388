/* The C library's functions for memory, as the program calls them: each asks the allocator behind us, and counts. In
 * processes that are not Python nothing is counted, and a call costs a comparison and a jump. */
#include "counted.h"

#include "block.h"
#include "entry.h"

#include <errno.h>
#include <stdint.h>

#define EXPORT(name)                                                                                                   \
    extern __typeof__(pyr_##name) name __attribute__((alias("pyr_" #name), visibility("default"), nothrow))
#define NOINLINE __attribute__((noinline))

static unsigned idle_calls;

/* ---- without counting ---- */

static NOINLINE void *idle_malloc(size_t size)
{
    pyr_next_need();
    idle_calls++;
    return pyr_next.malloc(size);
}

static NOINLINE void *idle_calloc(size_t count, size_t size)
{
    pyr_next_need();
    idle_calls++;
    return pyr_next.calloc(count, size);
}

static NOINLINE void *idle_realloc(void *block, size_t size)
{
    pyr_next_need();
    idle_calls++;
    return pyr_next.realloc(block, size);
}

static NOINLINE void idle_free(void *block)
{
    pyr_next_need();
    idle_calls++;
    pyr_next.free(block);
}

/* ---- of a domain ---- */

void *pyr_counted_malloc(size_t size, enum pyr_heap_domain domain)
{
    if (PYR_UNLIKELY(!pyr_direct_counts))
        return idle_malloc(size);
    return pyr_block_add(pyr_next.malloc(size + pyr_block_room(size)), size, domain);
}

void *pyr_counted_calloc(size_t count, size_t size, enum pyr_heap_domain domain)
{
    size_t bytes;
    if (PYR_UNLIKELY(!pyr_direct_counts || __builtin_mul_overflow(count, size, &bytes)))
        return idle_calloc(count, size);
    size_t room = pyr_block_room(bytes);
    return pyr_block_add(room ? pyr_next.calloc(1, bytes + room) : pyr_next.calloc(count, size), bytes, domain);
}

static NOINLINE void *freed_to_nothing(void *block)
{
    pyr_block_count_freed(pyr_block_take(block));
    return pyr_next.realloc(block, 0);
}

/* A block that is moved may be another's before we are told where it went: it is forgotten first. */
void *pyr_counted_realloc(void *block, size_t size, enum pyr_heap_domain domain)
{
    if (!block)
        return pyr_counted_malloc(size, domain);
    if (PYR_UNLIKELY(pyr_region_owns(block)))
        return pyr_entry_realloc(block, size);
    if (PYR_UNLIKELY(!pyr_direct_counts))
        return idle_realloc(block, size);
    if (PYR_UNLIKELY(size == 0))
        return freed_to_nothing(block);
    struct pyr_block_known known = pyr_block_take(block);
    void *moved = pyr_next.realloc(block, size + pyr_block_room(size));
    if (PYR_UNLIKELY(!moved)) {
        pyr_block_put_back(block, known);
        return NULL;
    }
    pyr_block_count_freed(known);
    return pyr_block_add(moved, size, domain);
}

void pyr_counted_free(void *block)
{
    if (PYR_UNLIKELY(pyr_region_owns(block))) {
        pyr_entry_free(block);
        return;
    }
    if (PYR_UNLIKELY(!pyr_direct_counts)) {
        idle_free(block);
        return;
    }
    if (!block)
        return;
    pyr_block_count_freed(pyr_block_take(block));
    pyr_next.free(block);
}

/* ---- what programs call ---- */

static void *pyr_malloc(size_t size)
{
    return pyr_counted_malloc(size, PYR_DOMAIN_C);
}

static void *pyr_calloc(size_t count, size_t size)
{
    return pyr_counted_calloc(count, size, PYR_DOMAIN_C);
}

static void *pyr_realloc(void *block, size_t size)
{
    return pyr_counted_realloc(block, size, PYR_DOMAIN_C);
}

static void *pyr_reallocarray(void *block, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return pyr_counted_realloc(block, bytes, PYR_DOMAIN_C);
}

static void pyr_free(void *block)
{
    pyr_counted_free(block);
}

static void *pyr_memalign(size_t alignment, size_t size)
{
    pyr_next_need();
    if (!pyr_direct_counts)
        return pyr_next.memalign(alignment, size);
    return pyr_block_add(pyr_next.memalign(alignment, size + pyr_block_room(size)), size, PYR_DOMAIN_C);
}

/* An allocator may refuse a size that is no multiple of the alignment: then the block has no room of ours, and if it is
 * small and has no slack either, it is not counted. */
static void *pyr_aligned_alloc(size_t alignment, size_t size)
{
    pyr_next_need();
    if (!pyr_direct_counts)
        return pyr_next.aligned_alloc(alignment, size);
    void *block = pyr_next.aligned_alloc(alignment, size + pyr_block_room(size));
    if (!block && pyr_block_room(size))
        block = pyr_next.aligned_alloc(alignment, size);
    return pyr_block_add(block, size, PYR_DOMAIN_C);
}

static int pyr_posix_memalign(void **block, size_t alignment, size_t size)
{
    pyr_next_need();
    if (!pyr_direct_counts)
        return pyr_next.posix_memalign(block, alignment, size);
    int rc = pyr_next.posix_memalign(block, alignment, size + pyr_block_room(size));
    if (rc == 0)
        pyr_block_add(*block, size, PYR_DOMAIN_C);
    return rc;
}

static void *pyr_valloc(size_t size)
{
    pyr_next_need();
    if (!pyr_direct_counts)
        return pyr_next.valloc(size);
    return pyr_block_add(pyr_next.valloc(size + pyr_block_room(size)), size, PYR_DOMAIN_C);
}

static void *pyr_pvalloc(size_t size)
{
    pyr_next_need();
    void *block = pyr_next.pvalloc(size);
    return pyr_direct_counts ? pyr_block_add(block, size, PYR_DOMAIN_C) : block;
}

/* What a program may write: not over what we keep at the end. */
static size_t pyr_malloc_usable_size(void *block)
{
    pyr_next_need();
    if (!block || !pyr_next.usable_size)
        return 0;
    return pyr_direct_counts ? pyr_block_usable(block) : pyr_next.usable_size(block);
}

EXPORT(malloc);
EXPORT(calloc);
EXPORT(realloc);
EXPORT(reallocarray);
EXPORT(free);
EXPORT(memalign);
EXPORT(aligned_alloc);
EXPORT(posix_memalign);
EXPORT(valloc);
EXPORT(pvalloc);
EXPORT(malloc_usable_size);

/* Through pointers that the compiler does not see through. Addresses tell nothing: that of a function may be that of
 * the program's own way to it. */
bool pyr_counted_are_called(void)
{
    void *(*volatile allocate)(size_t) = malloc;
    void *(*volatile allocate_zeroed)(size_t, size_t) = calloc;
    void *(*volatile resize)(void *, size_t) = realloc;
    void (*volatile release)(void *) = free;
    unsigned before = idle_calls;
    release(resize(allocate(1), 2));
    release(allocate_zeroed(1, 1));
    return idle_calls - before == 5;
}
