#include "memory/timeline.h"

static void keep_most(struct pyr_memory_point *most, const struct pyr_memory_point *seen)
{
    if (seen->heap_bytes > most->heap_bytes)
        most->heap_bytes = seen->heap_bytes;
    if (seen->rss_bytes > most->rss_bytes)
        most->rss_bytes = seen->rss_bytes;
}

static void halve(struct pyr_memory_timeline *timeline)
{
    for (uint32_t i = 0; i < timeline->count; i += 2) {
        struct pyr_memory_point most = timeline->points[i];
        if (i + 1 < timeline->count)
            keep_most(&most, &timeline->points[i + 1]);
        timeline->points[i / 2] = most;
    }
    timeline->count = (timeline->count + 1) / 2;
    timeline->step_ns *= 2;
}

static uint64_t step_at(const struct pyr_memory_timeline *timeline, uint64_t time_ns)
{
    return time_ns > timeline->start_ns ? (time_ns - timeline->start_ns) / timeline->step_ns : 0;
}

void pyr_timeline_add(struct pyr_memory_timeline *timeline, uint64_t time_ns, const struct pyr_memory_point *seen)
{
    while (step_at(timeline, time_ns) >= PYR_TIMELINE_POINTS)
        halve(timeline);
    uint32_t step = (uint32_t)step_at(timeline, time_ns);
    const struct pyr_memory_point last = timeline->count ? timeline->points[timeline->count - 1] : *seen;
    while (timeline->count < step)
        timeline->points[timeline->count++] = last;
    if (step == timeline->count)
        timeline->points[timeline->count++] = *seen;
    else
        keep_most(&timeline->points[step], seen);
}
