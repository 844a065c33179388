/* What Python calls to allocate. */
#ifndef PYR_AGENT_ENTRY_H
#define PYR_AGENT_ENTRY_H

#include "api.h"

#include <stdbool.h>

/* Puts the heap under Python's `mem` and `obj` domains. */
void pyr_entry_install(void);

/* Whether it still is there. */
bool pyr_entry_is_installed(void);

#endif
