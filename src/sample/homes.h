/* On which kernel thread each thread state is. */
#ifndef PYR_SAMPLE_HOMES_H
#define PYR_SAMPLE_HOMES_H

#include "sample/tids.h"

struct pyr_home {
    pid_t tid;                      /* as we see it; 0: on none (not started yet, or over) */
    uint64_t ident;                 /* of that thread */
    uint64_t stack_low, stack_high; /* its C stack; 0 where it is not known or not needed */
};

/* Fills homes with a struct pyr_home for each thread state, in their order. The thread state of a
 * sub-interpreter may have been made by another thread than runs it now: where the version leaves something on the C
 * stack, that tells. */
int pyr_homes_read(struct pyr_vec *homes, struct pyr_target *target, struct pyr_view view, struct pyr_tids *tids,
                   const struct pyr_vec *states);

#endif
