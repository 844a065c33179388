/* Fields that can be done without. A table speaks of one patch release, and other builds differ: what a process
 * contradicts is looked for nearby where its value is known, else it is absent. */
#include "layout/probe.h"

#include <string.h>

enum {
    ATTEMPTS = 8,
    NEARBY = 4096,
    PID_MAX_LIMIT = 1 << 22, /* of the kernel */
    CHUNK_MIN = 4096,
    CHUNK_MAX = 1 << 30,
};

static const uint64_t switch_interval_max_us = 1000ull * 1000 * 1000 * 1000;

static bool finalizing_holds(struct pyr_probe *probe)
{
    pyr_addr thread;
    return pyr_probe_pointer(probe, probe->runtime, probe->layout->runtime_finalizing, &thread) == 0 &&
           (!thread.v || pyr_probe_is_thread(probe, thread));
}

static bool initialized_holds(struct pyr_probe *probe)
{
    int32_t value;
    return pyr_probe_int(probe, probe->runtime, probe->layout->runtime_initialized, &value) == 0 &&
           (value == 0 || value == 1);
}

/* The pointer after it (up to 3.11) is to the main interpreter. */
static bool current_holds(struct pyr_probe *probe)
{
    pyr_addr interp;
    return pyr_probe_pointer(probe, probe->runtime, probe->source->runtime_main_interp, &interp) == 0 &&
           pyr_addr_eq(interp, probe->interp);
}

static int is_thread_id(const struct pyr_probe *probe, pyr_addr thread, void *context)
{
    uint64_t id;
    int status = pyr_probe_word(probe, thread, probe->layout->tstate_thread_id, &id);
    return status < 0 ? status : id == *(uint64_t *)context;
}

static bool main_thread_holds(struct pyr_probe *probe)
{
    uint64_t id;
    return pyr_probe_word(probe, probe->runtime, probe->layout->runtime_main_thread, &id) == 0 &&
           pyr_probe_threads(probe, is_thread_id, &id) == 1;
}

static bool dict_holds(struct pyr_probe *probe, int32_t offset)
{
    pyr_addr dict;
    return pyr_probe_pointer(probe, probe->interp, offset, &dict) == 0 && pyr_probe_type_is(probe, dict, "dict");
}

static bool modules_holds(struct pyr_probe *probe)
{
    return dict_holds(probe, probe->layout->interp_modules);
}

static bool sysdict_holds(struct pyr_probe *probe)
{
    return dict_holds(probe, probe->layout->interp_sysdict);
}

/* The interpreter's own GIL lies inside it; the interval, in microseconds, comes first in it. */
static bool gil_is_at(const struct pyr_probe *probe, int32_t offset)
{
    const struct pyr_layout *layout = probe->layout;
    pyr_addr gil, holder;
    uint64_t interval;
    int32_t locked;
    if (pyr_probe_pointer(probe, probe->interp, offset, &gil) < 0 || gil.v <= probe->interp.v ||
        gil.v >= probe->interp.v + layout->interp_size)
        return false;
    return pyr_probe_word(probe, gil, 0, &interval) == 0 && interval > 0 && interval <= switch_interval_max_us &&
           pyr_probe_int(probe, gil, layout->gil_locked, &locked) == 0 && locked >= -1 && locked <= 1 &&
           pyr_probe_pointer(probe, gil, layout->gil_last_holder, &holder) == 0 &&
           (!holder.v || pyr_probe_is_thread(probe, holder));
}

/* The one offset near `around` at which is_at holds; `around` itself first. False if there is none or several. */
static bool find_near(const struct pyr_probe *probe, int32_t *around,
                      bool (*is_at)(const struct pyr_probe *probe, int32_t offset))
{
    int32_t found = PYR_ABSENT;
    if (is_at(probe, *around))
        return true;
    for (int32_t offset = *around > NEARBY ? *around - NEARBY : *around % 8; offset <= *around + NEARBY; offset += 8) {
        if (!is_at(probe, offset))
            continue;
        if (found != PYR_ABSENT)
            return false;
        found = offset;
    }
    if (found == PYR_ABSENT)
        return false;
    *around = found;
    return true;
}

static bool gil_holds(struct pyr_probe *probe)
{
    return find_near(probe, &probe->layout->interp_gil, gil_is_at);
}

