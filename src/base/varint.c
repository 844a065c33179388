#include "base/varint.h"

size_t pyr_varint_put(uint8_t *out, uint64_t value)
{
    size_t n = 0;
    while (value >= 0x80) {
        out[n++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    out[n++] = (uint8_t)value;
    return n;
}

struct pyr_cursor pyr_cursor(const void *bytes, size_t size)
{
    return (struct pyr_cursor){.at = bytes, .end = (const uint8_t *)bytes + size};
}

static uint64_t fail(struct pyr_cursor *cursor)
{
    cursor->failed = true;
    cursor->at = cursor->end;
    return 0;
}

uint64_t pyr_cursor_varint(struct pyr_cursor *cursor)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (cursor->at == cursor->end)
            return fail(cursor);
        uint8_t byte = *cursor->at++;
        if (shift == 63 && byte > 1)
            return fail(cursor);
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return value;
    }
    return fail(cursor);
}

int64_t pyr_cursor_zigzag(struct pyr_cursor *cursor)
{
    return pyr_unzigzag(pyr_cursor_varint(cursor));
}

uint32_t pyr_cursor_varint32(struct pyr_cursor *cursor)
{
    uint64_t value = pyr_cursor_varint(cursor);
    return value > UINT32_MAX ? (uint32_t)fail(cursor) : (uint32_t)value;
}

const uint8_t *pyr_cursor_take(struct pyr_cursor *cursor, uint64_t size)
{
    if (cursor->failed || size > pyr_cursor_left(cursor)) {
        fail(cursor);
        return NULL;
    }
    const uint8_t *taken = cursor->at;
    cursor->at += size;
    return taken;
}

static uint64_t take_le(struct pyr_cursor *cursor, unsigned size)
{
    const uint8_t *bytes = pyr_cursor_take(cursor, size);
    uint64_t value = 0;
    for (unsigned i = 0; bytes && i < size; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

uint8_t pyr_cursor_u8(struct pyr_cursor *cursor)
{
    return (uint8_t)take_le(cursor, 1);
}

uint32_t pyr_cursor_u32(struct pyr_cursor *cursor)
{
    return (uint32_t)take_le(cursor, 4);
}

uint64_t pyr_cursor_u64(struct pyr_cursor *cursor)
{
    return take_le(cursor, 8);
}
