/* A part of the address space in which, by convention, only the heap's arenas lie: so that a pointer is told to be
 * the heap's or not by a subtraction and one load. Nothing is reserved: a reservation would count against RLIMIT_AS. */
#ifndef PYR_AGENT_REGION_H
#define PYR_AGENT_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PYR_ARENA_SHIFT = 20,
    PYR_ARENA_BYTES = 1 << PYR_ARENA_SHIFT,
    PYR_REGION_SLOTS = 1 << 20, /* 1 TiB */
    PYR_WINDOW_BYTES = 1 << 30, /* address space that each window has behind the arenas */
};

extern uintptr_t pyr_region_base;                     /* 0: not open */
extern uint8_t pyr_region_owned[PYR_REGION_SLOTS];    /* whether an arena is mapped there */

static inline bool pyr_region_owns(const void *at)
{
    uintptr_t slot = ((uintptr_t)at - pyr_region_base) >> PYR_ARENA_SHIFT;
    return slot < PYR_REGION_SLOTS && pyr_region_owned[slot];
}

/* Chooses where; false if this address space has no room for it. */
bool pyr_region_open(void);

/* A zeroed arena, aligned to its size; NULL when the system gives none. Thread-safe. */
void *pyr_region_take(void);
void pyr_region_give(void *arena);

/* Where the nth window begins. */
void *pyr_region_window(unsigned n);

/* In the child of a fork. */
void pyr_region_forked(void);

#endif
