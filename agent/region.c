#include "region.h"

#include "system.h"

#include <errno.h>
#include <pthread.h>
#include <sys/auxv.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

struct pyr_region pyr_region;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint8_t taken[PYR_REGION_SLOTS / 8];  /* a bit for each slot that is an arena, or can never be one again */
static uint8_t mapped[PYR_REGION_SLOTS / 8]; /* a bit for each slot that is free but could not be unmapped */
static size_t lowest_free;                   /* no slot below it is free */

/* Where neither programs, nor what the kernel places by itself, nor the shadows of sanitizers are; 64 GiB apart.
 * ThreadSanitizer knows a few places only. */
#ifdef __SANITIZE_THREAD__
static const uintptr_t first_base = 0x7e8000000000, base_step = 0;
#else
static const uintptr_t first_base = 0x200000000000, base_step = (uintptr_t)1 << 36;
#endif
enum { BASES = 64, PAGE = 4096 };

static void *map_at(uintptr_t address, size_t bytes)
{
    void *got = pyr_system_mmap((void *)address, bytes, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (got == MAP_FAILED)
        return NULL;
    if ((uintptr_t)got != address) { /* a kernel that takes it for a mere hint */
        pyr_system_munmap(got, bytes);
        return NULL;
    }
    return got;
}

/* The address of the heap is as hard to guess as that of any other mapping. */
bool pyr_region_open(void)
{
    const uint8_t *random = (const uint8_t *)getauxval(AT_RANDOM); /* NOLINT(performance-no-int-to-ptr) */
    uintptr_t noise = random ? (uintptr_t)random[3] << 8 | random[9] : 0;
    for (unsigned n = 0; n < BASES; n++) {
        uintptr_t base = first_base + (noise + n) % 512 * base_step + (noise >> 9) * PYR_WINDOW_BYTES / 4;
        void *probe = map_at(base, PYR_ARENA_BYTES);
        if (probe) {
            pyr_system_munmap(probe, PYR_ARENA_BYTES);
            pyr_region.base = base;
            return true;
        }
    }
    return false;
}

void *pyr_region_window(unsigned n)
{
    return (void *)(pyr_region.base + ((uintptr_t)PYR_REGION_SLOTS << PYR_ARENA_SHIFT) +
                    (uintptr_t)n * PYR_WINDOW_BYTES);
}

static bool get(const uint8_t *bits, size_t slot)
{
    return bits[slot / 8] >> slot % 8 & 1;
}

static void set(uint8_t *bits, size_t slot, bool value)
{
    uint8_t bit = (uint8_t)(1 << slot % 8);
    bits[slot / 8] = value ? bits[slot / 8] | bit : bits[slot / 8] & (uint8_t)~bit;
}

/* False: none can be there, or errno is ENOMEM. */
static bool arena_at(size_t slot, uintptr_t at)
{
    size_t offset = slot << PYR_ARENA_SHIFT;
    if (get(mapped, slot)) {
        set(mapped, slot, false);
        return true;
    }
    if (offset < pyr_region.used)
        return map_at(at + PAGE, PYR_ARENA_BYTES - PAGE);
    if (!map_at(at, PYR_ARENA_BYTES))
        return false;
    __atomic_store_n(&pyr_region.used, offset + PYR_ARENA_BYTES, __ATOMIC_RELEASE);
    return true;
}

/* Above something that others have mapped just behind the last arena nothing can follow: the region has to be whole. */
void *pyr_region_take(void)
{
    void *arena = NULL;
    int saved = errno;
    pthread_mutex_lock(&lock);
    for (; !arena && lowest_free < PYR_REGION_SLOTS; lowest_free++) {
        if (get(taken, lowest_free))
            continue;
        uintptr_t at = pyr_region.base + (lowest_free << PYR_ARENA_SHIFT);
        errno = 0;
        if (arena_at(lowest_free, at))
            arena = (void *)at; /* NOLINT(performance-no-int-to-ptr) */
        else if (errno == ENOMEM || at - pyr_region.base >= pyr_region.used)
            break;
        set(taken, lowest_free, true);
    }
    pthread_mutex_unlock(&lock);
    errno = saved;
    return arena;
}

/* munmap fails where it would leave more pieces of address space than the system allows: then only the memory goes. */
void pyr_region_give(void *arena)
{
    size_t slot = ((uintptr_t)arena - pyr_region.base) >> PYR_ARENA_SHIFT;
    int saved = errno;
    pthread_mutex_lock(&lock);
    if (pyr_system_munmap((char *)arena + PAGE, PYR_ARENA_BYTES - PAGE) < 0) {
        madvise(arena, PYR_ARENA_BYTES, MADV_DONTNEED);
        set(mapped, slot, true);
    }
    madvise(arena, PAGE, MADV_DONTNEED);
    set(taken, slot, false);
    if (slot < lowest_free)
        lowest_free = slot;
    pthread_mutex_unlock(&lock);
    errno = saved;
}

void pyr_region_forked(void)
{
    pthread_mutex_init(&lock, NULL);
}
