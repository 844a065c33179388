/* Which site an allocation belongs to. */
#ifndef PYR_AGENT_SITES_H
#define PYR_AGENT_SITES_H

#include "heap.h"

/* The site of the innermost frame that runs Python code, from `frame` on; learnt where it is new. */
uint32_t pyr_site_of(struct pyr_heap *heap, const void *frame);

/* The same of one frame, for a thread that holds no GIL but has not left the frame: PYR_SITE_SKIP if the frame is not
 * complete. Without the index of live code: whoever asks keeps the answer. Where stacks are kept it is one without
 * callers. */
uint32_t pyr_site_left(struct pyr_heap *heap, const void *frame);
#define PYR_SITE_SKIP UINT32_MAX

/* Around what makes sites and texts: threads without the GIL do that, too. A fork takes it. */
void pyr_learn_begin(void);
void pyr_learn_end(void);
void pyr_learn_forked(void);

/* A block that was marked with PYR_TAG_CODE is freed: what was known by its address is not true any more. */
void pyr_code_died(struct pyr_heap *heap, const void *code);

/* The headroom has gone below zero: there is a new maximum, or (false) only one of the span that is looked at (span.h).
 */
bool pyr_peak_raised(struct pyr_heap *heap);

/* Of stacks: a spot is a code and an instruction in it, whatever called it. PYR_SITE_OTHER: it cannot be told apart;
 * PYR_SITE_SKIP: the frame is not complete or not Python's. */
uint32_t pyr_spot_of(struct pyr_heap *heap, const void *frame, uint64_t key);

/* A new site; PYR_SITE_OTHER when there is no room. Both while learning. */
uint32_t pyr_site_new(struct pyr_heap *heap, uint32_t caller, uint32_t spot);

/* Its block is in this heap. False also where no site in it is known. */
bool pyr_code_is_own(const struct pyr_heap *heap, const void *code);

/* While it makes its cells it is not complete: tracebacks begin with its caller. */
bool pyr_frame_is_incomplete(const void *frame);

/* Bytes from the first instruction; UINT32_MAX: before it. */
uint32_t pyr_instruction_of(const void *frame, const char *code);

/* What is known by the addresses of code: learnt anew where it runs again. */
void pyr_sites_forget_code(struct pyr_heap *heap);

/* In the tag of a block that is not counted any more: the number of no site. */
#define PYR_SITE_FORGOTTEN (PYR_SITES_MAX - 1u)

/* Tables of an empty heap. */
void pyr_sites_init(struct pyr_heap *heap);

/* ---- texts.c ---- */

/* The record of a code object in the file, written if it is not there. PYR_TEXT_NONE when there is no room. */
uint32_t pyr_text_code(struct pyr_heap *heap, const void *code);

/* Notes what every site holds now, once: the main module has ended. Where there is no room, it is not noted. */
void pyr_text_live(struct pyr_heap *heap);

/* A record of what so many of something hold, to be filled and ended: then *record is its offset. NULL: no room. */
struct pyr_heap_live *pyr_text_live_begin(struct pyr_heap *heap, uint32_t count);
void pyr_text_live_end(struct pyr_heap *heap, uint32_t count, uint32_t *record);

#endif
