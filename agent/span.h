/* What the private heap and C memory held together at most since somebody last asked. Nobody asking, it costs nothing:
 * the heap's headroom is the distance to its own peak. While somebody asks it is at most the distance to the span's, so
 * that whatever goes beyond that comes by the rare way (pyr_peak_raised). All with the GIL. */
#ifndef PYR_AGENT_SPAN_H
#define PYR_AGENT_SPAN_H

#include "heap.h"

extern struct pyr_span {
    bool on;
    uint64_t peak;      /* bytes, since the last reading */
    uint64_t before;    /* the peak before it last rose */
    uint64_t held_back; /* what the heap's headroom is lower than it would be; 0 while nobody asks */
} pyr_span;

/* The heap's headroom has just become true again, or C memory has grown. */
void pyr_span_note(struct pyr_heap *heap);

/* Bytes held now, without so many that were allocated last of all, to ask; *peak: at most since the last reading, or
 * now if that was before pyr_span_stop. */
uint64_t pyr_span_read(struct pyr_heap *heap, uint64_t ignored, uint64_t *peak);

/* Nobody asks any more. */
void pyr_span_stop(struct pyr_heap *heap);

/* What the heap holds. */
static inline uint64_t pyr_span_heap(const struct pyr_heap *heap)
{
    return heap->file->peak_bytes - (heap->headroom + pyr_span.held_back);
}

#endif
