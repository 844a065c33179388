/* Recordings that are cut off, damaged, on a full disk, or made and read without enough memory. */
#include "support.h"

#include "base/alloc.h"
#include "record/recent.h"
#include "record/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct recording {
    struct model model;
    uint8_t *bytes;
    size_t size;
};

static void write_file(const char *name, const uint8_t *bytes, size_t size)
{
    int fd = open(test_path(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), size);
    close(fd);
}

static void make(struct recording *r, uint64_t seed, unsigned events)
{
    struct pyr_writer *writer = NULL;
    model_init(&r->model, seed);
    assert_int_equal(pyr_writer_open(&writer, test_path("made"), true, &model_facts, NULL), 0);
    assert_int_equal(model_write(&r->model, writer, events), 0);
    assert_int_equal(pyr_writer_close(writer, NULL), 0);
    int fd = open(test_path("made"), O_RDONLY);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    r->size = (size_t)st.st_size;
    r->bytes = malloc(r->size);
    assert_int_equal(read(fd, r->bytes, r->size), st.st_size);
    close(fd);
}

static void drop(struct recording *r)
{
    model_release(&r->model);
    free(r->bytes);
}

static size_t frame_size(const struct recording *r, size_t at)
{
    return PYR_FRAME_HEADER_SIZE + pyr_frame_header_get(r->bytes + at).stored_size;
}

static void every_cut_leaves_a_prefix(void **state)
{
    (void)state;
    struct recording r;
    make(&r, 11, 250);
    size_t facts_end = PYR_WIRE_HEADER_SIZE + frame_size(&r, PYR_WIRE_HEADER_SIZE), boundary = facts_end;
    long last = 0;
    for (size_t cut = 0; cut <= r.size; cut++) {
        write_file("cut", r.bytes, cut);
        bool complete = true;
        char why[200], expected[200];
        long events = model_check(&r.model, test_path("cut"), &complete, why);
        assert_int_equal(events < 0, cut < facts_end);
        if (events < 0)
            continue;
        assert_true(events >= last);
        last = events;
        assert_int_equal(complete, cut == r.size);
        if (cut == boundary + frame_size(&r, boundary) && cut < r.size)
            boundary = cut;
        snprintf(expected, sizeof expected,
                 cut == boundary ? "not closed: the recording ends without its end mark at byte %zu"
                                 : "cut off at byte %zu",
                 cut);
        assert_string_equal(why, cut == r.size ? "" : expected);
    }
    assert_int_equal(last, r.model.events.count);
    drop(&r);
}

static void every_flipped_byte_is_seen(void **state)
{
    (void)state;
    struct recording r;
    make(&r, 12, 200);
    for (size_t at = 0; at < r.size; at++) {
        uint8_t whole = r.bytes[at];
        r.bytes[at] ^= (uint8_t)(1u << (at % 8));
        write_file("flipped", r.bytes, r.size);
        r.bytes[at] = whole;
        bool complete = false;
        char why[200];
        long events = model_check(&r.model, test_path("flipped"), &complete, why);
        assert_false(complete);
        assert_true(events < 0 || strstr(why, " at byte "));
    }
    drop(&r);
}

/* The frame is whole, but of a kind or stored in a way that this reader does not know. */
static void unknown_frames(void **state)
{
    (void)state;
    struct recording r;
    make(&r, 13, 200);
    for (unsigned way = 0; way < 3; way++) {
        size_t facts_end = PYR_WIRE_HEADER_SIZE + frame_size(&r, PYR_WIRE_HEADER_SIZE);
        uint8_t *bytes = malloc(r.size + PYR_FRAME_HEADER_SIZE + 5);
        uint8_t *frame = bytes + facts_end;
        memcpy(bytes, r.bytes, facts_end);
        struct pyr_frame_header header = {.kind = 900, .stored_size = 5, .raw_size = way == 2 ? 9 : 5};
        header.flags = way == 0 ? 0 : way == 1 ? PYR_FRAME_SKIPPABLE : PYR_FRAME_SKIPPABLE | 1 << 9;
        pyr_frame_header_put(frame, &header);
        memcpy(frame + PYR_FRAME_HEADER_SIZE, "hello", 5);
        header.checksum = pyr_frame_checksum(frame, 5);
        pyr_frame_header_put(frame, &header);
        memcpy(frame + PYR_FRAME_HEADER_SIZE + 5, r.bytes + facts_end, r.size - facts_end);
        write_file("unknown", bytes, r.size + PYR_FRAME_HEADER_SIZE + 5);
        free(bytes);
        bool complete = false;
        char why[200];
        if (way > 0) {
            assert_int_equal(model_check(&r.model, test_path("unknown"), &complete, why), r.model.events.count);
            assert_true(complete);
            continue;
        }
        struct pyr_reader *reader = NULL;
        struct pyr_event event;
        struct pyr_err err = {0};
        assert_int_equal(pyr_reader_open(&reader, test_path("unknown"), NULL), 0);
        assert_int_equal(pyr_reader_next(reader, &event, &err), PYR_E_FORMAT);
        assert_non_null(strstr(err.text, "newer pyrometer"));
        assert_int_equal(pyr_reader_next(reader, &event, &err), PYR_E_FORMAT);
        pyr_reader_close(reader);
    }
    drop(&r);
}

