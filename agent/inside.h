/* The Python that we are inside of: where it keeps the current thread state, and from there the frame, its code and
 * its instruction. Offsets are data, for one build serves all versions. */
#ifndef PYR_AGENT_INSIDE_H
#define PYR_AGENT_INSIDE_H

#include "region.h"

#include "layout/layout.h"
#include "layout/usual.h"

/* From the thread state to the innermost frame, and what in a frame tells the instruction. */
enum pyr_chain {
    PYR_CHAIN_OBJECT,       /* frame objects: code and index */
    PYR_CHAIN_CFRAME,       /* interpreter frames, by way of the cframe: address */
    PYR_CHAIN_USUAL_CFRAME, /* the same, where the offsets are those of layout/usual.h */
    PYR_CHAIN_DIRECT,       /* interpreter frames: address */
    PYR_CHAIN_USUAL,        /* the same, likewise */
};

/* Where the current thread state is. */
enum pyr_access {
    PYR_ACCESS_CALL,   /* what the API's accessor returns: always right */
    PYR_ACCESS_GLOBAL, /* in _PyRuntime */
    PYR_ACCESS_TLS,    /* in a thread-local variable, so far from the thread pointer */
};

struct pyr_inside {
    enum pyr_chain chain;
    enum pyr_access access; /* the fast one, once proved; PYR_ACCESS_CALL if there is none */
    bool proved;            /* what was derived was seen to agree with the API */
    void *(*accessor)(void);
    void *const *global;
    intptr_t tls;
    int32_t tstate_interp, tstate_frame, tstate_cframe, cframe_frame; /* a thread state always has a cframe */
    int32_t frame_code, frame_instr, frame_previous, frame_owner, frame_object, frame_trace_lines, frame_blocks;
    int32_t frameobject_frame;
    uint8_t frame_owner_thread;
    uint64_t frame_code_mask; /* bits to keep */
    struct pyr_layout layout;
};

extern PYR_OWN struct pyr_inside pyr_inside;

static inline void *pyr_at(const void *base, int32_t offset)
{
    return *(void *const *)((const char *)base + offset);
}

static inline int32_t pyr_int_in(const void *base, int32_t offset)
{
    return *(const int32_t *)((const char *)base + offset);
}

#if defined(__x86_64__) && defined(__SEG_FS)
static inline void *pyr_tls_at(intptr_t offset)
{
    return *(void *const __seg_fs *)offset; /* NOLINT(performance-no-int-to-ptr) */
}
#else
static inline void *pyr_tls_at(intptr_t offset)
{
    return pyr_at(__builtin_thread_pointer(), (int32_t)offset);
}
#endif

static inline __attribute__((always_inline)) void *pyr_tstate(enum pyr_access access)
{
    if (access == PYR_ACCESS_GLOBAL)
        return *pyr_inside.global;
    if (access == PYR_ACCESS_TLS)
        return pyr_tls_at(pyr_inside.tls);
    return pyr_inside.accessor();
}

/* NULL: no Python code runs. */
static inline __attribute__((always_inline)) void *pyr_frame_of(const void *tstate, enum pyr_chain chain)
{
    if (chain == PYR_CHAIN_CFRAME)
        return pyr_at(pyr_at(tstate, pyr_inside.tstate_cframe), pyr_inside.cframe_frame);
    if (chain == PYR_CHAIN_USUAL_CFRAME)
        return pyr_at(pyr_at(tstate, PYR_USUAL_TSTATE_CFRAME), PYR_USUAL_CFRAME_FRAME);
    return pyr_at(tstate, chain == PYR_CHAIN_USUAL ? PYR_USUAL_TSTATE_FRAME : pyr_inside.tstate_frame);
}

static inline void *pyr_code_of(const void *frame)
{
    uintptr_t code = (uintptr_t)pyr_at(frame, pyr_inside.frame_code) & pyr_inside.frame_code_mask;
    return (void *)code; /* NOLINT(performance-no-int-to-ptr) */
}

/* What tells an instruction from all others that are alive: its address; or, with a code object's address (16-byte
 * aligned, below 2^47), its index plus one. */
static inline __attribute__((always_inline)) uint64_t pyr_key_of(const void *frame, enum pyr_chain chain)
{
    if (chain == PYR_CHAIN_OBJECT) {
        uint64_t index = (uint32_t)(pyr_int_in(frame, pyr_inside.frame_instr) + 1);
        return (uint64_t)(uintptr_t)pyr_code_of(frame) >> 4 | index << 43;
    }
    bool usual = chain == PYR_CHAIN_USUAL || chain == PYR_CHAIN_USUAL_CFRAME;
    return (uint64_t)(uintptr_t)pyr_at(frame, usual ? PYR_USUAL_FRAME_INSTR : pyr_inside.frame_instr);
}

/* The frame that called it; NULL: none. */
static inline __attribute__((always_inline)) void *pyr_previous_of(const void *frame, enum pyr_chain chain)
{
    return pyr_at(frame, chain == PYR_CHAIN_USUAL ? PYR_USUAL_FRAME_PREVIOUS : pyr_inside.frame_previous);
}

static inline uint8_t pyr_owner_of(const void *frame)
{
    return pyr_inside.frame_owner == PYR_ABSENT ? 0 : ((const uint8_t *)frame)[pyr_inside.frame_owner];
}

/* Fills it. False if this is no Python that we know: then why is a sentence. */
bool pyr_inside_find(struct pyr_inside *inside, struct pyr_err *err);

/* Whether an interpreter shares the main one's GIL. */
bool pyr_inside_shares_gil(const struct pyr_inside *inside, const void *interpreter, const void *main_interpreter);

/* Python runs now in this thread: whether what was derived agrees with what its API says. */
bool pyr_inside_holds(const struct pyr_inside *inside);

#endif
