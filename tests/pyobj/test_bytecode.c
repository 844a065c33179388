/* Where instructions begin: behind inline caches that look like instructions, behind some whose length is not known,
 * and in bytes that are no code at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pyobj/bytecode.h"

static const struct pyr_opcodes *opcodes_of(int minor)
{
    const struct pyr_opcodes *opcodes = pyr_layout_opcodes(pyr_layout_table(3, minor, false));
    assert_non_null(opcodes);
    return opcodes;
}

static uint8_t number_of(const struct pyr_opcodes *opcodes, const char *name)
{
    for (unsigned i = 0; i < 256; i++)
        if (opcodes->of[i].name && strcmp(opcodes->of[i].name, name) == 0)
            return (uint8_t)i;
    fail_msg("there is no %s", name);
    return 0;
}

/* What 3.12 makes of `a.b(c)` where `a` is a global and the name is far up in the list of names. */
enum { RESUME = 0, LOAD_GLOBAL = 1, EXTENDED = 6, LOAD_ATTR = 7, CALL = 17, UNITS = 21 };

static const uint8_t linetable[] = {0x80 | 10 << 3 | 0, 0, 0, 0x80 | 11 << 3 | 4, 4, 5, /* of 1 and of 5 units */
                                    0x80 | 10 << 3 | 7, 4, 7, 0x80 | 10 << 3 | 2, 4, 7, /* of 8 + 3 */
                                    0x80 | 10 << 3 | 3, 4, 10};

static void make(const struct pyr_opcodes *opcodes, uint8_t bytes[2 * UNITS])
{
    memset(bytes, number_of(opcodes, "LOAD_ATTR"), 2 * UNITS); /* caches may look like anything */
    bytes[2 * RESUME] = number_of(opcodes, "RESUME");
    bytes[2 * LOAD_GLOBAL] = number_of(opcodes, "LOAD_GLOBAL_MODULE");
    bytes[2 * EXTENDED] = number_of(opcodes, "EXTENDED_ARG");
    bytes[2 * LOAD_ATTR] = number_of(opcodes, "LOAD_ATTR_METHOD_WITH_VALUES");
    bytes[2 * CALL] = number_of(opcodes, "CALL_PY_EXACT_ARGS");
}

static void find(const struct pyr_opcodes *opcodes, const uint8_t bytes[2 * UNITS], int32_t starts[UNITS])
{
    uint8_t bases[UNITS] = {0};
    struct pyr_bytecode bytecode = {.bases = bases, .units = UNITS, .at_caches = true};
    pyr_bytecode_find(opcodes, bytes, UNITS, linetable, sizeof linetable, true, bases);
    for (int32_t i = 0; i < UNITS; i++) {
        int32_t start = pyr_bytecode_start(opcodes, &bytecode, 2 * i);
        starts[i] = start < 0 ? -1 : start / 2;
    }
    assert_int_equal(pyr_bytecode_start(opcodes, &bytecode, -1), -1);
    assert_int_equal(pyr_bytecode_start(opcodes, &bytecode, 2 * UNITS), -1);
}

static void caches_belong_to_their_instruction(void **state)
{
    (void)state;
    const struct pyr_opcodes *opcodes = opcodes_of(12);
    uint8_t bytes[2 * UNITS];
    int32_t starts[UNITS];
    make(opcodes, bytes);
    find(opcodes, bytes, starts);
    for (int32_t i = 0; i < UNITS; i++)
        assert_int_equal(starts[i], i >= CALL ? CALL : i >= EXTENDED ? LOAD_ATTR : i >= LOAD_GLOBAL ? LOAD_GLOBAL : i);
}

/* What stands in for an instruction is one; how many caches follow is not known before the next place in the source. */
static void stand_ins_hide_a_length(void **state)
{
    (void)state;
    const struct pyr_opcodes *opcodes = opcodes_of(12);
    uint8_t bytes[2 * UNITS];
    int32_t starts[UNITS];
    make(opcodes, bytes);
    bytes[2 * LOAD_GLOBAL] = number_of(opcodes, "INSTRUMENTED_LINE");
    bytes[2 * EXTENDED] = number_of(opcodes, "INSTRUMENTED_LINE");
    find(opcodes, bytes, starts);
    for (int32_t i = 0; i < UNITS; i++) {
        bool known = i <= LOAD_GLOBAL || i == EXTENDED;
        assert_int_equal(starts[i], i >= CALL ? CALL : known ? i : -1);
    }
}

static uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint8_t *random_bytes(uint64_t *random, size_t size)
{
    uint8_t *bytes = malloc(size ? size : 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)random_next(random);
    return bytes;
}

static void check_bounds(const struct pyr_opcodes *opcodes, const struct pyr_bytecode *bytecode)
{
    for (int32_t i = -4; i < (int32_t)bytecode->units * 2 + 4; i++) {
        int32_t start = pyr_bytecode_start(opcodes, bytecode, i);
        assert_true(start == -1 || (start >= 0 && start % 2 == 0 && start < (int32_t)bytecode->units * 2));
        assert_true(start == -1 || (i >= 0 && start > i - 2 * 256 && start < i + 2 * 4));
    }
}

/* Memory that was torn or is hostile. */
static void any_bytes_are_bounded(void **state)
{
    (void)state;
    uint64_t random = 5;
    for (unsigned round = 0; round < 4000; round++) {
        const struct pyr_opcodes *opcodes = opcodes_of(8 + (int)(round % 8));
        uint32_t units = (uint32_t)(random_next(&random) % 60);
        size_t size = random_next(&random) % 40;
        uint8_t *bytes = random_bytes(&random, 2 * units), *table = random_bytes(&random, size);
        struct pyr_bytecode bytecode = {.bases = calloc(units ? units : 1, 1), .units = units, .at_caches = round % 2};
        assert_non_null(bytecode.bases);
        pyr_bytecode_find(opcodes, bytes, units, size ? table : NULL, size, round % 3, bytecode.bases);
        check_bounds(opcodes, &bytecode);
        free(bytes);
        free(table);
        free(bytecode.bases);
    }
    check_bounds(opcodes_of(14), &(struct pyr_bytecode){.units = 9});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(caches_belong_to_their_instruction),
        cmocka_unit_test(stand_ins_hide_a_length),
        cmocka_unit_test(any_bytes_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
