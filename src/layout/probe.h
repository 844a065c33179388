/* Private to src/layout: reading a process through a layout that is not trusted yet. */
#ifndef PYR_LAYOUT_PROBE_H
#define PYR_LAYOUT_PROBE_H

#include "layout/private.h"

enum { PYR_PROBE_INTERPS_MAX = 4096, PYR_PROBE_THREADS_MAX = 65536, PYR_PROBE_FRAMES_MAX = 64 };

struct pyr_probe {
    const struct pyr_layout_source *source;
    struct pyr_layout *layout;
    const struct pyr_target *target;
    pyr_addr runtime;
    pyr_addr interp; /* the main interpreter */
    uint64_t threads;
    const char *problem; /* what was not as it should be; static */
};

/* The word, pointer or int at base + offset. All of them fail on an absent offset and on an address that is not
 * mapped; a pointer must be aligned as objects are, and below the kernel's half. */
int pyr_probe_word(const struct pyr_probe *probe, pyr_addr base, int32_t offset, uint64_t *value);
int pyr_probe_pointer(const struct pyr_probe *probe, pyr_addr base, int32_t offset, pyr_addr *value);
int pyr_probe_int(const struct pyr_probe *probe, pyr_addr base, int32_t offset, int32_t *value);

/* Whether an object's type has this name. */
bool pyr_probe_type_is(const struct pyr_probe *probe, pyr_addr object, const char *name);

/* Whether it is a thread state of the main interpreter or one with a plausible interpreter. */
bool pyr_probe_is_thread(const struct pyr_probe *probe, pyr_addr thread);

/* Calls visit for each thread of the main interpreter until it returns non-zero; returns that, 0 at the end, or a
 * negative status. */
int pyr_probe_threads(const struct pyr_probe *probe,
                      int (*visit)(const struct pyr_probe *probe, pyr_addr thread, void *), void *context);

/* The innermost frame of a thread, of whatever owner; may be null. */
int pyr_probe_frame(const struct pyr_probe *probe, pyr_addr thread, pyr_addr *frame);

/* Fields that can be done without: those that the process contradicts become absent. */
void pyr_probe_optional(struct pyr_probe *probe);

#endif
