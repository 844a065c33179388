#include "span.h"

#include "direct.h"

struct pyr_span pyr_span;

static uint64_t live(const struct pyr_heap *heap)
{
    return pyr_span_heap(heap) + pyr_direct_live(PYR_DOMAIN_C);
}

/* Neither the span's peak nor the heap's own may be passed unseen. C memory that is freed leaves it lower than it needs
 * to be: then the next one who comes by the rare way sets it right. */
static void arm(struct pyr_heap *heap, uint64_t now)
{
    uint64_t own = heap->headroom + pyr_span.held_back, room = pyr_span.peak - now;
    heap->headroom = room < own ? room : own;
    pyr_span.held_back = own - heap->headroom;
}

void pyr_span_note(struct pyr_heap *heap)
{
    uint64_t now = live(heap);
    if (now > pyr_span.peak) {
        pyr_span.before = pyr_span.peak;
        pyr_span.peak = now;
    }
    arm(heap, now);
}

uint64_t pyr_span_read(struct pyr_heap *heap, uint64_t ignored, uint64_t *peak)
{
    pyr_direct_gather();
    pyr_direct_gather_c();
    uint64_t all = live(heap), now = all - ignored;
    uint64_t most = ignored && pyr_span.peak == all ? pyr_span.before : pyr_span.peak;
    *peak = pyr_span.on && most > now ? most : now;
    pyr_span.on = true;
    pyr_span.peak = pyr_span.before = all; /* what is ignored is still there */
    arm(heap, all);
    return now;
}

void pyr_span_stop(struct pyr_heap *heap)
{
    heap->headroom += pyr_span.held_back;
    pyr_span = (struct pyr_span){0};
}
