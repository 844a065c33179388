/* Collections: read from the agent's file, whole, overwritten and damaged; and GC frames, written and read. */
#include "exercise.h"
#include "exercise_heap.h"
#include "support.h"

#include "base/alloc.h"
#include "memory/collections.h"
#include "record/heap_file.h"
#include "record/wire.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the agent's file ---- */

static struct pyr_heap_reader *open_heap(const struct pyr_buf *file)
{
    struct pyr_heap_reader *reader = NULL;
    unsigned sites;
    assert_int_equal(exercise_heap(file->bytes, file->size, NULL, 0, &sites), 0);
    assert_int_equal(pyr_heap_reader_open(&reader, exercise_heap_directory(), "x.memory", NULL), 0);
    return reader;
}

static void collections_and_their_places_are_those_of_the_file(void **state)
{
    (void)state;
    struct pyr_buf file = {0};
    struct pyr_heap_collection some[PYR_HEAP_COLLECTIONS_AT_ONCE];
    struct pyr_heap_head head;
    struct pyr_heap_place place;
    uint64_t next = 0;
    make_heap(&file, 4, false);
    struct pyr_heap_reader *reader = open_heap(&file);
    assert_int_equal(pyr_heap_reader_head(reader, &head), 0);
    assert_true(head.collections_noted);
    assert_int_equal(head.collections[2].count, HEAP_PAUSES);
    assert_int_equal(head.collections[2].vain_ns, 100);
    assert_true(head.has_thresholds && head.enabled);
    assert_int_equal(head.thresholds[0], 700);
    assert_int_equal(pyr_heap_reader_collections(reader, &next, some), HEAP_PAUSES);
    assert_int_equal(next, HEAP_PAUSES);
    assert_int_equal(some[2].start_ns, 2000);
    assert_int_equal(some[2].pause_ns, 300);
    assert_int_equal(some[2].collected, 14);
    assert_int_equal(some[2].generation, 2);
    assert_int_equal(pyr_heap_reader_collections(reader, &next, some), 0);
    assert_int_equal(pyr_heap_reader_place(reader, 0, &place), 0);
    assert_true(!place.code && !place.other);
    assert_int_equal(pyr_heap_reader_place(reader, 2, &place), 0);
    assert_string_equal(place.code->name, "make");
    assert_int_equal(pyr_heap_reader_place(reader, 99, &place), 0);
    assert_true(place.other);
    pyr_heap_reader_close(reader);
    pyr_buf_release(&file);
}

/* The file's ring, with collections from 0 to count − 1; each starts at its number. */
static void put_ring(struct pyr_buf *file, uint64_t count)
{
    make_heap(file, 1, false);
    struct pyr_heap_file *head = (struct pyr_heap_file *)(void *)file->bytes;
    file->size = head->pauses_at;
    head->pause_count = count;
    for (uint64_t slot = 0; slot < PYR_HEAP_PAUSES; slot++) {
        uint64_t turns = count > slot ? (count - slot - 1) / PYR_HEAP_PAUSES : 0;
        const struct pyr_heap_pause pause = {.start_ns = slot + turns * PYR_HEAP_PAUSES};
        pyr_buf_append(file, &pause, sizeof pause);
    }
}

static void of_those_written_over_the_last_are_read(void **state)
{
    (void)state;
    static const uint64_t counts[] = {1, PYR_HEAP_PAUSES - 1, PYR_HEAP_PAUSES, PYR_HEAP_PAUSES + 1,
                                      3 * PYR_HEAP_PAUSES + 777};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct pyr_buf file = {0};
        struct pyr_heap_collection some[PYR_HEAP_COLLECTIONS_AT_ONCE];
        put_ring(&file, counts[i]);
        struct pyr_heap_reader *reader = open_heap(&file);
        /* The slot after the last is being written. */
        uint64_t next = 0, wanted = counts[i] < PYR_HEAP_PAUSES ? 0 : counts[i] - PYR_HEAP_PAUSES + 1;
        for (int64_t count; (count = pyr_heap_reader_collections(reader, &next, some)) > 0;)
            for (int64_t k = 0; k < count; k++)
                assert_int_equal(some[k].start_ns, wanted++);
        assert_int_equal(wanted, counts[i]);
        assert_int_equal(next, counts[i]);
        pyr_heap_reader_close(reader);
        pyr_buf_release(&file);
    }
}

