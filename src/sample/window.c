#include "sample/window.h"

#include "base/alloc.h"
#include "pyobj/frame.h"

#include <stdlib.h>
#include <string.h>

#define NEAR 2048u  /* frames closer than this share a region: copying is cheaper than another piece */
#define ROOM 1024u  /* read beyond the innermost frame, for deeper calls next time */
#define PIECE 1024u /* of a large region on the way out */
#define PAGE 4096u
#define SIZE_LIMIT (4u << 20)
#define MANY_REGIONS 64u /* from here on the fewest pieces matter more than the order */
#define KEPT_REGIONS 6u  /* of earlier samples */
#define KEPT_SIZE 2048u  /* at most of each */
#define KEPT_AGE 64u

void pyr_window_release(struct pyr_window *window)
{
    pyr_free(window->regions);
    for (unsigned pass = 0; pass < window->passes; pass++)
        pyr_free(window->copies[pass]);
    *window = (struct pyr_window){0};
}

struct pyr_link pyr_link_of(uint64_t at, const struct pyr_frame *frame)
{
    return (struct pyr_link){.frame = at,
                             .code = frame->is_python ? frame->code.v : 0,
                             .instr = frame->instr,
                             .activity = (uint8_t)frame->activity,
                             .is_entry = frame->is_entry,
                             .is_generator = frame->is_generator};
}

static int make_regions(struct pyr_window *window)
{
    if (!window->regions)
        window->regions = pyr_alloc(PYR_REGIONS_MAX * sizeof *window->regions);
    return window->regions ? 0 : PYR_E_NOMEM;
}

static int make_room(struct pyr_window *window)
{
    if (window->passes < 2)
        window->passes = 2;
    if (window->size <= window->capacity)
        return 0;
    uint32_t capacity = window->size + window->size / 2;
    for (unsigned pass = 0; pass < window->passes; pass++) {
        uint8_t *copy = pyr_realloc(window->copies[pass], capacity);
        if (!copy)
            return PYR_E_NOMEM;
        window->copies[pass] = copy;
    }
    window->capacity = capacity;
    return 0;
}

int pyr_window_make_passes(struct pyr_window *window, unsigned passes)
{
    for (; window->passes < passes; window->passes++) {
        window->copies[window->passes] = pyr_alloc(window->capacity);
        if (!window->copies[window->passes])
            return PYR_E_NOMEM;
    }
    return 0;
}

/* Extends the newest region to hold [start, end), or says no. */
static bool joins(struct pyr_region *region, uint64_t start, uint64_t end)
{
    uint64_t region_end = region->start + region->size;
    if (end + NEAR < region->start || region_end + NEAR < start)
        return false;
    uint64_t low = start < region->start ? start : region->start;
    uint64_t high = end > region_end ? end : region_end;
    if (high - low > SIZE_LIMIT)
        return false;
    region->start = low;
    region->size = (uint32_t)(high - low);
    return true;
}

