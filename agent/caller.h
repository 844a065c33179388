/* Where a thread is when it asks the C library for memory, with the GIL or without. */
#ifndef PYR_AGENT_CALLER_H
#define PYR_AGENT_CALLER_H

#include "heap.h"

#include <stdbool.h>

struct pyr_caller {
    uint32_t site;
    bool held; /* this thread holds the main interpreter's GIL */
};

/* With the GIL it is the line that runs. Without it, a thread that has left Python's frames behind stays at them, and
 * nobody else changes them: it is the line that it left. In threads that are not Python's there is no frame. */
struct pyr_caller pyr_caller_here(void);

/* Whether it holds the GIL: for what belongs to a site already. */
bool pyr_caller_holds(void);

/* The interpreter ends, and deletes the states of threads that may still run without the GIL: from now on their frames
 * are not looked at. Returns when nobody does. */
void pyr_caller_close(void);

/* The same if the interpreter has begun to end. Called before anything of it can be unmapped or freed. */
void pyr_caller_watch_end(void);

/* In the child of a fork. */
void pyr_caller_forked(void);

/* This thread is inside the agent, in a way that must not be entered again: what a signal handler allocates meanwhile
 * is not attributed. */
extern _Thread_local int pyr_inside_agent;

#endif
