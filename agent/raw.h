/* Python's raw domain: memory of the C library, counted as Python's. */
#ifndef PYR_AGENT_RAW_H
#define PYR_AGENT_RAW_H

#include "api.h"

extern const struct pyr_py_allocator pyr_raw_allocator;

#endif