/* Room for deeper calls, but never into the next page: it may not be mapped. */
static void give_room(struct pyr_region *region)
{
    uint64_t end = region->start + region->size + ROOM;
    uint64_t page_end = (region->start + region->size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
    if (end > page_end)
        end = page_end;
    region->size = (uint32_t)(end - region->start);
}

/* Regions of before that no region of now touches, youngest first as they stand: outermost, since they are read first.
 */
static unsigned keep_old(const struct pyr_window *window, const struct pyr_region *old, unsigned old_count,
                         struct pyr_region *kept)
{
    unsigned n = 0;
    for (unsigned i = old_count; i-- > 0 && n < KEPT_REGIONS;) {
        bool touched = old[i].age >= KEPT_AGE || old[i].size > KEPT_SIZE;
        for (unsigned j = 0; j < window->count && !touched; j++)
            touched = old[i].start < window->regions[j].start + window->regions[j].size &&
                      window->regions[j].start < old[i].start + old[i].size;
        if (touched)
            continue;
        kept[n] = old[i];
        kept[n++].age++;
    }
    return n;
}

static void put_first(struct pyr_window *window, const struct pyr_region *kept, unsigned count)
{
    if (count > PYR_REGIONS_MAX - window->count)
        count = PYR_REGIONS_MAX - window->count;
    memmove(window->regions + count, window->regions, window->count * sizeof *window->regions);
    memcpy(window->regions, kept, count * sizeof *kept);
    window->count += count;
}

static int by_start(const void *left, const void *right)
{
    const struct pyr_region *a = left, *b = right;
    return (a->start > b->start) - (a->start < b->start);
}

/* Frames that are objects of their own (up to 3.10) lie all over the heap, but mostly side by side when sorted. */
static void merge_by_address(struct pyr_window *window)
{
    unsigned kept = 0;
    qsort(window->regions, window->count, sizeof *window->regions, by_start);
    for (unsigned i = 1; i < window->count; i++) {
        const struct pyr_region *next = &window->regions[i];
        if (!joins(&window->regions[kept], next->start, next->start + next->size))
            window->regions[++kept] = *next;
    }
    window->count = window->count ? kept + 1 : 0;
}

static int lay_out(struct pyr_window *window)
{
    window->size = 0;
    for (unsigned i = 0; i < window->count; i++) {
        window->regions[i].at = window->size;
        window->size += (window->regions[i].size + 7) & ~7u;
    }
    int rc = make_room(window);
    if (rc < 0)
        window->count = window->size = 0;
    return rc;
}

int pyr_window_foresee(struct pyr_window *window, const struct pyr_layout *layout, const struct pyr_chain *chain)
{
    uint32_t header = pyr_frame_header_size(layout);
    struct pyr_region old[PYR_REGIONS_MAX], kept[KEPT_REGIONS];
    unsigned old_count = window->count;
    int rc = make_regions(window);
    if (rc < 0)
        return rc;
    memcpy(old, window->regions, old_count * sizeof *old);
    window->count = 0;
    for (unsigned i = chain->depth; i-- > 0;) {
        uint64_t start = chain->links[i].frame;
        bool joined = false;
        /* Frames of the thread's own stack and others (generators, entry frames) alternate: look back a little. */
        for (unsigned back = 1; back <= 4 && back <= window->count && !joined; back++)
            joined = joins(&window->regions[window->count - back], start, start + header);
        if (joined)
            continue;
        if (window->count == PYR_REGIONS_MAX)
            merge_by_address(window);
        if (window->count == PYR_REGIONS_MAX) {
            memmove(window->regions, window->regions + 1, (PYR_REGIONS_MAX - 1) * sizeof *window->regions);
            window->count--;
            rc = PYR_E_LIMIT;
        }
        window->regions[window->count++] = (struct pyr_region){.start = start, .size = header};
    }
    if (window->count > MANY_REGIONS)
        merge_by_address(window);
    for (unsigned i = 0; i < window->count && layout->frame_kind == PYR_FRAME_INTERPRETER; i++)
        give_room(&window->regions[i]);
    put_first(window, kept, keep_old(window, old, old_count, kept));
    int laid = lay_out(window);
    return laid < 0 ? laid : rc;
}

static void piece(const struct pyr_window *window, unsigned pass, const struct pyr_region *region, uint32_t from,
                  uint32_t size, struct iovec *local, struct iovec *remote)
{
    *local = (struct iovec){window->copies[pass] + region->at + from, size};
    *remote = (struct iovec){(void *)(uintptr_t)(region->start + from), size};
}

unsigned pyr_window_pieces(const struct pyr_window *window, enum pyr_pass pass, struct iovec *local,
                           struct iovec *remote)
{
    unsigned n = 0;
    if (pass == PYR_PASS_IN) {
        for (unsigned i = 0; i < window->count; i++, n++)
            piece(window, pass, &window->regions[i], 0, window->regions[i].size, &local[n], &remote[n]);
        return n;
    }
    for (unsigned i = window->count; i-- > 0;) {
        const struct pyr_region *region = &window->regions[i];
        uint32_t left = region->size;
        /* Only the innermost region is worth cutting: the others change less often. */
        for (unsigned cut = 1; i == window->count - 1 && cut < PYR_REGION_PIECES && left > PIECE; cut++, n++) {
            left -= PIECE;
            piece(window, pass, region, left, PIECE, &local[n], &remote[n]);
        }
        piece(window, pass, region, 0, left, &local[n], &remote[n]);
        n++;
    }
    return n;
}

unsigned pyr_window_inner_piece(const struct pyr_window *window, unsigned pass, struct iovec *local,
                                struct iovec *remote)
{
    const struct pyr_region *region = &window->regions[window->count - 1];
    piece(window, pass, region, 0, region->size, local, remote);
    return 1;
}

unsigned pyr_window_outer_pieces(const struct pyr_window *window, unsigned pass, bool inside_out, struct iovec *local,
                                 struct iovec *remote)
{
    unsigned count = window->count - 1;
    for (unsigned n = 0; n < count; n++) {
        const struct pyr_region *region = &window->regions[inside_out ? count - 1 - n : n];
        piece(window, pass, region, 0, region->size, &local[n], &remote[n]);
    }
    return count;
}

/* Frames are followed inwards out, as regions stand: the next one is at the hint or before it. */
static const struct pyr_region *region_of(const struct pyr_window *window, uint64_t at, uint32_t size, unsigned *hint)
{
    for (unsigned tried = 0; tried < window->count; tried++) {
        unsigned i = *hint >= tried ? *hint - tried : *hint + window->count - tried;
        const struct pyr_region *region = &window->regions[i];
        if (at >= region->start && at - region->start + size <= region->size) {
            *hint = i;
            return region;
        }
    }
    return NULL;
}

int pyr_window_follow(const struct pyr_window *window, struct pyr_side side, const struct pyr_layout *layout,
                      uint64_t *at, struct pyr_chain *chain)
{
    uint32_t header = pyr_frame_header_size(layout);
    unsigned hint = window->count ? window->count - 1 : 0;
    while (*at) {
        if (*at & 7)
            return PYR_E_TORN;
        if (chain->depth == PYR_CHAIN_MAX) {
            chain->truncated = true;
            return 0;
        }
        const struct pyr_region *region = region_of(window, *at, header, &hint);
        if (!region)
            return PYR_E_FAULT;
        struct pyr_frame frame;
        unsigned pass = region == &window->regions[window->count - 1] ? side.inner : side.outer;
        pyr_frame_decode(layout, window->copies[pass] + region->at + (*at - region->start), &frame);
        if (frame.is_adrift)
            return PYR_E_TORN;
        struct pyr_link link = pyr_link_of(*at, &frame);
        if (pyr_chain_push(chain, &link) < 0)
            return PYR_E_NOMEM;
        *at = frame.previous.v;
    }
    return 0;
}

int pyr_window_extend(struct pyr_window *window, const struct pyr_layout *layout, uint64_t frame, uint32_t span,
                      struct iovec *local, struct iovec *remote)
{
    if (window->count == PYR_REGIONS_MAX || window->size > SIZE_LIMIT)
        return PYR_E_LIMIT;
    if (make_regions(window) < 0)
        return PYR_E_NOMEM;
    uint64_t start = span < frame ? frame - span : frame;
    struct pyr_region *region = &window->regions[window->count];
    *region = (struct pyr_region){
        .start = start, .size = (uint32_t)(frame - start) + pyr_frame_header_size(layout), .at = window->size};
    window->size += (region->size + 7) & ~7u;
    window->count++;
    if (make_room(window) < 0) {
        pyr_window_unextend(window);
        return PYR_E_NOMEM;
    }
    piece(window, PYR_PASS_IN, region, 0, region->size, local, remote);
    return 0;
}

void pyr_window_unextend(struct pyr_window *window)
{
    window->count--;
    window->size = window->regions[window->count].at;
}
