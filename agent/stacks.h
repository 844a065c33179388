/* Stacks mode: a site is a node of the tree of calls, and an allocation belongs to that of its whole stack.
 *
 * Walking a stack to its root costs its depth. What is walked is cut short by marks. A mark is in a frame that waits
 * for the one it called, and is gone as soon as that frame is popped. So a frame that has one has been there ever
 * since; and those who called it cannot have run meanwhile: its stack is the one that the mark tells.
 *
 * HOT: chain_find is run for every allocation. */
#ifndef PYR_AGENT_STACKS_H
#define PYR_AGENT_STACKS_H

#include "heap.h"
#include "inside.h"

enum {
    PYR_CHAIN_FRAMES = 14,
    PYR_CHAIN_SHORT = 6, /* what is longer is not in one cache line */
    PYR_CHAIN_SLOTS = 1 << 9,
    PYR_STEP_SLOTS = 1 << 13,
};

/* The innermost frames of a stack, by key, up to one that has a mark or that nothing called. */
struct pyr_chain_slot {
    uint32_t tag;    /* of its site */
    uint32_t caller; /* of the last of them, as its mark tells; PYR_SITE_NO_FRAME: none */
    const uint64_t *last;
    uint64_t keys[PYR_CHAIN_FRAMES];
} __attribute__((aligned(64)));

/* The site of a caller and the key of the instruction that runs in what it called: the site of that. */
struct pyr_step_slot {
    uint64_t key;
    uint32_t caller; /* and the generation: see pyr_stacks_forget */
    uint32_t site;
};

/* A frame of the stack that was walked last, from the innermost on. */
struct pyr_walked {
    const void *frame;
    uint32_t caller; /* the site of the frame that called it */
};

struct pyr_stacks {
    bool on;
    uint32_t marks_due; /* so many are worth their price in the stack that was walked last */
    uint32_t mark_site; /* what the mark that is being made tells */
    uint32_t credit;    /* frames walked that a mark would have saved, less what marks cost */
    uint32_t turns;     /* at which only one was made */
    uint32_t walked_count;
    uint32_t alike;           /* stacks that a slot of the chains was taken for already */
    uint32_t generation;      /* of steps, in the bits that no site has */
    struct pyr_vector walked; /* of struct pyr_walked */
    struct pyr_nodes calls;   /* sites by caller and spot */
    struct pyr_chain_slot chains[PYR_CHAIN_SLOTS];
    struct pyr_step_slot steps[PYR_STEP_SLOTS]; /* in pairs, the newer one first */
};

extern PYR_OWN struct pyr_stacks pyr_stacks;

/* From now on sites are nodes; nothing is kept of stacks that were found before. */
void pyr_stacks_start(void);

/* The site of the stack whose innermost frame is this one; learnt where it is new. */
uint32_t pyr_stack_of(struct pyr_heap *heap, const void *frame);

/* Code has died: its instructions' keys are void. */
void pyr_stacks_forget(void);

/* Marks frames of the stack that was walked last. Allocates their frame objects, for which it sets mark_site. */
void pyr_stacks_mark(void);

/* ---- marks ---- */

/* In the place of the site, a mark in a tag has the site of the frame's caller. */
#define PYR_TAG_MARK (PYR_TAG_CODE | PYR_TAG_FRAME)

/* Up to 3.10: what f_trace_lines is set to, for any value but 0 means true and a frame begins with 1; and the last of
 * the frame's block records, which is free unless 20 blocks are nested. */
enum { PYR_MARK_TRACE_LINES = 0x50, PYR_MARK_BLOCK = 0x50595200, PYR_BLOCKS = 20 };

struct pyr_frame_block {
    int32_t type, handler, level;
};

static inline struct pyr_frame_block *pyr_last_block(const void *frame)
{
    return (struct pyr_frame_block *)((const char *)frame + pyr_inside.frame_blocks) + PYR_BLOCKS - 1;
}

/* What precedes a frame object in its block: the collector's head. */
enum { PYR_GC_HEAD = 16 };

/* Of a frame object that a frame of a call has: nobody else's pointer is trusted to be one. */
static inline bool pyr_object_is_mark(const char *object, const void *frame, uint32_t *caller)
{
    const char *block = object - PYR_GC_HEAD;
    if (!pyr_region_owns(block))
        return false;
    uint32_t tag = *pyr_tag_at(pyr_pool_of(block), block);
    if ((tag & PYR_TAG_MARK) != PYR_TAG_MARK || pyr_at(object, pyr_inside.frameobject_frame) != frame)
        return false;
    *caller = (tag & ~PYR_TAG_MARK) >> PYR_TAG_SITE_SHIFT;
    return true;
}

static inline __attribute__((always_inline)) bool pyr_frame_mark(const void *frame, enum pyr_chain chain,
                                                                 uint32_t *caller)
{
    if (chain == PYR_CHAIN_OBJECT) {
        if (PYR_LIKELY(((const char *)frame)[pyr_inside.frame_trace_lines] != PYR_MARK_TRACE_LINES) ||
            pyr_last_block(frame)->type != PYR_MARK_BLOCK)
            return false;
        *caller = (uint32_t)pyr_last_block(frame)->handler;
        return true;
    }
    const char *object = pyr_at(frame, chain == PYR_CHAIN_USUAL ? PYR_USUAL_FRAME_OBJECT : pyr_inside.frame_object);
    /* An entry frame's may be anything; a generator's frame is called by another one each time. */
    return PYR_UNLIKELY(object != NULL) && pyr_owner_of(frame) == pyr_inside.frame_owner_thread &&
           pyr_object_is_mark(object, frame, caller);
}

/* ---- the common way ---- */

/* Both may hold an index in their high bits. */
static inline __attribute__((always_inline)) struct pyr_chain_slot *pyr_chain_slot_of(uint64_t key, uint64_t caller_key,
                                                                                      enum pyr_chain chain)
{
    uint64_t mixed = key ^ caller_key << 4;
    if (chain == PYR_CHAIN_OBJECT)
        mixed ^= (key ^ caller_key << 3) >> 42;
    mixed ^= mixed >> 10;
    _Static_assert(sizeof(struct pyr_chain_slot) == 128, "an address, in units of two bytes, times 64 is an offset");
    return (struct pyr_chain_slot *)(void *)((char *)pyr_stacks.chains + 64 * (mixed & 2 * (PYR_CHAIN_SLOTS - 1)));
}

/* False: it is not among those that are kept. A mark below the one that ended the walk says nothing else. */
static inline __attribute__((always_inline)) bool pyr_chain_find(const void *frame, enum pyr_chain chain, uint32_t *tag)
{
    const void *caller = pyr_previous_of(frame, chain);
    uint64_t key = pyr_key_of(frame, chain);
    const struct pyr_chain_slot *slot = pyr_chain_slot_of(key, caller ? pyr_key_of(caller, chain) : 0, chain);
    const uint64_t *at = slot->keys, *last = slot->last;
    if (PYR_UNLIKELY(*at != key))
        return false;
    *tag = slot->tag;
    while (at != last) {
        if (PYR_UNLIKELY(!caller || *++at != pyr_key_of(caller, chain)))
            return false;
        frame = caller;
        caller = pyr_previous_of(frame, chain);
    }
    uint32_t site = PYR_SITE_NO_FRAME;
    return slot->caller == PYR_SITE_NO_FRAME ? !caller : pyr_frame_mark(frame, chain, &site) && site == slot->caller;
}

#endif