static int open_status(const char *name, struct pyr_err *err)
{
    struct pyr_reader *reader = NULL;
    int rc = pyr_reader_open(&reader, test_path(name), err);
    assert_null(reader);
    return rc;
}

static void foreign_files_are_refused_with_reasons(void **state)
{
    (void)state;
    struct pyr_err err = {0};
    uint8_t header[PYR_WIRE_HEADER_SIZE];
    write_file("foreign", (const uint8_t *)"", 0);
    assert_int_equal(open_status("foreign", &err), PYR_E_FORMAT);
    assert_non_null(strstr(err.text, "empty"));
    write_file("foreign", (const uint8_t *)"{\"json\": 1}", 11);
    assert_int_equal(open_status("foreign", &err), PYR_E_FORMAT);
    assert_non_null(strstr(err.text, "not a recording"));
    assert_int_equal(open_status("absent", &err), PYR_E_NOT_FOUND);
    assert_int_equal(open_status(".", &err), PYR_E_IO);
    for (unsigned way = 0; way < 2; way++) {
        pyr_wire_header_put(header, 0);
        header[way ? 12 : 10] = 9; /* a feature that readers must know; or the least version of a reader */
        memcpy(header + 24, "7.8.9\0\0", 7);
        pyr_wire_header_seal(header);
        write_file("foreign", header, sizeof header);
        assert_int_equal(open_status("foreign", &err), PYR_E_FORMAT);
        assert_non_null(strstr(err.text, "pyrometer 7.8.9"));
    }
}

static void existing_files_are_kept(void **state)
{
    (void)state;
    struct pyr_writer *writer = NULL, *second = NULL;
    struct pyr_err err = {0};
    write_file("kept", (const uint8_t *)"precious", 8);
    assert_int_equal(pyr_writer_open(&writer, test_path("kept"), false, &model_facts, &err), PYR_E_EXISTS);
    assert_non_null(strstr(err.text, "--force"));
    struct stat st;
    assert_int_equal(stat(test_path("kept"), &st), 0);
    assert_int_equal(st.st_size, 8);
    assert_int_equal(pyr_writer_open(&writer, test_path("kept"), true, &model_facts, &err), 0);
    assert_int_equal(pyr_writer_open(&second, test_path("kept"), true, &model_facts, &err), PYR_E_EXISTS);
    assert_non_null(strstr(err.text, "being written"));
    assert_int_equal(pyr_writer_close(writer, NULL), 0);
    assert_int_equal(pyr_writer_open(&writer, test_path("."), true, &model_facts, &err), PYR_E_EXISTS);
    assert_int_equal(pyr_writer_open(&writer, test_path("no/such"), true, &model_facts, &err), PYR_E_IO);
    assert_int_equal(mkfifo(test_path("fifo"), 0600), 0);
    assert_int_equal(pyr_writer_open(&writer, test_path("fifo"), true, &model_facts, &err), PYR_E_EXISTS);
    assert_non_null(strstr(err.text, "pipe"));
    assert_int_equal(pyr_writer_open(&writer, "/dev/null", false, &model_facts, &err), 0);
    assert_int_equal(pyr_writer_close(writer, NULL), 0);
    assert_int_equal(pyr_writer_open(&writer, "/dev/tty", true, &model_facts, &err), PYR_E_EXISTS);
}

