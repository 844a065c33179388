#include "pyobj/str.h"

#include "base/alloc.h"

#define STR_HEADER_MAX 96

/* Where a str keeps its characters and how wide they are. */
struct str_shape {
    uint64_t length;
    size_t read;    /* characters */
    unsigned width; /* 1, 2 or 4 bytes */
    pyr_addr data;
};

static int str_shape(struct pyr_view view, pyr_addr at, struct str_shape *shape)
{
    const struct pyr_layout *layout = &view.python->layout;
    uint8_t header[STR_HEADER_MAX];
    uint32_t size = (uint32_t)layout->unicode_ascii_data;
    if (size > sizeof header)
        return PYR_E_UNSUPPORTED;
    int rc = pyr_target_read(view.target, at, header, size);
    if (rc < 0)
        return rc;
    uint32_t state = (uint32_t)pyr_int_at(header, layout->unicode_state);
    shape->length = pyr_word_at(header, layout->unicode_length);
    shape->width = (state >> layout->unicode_kind_shift) & 7;
    bool compact = (state >> layout->unicode_compact_shift) & 1;
    bool ascii = (state >> layout->unicode_ascii_shift) & 1;
    if (shape->width != 1 && shape->width != 2 && shape->width != 4)
        return PYR_E_FORMAT;
    if (compact) {
        shape->data = pyr_addr_add(at, ascii ? layout->unicode_ascii_data : layout->unicode_compact_data);
        return 0;
    }
    return pyr_target_read_addr(view.target, pyr_addr_add(at, layout->unicode_legacy_data), &shape->data);
}

static void append_char(struct pyr_buf *text, uint32_t c)
{
    uint8_t out[4];
    if (c < 0x80) {
        pyr_buf_u8(text, (uint8_t)c);
    } else if (c < 0x800) {
        out[0] = (uint8_t)(0xc0 | c >> 6);
        out[1] = (uint8_t)(0x80 | (c & 0x3f));
        pyr_buf_append(text, out, 2);
    } else if (c >= 0xd800 && c < 0xe000) {
        static const char hex[] = "0123456789abcdef";
        char escape[6] = {'\\', 'u', 'd', hex[c >> 8 & 15], hex[c >> 4 & 15], hex[c & 15]};
        pyr_buf_append(text, escape, sizeof escape);
    } else if (c < 0x10000) {
        out[0] = (uint8_t)(0xe0 | c >> 12);
        out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (c & 0x3f));
        pyr_buf_append(text, out, 3);
    } else if (c < 0x110000) {
        out[0] = (uint8_t)(0xf0 | c >> 18);
        out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
        out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        out[3] = (uint8_t)(0x80 | (c & 0x3f));
        pyr_buf_append(text, out, 4);
    } else {
        pyr_buf_append(text, "\xef\xbf\xbd", 3);
    }
}

static uint32_t char_at(const uint8_t *data, size_t i, unsigned width)
{
    uint16_t two;
    uint32_t four;
    if (width == 1)
        return data[i];
    if (width == 2) {
        memcpy(&two, data + 2 * i, sizeof two);
        return two;
    }
    memcpy(&four, data + 4 * i, sizeof four);
    return four;
}

/* The first characters, as wide as they are in memory: shape->width bytes each. To be freed. */
static int read_chars(struct pyr_view view, pyr_addr at, size_t max_chars, struct str_shape *shape, uint8_t **data)
{
    int rc = str_shape(view, at, shape);
    if (rc < 0)
        return rc;
    size_t chars = shape->length < max_chars ? (size_t)shape->length : max_chars;
    uint8_t *bytes = pyr_alloc(chars * shape->width);
    if (!bytes)
        return PYR_E_NOMEM;
    rc = pyr_target_read(view.target, shape->data, bytes, chars * shape->width);
    if (rc < 0) {
        pyr_free(bytes);
        return rc;
    }
    shape->read = chars;
    *data = bytes;
    return 0;
}

int pyr_str_read(struct pyr_view view, pyr_addr at, size_t max_chars, struct pyr_buf *text)
{
    struct str_shape shape;
    uint8_t *data;
    int rc = read_chars(view, at, max_chars, &shape, &data);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < shape.read; i++)
        append_char(text, char_at(data, i, shape.width));
    pyr_free(data);
    pyr_buf_u8(text, 0);
    if (text->failed)
        return PYR_E_NOMEM;
    text->size--;
    return 0;
}

int pyr_str_chars(struct pyr_view view, pyr_addr at, uint32_t *chars, size_t max_chars, uint64_t *length)
{
    struct str_shape shape;
    uint8_t *data;
    int rc = read_chars(view, at, max_chars, &shape, &data);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < shape.read; i++)
        chars[i] = char_at(data, i, shape.width);
    pyr_free(data);
    *length = shape.length;
    return 0;
}

int pyr_bytes_read(struct pyr_view view, pyr_addr at, size_t max_bytes, struct pyr_buf *bytes)
{
    const struct pyr_layout *layout = &view.python->layout;
    uint64_t size;
    int rc = pyr_target_read(view.target, pyr_addr_add(at, layout->varobject_size), &size, sizeof size);
    if (rc < 0)
        return rc;
    if (size > max_bytes)
        return PYR_E_LIMIT;
    if (pyr_buf_reserve(bytes, size) < 0)
        return PYR_E_NOMEM;
    rc = pyr_target_read(view.target, pyr_addr_add(at, layout->bytes_data), bytes->bytes + bytes->size, size);
    if (rc < 0)
        return rc;
    bytes->size += size;
    return 0;
}
