#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/handover.h"
#include "base/intern.h"
#include "base/map.h"
#include "base/parallel.h"
#include "base/varint.h"
#include "base/vec.h"
#include "pyrometer/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct received {
    uint64_t next, items;
};

static void receive(void *context, const uint8_t *bytes, size_t size)
{
    struct received *received = context;
    for (const uint8_t *end = bytes + size; bytes < end; received->items++) {
        uint64_t item[2]; /* a number, and how many bytes follow */
        memcpy(item, bytes, sizeof item);
        assert_true(item[0] == received->next);
        received->next++;
        for (size_t i = 0; i < item[1]; i++)
            assert_int_equal(bytes[sizeof item + i], (uint8_t)item[0]);
        bytes += (sizeof item + item[1] + 7) & ~(size_t)7;
    }
}

static void what_is_handed_over_comes_whole_and_in_order(void **state)
{
    (void)state;
    struct received received = {0};
    struct pyr_handover *handover = pyr_handover_start(receive, &received);
    assert_int_equal(handover != NULL, pyr_parallel_parts() > 1);
    for (uint64_t i = 0; handover && i < 20000; i++) {
        uint64_t item[2] = {i, i % 1000 ? i % 50 : PYR_HANDOVER_CHUNK - sizeof item};
        uint8_t *room = pyr_handover_room(handover, sizeof item + item[1]);
        memcpy(room, item, sizeof item);
        memset(room + sizeof item, (uint8_t)i, item[1]);
        if (i == 7777) {
            pyr_handover_wait(handover);
            assert_true(received.items == i + 1);
        }
    }
    pyr_handover_stop(handover);
    assert_true(!handover || received.items == 20000);
}

static void count_part(void *context, unsigned part, size_t from, size_t to)
{
    size_t *done = context;
    for (size_t i = from; i < to; i++)
        done[i] += 1 + part;
}

/* Each once; and as evenly as they can be: two things to do are not left to one of eight threads. */
static void parts_are_all_and_even(void **state)
{
    (void)state;
    for (size_t count = 0; count < 40; count++) {
        size_t done[40] = {0}, of_part[PYR_PARALLEL_MAX] = {0}, parts = pyr_parallel_parts();
        pyr_parallel(count, count_part, done);
        for (size_t i = 0; i < count; i++) {
            assert_in_range(done[i], 1, parts);
            of_part[done[i] - 1]++;
        }
        for (size_t i = 0; i < parts; i++)
            assert_in_range(of_part[i], count / parts, (count + parts - 1) / parts);
    }
}

static void varints_round_trip(void **state)
{
    (void)state;
    const uint64_t values[] = {0, 1, 127, 128, 16383, 16384, UINT32_MAX, UINT64_MAX - 1, UINT64_MAX};
    struct pyr_buf buf = {0};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        pyr_buf_varint(&buf, values[i]);
        pyr_buf_zigzag(&buf, -(int64_t)values[i]);
    }
    struct pyr_cursor cursor = pyr_cursor(buf.bytes, buf.size);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        assert_true(pyr_cursor_varint(&cursor) == values[i]);
        assert_true(pyr_cursor_zigzag(&cursor) == -(int64_t)values[i]);
    }
    assert_false(cursor.failed);
    assert_int_equal(pyr_cursor_left(&cursor), 0);
    pyr_cursor_varint(&cursor);
    assert_true(cursor.failed);
    pyr_buf_release(&buf);
}

static void cursor_refuses_overlong_and_truncated(void **state)
{
    (void)state;
    uint8_t overlong[11];
    memset(overlong, 0xff, sizeof overlong);
    struct pyr_cursor cursor = pyr_cursor(overlong, sizeof overlong);
    assert_true(pyr_cursor_varint(&cursor) == 0 && cursor.failed);
    cursor = pyr_cursor("abc", 3);
    assert_null(pyr_cursor_take(&cursor, UINT64_MAX));
    assert_true(cursor.failed);
    cursor = pyr_cursor("\xff\xff\xff\xff\xff\x01", 6);
    assert_int_equal(pyr_cursor_varint32(&cursor), 0);
    assert_true(cursor.failed);
}

static void map_keeps_every_key(void **state)
{
    (void)state;
    struct pyr_map map = {0};
    assert_null(pyr_map_find(&map, 0));
    for (uint64_t key = 0; key < 5000; key++)
        assert_int_equal(pyr_map_put(&map, key * 4096, key), 0);
    assert_int_equal(pyr_map_put(&map, 0, 77), 0);
    assert_int_equal(map.count, 5000);
    for (uint64_t key = 1; key < 5000; key++)
        assert_int_equal(*pyr_map_find(&map, key * 4096), key);
    assert_int_equal(*pyr_map_find(&map, 0), 77);
    assert_null(pyr_map_find(&map, 1));
    pyr_map_release(&map);
}

static void intern_numbers_in_order(void **state)
{
    (void)state;
    struct pyr_intern table = {0};
    char text[16];
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 3000; i++) {
            int is_new = -1;
            int size = snprintf(text, sizeof text, "name %d", i);
            assert_int_equal(pyr_intern_put(&table, text, (size_t)size, &is_new), i);
            assert_int_equal(is_new, round == 0);
        }
    assert_string_equal(pyr_intern_get(&table, 2999)->bytes, "name 2999");
    assert_null(pyr_intern_get(&table, 3000));
    pyr_intern_release(&table);
}

/* Everything that allocates survives the failure of each of its allocations. */
static void every_allocation_may_fail(void **state)
{
    (void)state;
    for (long n = 1; n < 60; n++) {
        struct pyr_intern table = {0};
        struct pyr_map map = {0};
        struct pyr_buf buf = {0};
        struct pyr_vec vec = PYR_VEC(int);
        pyr_alloc_fail_after(n);
        int failures = 0;
        for (int i = 0; i < 400; i++) {
            failures += pyr_intern_put(&table, &i, sizeof i, NULL) < 0;
            failures += pyr_map_put(&map, (uint64_t)i, 1) < 0;
            failures += pyr_vec_push(&vec, &i) == NULL;
            pyr_buf_u32(&buf, (uint32_t)i);
        }
        pyr_alloc_fail_after(0);
        assert_true(failures <= 1);
        assert_true(vec.count >= 399);
        assert_true(map.count >= 399);
        pyr_intern_release(&table);
        pyr_map_release(&map);
        pyr_buf_release(&buf);
        pyr_vec_release(&vec);
    }
}

static void error_text_is_cut_not_overrun(void **state)
{
    (void)state;
    struct pyr_err err = {0};
    assert_int_equal(pyr_err_set(&err, PYR_E_IO, "%1000d", 7), PYR_E_IO);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    assert_int_equal(pyr_err_set(NULL, PYR_E_GONE, "x"), PYR_E_GONE);
    assert_string_equal(pyr_status_text(PYR_E_NOMEM), "out of memory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_handed_over_comes_whole_and_in_order),
        cmocka_unit_test(parts_are_all_and_even),
        cmocka_unit_test(varints_round_trip),
        cmocka_unit_test(cursor_refuses_overlong_and_truncated),
        cmocka_unit_test(map_keeps_every_key),
        cmocka_unit_test(intern_numbers_in_order),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(error_text_is_cut_not_overrun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
