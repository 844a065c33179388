#include "stacks.h"

#include "api.h"
#include "sites.h"

#include <string.h>

#define ALWAYS_INLINE inline __attribute__((always_inline))

struct pyr_stacks pyr_stacks;

enum {
    FRAMES_MAX = 1 << 20,
    GENERATION = PYR_SITES_MAX,
    MARK_WORTH = 16, /* frames: walking so many costs as much as a mark */
    /* The last sites are for what can have no stack of its own any more, so that it has its line. */
    STACK_SITES = PYR_SITES_MAX - (1 << 16),
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

/* Where there is no more room for stacks, it is what it is wherever it was called from: its caller is PYR_SITE_OTHER.
 */
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
    if (caller != PYR_SITE_OTHER && heap->site_count >= STACK_SITES)
        return site_called(heap, PYR_SITE_OTHER, spot);
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

/* The sites of a recursion follow each other: so do their slots, and do not compete. */
static ALWAYS_INLINE struct pyr_step_slot *step_slot(uint32_t caller, uint64_t key)
{
    uint64_t mixed = caller + (key * 0x9e3779b97f4a7c15u >> 40);
    return &pyr_stacks.steps[2 * (mixed & (PYR_STEP_SLOTS / 2 - 1))];
}

static uint32_t step_learn(struct pyr_heap *heap, uint32_t caller, const void *frame, uint64_t key)
{
    pyr_learn_begin();
    uint32_t site = pyr_spot_of(heap, frame, key);
    if (site != PYR_SITE_OTHER)
        site = site == PYR_SITE_SKIP ? caller : site_called(heap, caller, site);
    pyr_learn_end();
    if (site == PYR_SITE_OTHER)
        return PYR_SITE_OTHER;
    struct pyr_step_slot *slot = step_slot(caller, key);
    slot[1] = slot[0];
    slot[0] = (struct pyr_step_slot){key, caller | pyr_stacks.generation, site};
    return site;
}

static ALWAYS_INLINE uint32_t step(struct pyr_heap *heap, uint32_t caller, const void *frame, enum pyr_chain chain)
{
    uint64_t key = pyr_key_of(frame, chain);
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
static ALWAYS_INLINE bool walk(const void *frame, uint32_t *base, enum pyr_chain chain)
{
    struct pyr_walked *walked = pyr_stacks.walked.at;
    uint32_t count = 0, room = (uint32_t)(pyr_stacks.walked.bytes / sizeof *walked);
    *base = PYR_SITE_NO_FRAME;
    for (bool marked = false; frame && !marked; frame = pyr_previous_of(frame, chain)) {
        if (PYR_UNLIKELY(count == room)) {
            if (count >= FRAMES_MAX || !pyr_vector_reserve(&pyr_stacks.walked, (count + 1) * sizeof *walked))
                return false;
            walked = pyr_stacks.walked.at;
            room = (uint32_t)(pyr_stacks.walked.bytes / sizeof *walked);
        }
        walked[count++].frame = frame;
        marked = pyr_frame_mark(frame, chain, base);
    }
    pyr_stacks.walked_count = count;
    return true;
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

/* Recursion has many stacks that are alike in their innermost frames: what is kept of them gives way to every fourth
 * only.
 */
static void chain_put(const struct pyr_heap *heap, uint32_t base, uint32_t site)
{
    const struct pyr_walked *walked = pyr_stacks.walked.at;
    enum pyr_chain chain = pyr_inside.chain;
    const void *caller = pyr_previous_of(walked[0].frame, chain);
    uint64_t key = pyr_key_of(walked[0].frame, chain), caller_key = caller ? pyr_key_of(caller, chain) : 0;
    struct pyr_chain_slot *slot = pyr_chain_slot_of(key, caller_key, chain);
    if ((slot->keys[0] == key && ++pyr_stacks.alike % 4) || !is_own(heap))
        return;
    for (uint32_t i = 0; i < pyr_stacks.walked_count; i++)
        slot->keys[i] = pyr_key_of(walked[i].frame, chain);
    slot->last = &slot->keys[pyr_stacks.walked_count - 1];
    slot->tag = site << PYR_TAG_SITE_SHIFT;
    slot->caller = base;
}

static void note_length(void)
{
    uint32_t count = pyr_stacks.walked_count;
    if (count <= PYR_CHAIN_SHORT)
        return;
    pyr_stacks.credit += count - PYR_CHAIN_SHORT;
    pyr_stacks.marks_due = pyr_stacks.credit / MARK_WORTH;
}

static ALWAYS_INLINE uint32_t stack_of(struct pyr_heap *heap, const void *frame, enum pyr_chain chain)
{
    uint32_t base, site;
    if (PYR_UNLIKELY(!walk(frame, &base, chain)))
        return PYR_SITE_OTHER;
    struct pyr_walked *walked = pyr_stacks.walked.at;
    site = base;
    for (uint32_t i = pyr_stacks.walked_count; i-- > 0;) {
        walked[i].caller = site;
        site = step(heap, site, walked[i].frame, chain);
    }
    if (pyr_stacks.walked_count && pyr_stacks.walked_count <= PYR_CHAIN_FRAMES && site != PYR_SITE_OTHER)
        chain_put(heap, base, site);
    return site;
}

/* Once for each way to the frames: the loops are short. */
uint32_t pyr_stack_of(struct pyr_heap *heap, const void *frame)
{
    uint32_t site = pyr_inside.chain == PYR_CHAIN_OBJECT  ? stack_of(heap, frame, PYR_CHAIN_OBJECT)
                    : pyr_inside.chain == PYR_CHAIN_USUAL ? stack_of(heap, frame, PYR_CHAIN_USUAL)
                                                          : stack_of(heap, frame, PYR_CHAIN_DIRECT);
    if (PYR_LIKELY(site != PYR_SITE_OTHER))
        note_length();
    else
        heap->file->lost_sites++;
    return site;
}
