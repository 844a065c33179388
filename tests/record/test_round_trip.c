#include "support.h"

#include "record/recent.h"
#include "record/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct pyr_writer *writer_to(const char *name)
{
    struct pyr_writer *writer = NULL;
    struct pyr_err err = {0};
    if (pyr_writer_open(&writer, test_path(name), true, &model_facts, &err) < 0)
        fail_msg("%s", err.text);
    return writer;
}

static void random_streams_come_back(void **state)
{
    (void)state;
    const unsigned sizes[] = {0, 1, 2, 5, 50, 500, 3000};
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct model model;
        model_init(&model, seed);
        struct pyr_writer *writer = writer_to("random");
        assert_int_equal(model_write(&model, writer, sizes[seed % 7]), 0);
        struct pyr_err err = {0};
        assert_int_equal(pyr_writer_close(writer, &err), 0);
        bool complete;
        char why[200];
        assert_int_equal(model_check(&model, test_path("random"), &complete, why), model.events.count);
        assert_true(complete);
        assert_string_equal(why, "");
        model_release(&model);
    }
}

static void bytes_are_counted_and_flush_writes_all(void **state)
{
    (void)state;
    struct model model;
    model_init(&model, 5);
    struct pyr_writer *writer = writer_to("flushed");
    assert_int_equal(model_write(&model, writer, 300), 0);
    assert_int_equal(pyr_writer_flush(writer, NULL), 0);
    struct stat st;
    assert_int_equal(stat(test_path("flushed"), &st), 0);
    assert_int_equal(st.st_size, pyr_writer_bytes(writer));
    bool complete;
    char why[200];
    assert_int_equal(model_check(&model, test_path("flushed"), &complete, why), model.events.count);
    assert_false(complete);
    assert_non_null(strstr(why, "not closed"));
    assert_int_equal(pyr_writer_close(writer, NULL), 0);
    model_release(&model);
}

static struct pyr_reader *reader_of(const char *name)
{
    struct pyr_reader *reader = NULL;
    struct pyr_err err = {0};
    if (pyr_reader_open(&reader, test_path(name), &err) < 0)
        fail_msg("%s", err.text);
    return reader;
}

static void read_all(struct pyr_reader *reader)
{
    struct pyr_event event;
    while (pyr_reader_next(reader, &event, NULL) > 0)
        ;
}

static void last_facts_and_quality_count(void **state)
{
    (void)state;
    struct pyr_writer *writer = writer_to("facts");
    struct pyr_run_facts facts = model_facts;
    facts.python = "3.15.2";
    facts.rate_hz = UINT64_MAX;
    facts.no_stop = true;
    facts.command = NULL;
    facts.command_count = 0;
    assert_int_equal(pyr_writer_facts(writer, &facts), 0);
    struct pyr_quality quality = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, UINT64_MAX};
    assert_int_equal(pyr_writer_quality(writer, &(struct pyr_quality){.ticks_glance = 99}), 0);
    assert_int_equal(pyr_writer_flush(writer, NULL), 0);
    assert_int_equal(pyr_writer_quality(writer, &quality), 0);
    assert_int_equal(pyr_writer_close(writer, NULL), 0);
    struct pyr_reader *reader = reader_of("facts");
    assert_string_equal(pyr_reader_facts(reader)->python, "");
    read_all(reader);
    assert_string_equal(pyr_reader_facts(reader)->python, "3.15.2");
    assert_true(pyr_reader_facts(reader)->rate_hz == UINT64_MAX);
    assert_true(pyr_reader_facts(reader)->no_stop);
    assert_int_equal(pyr_reader_facts(reader)->command_count, 0);
    assert_memory_equal(pyr_reader_quality(reader), &quality, sizeof quality);
    pyr_reader_close(reader);
}

