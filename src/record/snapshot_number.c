#include "record/snapshot_number.h"

#include <string.h>

enum { SIGN_BIT = PYR_SNAPSHOT_NUMBER_BITS, KIND_BIT, KIND_INT = 5, KIND_BOOL = 6, SMALL_MAX = 32 };
#define MAGNITUDE_MASK ((UINT64_C(1) << PYR_SNAPSHOT_NUMBER_BITS) - 1)

/* Each step can be undone; the constants are odd. */
#define FIRST UINT64_C(0xbf58476d1ce4e5b9)
#define SECOND UINT64_C(0x94d049bb133111eb)
#define FIRST_UNDONE UINT64_C(0x96de1b173f119089) /* FIRST times this is 1, modulo 2^64 */
#define SECOND_UNDONE UINT64_C(0x319642b2d24d8ec3)

_Static_assert(FIRST *FIRST_UNDONE == 1 && SECOND * SECOND_UNDONE == 1, "each undoes the other");

static uint64_t shuffle(uint64_t x)
{
    x = (x ^ x >> 30) * FIRST;
    x = (x ^ x >> 27) * SECOND;
    return x ^ x >> 31;
}

static uint64_t unshuffle(uint64_t x)
{
    x = (x ^ x >> 31 ^ x >> 62) * SECOND_UNDONE;
    x = (x ^ x >> 27 ^ x >> 54) * FIRST_UNDONE;
    return x ^ x >> 30 ^ x >> 60;
}

uint64_t pyr_snapshot_number_hash(bool is_bool, bool negative, uint64_t magnitude)
{
    uint64_t kind = is_bool ? KIND_BOOL : KIND_INT;
    return shuffle(kind << KIND_BIT | (uint64_t)negative << SIGN_BIT | (magnitude & MAGNITUDE_MASK));
}

static bool is_builtin(const struct pyr_snapshot *snapshot, const struct pyr_snapshot_type_row *row, const char *name)
{
    struct pyr_snapshot_string is = pyr_snapshot_string(snapshot, row->name);
    struct pyr_snapshot_string in = pyr_snapshot_string(snapshot, row->module);
    return is.size == strlen(name) && memcmp(is.bytes, name, is.size) == 0 && in.size == strlen("builtins") &&
           memcmp(in.bytes, "builtins", in.size) == 0;
}

bool pyr_snapshot_number(const struct pyr_snapshot *snapshot, uint32_t object, bool *is_bool, int64_t *number)
{
    uint64_t word = unshuffle(snapshot->content[object]), kind = word >> KIND_BIT;
    const struct pyr_snapshot_form *form = pyr_snapshot_form(snapshot, object);
    const struct pyr_snapshot_type_row *row = &snapshot->type_rows[form->type];
    if ((kind != KIND_INT && kind != KIND_BOOL) || form->size > SMALL_MAX || /* a larger one has another hash */
        !is_builtin(snapshot, row, kind == KIND_BOOL ? "bool" : "int"))
        return false;
    int64_t magnitude = (int64_t)(word & MAGNITUDE_MASK);
    *is_bool = kind == KIND_BOOL;
    *number = word >> SIGN_BIT & 1 ? -magnitude : magnitude;
    return true;
}
