#include "query/private.h"

#include <math.h>
#include <string.h>

#define EXACT 9007199254740992.0 /* 2^53: integers up to here are doubles */

struct pyr_query_value pyr_query_integer(uint64_t value)
{
    if (value > INT64_MAX)
        return pyr_query_real((double)value);
    return (struct pyr_query_value){.kind = PYR_QUERY_INTEGER, .integer = (int64_t)value};
}

/* One number has one form, so that groups are compared by their bytes. What is no number is none. */
struct pyr_query_value pyr_query_real(double value)
{
    if (!isfinite(value))
        return (struct pyr_query_value){0};
    if (fabs(value) < EXACT && value == trunc(value))
        return (struct pyr_query_value){.kind = PYR_QUERY_INTEGER, .integer = (int64_t)value};
    return (struct pyr_query_value){.kind = PYR_QUERY_REAL, .real = value};
}

struct pyr_query_value pyr_query_bool(bool value)
{
    return (struct pyr_query_value){.kind = PYR_QUERY_BOOL, .integer = value};
}

struct pyr_query_value pyr_query_string(const char *bytes, size_t size)
{
    return (struct pyr_query_value){.kind = PYR_QUERY_TEXT, .size = (uint32_t)size, .text = bytes};
}

double pyr_query_double(struct pyr_query_value value)
{
    return value.kind == PYR_QUERY_REAL ? value.real : (double)value.integer;
}

static bool is_text(struct pyr_query_value value)
{
    return value.kind == PYR_QUERY_TEXT;
}

static int compare_texts(struct pyr_query_value a, struct pyr_query_value b)
{
    uint32_t both = a.size < b.size ? a.size : b.size;
    int order = both ? memcmp(a.text, b.text, both) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

/* long double holds every int64_t and every double exactly, here and on aarch64. */
static long double wide(struct pyr_query_value value)
{
    return value.kind == PYR_QUERY_REAL ? (long double)value.real : (long double)value.integer;
}

int pyr_query_compare(struct pyr_query_value a, struct pyr_query_value b)
{
    if (a.kind == PYR_QUERY_NONE || b.kind == PYR_QUERY_NONE || is_text(a) != is_text(b))
        return (a.kind != PYR_QUERY_NONE) - (b.kind != PYR_QUERY_NONE);
    if (is_text(a))
        return compare_texts(a, b);
    if (a.kind == PYR_QUERY_OBJECT || b.kind == PYR_QUERY_OBJECT)
        return (a.object > b.object) - (a.object < b.object);
    return (wide(a) > wide(b)) - (wide(a) < wide(b));
}

/* ---- arithmetic ---- */

static struct pyr_query_value in_doubles(enum pyr_query_op op, double a, double b)
{
    switch (op) {
    case PYR_OP_ADD:
        return pyr_query_real(a + b);
    case PYR_OP_SUBTRACT:
        return pyr_query_real(a - b);
    case PYR_OP_MULTIPLY:
        return pyr_query_real(a * b);
    default:
        return b == 0 ? (struct pyr_query_value){0} : pyr_query_real(a / b);
    }
}

struct pyr_query_value pyr_query_arithmetic(enum pyr_query_op op, struct pyr_query_value a, struct pyr_query_value b)
{
    struct pyr_query_value result = {.kind = PYR_QUERY_INTEGER};
    if (a.kind == PYR_QUERY_NONE || b.kind == PYR_QUERY_NONE)
        return (struct pyr_query_value){0};
    if (a.kind == PYR_QUERY_INTEGER && b.kind == PYR_QUERY_INTEGER) {
        if (op == PYR_OP_ADD && !__builtin_add_overflow(a.integer, b.integer, &result.integer))
            return result;
        if (op == PYR_OP_SUBTRACT && !__builtin_sub_overflow(a.integer, b.integer, &result.integer))
            return result;
        if (op == PYR_OP_MULTIPLY && !__builtin_mul_overflow(a.integer, b.integer, &result.integer))
            return result;
    }
    return in_doubles(op, pyr_query_double(a), pyr_query_double(b));
}

/* ---- patterns ---- */

static bool is_any_text(char c)
{
    return c == '*' || c == '%'; /* as in shells, or as in SQL */
}

/* Where it fails, the last star takes one byte more: earlier ones need not be tried again. */
bool pyr_query_like(struct pyr_query_value text, struct pyr_query_value pattern)
{
    size_t t = 0, p = 0, star = SIZE_MAX, taken = 0;
    while (t < text.size) {
        if (p < pattern.size && is_any_text(pattern.text[p])) {
            star = p++;
            taken = t;
        } else if (p < pattern.size && pattern.text[p] == text.text[t]) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++taken;
        } else {
            return false;
        }
    }
    while (p < pattern.size && is_any_text(pattern.text[p]))
        p++;
    return p == pattern.size;
}
