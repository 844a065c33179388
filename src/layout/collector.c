#include "layout/collector.h"

enum { POINTER = 8 };

/* In all versions: `collecting`, an int; from 3.15 on the frame; then the lists `garbage` and `callbacks`. */
enum pyr_collector_home pyr_layout_gc_callbacks(const struct pyr_layout *layout, int32_t *offset)
{
    bool in_interp = PYR_HAS(layout, interp_gc_collecting);
    if (!in_interp && !PYR_HAS(layout, runtime_gc_collecting))
        return PYR_COLLECTOR_UNKNOWN;
    int32_t collecting = in_interp ? layout->interp_gc_collecting : layout->runtime_gc_collecting;
    int32_t before = PYR_HAS(layout, interp_gc_frame) ? layout->interp_gc_frame : (collecting + 4 - 1) & ~(POINTER - 1);
    *offset = before + 2 * POINTER;
    return in_interp ? PYR_COLLECTOR_INTERP : PYR_COLLECTOR_RUNTIME;
}
