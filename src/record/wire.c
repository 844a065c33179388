#include "record/wire.h"

#include <string.h>
#include <xxhash.h>

#define COLUMN_COUNT_MAX 64u

static void put_le(uint8_t *out, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get_le(const uint8_t *bytes, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

void pyr_frame_header_put(uint8_t out[PYR_FRAME_HEADER_SIZE], const struct pyr_frame_header *header)
{
    put_le(out, header->checksum, 8);
    put_le(out + 8, header->kind, 2);
    put_le(out + 10, header->flags, 2);
    put_le(out + 12, header->stored_size, 4);
    put_le(out + 16, header->raw_size, 4);
}

struct pyr_frame_header pyr_frame_header_get(const uint8_t bytes[PYR_FRAME_HEADER_SIZE])
{
    return (struct pyr_frame_header){.checksum = get_le(bytes, 8),
                                     .kind = (uint16_t)get_le(bytes + 8, 2),
                                     .flags = (uint16_t)get_le(bytes + 10, 2),
                                     .stored_size = (uint32_t)get_le(bytes + 12, 4),
                                     .raw_size = (uint32_t)get_le(bytes + 16, 4)};
}

uint64_t pyr_frame_checksum(const uint8_t *frame, uint64_t stored_size)
{
    return XXH3_64bits(frame + PYR_FRAME_CHECKSUM_SIZE,
                       PYR_FRAME_HEADER_SIZE - PYR_FRAME_CHECKSUM_SIZE + (size_t)stored_size);
}

void pyr_wire_header_put(uint8_t out[PYR_WIRE_HEADER_SIZE], uint32_t optional_features)
{
    memset(out, 0, PYR_WIRE_HEADER_SIZE);
    memcpy(out, PYR_WIRE_MAGIC, 8);
    put_le(out + 8, PYR_WIRE_VERSION, 2);
    put_le(out + 10, PYR_WIRE_VERSION, 2);
    put_le(out + 16, optional_features, 4);
    size_t size = strlen(PYR_VERSION);
    memcpy(out + 24, PYR_VERSION, size < PYR_WIRE_MADE_BY_SIZE ? size : PYR_WIRE_MADE_BY_SIZE);
    pyr_wire_header_seal(out);
}

void pyr_wire_header_seal(uint8_t header[PYR_WIRE_HEADER_SIZE])
{
    put_le(header + 40, XXH3_64bits(header, 40), 8);
}

bool pyr_wire_header_is_whole(const uint8_t header[PYR_WIRE_HEADER_SIZE])
{
    return get_le(header + 40, 8) == XXH3_64bits(header, 40);
}

void pyr_columns_put(struct pyr_buf *out, const struct pyr_buf *columns, unsigned count)
{
    pyr_buf_varint(out, count);
    for (unsigned i = 0; i < count; i++)
        pyr_buf_varint(out, columns[i].size);
    for (unsigned i = 0; i < count; i++)
        pyr_buf_append(out, columns[i].bytes, columns[i].size);
}

bool pyr_columns_get(const uint8_t *payload, uint64_t size, struct pyr_cursor *columns, unsigned count)
{
    struct pyr_cursor cursor = pyr_cursor(payload, (size_t)size);
    uint64_t sizes[COLUMN_COUNT_MAX];
    uint64_t found = pyr_cursor_varint(&cursor);
    if (cursor.failed || found > COLUMN_COUNT_MAX)
        return false;
    for (uint64_t i = 0; i < found; i++)
        sizes[i] = pyr_cursor_varint(&cursor);
    for (uint64_t i = 0; i < found || i < count; i++) {
        const uint8_t *bytes = i < found ? pyr_cursor_take(&cursor, sizes[i]) : cursor.at;
        if (cursor.failed)
            return false;
        if (i < count)
            columns[i] = pyr_cursor(bytes, i < found ? (size_t)sizes[i] : 0);
    }
    return pyr_cursor_left(&cursor) == 0;
}
