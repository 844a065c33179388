/* Free lists: objects whose blocks pass from one to the next without an allocator. Python itself tells when an object
 * begins. */
#ifndef PYR_AGENT_REUSE_H
#define PYR_AGENT_REUSE_H

/* From now on pyr_trace_reused is called for each object, where this Python has a way to that. With the GIL. */
void pyr_reuse_begin(void);
void pyr_reuse_end(void);

#endif
