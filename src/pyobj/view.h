/* A Python inside a target: what every typed reader needs. Borrowed, two pointers, passed by value or const pointer. */
#ifndef PYR_PYOBJ_VIEW_H
#define PYR_PYOBJ_VIEW_H

#include "layout/layout.h"
#include "target/target.h"

#include <string.h>

struct pyr_view {
    const struct pyr_target *target;
    const struct pyr_python *python;
};

/* A word or an int inside bytes that were read before. The caller has checked the bounds. */
static inline uint64_t pyr_word_at(const void *bytes, int32_t offset)
{
    uint64_t word;
    memcpy(&word, (const char *)bytes + offset, sizeof word);
    return word;
}

static inline int32_t pyr_int_at(const void *bytes, int32_t offset)
{
    int32_t value;
    memcpy(&value, (const char *)bytes + offset, sizeof value);
    return value;
}

#endif
