/* Recordings that a running program begins and ends: pyrometer.memory.start and stop. What was allocated before is not
 * known and goes on as it was; C memory and the raw domain are counted only where the agent came before Python. */
#ifndef PYR_AGENT_LATE_H
#define PYR_AGENT_LATE_H

#include "pyrometer/err.h"

#include <stdbool.h>
#include <stddef.h>

#define PYR_LATE_API __attribute__((visibility("default")))

/* ---- for the Python package: by ctypes, with the GIL ---- */

/* Whether a recording can begin. 0; or −1: `why` is a sentence. */
PYR_LATE_API int pyrometer_memory_may_start(char *why, size_t why_size);

/* Counts every allocation from now on, in a file in `directory`; stacks: by whole stacks, else by lines. 0; or −1, and
 * nothing has changed: `why` is a sentence. */
PYR_LATE_API int pyrometer_memory_start(const char *directory, int stacks, char *why, size_t why_size);

/* Counts no more; the file stays as it is. −1: nothing was begun. */
PYR_LATE_API int pyrometer_memory_stop(void);

/* After that: the file has been read, and may be removed. */
PYR_LATE_API void pyrometer_memory_leave(void);

/* ---- install.c ---- */

/* What the user chose instead of the default allocator stays: it was asked for by name. */
bool pyr_allocator_is_chosen(void);

/* The heap's tables and its file, new or for another time, but nothing under Python's domains. */
int pyr_install_late(const char *directory, struct pyr_err *err);

#endif
