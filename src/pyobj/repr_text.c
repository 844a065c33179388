#include "pyobj/repr_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INT_SHIFT 30
#define GROUP 1000000000u /* decimal places are split off nine at a time */
#define GROUPS_MAX 48

void pyr_double_text(double value, bool point, char text[static PYR_DOUBLE_TEXT])
{
    if (!isfinite(value)) {
        snprintf(text, PYR_DOUBLE_TEXT, "%s", isnan(value) ? "nan" : value < 0 ? "-inf" : "inf");
        return;
    }
    int places = 0;
    for (; places <= 16; places++) {
        snprintf(text, PYR_DOUBLE_TEXT, "%.*e", places, value);
        if (strtod(text, NULL) == value)
            break;
    }
    long exponent = strtol(strchr(text, 'e') + 1, NULL, 10);
    if (exponent < -4 || exponent >= 16)
        return;
    snprintf(text, PYR_DOUBLE_TEXT, "%.*f", places > exponent ? places - (int)exponent : 0, value);
    if (point && !strchr(text, '.'))
        snprintf(text + strlen(text), 3, ".0");
}

static uint32_t divide(uint32_t *digits, unsigned count)
{
    uint64_t rest = 0;
    for (unsigned i = count; i-- > 0;) {
        rest = rest << INT_SHIFT | digits[i];
        digits[i] = (uint32_t)(rest / GROUP);
        rest %= GROUP;
    }
    return (uint32_t)rest;
}

void pyr_int_text(struct pyr_buf *text, bool negative, uint32_t *digits, unsigned count)
{
    uint32_t groups[GROUPS_MAX];
    unsigned n = 0;
    char part[16];
    do {
        groups[n++] = divide(digits, count);
        while (count && !digits[count - 1])
            count--;
    } while (count && n < GROUPS_MAX);
    snprintf(part, sizeof part, "%s%" PRIu32, negative ? "-" : "", groups[--n]);
    pyr_buf_append(text, part, strlen(part));
    while (n-- > 0) {
        snprintf(part, sizeof part, "%09" PRIu32, groups[n]);
        pyr_buf_append(text, part, strlen(part));
    }
}

/* What str.isprintable() denies and is assigned: controls, formats, surrogates, private use and spaces but for ' '.
 * Sorted by last. */
static const struct {
    uint32_t first, last;
} unprintable[] = {
    {0x0, 0x1f},           {0x7f, 0xa0},       {0xad, 0xad},       {0x600, 0x605},     {0x61c, 0x61c},
    {0x6dd, 0x6dd},        {0x70f, 0x70f},     {0x890, 0x891},     {0x8e2, 0x8e2},     {0x1680, 0x1680},
    {0x180e, 0x180e},      {0x2000, 0x200f},   {0x2028, 0x202f},   {0x205f, 0x206f},   {0x3000, 0x3000},
    {0xd800, 0xf8ff},      {0xfeff, 0xfeff},   {0xfff0, 0xfffb},   {0xfffe, 0xffff},   {0x110bd, 0x110bd},
    {0x110cd, 0x110cd},    {0x13430, 0x1343f}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe007f},
    {0xf0000, UINT32_MAX},
};

static bool printable(uint32_t c)
{
    for (size_t i = 0; i < sizeof unprintable / sizeof *unprintable; i++)
        if (c <= unprintable[i].last)
            return c < unprintable[i].first;
    return true;
}

static void put_utf8(struct pyr_buf *text, uint32_t c)
{
    uint8_t out[4] = {(uint8_t)c};
    size_t size = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = size; i-- > 1; c >>= 6)
        out[i] = (uint8_t)(0x80 | (c & 0x3f));
    if (size > 1)
        out[0] = (uint8_t)(0xf00 >> size | c);
    pyr_buf_append(text, out, size);
}

static void put_char(struct pyr_buf *text, uint32_t c, char quote, bool is_bytes)
{
    char escape[16] = {'\\', (char)c, 0};
    const char *named = c == '\n' ? "\\n" : c == '\r' ? "\\r" : c == '\t' ? "\\t" : NULL;
    if (named)
        snprintf(escape, sizeof escape, "%s", named);
    else if (c != (uint32_t)quote && c != '\\' && printable(c) && (c < 0x80 || !is_bytes))
        return put_utf8(text, c);
    else if (c != (uint32_t)quote && c != '\\')
        snprintf(escape, sizeof escape,
                 c < 0x100     ? "\\x%02" PRIx32
                 : c < 0x10000 ? "\\u%04" PRIx32
                               : "\\U%08" PRIx32,
                 c);
    pyr_buf_append(text, escape, strlen(escape));
}

static bool has(const uint32_t *chars, size_t count, uint32_t wanted)
{
    for (size_t i = 0; i < count; i++)
        if (chars[i] == wanted)
            return true;
    return false;
}

void pyr_quoted_text(struct pyr_buf *text, const uint32_t *chars, size_t count, bool is_bytes, bool cut)
{
    char quote = has(chars, count, '\'') && !has(chars, count, '"') ? '"' : '\'';
    pyr_buf_u8(text, (uint8_t)quote);
    for (size_t i = 0; i < count; i++)
        put_char(text, chars[i], quote, is_bytes);
    if (cut)
        put_utf8(text, 0x2026); /* … */
    pyr_buf_u8(text, (uint8_t)quote);
}