static void damaged_collections_break_no_promise(void **state)
{
    (void)state;
    static const uint64_t odd[] = {0, 1, 7, UINT32_MAX, UINT64_MAX, INT64_MAX, UINT64_MAX - 100, 4096};
    size_t from = offsetof(struct pyr_heap_file, collections_noted);
    unsigned sites;
    struct pyr_buf file = {0};
    make_heap(&file, 2, false);
    size_t pauses = ((struct pyr_heap_file *)(void *)file.bytes)->pauses_at, size = file.size;
    for (size_t at = from; at + 8 <= size; at += 4) {
        if (at == ((sizeof(struct pyr_heap_file) + 3) & ~(size_t)3))
            at = pauses - 64;
        for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
            pyr_buf_clear(&file);
            make_heap(&file, 2, false);
            memcpy(file.bytes + at, &odd[i], 8);
            exercise_heap(file.bytes, file.size, NULL, 0, &sites);
        }
    }
    for (size_t cut = pauses - 8; cut < size; cut++)
        exercise_heap(file.bytes, cut, NULL, 0, &sites);
    pyr_buf_release(&file);
}

/* ---- frames ---- */

static struct pyr_writer *open_writer(void)
{
    struct pyr_writer *writer = NULL;
    const struct pyr_process_facts process = {.pid = 5, .command = "c", .python = "3", .implementation = ""};
    const struct pyr_code_facts code = {.name = "f", .file = "f.py"};
    assert_int_equal(pyr_writer_open(&writer, test_path("gc"), true, &model_facts, NULL), 0);
    assert_int_equal(pyr_writer_process(writer, &process), 0);
    assert_int_equal(pyr_writer_process(writer, &process), 1);
    assert_int_equal(pyr_writer_code(writer, &code), 0);
    assert_int_equal(pyr_writer_node(writer, 0, 0, 4), 1);
    return writer;
}

static struct pyr_reader *read_all(void)
{
    struct pyr_reader *reader = NULL;
    struct pyr_event event;
    assert_int_equal(pyr_reader_open(&reader, test_path("gc"), NULL), 0);
    while (pyr_reader_next(reader, &event, NULL) > 0)
        continue;
    return reader;
}

static struct pyr_gc_facts facts_of(uint32_t process, uint64_t first, struct pyr_gc_pause *pauses, uint32_t count)
{
    struct pyr_gc_facts facts = {.process = process, .time_ns = 9000, .pauses = pauses, .pause_count = count};
    for (uint32_t i = 0; i < count; i++)
        pauses[i] = (struct pyr_gc_pause){.start_ns = (first + i) * 1001,
                                          .pause_ns = first + i,
                                          .collected = i % 2 ? UINT64_MAX : i,
                                          .uncollectable = i,
                                          .generation = i % 3,
                                          .node = i % 2};
    for (unsigned i = 0; i < PYR_GC_GENERATIONS; i++)
        facts.sums[i] = (struct pyr_gc_sum){first + i, 2, 3, 4, 5, 6, UINT64_MAX};
    facts.has_thresholds = true;
    facts.enabled = process == 1;
    facts.thresholds[2] = UINT32_MAX;
    return facts;
}

