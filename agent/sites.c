#include "sites.h"

#include "api.h"
#include "direct.h"
#include "inside.h"
#include "span.h"
#include "stacks.h"

#include <pthread.h>
#include <string.h>

/* Not a site: the frame is not complete or not Python's; what it allocates belongs to the one that called it. */
static const uint32_t skip = PYR_SITE_SKIP;

/* The interpreter's own frames may have no instruction: 0 must not be found in an empty cache. */
static const uint64_t no_key = UINT64_MAX;

enum { FRAMES_MAX = 64 };

struct site_key {
    struct pyr_node node;
    uint32_t site; /* in stacks mode: spot */
    uint32_t next_of_code : 31;
    uint32_t cached : 1; /* may be found through the cache */
    uint64_t key;
};

struct live_code {
    struct pyr_node node;
    uint32_t record; /* in the texts */
    uint32_t first_key : 31;
    uint32_t ours : 1; /* its end is told to us: no other interpreter has it */
    const void *code;
};

/* A place is a code record and an instruction: those of a site are told by the site itself. */
struct placed_site {
    struct pyr_node node;
    uint32_t site;
};

struct spot {
    struct pyr_node node;
    uint32_t record, instruction;
};

static bool has_index(void)
{
    return pyr_inside.chain == PYR_CHAIN_OBJECT;
}

void pyr_sites_init(struct pyr_heap *heap)
{
    heap->index.keys.stride = sizeof(struct site_key);
    heap->index.codes.stride = sizeof(struct live_code);
    heap->index.placed.stride = sizeof(struct placed_site);
    heap->index.spots.stride = sizeof(struct spot);
    struct pyr_cached_site *slot = pyr_cache_slot(heap, 0, has_index());
    slot->key = pyr_cache_beside(heap, slot)->key = no_key;
}

void pyr_sites_forget_code(struct pyr_heap *heap)
{
    pyr_nodes_release(&heap->index.keys);
    pyr_nodes_release(&heap->index.codes);
    memset(heap->cache, 0, sizeof heap->cache);
    pyr_sites_init(heap);
}

/* ---- code objects that are alive ---- */

static uint64_t hash_address(const void *at)
{
    return pyr_mix((uintptr_t)at, 1);
}

static uint32_t code_find(const struct pyr_heap *heap, const void *code)
{
    const struct pyr_nodes *codes = &heap->index.codes;
    uint32_t n = pyr_nodes_first(codes, hash_address(code));
    while (n && ((struct live_code *)pyr_nodes_at(codes, n))->code != code)
        n = pyr_nodes_next(codes, n);
    return n;
}

/* Static code: it lives as long as the process, and its count of references, the first word, is as it is. */
static bool is_immortal(const void *object)
{
    return pyr_int_in(object, 0) < 0;
}

/* Its end must be told to us. Code that is in no block of ours is static; or it was there before the heap, and is
 * looked for when a block from before is freed. */
static bool code_mark(struct pyr_heap *heap, const void *code)
{
    if (!pyr_region_owns(code))
        return pyr_large_mark(&heap->large, code, PYR_TAG_CODE) || (heap->late && !is_immortal(code));
    *pyr_tag_at(pyr_pool_of(code), code) |= PYR_TAG_CODE;
    return true;
}

static uint32_t code_learn(struct pyr_heap *heap, const void *code)
{
    uint32_t n = code_find(heap, code);
    if (n)
        return n;
    uint32_t record = pyr_text_code(heap, code);
    if (record == PYR_TEXT_NONE || !(n = pyr_nodes_add(&heap->index.codes, hash_address(code))))
        return 0;
    struct live_code *live = pyr_nodes_at(&heap->index.codes, n);
    live->code = code;
    live->record = record;
    live->ours = code_mark(heap, code);
    return n;
}

static void cache_drop(struct pyr_heap *heap, uint64_t key)
{
    struct pyr_cached_site *slot = pyr_cache_slot(heap, key, has_index()), *beside = pyr_cache_beside(heap, slot);
    if (slot->key == key || slot->key == pyr_skip_key(key))
        slot->key = no_key;
    if (beside->key == key || beside->key == pyr_skip_key(key))
        beside->key = no_key;
}

