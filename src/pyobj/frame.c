#include "pyobj/frame.h"

static uint32_t reach(uint32_t so_far, int32_t offset, uint32_t size)
{
    if (offset == PYR_ABSENT)
        return so_far;
    uint32_t end = (uint32_t)offset + size;
    return end > so_far ? end : so_far;
}

uint32_t pyr_frame_header_size(const struct pyr_layout *layout)
{
    uint32_t size = reach(0, layout->frame_previous, 8);
    size = reach(size, layout->frame_code, 8);
    size = reach(size, layout->frame_instr, 8);
    size = reach(size, layout->frame_gen, 8);
    size = reach(size, layout->frame_is_entry, 1);
    size = reach(size, layout->frame_executing, 1);
    size = layout->stacktop_kind == PYR_STACKTOP_NONE ? size : reach(size, layout->frame_stacktop, 8);
    return (reach(size, layout->frame_owner, 1) + 7) & ~7u;
}

static enum pyr_frame_activity activity_of(const struct pyr_layout *layout, const void *bytes)
{
    if (PYR_HAS(layout, frame_executing)) {
        uint8_t state = ((const uint8_t *)bytes)[layout->frame_executing];
        return state < 16 && (layout->frame_executing_states >> state & 1) ? PYR_FRAME_MAY_RUN : PYR_FRAME_OVER;
    }
    switch (layout->stacktop_kind) {
    case PYR_STACKTOP_INT:
        return pyr_int_at(bytes, layout->frame_stacktop) == -1 ? PYR_FRAME_RUNS : PYR_FRAME_WAITS;
    case PYR_STACKTOP_POINTER:
        return pyr_word_at(bytes, layout->frame_stacktop) ? PYR_FRAME_MAY_RUN : PYR_FRAME_RUNS;
    default:
        return PYR_FRAME_MAY_RUN;
    }
}

void pyr_frame_decode(const struct pyr_layout *layout, const void *bytes, struct pyr_frame *frame)
{
    frame->previous = PYR_ADDR(pyr_word_at(bytes, layout->frame_previous));
    frame->code = PYR_ADDR(pyr_word_at(bytes, layout->frame_code) & ~layout->frame_ref_mask);
    frame->is_python = true;
    frame->is_adrift = frame->is_generator = false;
    frame->activity = activity_of(layout, bytes);
    frame->is_entry = PYR_HAS(layout, frame_is_entry) && ((const uint8_t *)bytes)[layout->frame_is_entry];
    if (layout->frame_kind == PYR_FRAME_OBJECT) {
        frame->instr = (uint64_t)(int64_t)pyr_int_at(bytes, layout->frame_instr);
        frame->is_adrift = PYR_HAS(layout, frame_gen) && pyr_word_at(bytes, layout->frame_gen) && !frame->previous.v;
        return;
    }
    frame->instr = pyr_word_at(bytes, layout->frame_instr);
    uint8_t owner = ((const uint8_t *)bytes)[layout->frame_owner];
    frame->is_python = owner < layout->frame_owner_cstack;
    frame->is_generator = owner == layout->frame_owner_generator;
    frame->is_adrift = frame->is_generator && !frame->previous.v;
}
