/* A heap over time in constant space: steps of equal length, the most of each; when there are too many, two become one.
 */
#ifndef PYR_MEMORY_TIMELINE_H
#define PYR_MEMORY_TIMELINE_H

#include "record/format.h"

#define PYR_TIMELINE_POINTS 1024u
#define PYR_TIMELINE_STEP_NS 10000000u /* at first */

/* Zeroed but for start_ns and step_ns it is empty. */
struct pyr_memory_timeline {
    uint64_t start_ns, step_ns;
    uint32_t count;
    struct pyr_memory_point points[PYR_TIMELINE_POINTS];
};

/* What was read at a time, which does not go back. Steps in which nothing was read are as the one before. */
void pyr_timeline_add(struct pyr_memory_timeline *timeline, uint64_t time_ns, const struct pyr_memory_point *seen);

#endif