/* A thread without the GIL may be reading it (caller.c): a key is there only while its tag is. */
static void slot_set(struct pyr_cached_site *slot, uint64_t key, uint32_t tag)
{
    __atomic_store_n(&slot->key, no_key, __ATOMIC_SEQ_CST);
    __atomic_store_n(&slot->tag, tag, __ATOMIC_RELEASE);
    __atomic_store_n(&slot->key, key, __ATOMIC_RELEASE);
}

/* What was in the slot goes to the one beside it. */
static void cache_put(struct pyr_heap *heap, uint64_t key, uint32_t site)
{
    struct pyr_cached_site *slot = pyr_cache_slot(heap, key, has_index());
    cache_drop(heap, key);
    slot_set(pyr_cache_beside(heap, slot), slot->key, slot->tag);
    slot_set(slot, key, site << PYR_TAG_SITE_SHIFT);
}

void pyr_code_died(struct pyr_heap *heap, const void *code)
{
    uint32_t n = code_find(heap, code);
    if (!n)
        return;
    if (pyr_stacks.on)
        pyr_stacks_forget();
    const struct live_code *live = pyr_nodes_at(&heap->index.codes, n);
    for (uint32_t k = live->first_key, next; k; k = next) {
        const struct site_key *known = pyr_nodes_at(&heap->index.keys, k);
        cache_drop(heap, known->key);
        next = known->next_of_code;
        pyr_nodes_drop(&heap->index.keys, k);
    }
    pyr_nodes_drop(&heap->index.codes, n);
}

/* ---- sites ---- */

static void raise_peak(struct pyr_heap *heap)
{
    heap->file->peak_bytes -= heap->headroom;
    heap->headroom = 0;
    uint64_t *epoch = &heap->file->domains[PYR_DOMAIN_RAW].epoch; /* changed with the GIL only */
    __atomic_store_n(epoch, *epoch + 1, __ATOMIC_RELAXED);
    /* The links are in the file: in a child of a fork without memory they may be gone, or another's. */
    while (heap->saved - 1 < heap->site_count) {
        struct pyr_heap_site *last = &heap->sites[heap->saved - 1];
        heap->saved = last->saved;
        last->saved = 0;
    }
    heap->saved = PYR_SAVED_END;
}

bool pyr_peak_raised(struct pyr_heap *heap)
{
    heap->headroom += pyr_span.held_back;
    pyr_span.held_back = 0;
    bool raised = (int64_t)heap->headroom < 0;
    if (PYR_LIKELY(raised))
        raise_peak(heap);
    if (PYR_UNLIKELY(pyr_span.on))
        pyr_span_note(heap);
    return raised;
}

void *pyr_count_peak(struct pyr_heap *heap, struct pyr_heap_site *site, size_t size, void *block)
{
    heap->headroom -= (uint64_t)pyr_direct_take_raw();
    bool raised = (int64_t)heap->headroom < 0 && pyr_peak_raised(heap);
    if (!raised && !site->saved)
        pyr_site_save(heap, site);
    site->allocated_blocks++;
    site->allocated_bytes += size;
    return block;
}

void *pyr_count_first(struct pyr_heap *heap, struct pyr_heap_site *site, size_t size, void *block)
{
    pyr_site_save(heap, site);
    site->allocated_blocks++;
    site->allocated_bytes += size;
    return block;
}

static uint32_t site_new(struct pyr_heap *heap, uint32_t caller, uint32_t record, uint32_t instruction)
{
    uint32_t number = heap->site_count;
    if (number >= PYR_SITE_FORGOTTEN ||
        !pyr_window_reserve(&heap->site_window, ((size_t)number + 1) * sizeof(struct pyr_heap_site)) ||
        !pyr_window_reserve(&heap->peak_window, ((size_t)number + 1) * sizeof(struct pyr_heap_peak)))
        return PYR_SITE_OTHER;
    heap->sites[number].caller = caller;
    heap->sites[number].code = record;
    heap->sites[number].instruction = instruction;
    heap->site_count = number + 1;
    heap->tag_end = (number + 1) << PYR_TAG_SITE_SHIFT;
    __atomic_store_n(&heap->file->site_count, number + 1, __ATOMIC_RELEASE);
    return number;
}

