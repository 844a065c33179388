/* Which frames are marked, and how. */
#include "stacks.h"

#include "api.h"
#include "sites.h"

enum { RUNGS = 5 };

static bool is_markable(const struct pyr_walked *walked)
{
    const void *frame = walked->frame;
    if (walked->caller == PYR_SITE_OTHER)
        return false;
    if (pyr_inside.chain == PYR_CHAIN_OBJECT)
        return !pyr_at(frame, pyr_inside.layout.frame_gen) &&
               ((const char *)frame)[pyr_inside.frame_trace_lines] == 1 &&
               pyr_int_in(frame, pyr_inside.layout.frame_block_count) < PYR_BLOCKS;
    return pyr_owner_of(frame) == pyr_inside.frame_owner_thread && !pyr_at(frame, pyr_inside.frame_object) &&
           !pyr_frame_is_incomplete(frame);
}

/* How long a frame will stay cannot be known: most marks go near the innermost frame, every other one twice as far from
 * it as those before. */
const struct pyr_walked *pyr_stacks_choose(void)
{
    const struct pyr_walked *walked = pyr_stacks.walked.at;
    uint32_t number = ++pyr_stacks.marks;
    uint32_t rung = (uint32_t)__builtin_ctz(number | 1u << RUNGS);
    pyr_stacks.mark_due = false;
    pyr_stacks.credit = 0;
    for (uint32_t i = 2u << rung; i < pyr_stacks.walked_count; i++)
        if (is_markable(&walked[i]))
            return &walked[i];
    return NULL;
}

/* Interpreter frames are given their frame object, as sys._getframe would: it lives as long as the frame does. The API
 * gives that of a frame's caller; the frame is made up. */
static void frame_object_make(const void *frame)
{
    char below[128] = {0}, object[128] = {0};
    *(const void **)(below + pyr_inside.frame_previous) = frame;
    *(void **)(object + pyr_inside.frameobject_frame) = below;
    int collects = PyGC_Disable ? PyGC_Disable() : 0;
    void *made = PyFrame_GetBack(object);
    if (collects)
        PyGC_Enable();
    if (made)
        Py_DecRef(made);
}

bool pyr_mark_frame(const struct pyr_walked *walked)
{
    void *frame = (void *)walked->frame;
    if (pyr_inside.chain != PYR_CHAIN_OBJECT) {
        frame_object_make(frame);
    } else {
        *pyr_last_block(frame) = (struct pyr_frame_block){PYR_MARK_BLOCK, (int32_t)walked->caller, 0};
        ((char *)frame)[pyr_inside.frame_trace_lines] = PYR_MARK_TRACE_LINES;
    }
    uint32_t caller;
    return pyr_frame_mark(frame, pyr_inside.chain, &caller);
}
