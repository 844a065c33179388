#include "base/utf8.h"

#include <string.h>

static const char replacement[] = "\xef\xbf\xbd";

static size_t expected_length(uint8_t lead)
{
    if (lead < 0x80)
        return lead != 0;
    if (lead >= 0xc2 && lead <= 0xdf)
        return 2;
    if ((lead & 0xf0) == 0xe0)
        return 3;
    return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

size_t pyr_utf8_length(const char *bytes, size_t size)
{
    const uint8_t *text = (const uint8_t *)bytes;
    size_t length = size ? expected_length(text[0]) : 0;
    if (length > size)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    /* Overlong forms, surrogates, and what is above U+10FFFF show in the second byte. */
    if ((length >= 3) && ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f) ||
                          (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] > 0x8f)))
        return 0;
    return length;
}

size_t pyr_utf8_clean_size(const char *text, size_t size)
{
    size_t clean = 0;
    for (size_t at = 0; at < size;) {
        size_t length = pyr_utf8_length(text + at, size - at);
        clean += length ? length : sizeof replacement - 1;
        at += length ? length : 1;
    }
    return clean;
}

void pyr_utf8_clean(char *out, const char *text, size_t size)
{
    for (size_t at = 0; at < size;) {
        size_t length = pyr_utf8_length(text + at, size - at);
        size_t put = length ? length : sizeof replacement - 1;
        memcpy(out, length ? (const void *)(text + at) : replacement, put);
        out += put;
        at += length ? length : 1;
    }
}