/* The collector's generation0 points to its first list. */
static bool generation0_is_at(const struct pyr_probe *probe, int32_t offset)
{
    const struct pyr_layout_source *source = probe->source;
    int32_t lists = offset - (source->interp_generation0 - source->interp_generations);
    pyr_addr first;
    return pyr_probe_pointer(probe, probe->interp, offset, &first) == 0 &&
           pyr_addr_eq(first, pyr_addr_add(probe->interp, lists));
}

static bool collecting_holds(struct pyr_probe *probe)
{
    int32_t anchor = probe->source->interp_generation0, value;
    struct pyr_layout *layout = probe->layout;
    /* Where the process told the offset itself there is no need, and the anchor may be another patch release's. */
    if (!probe->source->debug_count && anchor != PYR_ABSENT) {
        if (!find_near(probe, &anchor, generation0_is_at))
            return false;
        layout->interp_gc_collecting =
            probe->source->layout->interp_gc_collecting + anchor - probe->source->interp_generation0;
    }
    return pyr_probe_int(probe, probe->interp, layout->interp_gc_collecting, &value) == 0 && (value == 0 || value == 1);
}

static int has_strange_native_id(const struct pyr_probe *probe, pyr_addr thread, void *context)
{
    (void)context;
    uint64_t id;
    int status = pyr_probe_word(probe, thread, probe->layout->tstate_native_thread_id, &id);
    return status < 0 ? status : id > PID_MAX_LIMIT;
}

static bool native_id_holds(struct pyr_probe *probe)
{
    return pyr_probe_threads(probe, has_strange_native_id, NULL) == 0;
}

static int has_strange_chunk(const struct pyr_probe *probe, pyr_addr thread, void *context)
{
    (void)context;
    const struct pyr_layout *layout = probe->layout;
    pyr_addr chunk, previous;
    uint64_t size;
    int status = pyr_probe_pointer(probe, thread, layout->tstate_datastack_chunk, &chunk);
    if (status < 0 || !chunk.v)
        return status;
    if ((status = pyr_probe_word(probe, chunk, layout->chunk_size, &size)) < 0 ||
        (status = pyr_probe_pointer(probe, chunk, layout->chunk_previous, &previous)) < 0)
        return status;
    return size < CHUNK_MIN || size > CHUNK_MAX;
}

static bool chunk_holds(struct pyr_probe *probe)
{
    return pyr_probe_threads(probe, has_strange_chunk, NULL) == 0;
}

/* No process tells where it is. While thread states are as long as in the table's patch release, it is where it was. */
static bool executor_holds(struct pyr_probe *probe)
{
    return probe->layout->tstate_size == probe->source->layout->tstate_size;
}

/* In this order: each may rely on those above it. */
static const struct {
    size_t member;
    bool (*holds)(struct pyr_probe *probe);
} checks[] = {
#define CHECK(structure_field, function)                                                                               \
    {                                                                                                                  \
        offsetof(struct pyr_layout, structure_field), function                                                         \
    }
    CHECK(runtime_initialized, initialized_holds),
    CHECK(runtime_finalizing, finalizing_holds),
    CHECK(runtime_tstate_current, current_holds),
    CHECK(runtime_main_thread, main_thread_holds),
    CHECK(interp_modules, modules_holds),
    CHECK(interp_sysdict, sysdict_holds),
    CHECK(interp_gil, gil_holds),
    CHECK(interp_gc_collecting, collecting_holds),
    CHECK(tstate_native_thread_id, native_id_holds),
    CHECK(tstate_datastack_chunk, chunk_holds),
    CHECK(tstate_executor, executor_holds),
#undef CHECK
};

/* The process runs on: one that does not hold is looked at again. */
static bool holds(struct pyr_probe *probe, bool (*check)(struct pyr_probe *))
{
    for (int n = 0; n < ATTEMPTS; n++)
        if (check(probe))
            return true;
    return false;
}

void pyr_probe_optional(struct pyr_probe *probe)
{
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        int32_t offset, absent = PYR_ABSENT;
        char *member = (char *)probe->layout + checks[i].member;
        memcpy(&offset, member, sizeof offset);
        if (offset != PYR_ABSENT && !holds(probe, checks[i].holds))
            memcpy(member, &absent, sizeof absent);
    }
}
