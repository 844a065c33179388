#include "region.h"

#include <pthread.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

uintptr_t pyr_region_base;
uint8_t pyr_region_owned[PYR_REGION_SLOTS];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static size_t lowest_free; /* no slot below it is free */

/* Where neither programs, nor what the kernel places by itself, nor the shadows of sanitizers are; 64 GiB apart. */
static const uintptr_t first_base = 0x200000000000, base_step = (uintptr_t)1 << 36;
enum { BASES = 64, TRIES = 64 };

static void *map_at(uintptr_t address, size_t bytes)
{
    void *got = mmap((void *)address, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (got == MAP_FAILED)
        return NULL;
    if ((uintptr_t)got != address) { /* a kernel that takes it for a mere hint */
        munmap(got, bytes);
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
            munmap(probe, PYR_ARENA_BYTES);
            pyr_region_base = base;
            return true;
        }
    }
    return false;
}

void *pyr_region_window(unsigned n)
{
    return (void *)(pyr_region_base + ((uintptr_t)PYR_REGION_SLOTS << PYR_ARENA_SHIFT) +
                    (uintptr_t)n * PYR_WINDOW_BYTES);
}

void *pyr_region_take(void)
{
    void *arena = NULL;
    pthread_mutex_lock(&lock);
    size_t slot = lowest_free;
    /* Where something else has been mapped the next slot is tried; out of memory none would do. */
    for (unsigned n = 0; n < TRIES && slot < PYR_REGION_SLOTS && !arena; slot++) {
        if (pyr_region_owned[slot])
            continue;
        arena = map_at(pyr_region_base + (slot << PYR_ARENA_SHIFT), PYR_ARENA_BYTES);
        n++;
        if (arena) {
            pyr_region_owned[slot] = 1;
            lowest_free = slot + 1;
        }
    }
    pthread_mutex_unlock(&lock);
    return arena;
}

void pyr_region_give(void *arena)
{
    size_t slot = ((uintptr_t)arena - pyr_region_base) >> PYR_ARENA_SHIFT;
    pthread_mutex_lock(&lock);
    pyr_region_owned[slot] = 0;
    munmap(arena, PYR_ARENA_BYTES);
    if (slot < lowest_free)
        lowest_free = slot;
    pthread_mutex_unlock(&lock);
}

void pyr_region_forked(void)
{
    pthread_mutex_init(&lock, NULL);
}
