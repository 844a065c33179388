/* Where the collector keeps the list of what it calls at the start and the stop of each collection. */
#ifndef PYR_LAYOUT_COLLECTOR_H
#define PYR_LAYOUT_COLLECTOR_H

#include "layout/layout.h"

enum pyr_collector_home { PYR_COLLECTOR_UNKNOWN, PYR_COLLECTOR_RUNTIME, PYR_COLLECTOR_INTERP };

/* What *offset counts from: the runtime, the interpreter, or nothing where it is not known. */
enum pyr_collector_home pyr_layout_gc_callbacks(const struct pyr_layout *layout, int32_t *offset);

#endif