/* The file may not grow beyond each size in turn, as on a disk that is full. */
static void full_disk_leaves_whole_frames(void **state)
{
    (void)state;
    struct rlimit old, limit;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    for (rlim_t size = 0; size < 6000; size += 37) {
        struct model model;
        model_init(&model, 21);
        struct pyr_writer *writer = NULL;
        struct pyr_err err = {0};
        limit = (struct rlimit){size, old.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        int rc = pyr_writer_open(&writer, test_path("full"), true, &model_facts, &err);
        bool opened = rc == 0;
        if (opened) {
            rc = model_write(&model, writer, 2000);
            int again = pyr_writer_tick_begin(writer, 0, 0, 0);
            assert_int_equal(rc < 0 ? again : PYR_E_IO, PYR_E_IO);
            assert_int_equal(pyr_writer_close(writer, &err), PYR_E_IO);
        }
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
        assert_non_null(strstr(err.text, "full: File too large"));
        if (!opened) {
            assert_int_not_equal(access(test_path("full"), F_OK), 0);
        } else {
            bool complete = true;
            char why[200];
            assert_true(model_check(&model, test_path("full"), &complete, why) >= 0);
            assert_non_null(strstr(why, "not closed"));
        }
        unlink(test_path("full"));
        model_release(&model);
    }
}

static void dev_full_reports_no_space(void **state)
{
    (void)state;
    struct pyr_writer *writer = NULL;
    struct pyr_err err = {0};
    assert_int_equal(pyr_writer_open(&writer, "/dev/full", false, &model_facts, &err), PYR_E_IO);
    assert_non_null(strstr(err.text, "/dev/full"));
    assert_non_null(strstr(err.text, strerror(ENOSPC)));
}

static void every_failed_allocation_in_the_writer(void **state)
{
    (void)state;
    unsigned failures = 0;
    for (long n = 1;; n++) {
        struct model model;
        struct pyr_writer *writer = NULL;
        struct pyr_err err = {0};
        model_init(&model, 31);
        pyr_alloc_fail_after(n);
        int rc = pyr_writer_open(&writer, test_path("alloc"), true, &model_facts, &err);
        if (rc == 0) {
            rc = model_write(&model, writer, 1500);
            int closed = pyr_writer_close(writer, &err);
            assert_true(rc == 0 || closed == rc);
            bool complete;
            char why[200];
            pyr_alloc_fail_after(0);
            long events = model_check(&model, test_path("alloc"), &complete, why);
            assert_true(events >= 0);
            assert_int_equal(complete, closed == 0);
            rc = closed;
        }
        pyr_alloc_fail_after(0);
        model_release(&model);
        if (rc == 0)
            break;
        failures++;
        assert_int_equal(rc, PYR_E_NOMEM);
        assert_true(err.text[0]);
    }
    assert_true(failures > 30);
}

static void every_failed_allocation_in_the_reader(void **state)
{
    (void)state;
    struct recording r;
    make(&r, 32, 1500);
    write_file("alloc", r.bytes, r.size);
    unsigned failures = 0;
    for (long n = 1;; n++) {
        struct pyr_reader *reader = NULL;
        struct pyr_event event;
        struct pyr_err err = {0};
        pyr_alloc_fail_after(n);
        int rc = pyr_reader_open(&reader, test_path("alloc"), &err);
        while (rc == 0 && (rc = pyr_reader_next(reader, &event, &err)) > 0)
            rc = 0;
        pyr_alloc_fail_after(0);
        bool whole = rc == 0 && pyr_reader_complete(reader, NULL);
        pyr_reader_close(reader);
        if (whole)
            break;
        assert_int_equal(rc, PYR_E_NOMEM);
        assert_true(err.text[0]);
        failures++;
    }
    assert_true(failures > 30);
    drop(&r);
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
        cmocka_unit_test(every_cut_leaves_a_prefix),
        cmocka_unit_test(every_flipped_byte_is_seen),
        cmocka_unit_test(unknown_frames),
        cmocka_unit_test(foreign_files_are_refused_with_reasons),
        cmocka_unit_test(existing_files_are_kept),
        cmocka_unit_test(full_disk_leaves_whole_frames),
        cmocka_unit_test(dev_full_reports_no_space),
        cmocka_unit_test(every_failed_allocation_in_the_writer),
        cmocka_unit_test(every_failed_allocation_in_the_reader),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
