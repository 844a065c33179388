/* What pyrometer.tracemalloc counts: every block that Python's allocators hand out while it is on, with its traceback.
 * The allocators that are there are wrapped, whichever they are: blocks come from them and go back to them. Off, it
 * costs nothing. Of CPython's tracemalloc it has the meaning, and none of the code. */
#ifndef PYR_AGENT_TRACE_H
#define PYR_AGENT_TRACE_H

#include "traced.h"

#include "pyrometer/err.h"

enum { PYR_TRACE_FRAMES_MAX = UINT16_MAX };

/* All of these with the GIL, where it is not said otherwise. */

/* `limit` frames of each traceback are kept; `totals`: those beyond are counted. Nothing changes if it is on already.
 */
int pyr_trace_start(uint32_t limit, bool totals, struct pyr_err *err);
void pyr_trace_stop(void);
void pyr_trace_clear(void);
bool pyr_trace_is_on(void);
uint32_t pyr_trace_limit(void);

/* Bytes that are held by traced blocks, and the most that ever were. */
void pyr_trace_totals(uint64_t *live, uint64_t *peak);
void pyr_trace_reset_peak(void);

/* Bytes that tracing itself takes. */
size_t pyr_trace_own_bytes(void);

/* A block of another allocator, in a domain of the caller's; also without the GIL. 0; -1: out of memory; -2: off. */
int pyr_trace_track(uint32_t domain, uintptr_t address, size_t size);
int pyr_trace_untrack(uint32_t domain, uintptr_t address);

/* A block that was kept for reuse begins a new life, as the object at `object`. */
void pyr_trace_reused(const void *object);

/* The address of an object's block, at which it is traced. */
uintptr_t pyr_trace_block_of(const void *object);

/* The traceback of a block; 0: not traced. */
uint32_t pyr_trace_find(uint32_t domain, uintptr_t address);

/* Between the two nothing of what this thread allocates is traced, and tracebacks stay, also when traces are cleared
 * meanwhile. `table`, if not NULL, is a copy, to be given back; false when out of memory, also to be ended. */
bool pyr_trace_read_begin(struct pyr_traced_table *table);
void pyr_trace_read_end(struct pyr_traced_table *table);

#endif
