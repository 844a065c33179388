/* Offsets that most of the versions with frames in chunks and the instruction's address in them share. Code that is run
 * for every allocation has a variant with these as constants, which is used where the layout says the same. */
#ifndef PYR_LAYOUT_USUAL_H
#define PYR_LAYOUT_USUAL_H

enum {
    PYR_USUAL_TSTATE_FRAME = 72,
    PYR_USUAL_FRAME_PREVIOUS = 8,
    PYR_USUAL_FRAME_OBJECT = 48,
    PYR_USUAL_FRAME_INSTR = 56,
    /* The same where frames are reached by way of the thread's cframe, and the thread state is a global. */
    PYR_USUAL_TSTATE_CFRAME = 56,
    PYR_USUAL_CFRAME_FRAME = 8,
};

#endif
