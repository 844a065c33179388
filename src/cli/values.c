#include "options.h"

#include "pyrometer/pyrometer.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *name;
    double factor;
};

/* strtod also takes hexadecimal, infinity, signs and white space: none of them is a figure here. */
static bool read_decimal(const char *text, double *value, const char **rest)
{
    size_t length = strspn(text, "0123456789.");
    if (!length || (length == 1 && *text == '.') || memchr(text, '.', length) != memrchr(text, '.', length))
        return false;
    char digits[64];
    if (length >= sizeof digits)
        return false;
    memcpy(digits, text, length);
    digits[length] = 0;
    *value = strtod(digits, NULL);
    *rest = text + length;
    return true;
}

static bool read_with_unit(const char *text, const struct unit *units, double *value)
{
    const char *rest;
    double number;
    if (!read_decimal(text, &number, &rest))
        return false;
    for (; units->name; units++)
        if (!strcmp(rest, units->name)) {
            *value = number * units->factor;
            return true;
        }
    return false;
}

bool pyr_read_rate(const char *text, double *rate)
{
    static const struct unit units[] = {{"", 1}, {"k", 1e3}, {"K", 1e3}, {"m", 1e6}, {"M", 1e6}, {NULL, 0}};
    if (!strcmp(text, "max")) {
        *rate = PYR_RATE_MAX;
        return true;
    }
    return read_with_unit(text, units, rate);
}

bool pyr_read_seconds(const char *text, double *seconds)
{
    static const struct unit units[] = {{"", 1}, {"s", 1}, {"ms", 1e-3}, {"m", 60}, {"h", 3600}, {NULL, 0}};
    return read_with_unit(text, units, seconds);
}

static bool read_integer(const char *text, long maximum, long *value)
{
    if (!isdigit((unsigned char)text[0]) || text[strspn(text, "0123456789")])
        return false;
    errno = 0;
    long number = strtol(text, NULL, 10);
    if (errno || number > maximum)
        return false;
    *value = number;
    return true;
}

bool pyr_read_count(const char *text, unsigned *count)
{
    long value;
    if (!read_integer(text, INT_MAX, &value))
        return false;
    *count = (unsigned)value;
    return true;
}

bool pyr_read_pid(const char *text, int64_t *pid)
{
    long value;
    if (!read_integer(text, INT_MAX, &value) || !value)
        return false;
    *pid = value;
    return true;
}