static void collections_come_back(void **state)
{
    (void)state;
    static struct pyr_gc_pause first[3000], second[500], other[1];
    struct pyr_writer *writer = open_writer();
    struct pyr_gc_facts facts = facts_of(1, 0, first, 3000);
    assert_int_equal(pyr_writer_gc(writer, &facts), 0);
    facts = facts_of(0, 7, other, 1);
    assert_int_equal(pyr_writer_gc(writer, &facts), 0);
    facts = facts_of(1, 3000, second, 500);
    assert_int_equal(pyr_writer_gc(writer, &facts), 0);
    facts.process = 2;
    assert_int_equal(pyr_writer_gc(writer, &facts), PYR_E_MISUSE);
    facts.process = 1;
    second[3].node = 2;
    assert_int_equal(pyr_writer_gc(writer, &facts), PYR_E_MISUSE);
    second[3].node = 1;
    second[3].generation = 3;
    assert_int_equal(pyr_writer_gc(writer, &facts), PYR_E_MISUSE);
    second[3].generation = 0;
    assert_int_equal(pyr_writer_close(writer, NULL), 0);

    struct pyr_reader *reader = read_all();
    assert_true(pyr_reader_complete(reader, NULL));
    assert_int_equal(pyr_reader_collectors(reader), 2);
    const struct pyr_gc_facts *read = pyr_reader_collector(reader, 0);
    assert_int_equal(read->process, 1);
    assert_int_equal(read->time_ns, 9000);
    assert_int_equal(read->sums[2].count, 3002); /* the last ones count */
    assert_int_equal(read->sums[0].vain_ns, UINT64_MAX);
    assert_int_equal(read->pause_count, 3500);
    assert_memory_equal(read->pauses, first, sizeof first);
    for (uint32_t i = 0; i < 500; i++)
        assert_int_equal(read->pauses[3000 + i].start_ns, (3000 + i) * 1001);
    assert_true(read->has_thresholds && read->enabled);
    assert_int_equal(read->thresholds[2], UINT32_MAX);
    assert_int_equal(pyr_reader_collector(reader, 1)->pause_count, 1);
    assert_false(pyr_reader_collector(reader, 1)->enabled);
    pyr_reader_close(reader);
}

/* Every byte of the payload changed, and the payload cut everywhere. */
static void a_damaged_frame_breaks_no_promise(void **state)
{
    (void)state;
    struct pyr_gc_pause pauses[3];
    struct pyr_writer *writer = open_writer();
    struct pyr_gc_facts facts = facts_of(1, 1, pauses, 3);
    for (unsigned i = 0; i < PYR_GC_GENERATIONS; i++) /* not to be compressed */
        facts.sums[i] =
            (struct pyr_gc_sum){13 * i + 1, 37 * i + 2, 5 * i + 53, 11 * i + 74, 7 * i + 95, 3 * i + 6, 29 * i};
    assert_int_equal(pyr_writer_gc(writer, &facts), 0);
    assert_int_equal(pyr_writer_close(writer, NULL), 0);
    exercise_frame(test_path("gc"), PYR_FRAME_GC);
}

/* ---- on the way ---- */

static void a_recording_keeps_a_bounded_number_of_pauses(void **state)
{
    (void)state;
    struct pyr_collections collections;
    struct pyr_memory_budget budget = {.kept = UINT64_C(1) << 19};
    struct pyr_buf file = {0};
    pyr_collections_init(&collections);
    put_ring(&file, 100);
    struct pyr_heap_pause *ring =
        (struct pyr_heap_pause *)(void *)(file.bytes + ((struct pyr_heap_file *)(void *)file.bytes)->pauses_at);
    ring[30].pause_ns = ring[60].pause_ns = 1000000;
    struct pyr_heap_reader *reader = open_heap(&file);
    pyr_collections_look(&collections, reader, &budget, 0, false);
    assert_int_equal(collections.next, 100);
    assert_int_equal(collections.pauses.count, 2); /* half of the budget is gone: those that are noticed */
    assert_int_equal(budget.kept, (UINT64_C(1) << 19) + 2);
    budget.kept = UINT64_C(1) << 20;
    collections.next = 0;
    pyr_collections_look(&collections, reader, &budget, 0, true);
    assert_int_equal(collections.pauses.count, 2);
    pyr_collections_release(&collections);
    pyr_heap_reader_close(reader);
    pyr_buf_release(&file);
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
        cmocka_unit_test(collections_and_their_places_are_those_of_the_file),
        cmocka_unit_test(of_those_written_over_the_last_are_read),
        cmocka_unit_test(damaged_collections_break_no_promise),
        cmocka_unit_test(collections_come_back),
        cmocka_unit_test(a_damaged_frame_breaks_no_promise),
        cmocka_unit_test(a_recording_keeps_a_bounded_number_of_pauses),
    };
    return cmocka_run_group_tests(tests, NULL, remove_all);
}