/* The same code made anew is the same place. */
static uint32_t site_placed(struct pyr_heap *heap, uint32_t record, uint32_t instruction)
{
    struct pyr_nodes *placed = &heap->index.placed;
    uint64_t hash = pyr_mix(record, instruction);
    uint32_t n = pyr_nodes_first(placed, hash);
    for (; n; n = pyr_nodes_next(placed, n)) {
        uint32_t known = ((const struct placed_site *)pyr_nodes_at(placed, n))->site;
        if (heap->sites[known].code == record && heap->sites[known].instruction == instruction)
            return known;
    }
    if (!(n = pyr_nodes_add(placed, hash)))
        return PYR_SITE_OTHER;
    uint32_t site = site_new(heap, PYR_SITE_NO_FRAME, record, instruction);
    if (site == PYR_SITE_OTHER)
        pyr_nodes_drop(placed, n);
    else
        ((struct placed_site *)pyr_nodes_at(placed, n))->site = site;
    return site;
}

/* Spots have numbers of their own, behind those of the reserved sites. */
static uint32_t spot_placed(struct pyr_heap *heap, uint32_t record, uint32_t instruction)
{
    struct pyr_nodes *spots = &heap->index.spots;
    uint64_t hash = pyr_mix(record, instruction);
    uint32_t n = pyr_nodes_first(spots, hash);
    for (; n; n = pyr_nodes_next(spots, n)) {
        const struct spot *at = pyr_nodes_at(spots, n);
        if (at->record == record && at->instruction == instruction)
            return n - 1 + PYR_SITES_RESERVED;
    }
    if (!(n = pyr_nodes_add(spots, hash)))
        return PYR_SITE_OTHER;
    struct spot *at = pyr_nodes_at(spots, n);
    at->record = record;
    at->instruction = instruction;
    return n - 1 + PYR_SITES_RESERVED;
}

uint32_t pyr_site_new(struct pyr_heap *heap, uint32_t caller, uint32_t spot)
{
    const struct spot *at = pyr_nodes_at(&heap->index.spots, spot + 1 - PYR_SITES_RESERVED);
    return site_new(heap, caller, at->record, at->instruction);
}

uint32_t pyr_instruction_of(const void *frame, const char *code)
{
    const struct pyr_layout *layout = &pyr_inside.layout;
    int64_t offset;
    if (layout->instr_kind == PYR_INSTR_LASTI_BYTES || layout->instr_kind == PYR_INSTR_LASTI_UNITS) {
        offset = pyr_int_in(frame, layout->frame_instr);
        offset *= layout->instr_kind == PYR_INSTR_LASTI_UNITS ? 2 : 1;
    } else {
        offset = (char *)pyr_at(frame, layout->frame_instr) - (code + layout->code_adaptive);
    }
    return offset < 0 || offset > INT32_MAX ? UINT32_MAX : (uint32_t)offset;
}

bool pyr_frame_is_incomplete(const void *frame)
{
    const struct pyr_layout *layout = &pyr_inside.layout;
    const char *code = pyr_code_of(frame);
    if (!PYR_HAS(layout, code_firsttraceable) || pyr_owner_of(frame) == layout->frame_owner_generator)
        return false;
    const char *first = code + layout->code_adaptive + 2 * (int64_t)pyr_int_in(code, layout->code_firsttraceable);
    return (const char *)pyr_at(frame, layout->frame_instr) < first;
}

static uint32_t key_find(const struct pyr_heap *heap, uint64_t key)
{
    const struct pyr_nodes *keys = &heap->index.keys;
    uint32_t n = pyr_nodes_first(keys, pyr_mix(key, 0));
    while (n && ((struct site_key *)pyr_nodes_at(keys, n))->key != key)
        n = pyr_nodes_next(keys, n);
    return n;
}

static pthread_mutex_t learning = PTHREAD_MUTEX_INITIALIZER;

void pyr_learn_begin(void)
{
    pthread_mutex_lock(&learning);
}

void pyr_learn_end(void)
{
    pthread_mutex_unlock(&learning);
}

