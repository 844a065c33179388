/* What Python calls to allocate. */
#ifndef PYR_AGENT_ENTRY_H
#define PYR_AGENT_ENTRY_H

#include "api.h"

#include <stdbool.h>

/* Puts the heap under Python's `mem` and `obj` domains. */
void pyr_entry_install(void);

/* Whether a thread state is of an interpreter that has the main one's GIL. Called with the GIL of its own. */
bool pyr_entry_serves(const void *tstate);

/* Whether it still is there, and serves. */
bool pyr_entry_is_installed(void);

/* ---- a program that runs already (late.c) ---- */

/* Whether the allocators in use are CPython's own, or ours that pass everything on: nobody has put others before them.
 * With the GIL, as the next two. */
bool pyr_entry_may_install(void);

/* Begins, or begins again. */
void pyr_entry_install_late(void);

/* From now on new blocks come from where they came from before. False: somebody has put another allocator before ours,
 * which stays. */
bool pyr_entry_pass_on(void);

/* A block of the private heap comes to the C library: from 3.12 on, an interpreter that begins after another has ended
 * has CPython's own allocator again, which takes what it does not know for the C library's. With the GIL. */
void pyr_entry_free(void *block);
void *pyr_entry_realloc(void *block, size_t size);

#endif
