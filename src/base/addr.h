/* An address in the target. A type of its own, so that it cannot be dereferenced by mistake. */
#ifndef PYR_BASE_ADDR_H
#define PYR_BASE_ADDR_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint64_t v;
} pyr_addr;

#define PYR_ADDR(value) ((pyr_addr){(uint64_t)(value)})
#define PYR_NULL ((pyr_addr){0})

static inline pyr_addr pyr_addr_add(pyr_addr a, int64_t offset)
{
    return (pyr_addr){a.v + (uint64_t)offset};
}

static inline bool pyr_addr_eq(pyr_addr a, pyr_addr b)
{
    return a.v == b.v;
}

#endif
