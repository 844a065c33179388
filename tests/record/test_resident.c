/* RESIDENT frames: written, read, damaged. */
#include "exercise.h"
#include "support.h"

#include "record/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { CLASSES = 3, PINS = 4 };

static struct pyr_resident_class classes[CLASSES];
static struct pyr_resident_pin pins[PINS];

static struct pyr_writer *open_writer(void)
{
    struct pyr_writer *writer = NULL;
    const struct pyr_process_facts process = {.pid = 5, .command = "c", .python = "3", .implementation = ""};
    const struct pyr_code_facts code = {.name = "f", .file = "f.py"};
    assert_int_equal(pyr_writer_open(&writer, test_path("resident"), true, &model_facts, NULL), 0);
    assert_int_equal(pyr_writer_process(writer, &process), 0);
    assert_int_equal(pyr_writer_process(writer, &process), 1);
    assert_int_equal(pyr_writer_code(writer, &code), 0);
    assert_int_equal(pyr_writer_node(writer, 0, 0, 4), 1);
    return writer;
}

static struct pyr_resident_facts facts_of(uint32_t process, bool last, uint64_t seed)
{
    struct pyr_resident_facts facts = {.process = process,
                                       .last = last,
                                       .time_ns = 9000,
                                       .resident_bytes = UINT64_MAX - seed,
                                       .large_blocks = seed + 1,
                                       .large_bytes = seed + 2,
                                       .raw_bytes = seed + 3,
                                       .c_bytes = UINT64_MAX,
                                       .arenas = seed + 5,
                                       .empty_pools = seed + 6,
                                       .pinned_pools = seed + 7,
                                       .pinned_used_bytes = seed + 8,
                                       .pinned_free_bytes = seed + 9,
                                       .pinned_read = seed + 10,
                                       .classes = classes,
                                       .class_count = CLASSES,
                                       .pins = pins,
                                       .pin_count = PINS};
    for (unsigned i = 0; i < PYR_RESIDENT_PARTS; i++)
        facts.parts[i] = seed * 37 + i;
    for (unsigned i = 0; i < CLASSES; i++) {
        classes[i] = (struct pyr_resident_class){.block_size = 16 * (i + 1), .pools = 7 + i, .used = 13, .total = 99};
        classes[i].eighths[i] = 1000 + i;
    }
    for (unsigned i = 0; i < PINS; i++)
        pins[i] = (struct pyr_resident_pin){i % 2, 5 + i, 3, 100000 + i};
    return facts;
}

static struct pyr_reader *read_all(void)
{
    struct pyr_reader *reader = NULL;
    struct pyr_event event;
    assert_int_equal(pyr_reader_open(&reader, test_path("resident"), NULL), 0);
    while (pyr_reader_next(reader, &event, NULL) > 0)
        continue;
    return reader;
}

static void the_last_of_each_moment_comes_back(void **state)
{
    (void)state;
    struct pyr_writer *writer = open_writer();
    struct pyr_resident_facts facts = facts_of(1, true, 1);
    facts.pin_count = 1;
    assert_int_equal(pyr_writer_resident(writer, &facts), 0);
    facts = facts_of(1, false, 2);
    assert_int_equal(pyr_writer_resident(writer, &facts), 0);
    facts = facts_of(1, true, 3);
    assert_int_equal(pyr_writer_resident(writer, &facts), 0);
    pins[1].node = 2;
    assert_int_equal(pyr_writer_resident(writer, &facts), PYR_E_MISUSE);
    facts = facts_of(2, true, 4);
    assert_int_equal(pyr_writer_resident(writer, &facts), PYR_E_MISUSE);
    assert_int_equal(pyr_writer_close(writer, NULL), 0);

    struct pyr_reader *reader = read_all();
    assert_true(pyr_reader_complete(reader, NULL));
    assert_int_equal(pyr_reader_residents(reader), 2);
    assert_null(pyr_reader_resident(reader, 2));
    for (uint32_t i = 0; i < 2; i++) {
        const struct pyr_resident_facts *read = pyr_reader_resident(reader, i);
        struct pyr_resident_facts wanted = facts_of(1, i == 0, i == 0 ? 3 : 2);
        assert_int_equal(read->class_count, CLASSES);
        assert_memory_equal(read->classes, classes, sizeof classes);
        assert_int_equal(read->pin_count, PINS);
        assert_memory_equal(read->pins, pins, sizeof pins);
        wanted.classes = read->classes;
        wanted.pins = read->pins;
        assert_memory_equal(read->parts, wanted.parts, sizeof wanted.parts);
        assert_int_equal(read->resident_bytes, wanted.resident_bytes);
        assert_int_equal(read->time_ns, 9000);
        assert_true(read->last == wanted.last && read->process == 1);
        assert_true(read->large_blocks == wanted.large_blocks && read->large_bytes == wanted.large_bytes &&
                    read->raw_bytes == wanted.raw_bytes && read->c_bytes == wanted.c_bytes &&
                    read->arenas == wanted.arenas && read->empty_pools == wanted.empty_pools &&
                    read->pinned_pools == wanted.pinned_pools && read->pinned_read == wanted.pinned_read &&
                    read->pinned_used_bytes == wanted.pinned_used_bytes &&
                    read->pinned_free_bytes == wanted.pinned_free_bytes);
    }
    pyr_reader_close(reader);
}

/* Every byte of the payload changed, and the payload cut everywhere. */
static void a_damaged_frame_breaks_no_promise(void **state)
{
    (void)state;
    struct pyr_writer *writer = open_writer();
    struct pyr_resident_facts facts = facts_of(1, true, 1);
    facts.class_count = facts.pin_count = 1; /* not to be compressed */
    facts.resident_bytes = 7777777;
    facts.c_bytes = 31313;
    classes[0] = (struct pyr_resident_class){80, 3001, 4567, 8912, {9, 18, 27, 35, 44, 53, 62, 71}};
    for (uint32_t i = 0; i < PYR_RESIDENT_PARTS; i++)
        facts.parts[i] = 97 * (i + 1) * (i + 3);
    assert_int_equal(pyr_writer_resident(writer, &facts), 0);
    assert_int_equal(pyr_writer_close(writer, NULL), 0);
    struct pyr_reader *reader = read_all();
    assert_int_equal(pyr_reader_residents(reader), 1);
    pyr_reader_close(reader);
    exercise_frame(test_path("resident"), PYR_FRAME_RESIDENT);
}

static int remove_all(void **state)
{
    (void)state;
    test_directory_remove();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_of_each_moment_comes_back),
        cmocka_unit_test(a_damaged_frame_breaks_no_promise),
    };
    return cmocka_run_group_tests(tests, NULL, remove_all);
}