static void text_is_made_fit(void **state)
{
    (void)state;
    const char *const names[][2] = {
        {"caf\xc3\xa9 \xf0\x9f\x90\x8d", "caf\xc3\xa9 \xf0\x9f\x90\x8d"}, /* valid stays */
        {"a\xff"
         "b",
         "a\xef\xbf\xbd"
         "b"},
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* a surrogate */
        {"\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd"},                 /* overlong */
        {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"cut \xe2\x82", "cut \xef\xbf\xbd\xef\xbf\xbd"},
        {NULL, ""},
    };
    struct pyr_writer *writer = writer_to("text");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(pyr_writer_code(writer, &(struct pyr_code_facts){.name = names[i][0], .file = "f"}), i);
    assert_int_equal(pyr_writer_close(writer, NULL), 0);
    struct pyr_reader *reader = reader_of("text");
    read_all(reader);
    for (uint32_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_string_equal(pyr_reader_code(reader, i)->name, names[i][1]);
    pyr_reader_close(reader);
}

static void huge_things_are_cut_or_left_out(void **state)
{
    (void)state;
    size_t size = PYR_STRING_MAX + 10;
    char *name = malloc(size + 1);
    memset(name, 'x', size);
    memcpy(name + PYR_STRING_MAX - 1, "\xc3\xa9", 2); /* straddles the limit */
    name[size] = 0;
    struct pyr_code_facts facts = {.name = name, .file = "f", .linetable_kind = PYR_LINETABLE_PAIRS};
    facts.linetable_size = PYR_LINETABLE_MAX;
    facts.linetable = calloc(1, PYR_LINETABLE_MAX + 1);
    struct pyr_writer *writer = writer_to("huge");
    assert_int_equal(pyr_writer_code(writer, &facts), 0);
    facts.linetable_size++;
    assert_int_equal(pyr_writer_code(writer, &facts), 1);
    assert_int_equal(pyr_writer_close(writer, NULL), 0);
    struct pyr_reader *reader = reader_of("huge");
    read_all(reader);
    assert_int_equal(strlen(pyr_reader_code(reader, 0)->name), PYR_STRING_MAX - 1);
    assert_int_equal(pyr_reader_code(reader, 0)->linetable_size, PYR_LINETABLE_MAX);
    assert_int_equal(pyr_reader_code(reader, 1)->linetable_size, 0);
    assert_int_equal(pyr_reader_code(reader, 1)->linetable_kind, PYR_LINETABLE_NONE);
    pyr_reader_close(reader);
    free((void *)facts.linetable);
    free(name);
}

static void long_commands_are_cut(void **state)
{
    (void)state;
    enum { WORDS = 40, SIZE = 60000 };
    static char text[SIZE + 1];
    const char *words[WORDS];
    memset(text, 'a', SIZE);
    for (unsigned i = 0; i < WORDS; i++)
        words[i] = text;
    struct pyr_run_facts facts = model_facts;
    facts.command = words;
    facts.command_count = WORDS;
    struct pyr_writer *writer = writer_to("command");
    assert_int_equal(pyr_writer_facts(writer, &facts), 0);
    assert_int_equal(pyr_writer_close(writer, NULL), 0);
    struct pyr_reader *reader = reader_of("command");
    read_all(reader);
    assert_int_equal(pyr_reader_facts(reader)->command_count, PYR_COMMAND_BYTES_MAX / (SIZE + 10));
    assert_string_equal(pyr_reader_facts(reader)->command[16], text);
    pyr_reader_close(reader);
}

static void misuse_is_refused_and_does_not_stick(void **state)
{
    (void)state;
    struct pyr_writer *w = writer_to("misuse");
    assert_int_equal(pyr_writer_thread(w, &(struct pyr_thread_facts){.process = 0}), PYR_E_MISUSE);
    assert_int_equal(pyr_writer_node(w, 0, 0, 0), PYR_E_MISUSE);
    assert_int_equal(pyr_writer_tick_begin(w, 0, 0, 0), PYR_E_MISUSE);
    assert_int_equal(pyr_writer_tick_end(w), PYR_E_MISUSE);
    assert_int_equal(pyr_writer_process(w, &(struct pyr_process_facts){.pid = 1}), 0);
    assert_int_equal(pyr_writer_process(w, &(struct pyr_process_facts){.pid = 2}), 1);
    assert_int_equal(pyr_writer_thread(w, &(struct pyr_thread_facts){.process = 0}), 0);
    assert_int_equal(pyr_writer_thread(w, &(struct pyr_thread_facts){.process = 1}), 1);
    assert_int_equal(pyr_writer_code(w, &(struct pyr_code_facts){.name = "f"}), 0);
    assert_int_equal(pyr_writer_node(w, 1, 0, 0), PYR_E_MISUSE);
    assert_int_equal(pyr_writer_node(w, 0, 0, -5), 1);
    assert_int_equal(pyr_writer_node(w, 0, 0, -1), 1);
    assert_int_equal(pyr_writer_sample(w, 0, 1, 0), PYR_E_MISUSE);
    assert_int_equal(pyr_writer_tick_begin(w, 0, 5000, 0), 0);
    assert_int_equal(pyr_writer_tick_begin(w, 0, 5000, 0), PYR_E_MISUSE);
    assert_int_equal(pyr_writer_flush(w, NULL), PYR_E_MISUSE);
    assert_int_equal(pyr_writer_sample(w, 1, 1, 0), PYR_E_MISUSE); /* of another process */
    assert_int_equal(pyr_writer_sample(w, 0, 2, 0), PYR_E_MISUSE);
    assert_int_equal(pyr_writer_sample(w, 0, 1, 0), 0);
    assert_int_equal(pyr_writer_thread_end(w, 0), 0);
    assert_int_equal(pyr_writer_thread_end(w, 0), PYR_E_MISUSE);
    assert_int_equal(pyr_writer_sample(w, 0, 1, 0), PYR_E_MISUSE);
    assert_int_equal(pyr_writer_tick_end(w), 0);
    assert_int_equal(pyr_writer_process_end(w, 0, 1, 0, 0, 0), 0);
    assert_int_equal(pyr_writer_usage(w, 0, 1, 0, 0), PYR_E_MISUSE);
    assert_int_equal(pyr_writer_close(w, NULL), 0);
    struct pyr_reader *reader = reader_of("misuse");
    struct pyr_event event;
    unsigned ticks = 0;
    while (pyr_reader_next(reader, &event, NULL) > 0) {
        ticks += event.kind == PYR_EVENT_TICK;
        if (event.kind == PYR_EVENT_PROCESS_END)
            assert_int_equal(event.time_ns, 5000); /* time does not go back */
    }
    assert_int_equal(ticks, 1);
    assert_true(pyr_reader_complete(reader, NULL));
    pyr_reader_close(reader);
}

/* Each tick is 1.4 us after the last: rounding each step down would lose 0.4 us every time. */
static void time_does_not_drift(void **state)
{
    (void)state;
    struct pyr_writer *w = writer_to("drift");
    assert_int_equal(pyr_writer_process(w, &(struct pyr_process_facts){.pid = 1}), 0);
    for (uint64_t i = 1; i <= 100000; i++) {
        assert_int_equal(pyr_writer_tick_begin(w, 0, i * 1400, 0), 0);
        assert_int_equal(pyr_writer_tick_end(w), 0);
    }
    assert_int_equal(pyr_writer_close(w, NULL), 0);
    struct pyr_reader *reader = reader_of("drift");
    struct pyr_event event;
    uint64_t last = 0;
    while (pyr_reader_next(reader, &event, NULL) > 0)
        last = event.time_ns;
    assert_int_equal(last, 140000000);
    pyr_reader_close(reader);
}

/* More threads than there are tables of recent nodes: they are taken from one another, on both sides alike. */
static void more_threads_than_tables(void **state)
{
    (void)state;
    enum { THREADS = PYR_RECENT_POOL + 900 };
    struct pyr_writer *w = writer_to("many");
    assert_int_equal(pyr_writer_process(w, &(struct pyr_process_facts){.pid = 1}), 0);
    assert_int_equal(pyr_writer_code(w, &(struct pyr_code_facts){.name = "f"}), 0);
    for (uint32_t t = 0; t < THREADS; t++)
        assert_int_equal(pyr_writer_thread(w, &(struct pyr_thread_facts){.process = 0}), t);
    for (int32_t i = 0; i < 1000; i++)
        assert_int_equal(pyr_writer_node(w, 0, 0, i), i + 1);
    for (uint32_t tick = 0; tick < 5; tick++) {
        assert_int_equal(pyr_writer_tick_begin(w, 0, tick * 10000, 0), 0);
        for (uint32_t t = 0; t < THREADS; t++)
            assert_int_equal(pyr_writer_sample(w, t, 1 + (t + tick % 2) % 1000, 0), 0);
        assert_int_equal(pyr_writer_tick_end(w), 0);
    }
    assert_int_equal(pyr_writer_close(w, NULL), 0);
    struct pyr_reader *reader = reader_of("many");
    struct pyr_event event;
    uint32_t tick = 0;
    while (pyr_reader_next(reader, &event, NULL) > 0) {
        if (event.kind != PYR_EVENT_TICK)
            continue;
        assert_int_equal(event.sample_count, THREADS);
        for (uint32_t t = 0; t < THREADS; t++)
            assert_int_equal(event.samples[t].node, 1 + (t + tick % 2) % 1000);
        tick++;
    }
    assert_int_equal(tick, 5);
    assert_true(pyr_reader_complete(reader, NULL));
    pyr_reader_close(reader);
}

static int teardown(void **state)
{
    (void)state;
    test_directory_remove();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_streams_come_back),
        cmocka_unit_test(bytes_are_counted_and_flush_writes_all),
        cmocka_unit_test(last_facts_and_quality_count),
        cmocka_unit_test(text_is_made_fit),
        cmocka_unit_test(huge_things_are_cut_or_left_out),
        cmocka_unit_test(long_commands_are_cut),
        cmocka_unit_test(misuse_is_refused_and_does_not_stick),
        cmocka_unit_test(time_does_not_drift),
        cmocka_unit_test(more_threads_than_tables),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
