/* Which frames are marked, and how. */
#include "stacks.h"

#include "api.h"
#include "sites.h"

enum { NEAREST = 2, GAP = 4 };

static bool is_markable(const struct pyr_walked *walked)
{
    const void *frame = walked->frame;
    if (walked->caller < PYR_SITES_RESERVED)
        return false;
    if (pyr_inside.chain == PYR_CHAIN_OBJECT)
        return !pyr_at(frame, pyr_inside.layout.frame_gen) &&
               ((const char *)frame)[pyr_inside.frame_trace_lines] == 1 &&
               pyr_int_in(frame, pyr_inside.layout.frame_block_count) < PYR_BLOCKS;
    return pyr_owner_of(frame) == pyr_inside.frame_owner_thread && !pyr_at(frame, pyr_inside.frame_object) &&
           !pyr_frame_is_incomplete(frame);
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

static void frame_mark(const struct pyr_walked *walked)
{
    void *frame = (void *)walked->frame;
    if (pyr_inside.chain != PYR_CHAIN_OBJECT) {
        pyr_stacks.mark_site = walked->caller;
        frame_object_make(frame);
        return;
    }
    *pyr_last_block(frame) = (struct pyr_frame_block){PYR_MARK_BLOCK, (int32_t)walked->caller, 0};
    ((char *)frame)[pyr_inside.frame_trace_lines] = PYR_MARK_TRACE_LINES;
}

static void mark_from(uint32_t at)
{
    const struct pyr_walked *walked = pyr_stacks.walked.at;
    while (at < pyr_stacks.walked_count && !is_markable(&walked[at]))
        at++;
    if (at < pyr_stacks.walked_count)
        frame_mark(&walked[at]);
}

/* How long a frame will stay cannot be known. Those near the innermost one cut most, those far from it stay longest. */
void pyr_stacks_mark(void)
{
    uint32_t due = pyr_stacks.marks_due, at = NEAREST;
    if (due == 1 && ++pyr_stacks.turns % 2)
        at = pyr_stacks.walked_count / 2;
    pyr_stacks.marks_due = pyr_stacks.credit = 0;
    for (; due && at < pyr_stacks.walked_count; due--) {
        mark_from(at);
        at += at / 2 > GAP ? at / 2 : GAP;
    }
}
