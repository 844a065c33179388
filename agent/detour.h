/* A function of Python's that leads to one of ours instead, for as long as we want: for what has no way in of its own.
 * Its first instructions are replaced by a jump. */
#ifndef PYR_AGENT_DETOUR_H
#define PYR_AGENT_DETOUR_H

#include <stdbool.h>
#include <stdint.h>

enum { PYR_DETOUR_BYTES = 14 };

struct pyr_detour {
    uint8_t *from; /* NULL: none */
    uint8_t former[PYR_DETOUR_BYTES];
};

/* False, and nothing has changed, if it cannot be: not on this processor, or not allowed by the system. Nobody may be
 * at the beginning of that function: of those that are called with the GIL, whoever has the GIL knows that. */
bool pyr_detour_set(struct pyr_detour *detour, void (*from)(void), void (*to)(void));
void pyr_detour_end(struct pyr_detour *detour);

/* The function that another one calls, after a test at its beginning, in what it does rarely. NULL: it does not look
 * like that. */
void (*pyr_detour_unless(void (*function)(void)))(void);

#endif
