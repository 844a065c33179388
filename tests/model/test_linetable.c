/* Line tables that no compiler would write. */
#include "base/alloc.h"
#include "model/linetable.h"
#include "record/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct pyr_linetable decode(uint8_t kind, uint32_t first_line, const void *bytes, uint32_t size)
{
    struct pyr_code_facts facts = {.name = "", .file = "", .first_line = first_line, .linetable_kind = kind};
    facts.linetable = bytes;
    facts.linetable_size = size;
    struct pyr_linetable table = {0};
    assert_int_equal(pyr_linetable_decode(&table, &facts), 0);
    return table;
}

static void unknown_instruction_is_the_first_line(void **state)
{
    (void)state;
    for (uint8_t kind = PYR_LINETABLE_NONE; kind <= PYR_LINETABLE_LOCATIONS; kind++) {
        struct pyr_linetable table = decode(kind, 17, "\x02\x01", kind == PYR_LINETABLE_LOCATIONS ? 0 : 2);
        assert_int_equal(pyr_linetable_line(&table, -1), 17);
        assert_null(pyr_linetable_find(&table, -1));
        if (kind == PYR_LINETABLE_NONE)
            assert_int_equal(pyr_linetable_line(&table, 1000), 17);
        pyr_linetable_release(&table);
    }
}

static void instruction_without_a_line_takes_the_one_before(void **state)
{
    (void)state;
    /* Two units on first line + 1, then two without location, then line + 0 columns 3 to 5. */
    const uint8_t locations[] = {0x80 | 11 << 3 | 1, 4, 9, 0x80 | 15 << 3 | 1, 0x80 | 10 << 3, 3, 5};
    struct pyr_linetable table = decode(PYR_LINETABLE_LOCATIONS, 10, locations, sizeof locations);
    assert_int_equal(pyr_linetable_find(&table, 4)->line, 0);
    assert_int_equal(pyr_linetable_line(&table, 4), 11);
    assert_int_equal(pyr_linetable_find(&table, 8)->column, 3);
    assert_null(pyr_linetable_find(&table, 10));
    pyr_linetable_release(&table);
}

static void lines_that_leave_their_range_are_none(void **state)
{
    (void)state;
    const uint8_t down[] = {0, 0x81, 0, 0x81, 2, 0x81}; /* 5 − 3 × 127 */
    struct pyr_linetable table = decode(PYR_LINETABLE_LNOTAB, 5, down, sizeof down);
    assert_int_equal(pyr_linetable_line(&table, 2), 5);
    pyr_linetable_release(&table);
    const uint8_t far[] = {0x80 | 13 << 3, 0x7e, 0x7f, 0x7f, 0x7f, 0x7f, 0x03,
                           0x80 | 13 << 3, 0x7e, 0x7f, 0x7f, 0x7f, 0x7f, 0x03};
    table = decode(PYR_LINETABLE_LOCATIONS, INT32_MAX, far, sizeof far);
    assert_int_equal(pyr_linetable_find(&table, 0)->line, 0);
    pyr_linetable_release(&table);
}

/* Any bytes decode to entries that ascend and can all be found. */
static void random_bytes_decode_to_something_bounded(void **state)
{
    (void)state;
    uint8_t bytes[512];
    srand(1);
    for (unsigned round = 0; round < 3000; round++) {
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)(rand() >> 7) | (rand() & 0x100 ? 0x80 : 0);
        uint8_t kind = (uint8_t)(round % 5);
        struct pyr_linetable table = decode(kind, (uint32_t)rand(), bytes, (uint32_t)(round % sizeof bytes));
        assert_true(table.entries.count <= sizeof bytes);
        for (size_t i = 1; i < table.entries.count; i++)
            assert_true(PYR_VEC_AT(&table.entries, struct pyr_line_entry, i)->start >=
                        PYR_VEC_AT(&table.entries, struct pyr_line_entry, i - 1)->start);
        for (int32_t offset = -2; offset < 3000; offset += 7)
            assert_true(pyr_linetable_line(&table, offset) <= INT32_MAX);
        pyr_linetable_release(&table);
    }
}

static void memory_failures_are_reported(void **state)
{
    (void)state;
    struct pyr_code_facts facts = {.name = "", .file = "", .first_line = 1, .linetable_kind = PYR_LINETABLE_PAIRS};
    facts.linetable = (const uint8_t *)"\x02\x01\x02\x01";
    facts.linetable_size = 4;
    struct pyr_linetable table = {0};
    pyr_alloc_fail_after(1);
    assert_true(pyr_linetable_decode(&table, &facts) < 0);
    pyr_alloc_fail_after(0);
    assert_int_equal(table.entries.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_instruction_is_the_first_line),
        cmocka_unit_test(instruction_without_a_line_takes_the_one_before),
        cmocka_unit_test(lines_that_leave_their_range_are_none),
        cmocka_unit_test(random_bytes_decode_to_something_bounded),
        cmocka_unit_test(memory_failures_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
