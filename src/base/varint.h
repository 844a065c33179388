/* LEB128 integers, and a bounded cursor over bytes that came from outside. */
#ifndef PYR_BASE_VARINT_H
#define PYR_BASE_VARINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PYR_VARINT_MAX 10

/* Writes value at out (PYR_VARINT_MAX bytes must be there); returns the bytes used. */
size_t pyr_varint_put(uint8_t *out, uint64_t value);

static inline uint64_t pyr_zigzag(int64_t value)
{
    return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

static inline int64_t pyr_unzigzag(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

/* A cursor: reading past the end or an overlong integer sets `failed` and yields zeros from then on. */
struct pyr_cursor {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

struct pyr_cursor pyr_cursor(const void *bytes, size_t size);
uint64_t pyr_cursor_varint(struct pyr_cursor *cursor);
int64_t pyr_cursor_zigzag(struct pyr_cursor *cursor);
uint32_t pyr_cursor_varint32(struct pyr_cursor *cursor); /* fails above UINT32_MAX */
uint8_t pyr_cursor_u8(struct pyr_cursor *cursor);
uint32_t pyr_cursor_u32(struct pyr_cursor *cursor);
uint64_t pyr_cursor_u64(struct pyr_cursor *cursor);
const uint8_t *pyr_cursor_take(struct pyr_cursor *cursor, uint64_t size); /* borrowed; NULL on failure */

static inline size_t pyr_cursor_left(const struct pyr_cursor *cursor)
{
    return (size_t)(cursor->end - cursor->at);
}

#endif
