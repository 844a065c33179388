#include "base/buf.h"

#include "base/alloc.h"
#include "base/varint.h"
#include "pyrometer/err.h"

#include <string.h>

int pyr_buf_reserve(struct pyr_buf *buf, size_t more)
{
    if (buf->failed)
        return PYR_E_NOMEM;
    if (more <= buf->capacity - buf->size)
        return 0;
    size_t wanted = buf->size + more;
    size_t grown = buf->capacity ? buf->capacity * 2 : 256;
    if (grown < wanted)
        grown = wanted;
    uint8_t *bytes = wanted < more ? NULL : pyr_realloc(buf->bytes, grown);
    if (!bytes) {
        buf->failed = true;
        return PYR_E_NOMEM;
    }
    buf->bytes = bytes;
    buf->capacity = grown;
    return 0;
}

void pyr_buf_append(struct pyr_buf *buf, const void *bytes, size_t size)
{
    if (size == 0 || pyr_buf_reserve(buf, size) < 0)
        return;
    memcpy(buf->bytes + buf->size, bytes, size);
    buf->size += size;
}

void pyr_buf_u8(struct pyr_buf *buf, uint8_t value)
{
    pyr_buf_append(buf, &value, 1);
}

static void append_le(struct pyr_buf *buf, uint64_t value, size_t size)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    pyr_buf_append(buf, bytes, size);
}

void pyr_buf_u32(struct pyr_buf *buf, uint32_t value)
{
    append_le(buf, value, 4);
}

void pyr_buf_u64(struct pyr_buf *buf, uint64_t value)
{
    append_le(buf, value, 8);
}

void pyr_buf_varint(struct pyr_buf *buf, uint64_t value)
{
    if (pyr_buf_reserve(buf, PYR_VARINT_MAX) == 0)
        buf->size += pyr_varint_put(buf->bytes + buf->size, value);
}

void pyr_buf_zigzag(struct pyr_buf *buf, int64_t value)
{
    pyr_buf_varint(buf, pyr_zigzag(value));
}

void pyr_buf_clear(struct pyr_buf *buf)
{
    buf->size = 0;
    buf->failed = false;
}

void pyr_buf_release(struct pyr_buf *buf)
{
    pyr_free(buf->bytes);
    *buf = (struct pyr_buf){0};
}
