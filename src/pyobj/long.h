/* int objects. */
#ifndef PYR_PYOBJ_LONG_H
#define PYR_PYOBJ_LONG_H

#include "pyobj/view.h"

#define PYR_LONG_SHIFT 30 /* bits in a digit of an int on 64-bit platforms */

/* The sign and the number of digits. */
int pyr_long_shape(struct pyr_view view, pyr_addr object, bool *negative, uint64_t *digits);

/* A non-negative int below 2**64, PYR_E_LIMIT if it is none. */
int pyr_long_read_u64(struct pyr_view view, pyr_addr object, uint64_t *value);

#endif