void pyr_learn_forked(void)
{
    pthread_mutex_init(&learning, NULL);
}

uint32_t pyr_site_left(struct pyr_heap *heap, const void *frame)
{
    const void *code = pyr_code_of(frame);
    if (!code || pyr_at(code, pyr_inside.layout.object_type) != PyCode_Type)
        return PYR_SITE_OTHER;
    if (pyr_frame_is_incomplete(frame))
        return PYR_SITE_SKIP;
    pyr_learn_begin();
    uint32_t record = pyr_text_code(heap, code);
    uint32_t site =
        record == PYR_TEXT_NONE ? PYR_SITE_OTHER : site_placed(heap, record, pyr_instruction_of(frame, code));
    pyr_learn_end();
    return site;
}

/* Its number; 0 if it cannot be told apart. */
static uint32_t key_learn(struct pyr_heap *heap, const void *frame, uint64_t key)
{
    const void *code = pyr_code_of(frame);
    if (!code || pyr_at(code, pyr_inside.layout.object_type) != PyCode_Type)
        return 0;
    uint32_t live_number = code_learn(heap, code);
    if (!live_number)
        return 0;
    struct live_code *live = pyr_nodes_at(&heap->index.codes, live_number);
    uint32_t record = live->record, instruction = pyr_instruction_of(frame, code);
    uint32_t site = pyr_frame_is_incomplete(frame) ? skip
                    : pyr_stacks.on                ? spot_placed(heap, record, instruction)
                                                   : site_placed(heap, record, instruction);
    uint32_t n = site == PYR_SITE_OTHER ? 0 : pyr_nodes_add(&heap->index.keys, pyr_mix(key, 0));
    if (!n)
        return 0;
    struct site_key *known = pyr_nodes_at(&heap->index.keys, n);
    known->key = key;
    known->site = site;
    /* What is in the main heap's cache must be the main interpreter's: several may run static code at once. */
    known->cached = live->ours || pyr_inside.layout.gil_kind != PYR_GIL_INTERP;
    known->next_of_code = live->first_key;
    live->first_key = n & PYR_NODES_MAX;
    return n;
}

uint32_t pyr_spot_of(struct pyr_heap *heap, const void *frame, uint64_t key)
{
    if (pyr_owner_of(frame) >= pyr_inside.layout.frame_owner_cstack)
        return skip;
    uint32_t number = key_find(heap, key);
    if (!number && !(number = key_learn(heap, frame, key)))
        return PYR_SITE_OTHER;
    return ((const struct site_key *)pyr_nodes_at(&heap->index.keys, number))->site;
}

bool pyr_code_is_own(const struct pyr_heap *heap, const void *code)
{
    uint32_t n = code_find(heap, code);
    return n && ((const struct live_code *)pyr_nodes_at(&heap->index.codes, n))->ours;
}

uint32_t pyr_site_of(struct pyr_heap *heap, const void *frame)
{
    if (pyr_stacks.on)
        return pyr_stack_of(heap, frame);
    for (int n = 0; frame && n < FRAMES_MAX; n++, frame = pyr_at(frame, pyr_inside.frame_previous)) {
        if (pyr_owner_of(frame) >= pyr_inside.layout.frame_owner_cstack)
            continue;
        uint64_t key = pyr_key_of(frame, pyr_inside.chain);
        const struct pyr_cached_site *slot = pyr_cache_slot(heap, key, has_index());
        if (slot->key == key)
            return slot->tag >> PYR_TAG_SITE_SHIFT;
        if (!has_index() && pyr_cache_skips(heap, key))
            continue;
        uint32_t number = key_find(heap, key);
        if (!number) {
            pyr_learn_begin();
            number = key_learn(heap, frame, key);
            pyr_learn_end();
        }
        if (!number) {
            heap->file->lost_sites++;
            return PYR_SITE_OTHER;
        }
        const struct site_key *known = pyr_nodes_at(&heap->index.keys, number);
        if (known->cached)
            cache_put(heap, known->site == skip ? pyr_skip_key(key) : key, known->site);
        if (known->site != skip)
            return known->site;
    }
    return PYR_SITE_NO_FRAME;
}
