#include "stacks.h"

#include "api.h"
#include "sites.h"

#include <string.h>

struct pyr_stacks pyr_stacks;

enum {
    FRAMES_MAX = 1 << 20,
    GENERATION = PYR_SITES_MAX,
    MARK_WORTH = 16, /* frames: walking so many costs as much as a mark */
};

struct call {
    struct pyr_node node;
    uint32_t caller, spot, site;
};

void pyr_stacks_start(void)
{
    pyr_stacks.on = true;
    pyr_stacks.calls.stride = sizeof(struct call);
    pyr_stacks_forget();
}

/* Steps of earlier generations are not found any more. */
void pyr_stacks_forget(void)
{
    memset(pyr_stacks.chains, 0xff, sizeof pyr_stacks.chains); /* no key is all ones */
    pyr_stacks.generation += GENERATION;
    if (pyr_stacks.generation == 0)
        memset(pyr_stacks.steps, 0xff, sizeof pyr_stacks.steps);
}

/* ---- the tree ---- */

/* Calls from where no more sites could be told apart are not told apart either. */
static uint32_t site_called(struct pyr_heap *heap, uint32_t caller, uint32_t spot)
{
    struct pyr_nodes *calls = &pyr_stacks.calls;
    uint64_t hash = pyr_mix(caller, spot);
    uint32_t n = pyr_nodes_first(calls, hash);
    for (; n; n = pyr_nodes_next(calls, n)) {
        const struct call *at = pyr_nodes_at(calls, n);
        if (at->caller == caller && at->spot == spot)
            return at->site;
    }
    if (!(n = pyr_nodes_add(calls, hash)))
        return PYR_SITE_OTHER;
    uint32_t site = pyr_site_new(heap, caller, spot);
    if (site == PYR_SITE_OTHER)
        pyr_nodes_drop(calls, n);
    else
        *(struct call *)pyr_nodes_at(calls, n) =
            (struct call){*(struct pyr_node *)pyr_nodes_at(calls, n), caller, spot, site};
    return site;
}

static struct pyr_step_slot *step_slot(uint32_t caller, uint64_t key)
{
    _Static_assert(PYR_STEP_SLOTS == 2 << (64 - 52), "the high bits choose a pair");
    uint64_t mixed = (key ^ caller) * 0x9e3779b97f4a7c15u;
    return &pyr_stacks.steps[mixed >> 52 << 1];
}

static uint32_t step_learn(struct pyr_heap *heap, uint32_t caller, const void *frame, uint64_t key)
{
    if (caller == PYR_SITE_OTHER)
        return caller;
    uint32_t spot = pyr_spot_of(heap, frame, key);
    if (spot == PYR_SITE_OTHER)
        return PYR_SITE_OTHER;
    uint32_t site = spot == PYR_SPOT_SKIP ? caller : site_called(heap, caller, spot);
    struct pyr_step_slot *slot = step_slot(caller, key);
    slot[1] = slot[0];
    slot[0] = (struct pyr_step_slot){key, caller | pyr_stacks.generation, site};
    return site;
}

static inline uint32_t step(struct pyr_heap *heap, uint32_t caller, const void *frame)
{
    uint64_t key = pyr_key_of(frame, pyr_inside.chain);
    const struct pyr_step_slot *slot = step_slot(caller, key);
    uint32_t wanted = caller | pyr_stacks.generation;
    if (PYR_LIKELY(slot->key == key && slot->caller == wanted))
        return slot->site;
    slot++;
    if (PYR_LIKELY(slot->key == key && slot->caller == wanted))
        return slot->site;
    return step_learn(heap, caller, frame, key);
}

/* ---- walking ---- */

/* False: it is too deep. *base: the site of what called the last of them. */
static bool walk(const void *frame, uint32_t *base)
{
    struct pyr_walked *walked = pyr_stacks.walked.at;
    uint32_t count = 0, room = (uint32_t)(pyr_stacks.walked.bytes / sizeof *walked);
    *base = PYR_SITE_NO_FRAME;
    for (bool marked = false; frame && !marked; frame = pyr_previous_of(frame, pyr_inside.chain)) {
        if (PYR_UNLIKELY(count == room)) {
            if (count >= FRAMES_MAX || !pyr_vector_reserve(&pyr_stacks.walked, (count + 1) * sizeof *walked))
                return false;
            walked = pyr_stacks.walked.at;
            room = (uint32_t)(pyr_stacks.walked.bytes / sizeof *walked);
        }
        walked[count++].frame = frame;
        marked = pyr_frame_mark(frame, pyr_inside.chain, base);
    }
    pyr_stacks.walked_count = count;
    return true;
}

static void chain_put(uint32_t base, uint32_t site)
{
    const struct pyr_walked *walked = pyr_stacks.walked.at;
    enum pyr_chain chain = pyr_inside.chain;
    const void *caller = pyr_previous_of(walked[0].frame, chain);
    uint64_t key = pyr_key_of(walked[0].frame, chain), caller_key = caller ? pyr_key_of(caller, chain) : 0;
    struct pyr_chain_slot *slot = pyr_chain_slot_of(key, caller_key, chain);
    for (uint32_t i = 0; i < pyr_stacks.walked_count; i++)
        slot->keys[i] = pyr_key_of(walked[i].frame, chain);
    slot->last = &slot->keys[pyr_stacks.walked_count - 1];
    slot->tag = site << PYR_TAG_SITE_SHIFT;
    slot->caller = base;
}

/* What is in the main heap's chains must be the main interpreter's: several may run static code at once. */
static bool is_own(const struct pyr_heap *heap)
{
    const struct pyr_walked *walked = pyr_stacks.walked.at;
    if (pyr_inside.layout.gil_kind != PYR_GIL_INTERP)
        return true;
    for (uint32_t i = 0; i < pyr_stacks.walked_count; i++)
        if (pyr_code_is_own(heap, pyr_code_of(walked[i].frame)))
            return true;
    return false;
}

static void note_length(void)
{
    uint32_t count = pyr_stacks.walked_count;
    if (count <= PYR_CHAIN_SHORT)
        return;
    pyr_stacks.credit += count - PYR_CHAIN_SHORT;
    pyr_stacks.marks_due = pyr_stacks.credit / MARK_WORTH;
}

uint32_t pyr_stack_of(struct pyr_heap *heap, const void *frame)
{
    uint32_t base, site;
    bool whole = walk(frame, &base);
    struct pyr_walked *walked = pyr_stacks.walked.at;
    site = whole ? base : PYR_SITE_OTHER;
    for (uint32_t i = whole ? pyr_stacks.walked_count : 0; i-- > 0;) {
        walked[i].caller = site;
        site = step(heap, site, walked[i].frame);
    }
    if (site == PYR_SITE_OTHER) {
        heap->file->lost_sites++;
        return site;
    }
    if (pyr_stacks.walked_count && pyr_stacks.walked_count <= PYR_CHAIN_FRAMES && is_own(heap))
        chain_put(base, site);
    note_length();
    return site;
}
