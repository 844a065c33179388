#include "caller.h"

#include "api.h"
#include "entry.h"
#include "inside.h"
#include "sites.h"
#include "stacks.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

_Thread_local int pyr_inside_agent;

enum { FRAMES_MAX = 64, LOOKERS = 64, PATIENCE = 1000000 };

/* Threads that look at their frames without the GIL, by thread. Each on a cache line of its own. */
static struct {
    uint32_t count;
} __attribute__((aligned(64))) lookers[LOOKERS];
static bool closed;

/* ---- with the GIL ---- */

/* NULL: another thread holds it, or none. Up to 3.11 the current state is one for all threads: it is this one's if the
 * API says that this thread has it; it is not looked into before. */
static inline const void *holder(void)
{
    const void *tstate;
    if (pyr_inside.access == PYR_ACCESS_GLOBAL) {
        tstate = *pyr_inside.global;
        if (!tstate || tstate != PyGILState_GetThisThreadState())
            return NULL;
    } else {
        tstate = pyr_inside.proved && pyr_inside.access == PYR_ACCESS_TLS ? pyr_tls_at(pyr_inside.tls)
                                                                          : pyr_inside.accessor();
        if (!tstate)
            return NULL;
    }
    if (PYR_LIKELY(pyr_at(tstate, pyr_inside.tstate_interp) == pyr_main_heap.interpreter))
        return tstate;
    return pyr_main_heap.interpreter && pyr_entry_serves(tstate) ? tstate : NULL;
}

bool pyr_caller_holds(void)
{
    return holder() != NULL;
}

static __attribute__((noinline)) uint32_t learn(const void *frame)
{
    if (pyr_inside_agent)
        return PYR_SITE_NO_FRAME;
    pyr_inside_agent = 1;
    uint32_t site = pyr_site_of(&pyr_main_heap, frame);
    pyr_inside_agent = 0;
    return site;
}

static __attribute__((noinline)) uint32_t stack_held(const void *frame)
{
    uint32_t tag;
    return pyr_chain_find(frame, pyr_inside.chain, &tag) ? tag >> PYR_TAG_SITE_SHIFT : learn(frame);
}

static inline uint32_t site_held(const void *frame)
{
    if (PYR_UNLIKELY(pyr_stacks.on))
        return stack_held(frame);
    uint64_t key = pyr_key_of(frame, pyr_inside.chain);
    const struct pyr_cached_site *slot = pyr_cache_slot(&pyr_main_heap, key, pyr_inside.chain == PYR_CHAIN_OBJECT);
    if (PYR_UNLIKELY(slot->key != key)) {
        slot = pyr_cache_beside(&pyr_main_heap, slot);
        if (slot->key != key)
            return learn(frame);
    }
    return slot->tag >> PYR_TAG_SITE_SHIFT;
}

/* ---- without the GIL ---- */

/* Another thread may be changing the slot: its tag counts only between two equal keys. */
static bool slot_has(const struct pyr_cached_site *slot, uint64_t key, uint32_t *site)
{
    if (__atomic_load_n(&slot->key, __ATOMIC_ACQUIRE) != key)
        return false;
    uint32_t tag = __atomic_load_n(&slot->tag, __ATOMIC_ACQUIRE);
    *site = tag >> PYR_TAG_SITE_SHIFT;
    return __atomic_load_n(&slot->key, __ATOMIC_RELAXED) == key;
}

static bool is_python(const void *frame)
{
    return pyr_inside.frame_owner == PYR_ABSENT ||
           ((const uint8_t *)frame)[pyr_inside.frame_owner] < pyr_inside.layout.frame_owner_cstack;
}

/* What this thread has looked up itself. Addresses are used again: it counts only for code of the same parts. */
enum { LEFT = 16, PARTS = 4 };

static _Thread_local struct {
    uint64_t key;
    const void *code, *parts[PARTS];
    uint32_t site;
} left[LEFT];

