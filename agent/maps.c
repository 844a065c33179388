/* mmap, munmap and mremap as the program calls them: anonymous mappings are C memory, files that are mapped are counted
 * apart. What the C library and the dynamic linker map for themselves does not come by here. */
#include "maps.h"
#include "caller.h"
#include "direct.h"
#include "next.h"
#include "vector.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define EXPORT __attribute__((visibility("default")))

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

enum { PAGE = 4096 };

/* What is known to be mapped, in order of address, without overlaps. */
struct range {
    uintptr_t start, end;
    uint32_t number; /* of the figures */
    bool is_part;    /* the rest of a mapping that a hole was cut into */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct pyr_vector ranges;
static size_t count;

static struct range *range_at(size_t i)
{
    return (struct range *)ranges.at + i;
}

/* The first that ends behind an address. */
static size_t first_behind(uintptr_t at)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (range_at(middle)->end > at)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static bool insert(size_t i, struct range range)
{
    if (!pyr_vector_reserve(&ranges, (count + 1) * sizeof range))
        return false;
    memmove(range_at(i + 1), range_at(i), (count - i) * sizeof range);
    *range_at(i) = range;
    count++;
    return true;
}

static void remove_at(size_t i)
{
    count--;
    memmove(range_at(i), range_at(i + 1), (count - i) * sizeof(struct range));
}

/* A mapping is freed with the rest of it; a part that was cut off behind a hole is none of its own. */
static void count_cut(const struct range *was, bool held, uintptr_t bytes)
{
    bool whole = bytes == was->end - was->start && !was->is_part;
    pyr_direct_freed(was->number, held, whole, bytes);
}

/* Takes [start, end) out of what is known. */
static void forget(uintptr_t start, uintptr_t end, bool held)
{
    size_t i = first_behind(start);
    while (i < count && range_at(i)->start < end) {
        const struct range was = *range_at(i);
        uintptr_t from = was.start > start ? was.start : start, to = was.end < end ? was.end : end;
        if (from == was.start && to == was.end)
            remove_at(i);
        else if (from == was.start)
            range_at(i)->start = to;
        else
            range_at(i++)->end = from;
        if (from > was.start && to < was.end)
            insert(i, (struct range){to, was.end, was.number, true});
        count_cut(&was, held, to - from);
    }
}

static void add(uintptr_t start, uintptr_t end, uint32_t number, bool held)
{
    if (insert(first_behind(start), (struct range){start, end, number, false}))
        pyr_direct_allocated(number, held, end - start);
}

static uintptr_t whole_pages(size_t bytes)
{
    return (bytes + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
}

/* False: nothing is counted, or this thread is at it already. */
static bool enter(void)
{
    if (!pyr_direct_counts || pyr_inside_agent)
        return false;
    pyr_inside_agent = 1;
    pthread_mutex_lock(&lock);
    return true;
}

static void leave(void)
{
    pthread_mutex_unlock(&lock);
    pyr_inside_agent = 0;
}

/* Without any access it is only address space. */
static bool is_memory(int protection)
{
    return protection != PROT_NONE;
}

static void note_map(uintptr_t start, size_t bytes, int protection, int flags)
{
    int saved = errno;
    struct pyr_caller caller = pyr_caller_here();
    uint32_t number = pyr_direct_of(caller.site, flags & MAP_ANONYMOUS ? PYR_DOMAIN_C : PYR_DOMAIN_FILE);
    if (enter()) {
        forget(start, start + whole_pages(bytes), caller.held);
        if (is_memory(protection))
            add(start, start + whole_pages(bytes), number, caller.held);
        leave();
    }
    errno = saved;
}

/* Under the lock: addresses that are unmapped may at once be another thread's, but that one is noted after us. */
static int unmap(void *at, size_t bytes)
{
    bool held = pyr_caller_holds();
    if (!enter())
        return pyr_next.munmap(at, bytes);
    int rc = pyr_next.munmap(at, bytes);
    int saved = errno;
    if (rc == 0)
        forget((uintptr_t)at, (uintptr_t)at + whole_pages(bytes), held);
    leave();
    errno = saved;
    return rc;
}

/* 0: not known. */
static uint32_t number_at(uintptr_t at)
{
    size_t i = first_behind(at);
    return i < count && range_at(i)->start <= at ? range_at(i)->number : 0;
}

static void note_moved(uintptr_t from, size_t bytes, uintptr_t to, size_t new_bytes, struct pyr_caller caller,
                       int flags)
{
    uint32_t number = number_at(from);
    if (bytes && !(flags & MREMAP_DONTUNMAP))
        forget(from, from + whole_pages(bytes), caller.held);
    if (to != from)
        forget(to, to + whole_pages(new_bytes), caller.held);
    if (number && (number = pyr_direct_find(caller.site, pyr_direct_domain(number))))
        add(to, to + whole_pages(new_bytes), number, caller.held);
}

/* What is moved belongs to the line that moved it, like a block that is reallocated. */
static void *remap(void *at, size_t bytes, size_t new_bytes, int flags, void *new_at)
{
    struct pyr_caller caller = pyr_caller_here();
    pyr_direct_of(caller.site, PYR_DOMAIN_C);
    pyr_direct_of(caller.site, PYR_DOMAIN_FILE);
    if (!enter())
        return pyr_next.mremap(at, bytes, new_bytes, flags, new_at);
    void *got = pyr_next.mremap(at, bytes, new_bytes, flags, new_at);
    int saved = errno;
    if (got != MAP_FAILED)
        note_moved((uintptr_t)at, bytes, (uintptr_t)got, new_bytes, caller, flags);
    leave();
    errno = saved;
    return got;
}

/* ---- what programs call ---- */

static void *counted_mmap(void *at, size_t bytes, int protection, int flags, int file, off_t offset)
{
    pyr_next_need();
    void *got = pyr_next.mmap(at, bytes, protection, flags, file, offset);
    if (got != MAP_FAILED && pyr_direct_counts)
        note_map((uintptr_t)got, bytes, protection, flags);
    return got;
}

/* In the headers one of the names stands for the other: here both are meant. */
extern __typeof__(counted_mmap) pyr_mmap __asm__("mmap") __attribute__((alias("counted_mmap"), visibility("default")));
extern __typeof__(counted_mmap) pyr_mmap64 __asm__("mmap64")
    __attribute__((alias("counted_mmap"), visibility("default")));

EXPORT int munmap(void *at, size_t bytes)
{
    pyr_next_need();
    if (!pyr_direct_counts)
        return pyr_next.munmap(at, bytes);
    pyr_caller_watch_end();
    return unmap(at, bytes);
}

EXPORT void *mremap(void *at, size_t bytes, size_t new_bytes, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    void *new_at = flags & MREMAP_FIXED ? va_arg(rest, void *) : NULL;
    va_end(rest);
    pyr_next_need();
    if (!pyr_direct_counts)
        return pyr_next.mremap(at, bytes, new_bytes, flags, new_at);
    return remap(at, bytes, new_bytes, flags, new_at);
}

/* ---- fork ---- */

/* A signal handler may fork while its thread is inside: then the lock is its own. */
static bool locked;

void pyr_maps_before_fork(void)
{
    locked = pyr_direct_counts && !pyr_inside_agent;
    if (locked)
        pthread_mutex_lock(&lock);
}

void pyr_maps_in_parent(void)
{
    if (locked)
        pthread_mutex_unlock(&lock);
}

void pyr_maps_in_child(void)
{
    pthread_mutex_init(&lock, NULL);
}
