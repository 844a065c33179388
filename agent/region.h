/* A part of the address space in which, by convention, only the heap's arenas lie: so that a pointer is told to be
 * the heap's or not by a subtraction and one load. Nothing is reserved: a reservation would count against RLIMIT_AS. */
#ifndef PYR_AGENT_REGION_H
#define PYR_AGENT_REGION_H

#include "record/heap_arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PYR_REGION_SLOTS = PYR_ARENA_SLOTS,
    PYR_WINDOW_BYTES = 1 << 30, /* address space that each window has behind the arenas */
};

/* Of the agent alone: what is known to be in the same library is reached without a table. */
#define PYR_OWN __attribute__((visibility("hidden")))

/* From the base up to `used` bytes there are arenas, or what is left of them: of one that was given back the first page
 * stays, zeroed, so that its address is not given to anything else. */
struct pyr_region {
    uintptr_t base; /* 0: not open */
    uintptr_t used;
};
extern PYR_OWN struct pyr_region pyr_region;

static inline bool pyr_region_owns(const void *at)
{
    return (uintptr_t)at - pyr_region.base < pyr_region.used;
}

/* Chooses where; false if this address space has no room for it. */
bool pyr_region_open(void);

/* A zeroed arena, aligned to its size; NULL when the system gives none. Thread-safe. */
void *pyr_region_take(void);
void pyr_region_give(void *arena);

/* Where the nth window begins: 0 to 4 for the main heap's file, 8 for direct.c. */
void *pyr_region_window(unsigned n);

/* In the child of a fork. */
void pyr_region_forked(void);

#endif
