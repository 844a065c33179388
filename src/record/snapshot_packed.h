/* An object as it waits in the spill file, a third as large as its fields: addresses as distances, which are short
 * among objects that were found one after the other. Numbers are LEB128. */
#ifndef PYR_RECORD_SNAPSHOT_PACKED_H
#define PYR_RECORD_SNAPSHOT_PACKED_H

#include "base/varint.h"

#include <stdint.h>
#include <string.h>

struct pyr_packed_object {
    uint64_t address, content;
    uint32_t form, references, site, text;
};

/* What comes before: an object's address and text are told as distances from those. */
struct pyr_packed_before {
    uint64_t address;
    uint32_t text;
};

enum {
    PYR_PACKED_CONTENT = 1, /* beside the form: which of the fields that are often 0 follow */
    PYR_PACKED_SITE = 2,
    PYR_PACKED_TEXT = 4,
    PYR_PACKED_OBJECT_MAX = 5 * PYR_VARINT_MAX + 8,
};

/* Distances of addresses are multiples of 8 but for damaged ones: the low bits, nearly always 0, go to the top. */
static inline uint64_t pyr_pack_distance(uint64_t to, uint64_t from)
{
    uint64_t distance = to - from;
    return pyr_zigzag((int64_t)distance >> 3) | distance << 61;
}

static inline uint64_t pyr_unpack_distance(uint64_t packed, uint64_t from)
{
    return from + ((uint64_t)pyr_unzigzag(packed & (UINT64_MAX >> 3)) << 3 | packed >> 61);
}

static inline uint8_t *pyr_pack_number(uint8_t *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *out++ = (uint8_t)(value | 0x80);
    *out++ = (uint8_t)value;
    return out;
}

/* Only of what was packed by this process: not checked. */
static inline uint64_t pyr_unpack_number(const uint8_t **at)
{
    const uint8_t *in = *at;
    uint64_t value = *in & 0x7f;
    for (unsigned shift = 7; *in++ & 0x80; shift += 7)
        value |= (uint64_t)(*in & 0x7f) << shift;
    *at = in;
    return value;
}

/* PYR_PACKED_OBJECT_MAX bytes must be there; returns what is behind it. */
static inline uint8_t *pyr_pack_object(uint8_t *out, const struct pyr_packed_object *object,
                                       struct pyr_packed_before *before)
{
    uint64_t fields = (object->content ? PYR_PACKED_CONTENT : 0) | (object->site ? PYR_PACKED_SITE : 0) |
                      (object->text ? PYR_PACKED_TEXT : 0);
    out = pyr_pack_number(out, (uint64_t)object->form << 3 | fields);
    out = pyr_pack_number(out, pyr_pack_distance(object->address, before->address));
    out = pyr_pack_number(out, object->references);
    before->address = object->address;
    if (object->content) {
        memcpy(out, &object->content, sizeof object->content);
        out += sizeof object->content;
    }
    if (object->site)
        out = pyr_pack_number(out, object->site);
    if (object->text) {
        out = pyr_pack_number(out, pyr_zigzag((int64_t)object->text - before->text));
        before->text = object->text;
    }
    return out;
}

static inline struct pyr_packed_object pyr_unpack_object(const uint8_t **at, struct pyr_packed_before *before)
{
    struct pyr_packed_object object = {0};
    uint64_t form = pyr_unpack_number(at);
    object.form = (uint32_t)(form >> 3);
    object.address = before->address = pyr_unpack_distance(pyr_unpack_number(at), before->address);
    object.references = (uint32_t)pyr_unpack_number(at);
    if (form & PYR_PACKED_CONTENT) {
        memcpy(&object.content, *at, sizeof object.content);
        *at += sizeof object.content;
    }
    if (form & PYR_PACKED_SITE)
        object.site = (uint32_t)pyr_unpack_number(at);
    if (form & PYR_PACKED_TEXT)
        object.text = before->text = (uint32_t)((int64_t)before->text + pyr_unzigzag(pyr_unpack_number(at)));
    return object;
}

/* Over so many numbers. */
static inline const uint8_t *pyr_unpack_skip(const uint8_t *at, uint32_t numbers)
{
    for (; numbers; at++)
        numbers -= !(*at & 0x80);
    return at;
}

#endif
