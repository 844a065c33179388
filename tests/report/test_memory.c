/* Every allocation of every format made to fail once: an error, no crash, and (under the sanitizers) no leak. */
#include "base/alloc.h"
#include "pyrometer/pyrometer.h"
#include "scenarios.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ALLOCATIONS_MAX 100000
#define SURELY_OVER 30 /* so many without a failure in a row: there are no more allocations */

static char path[] = "/tmp/pyrometer-test-XXXXXX";

static int fill(struct pyr_writer *writer, const char *name)
{
    for (unsigned i = 0; i < scenario_count; i++)
        if (strcmp(scenarios[i].name, name) == 0)
            return scenarios[i].fill(writer, 0);
    return -1;
}

/* Something for every format: time, memory, collections and instructions. */
static int make_recording(void **state)
{
    (void)state;
    const struct pyr_run_facts facts = {
        .pyrometer = "0", .python = "3.12.1", .host = "", .mode = "wall", .rate_hz = 1000, .opcodes = true};
    struct pyr_writer *writer;
    int fd = mkstemp(path);
    if (fd < 0 || close(fd) < 0 || pyr_writer_open(&writer, path, true, &facts, NULL) < 0)
        return -1;
    int rc = fill(writer, "plain");
    rc = rc < 0 ? rc : fill(writer, "memory");
    rc = rc < 0 ? rc : fill(writer, "gc");
    rc = rc < 0 ? rc : fill(writer, "opcodes");
    return pyr_writer_close(writer, NULL) < 0 ? -1 : rc;
}

static int remove_recording(void **state)
{
    (void)state;
    return unlink(path);
}

static int report_failing(const char *format, long nth, struct pyr_err *err)
{
    bool opcodes = strcmp(format, "lines") == 0 || strcmp(format, "json") == 0;
    const char *functions = strcmp(format, "plot") == 0 ? "parse,fib" : NULL;
    const struct pyr_report_options options = {.format = format, .opcodes = opcodes, .functions = functions};
    FILE *out = fopen("/dev/null", "w");
    assert_non_null(out);
    *err = (struct pyr_err){0};
    pyr_alloc_fail_after(nth);
    int rc = pyr_report(path, &options, out, err);
    pyr_alloc_fail_after(0);
    fclose(out);
    return rc;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    unsigned count;
    const struct pyr_report_format *formats = pyr_report_formats(&count);
    for (unsigned i = 0; i < count; i++) {
        struct pyr_err err;
        long failed = 0, in_a_row = 0;
        for (long nth = 1; nth < ALLOCATIONS_MAX && in_a_row < SURELY_OVER; nth++) {
            int rc = report_failing(formats[i].name, nth, &err);
            assert_true(rc <= 0);
            assert_true(rc == 0 || err.text[0]);
            failed += rc < 0;
            in_a_row = rc < 0 ? 0 : in_a_row + 1;
        }
        assert_int_equal(report_failing(formats[i].name, 0, &err), 0);
        assert_true(failed > 20);
    }
}

static void a_full_disk_is_an_error(void **state)
{
    (void)state;
    unsigned count;
    const struct pyr_report_format *formats = pyr_report_formats(&count);
    for (unsigned i = 0; i < count; i++) {
        const struct pyr_report_options options = {.format = formats[i].name};
        struct pyr_err err = {0};
        FILE *out = fopen("/dev/full", "w");
        assert_non_null(out);
        assert_int_equal(pyr_report(path, &options, out, &err), PYR_E_IO);
        assert_non_null(strstr(err.text, "written"));
        fclose(out);
    }
}

static void what_is_not_a_recording_is_refused(void **state)
{
    (void)state;
    struct pyr_err err = {0};
    assert_true(pyr_report("/dev/null", NULL, stdout, &err) < 0);
    assert_true(err.text[0]);
    assert_true(pyr_report("/no/such/file.pyro", NULL, stdout, &err) < 0);
    assert_non_null(strstr(err.text, "/no/such/file.pyro"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_may_fail),
        cmocka_unit_test(a_full_disk_is_an_error),
        cmocka_unit_test(what_is_not_a_recording_is_refused),
    };
    return cmocka_run_group_tests(tests, make_recording, remove_recording);
}
