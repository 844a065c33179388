/* What the standard module tracemalloc is told besides by the allocators, told to us instead: that an object begins in
 * a block that a free list kept, and which blocks other libraries have. With the GIL. */
#ifndef PYR_AGENT_REUSE_H
#define PYR_AGENT_REUSE_H

#include <stdint.h>

/* Once, before the standard module is replaced by anything. */
void pyr_reuse_prepare(void);

/* Before our allocators are in use: it may want to change them for a moment. */
void pyr_reuse_begin(void);

/* After they are in use no more. */
void pyr_reuse_end(void);

/* The frames of a block as a tuple, or None; a new reference. NULL with an exception set. */
void *pyr_tracemalloc_frames(unsigned domain, uintptr_t address);

#endif
