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

#endif
