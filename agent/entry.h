/* What Python calls to allocate. */
#ifndef PYR_AGENT_ENTRY_H
#define PYR_AGENT_ENTRY_H

#include "api.h"

#include <stdbool.h>

/* Puts the heap under Python's `mem` and `obj` domains. */
void pyr_entry_install(void);

/* Whether a thread state is of an interpreter that has the main one's GIL. Called with the GIL of its own. */
bool pyr_entry_serves(const void *tstate);

/* Whether it still is there. */
bool pyr_entry_is_installed(void);

/* A block of the private heap comes to the C library: from 3.12 on, an interpreter that begins after another has ended
 * has CPython's own allocator again, which takes what it does not know for the C library's. With the GIL. */
void pyr_entry_free(void *block);
void *pyr_entry_realloc(void *block, size_t size);

#endif
