/* Frames: the little of each that says where the program is. */
#ifndef PYR_PYOBJ_FRAME_H
#define PYR_PYOBJ_FRAME_H

#include "pyobj/view.h"

/* What a frame's own words say of whether it runs. */
enum pyr_frame_activity {
    PYR_FRAME_MAY_RUN,
    PYR_FRAME_RUNS,
    PYR_FRAME_WAITS, /* for one that it called */
    PYR_FRAME_OVER,  /* it is on no stack */
};

struct pyr_frame {
    pyr_addr previous; /* the caller's frame, PYR_NULL for the outermost */
    pyr_addr code;     /* its code object; meaningless where !is_python */
    uint64_t instr;    /* as the version keeps it: see pyr_code_instruction */
    bool is_python;    /* false for the interpreter's own entry frames, which have no line */
    bool is_generator; /* a generator's or coroutine's; told from 3.11 on */
    bool is_entry;     /* its caller is C code; told of 3.11, where no entry frame stands in between */
    enum pyr_frame_activity activity;
    bool is_adrift; /* a generator's frame that nobody resumed: it is just being entered or left */
};

/* Bytes from the start of a frame that pyr_frame_decode looks at. */
uint32_t pyr_frame_header_size(const struct pyr_layout *layout);

/* Decodes header bytes. Cannot fail; what it yields is as torn as the bytes are. HOT: no memory but bytes. */
void pyr_frame_decode(const struct pyr_layout *layout, const void *bytes, struct pyr_frame *frame);

#endif