static uint32_t site_left(const void *frame, uint64_t key)
{
    const struct pyr_layout *layout = &pyr_inside.layout;
    const char *code = pyr_code_of(frame);
    const void *parts[PARTS] = {pyr_at(code, layout->code_filename), pyr_at(code, layout->code_name),
                                pyr_at(code, layout->code_linetable),
                                (const void *)(intptr_t)pyr_int_in(code, layout->code_firstlineno)}; /* NOLINT */
    unsigned n = (unsigned)(key >> 1 ^ key >> 5) % LEFT;
    if (left[n].key == key && left[n].code == code && memcmp(left[n].parts, parts, sizeof parts) == 0)
        return left[n].site;
    if (pyr_inside_agent)
        return PYR_SITE_NO_FRAME;
    int saved = errno;
    pyr_inside_agent = 1;
    uint32_t site = pyr_site_left(&pyr_main_heap, frame);
    pyr_inside_agent = 0;
    errno = saved;
    left[n].key = 0; /* while it is not whole: a signal handler may look */
    PYR_IN_PLACE();
    left[n].code = code;
    left[n].site = site;
    memcpy(left[n].parts, parts, sizeof parts);
    PYR_IN_PLACE();
    left[n].key = key;
    return site;
}

static uint32_t site_known(const void *frame)
{
    uint32_t site;
    for (int n = 0; frame && n < FRAMES_MAX; n++, frame = pyr_at(frame, pyr_inside.frame_previous)) {
        if (!is_python(frame))
            continue;
        uint64_t key = pyr_key_of(frame, pyr_inside.chain);
        struct pyr_cached_site *slot = pyr_cache_slot(&pyr_main_heap, key, pyr_inside.chain == PYR_CHAIN_OBJECT);
        if (slot_has(slot, key, &site) || slot_has(pyr_cache_beside(&pyr_main_heap, slot), key, &site))
            return site;
        site = pyr_code_of(frame) ? site_left(frame, key) : PYR_SITE_SKIP;
        if (site != PYR_SITE_SKIP)
            return site;
    }
    return PYR_SITE_NO_FRAME;
}

/* The interpreter, when it ends, waits until none is here. */
static uint32_t site_of_left(const void *tstate)
{
    uint32_t site = PYR_SITE_NO_FRAME;
    uint32_t *mine = &lookers[(uintptr_t)__builtin_thread_pointer() >> 12 & (LOOKERS - 1)].count;
    __atomic_fetch_add(mine, 1, __ATOMIC_SEQ_CST);
    if (!__atomic_load_n(&closed, __ATOMIC_SEQ_CST) &&
        pyr_at(tstate, pyr_inside.tstate_interp) == pyr_main_heap.interpreter)
        site = site_known(pyr_frame_of(tstate, pyr_inside.chain));
    __atomic_fetch_sub(mine, 1, __ATOMIC_RELEASE);
    return site;
}

static __attribute__((noinline)) struct pyr_caller loose_caller(void)
{
    const void *tstate = PyGILState_GetThisThreadState();
    return (struct pyr_caller){tstate ? site_of_left(tstate) : PYR_SITE_NO_FRAME, false};
}

struct pyr_caller pyr_caller_here(void)
{
    const void *tstate = holder();
    if (PYR_UNLIKELY(!tstate))
        return loose_caller();
    const void *frame = pyr_frame_of(tstate, pyr_inside.chain);
    return (struct pyr_caller){PYR_LIKELY(frame != NULL) ? site_held(frame) : PYR_SITE_NO_FRAME, true};
}

/* ---- the end ---- */

void pyr_caller_close(void)
{
    if (closed)
        return;
    __atomic_store_n(&closed, true, __ATOMIC_SEQ_CST);
    /* They are there for nanoseconds; one that a debugger has stopped there is not waited for without end. */
    for (int i = 0, n = 0; i < LOOKERS && n < PATIENCE; n++) {
        if (__atomic_load_n(&lookers[i].count, __ATOMIC_SEQ_CST) == 0)
            i++;
        else
            sched_yield();
    }
}

void pyr_caller_watch_end(void)
{
    int (*ends)(void) = Py_IsFinalizing ? Py_IsFinalizing : _Py_IsFinalizing;
    if (!closed && ends && ends())
        pyr_caller_close();
}

void pyr_caller_forked(void)
{
    for (int i = 0; i < LOOKERS; i++)
        lookers[i].count = 0;
}
