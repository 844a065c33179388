/* Which version of CPython a text, a number or a path speaks of. */
#include "layout/private.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BANNER_MAX = 240 };

int pyr_identity_from_hex(struct pyr_identity *identity, uint64_t hex)
{
    static const char level_text[16] = {[0xA] = 'a', [0xB] = 'b', [0xC] = 'r'};
    unsigned level = hex >> 4 & 0xF, serial = hex & 0xF;
    if (hex > UINT32_MAX || hex >> 24 == 0 || (level != 0xF && !level_text[level]))
        return PYR_E_FORMAT;
    struct pyr_identity found = {.major = (int)(hex >> 24), .minor = hex >> 16 & 0xFF, .micro = hex >> 8 & 0xFF};
    int length = snprintf(found.text, sizeof found.text, "%d.%d.%d", found.major, found.minor, found.micro);
    if (level != 0xF)
        snprintf(found.text + length, sizeof found.text - (size_t)length, "%c%s%u", level_text[level],
                 level == 0xC ? "c" : "", serial);
    found.prerelease = level == 0xA || level == 0xB;
    *identity = found;
    return 0;
}

/* A number of one to three digits; NULL if there is none. */
static const char *take_number(const char *at, const char *end, int *number)
{
    int value = 0, digits = 0;
    for (; at < end && digits < 4 && isdigit((unsigned char)*at); at++, digits++)
        value = value * 10 + (*at - '0');
    *number = value;
    return digits > 0 && digits < 4 ? at : NULL;
}

static const char *take_point(const char *at, const char *end)
{
    return at && at < end && *at == '.' ? at + 1 : NULL;
}

/* "3.8.18" or "3.9.0a4+": NULL if it is not one. */
static const char *take_version(const char *at, const char *end, struct pyr_identity *identity)
{
    struct pyr_identity found = {0};
    const char *start = at;
    if (!(at = take_number(at, end, &found.major)) || !(at = take_point(at, end)) ||
        !(at = take_number(at, end, &found.minor)) || !(at = take_point(at, end)) ||
        !(at = take_number(at, end, &found.micro)))
        return NULL;
    found.prerelease = at < end && (*at == 'a' || *at == 'b');
    while (at < end && (isalnum((unsigned char)*at) || *at == '+'))
        at++;
    size_t length = (size_t)(at - start);
    if (length >= sizeof found.text)
        return NULL;
    memcpy(found.text, start, length);
    *identity = found;
    return at;
}

/* Distributors put more between version and build (3.8.13 | packaged by … | (default, …), but what follows the build
 * is always the compiler in brackets, up to 3.9 on a line of its own. */
static bool is_banner(const char *at, const char *end, struct pyr_identity *identity)
{
    at = take_version(at, end, identity);
    if (!at || at == end || *at != ' ')
        return false;
    size_t rest = (size_t)(end - at) < BANNER_MAX ? (size_t)(end - at) : BANNER_MAX;
    rest = strnlen(at, rest);
    const char *build = memchr(at, '(', rest);
    if (!build)
        return false;
    rest -= (size_t)(build - at);
    return memmem(build, rest, ") [", 3) || memmem(build, rest, ") \n[", 4);
}

int pyr_identity_from_banner(struct pyr_identity *identity, const char *bytes, size_t size)
{
    const char *at = bytes, *end = bytes + size;
    int found = 0;
    while ((at = memmem(at, (size_t)(end - at), "3.", 2))) {
        struct pyr_identity one;
        bool starts = at == bytes || at[-1] == '\0';
        if (starts && is_banner(at, end, &one)) {
            if (found && strcmp(one.text, identity->text) != 0)
                return 2;
            *identity = one;
            found = 1;
        }
        at += 2;
    }
    return found;
}

int pyr_identity_from_path(struct pyr_identity *identity, const char *path)
{
    const char *name = strrchr(path, '/');
    name = strstr(name ? name : path, "python3.");
    if (!name)
        name = strstr(path, "python3.");
    struct pyr_identity found = {.major = 3, .micro = -1};
    if (!name || !take_number(name + strlen("python3."), name + strlen(name), &found.minor))
        return PYR_E_NOT_FOUND;
    snprintf(found.text, sizeof found.text, "3.%d", found.minor);
    *identity = found;
    return 0;
}
