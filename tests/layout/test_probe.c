/* The probe against a made-up CPython 3.12 in our own memory, whole and damaged. */
#include "tests.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    SIZE = 4 << 20,
    RUNTIME = 0,
    INTERP = 1 << 16,
    OBJECTS = 2 << 20,
    GIL_SHIFT = 48,
    GC_SHIFT = -24,
};

struct fake {
    struct pyr_target *target;
    const struct pyr_layout_source *source;
    struct pyr_layout layout;
    uint8_t *memory;
    size_t used;                  /* of the objects' part */
    size_t thread, frame, gil_at; /* places in memory */
};

static uint64_t address(const struct fake *fake, size_t place)
{
    return (uint64_t)(uintptr_t)fake->memory + place;
}

static void put(struct fake *fake, size_t place, int32_t offset, uint64_t value)
{
    assert_int_not_equal(offset, PYR_ABSENT);
    memcpy(fake->memory + place + offset, &value, sizeof value);
}

static void point(struct fake *fake, size_t place, int32_t offset, size_t to)
{
    put(fake, place, offset, address(fake, to));
}

static size_t make(struct fake *fake, size_t size)
{
    size_t place = OBJECTS + fake->used;
    fake->used += (size + 63) / 64 * 64;
    assert_true(OBJECTS + fake->used <= SIZE);
    return place;
}

static size_t make_object(struct fake *fake, const char *type_name)
{
    size_t type = make(fake, 512), name = make(fake, 64), object = make(fake, 512);
    memcpy(fake->memory + name, type_name, strlen(type_name) + 1);
    point(fake, type, fake->layout.type_name, name);
    point(fake, object, fake->layout.object_type, type);
    return object;
}

static size_t make_code(struct fake *fake)
{
    size_t code = make_object(fake, "code");
    point(fake, code, fake->layout.code_name, make_object(fake, "str"));
    point(fake, code, fake->layout.code_filename, make_object(fake, "str"));
    point(fake, code, fake->layout.code_linetable, make_object(fake, "bytes"));
    return code;
}

static void make_thread(struct fake *fake)
{
    const struct pyr_layout *layout = &fake->layout;
    size_t cframe = make(fake, 64), chunk = make(fake, 64);
    fake->thread = make(fake, layout->tstate_size);
    fake->frame = make(fake, layout->frame_size);
    point(fake, INTERP, layout->interp_threads_head, fake->thread);
    point(fake, fake->thread, layout->tstate_interp, INTERP);
    point(fake, fake->thread, layout->tstate_cframe, cframe);
    point(fake, fake->thread, layout->tstate_datastack_chunk, chunk);
    put(fake, fake->thread, layout->tstate_thread_id, 0x7f0000001000);
    put(fake, fake->thread, layout->tstate_native_thread_id, 4242);
    put(fake, chunk, layout->chunk_size, 16384);
    point(fake, cframe, layout->cframe_current_frame, fake->frame);
    point(fake, fake->frame, layout->frame_code, make_code(fake));
}

static void make_interpreter(struct fake *fake)
{
    const struct pyr_layout *layout = &fake->layout;
    fake->gil_at = INTERP + 100000;
    put(fake, RUNTIME, layout->runtime_initialized, 1);
    put(fake, RUNTIME, layout->runtime_main_thread, 0x7f0000001000);
    point(fake, RUNTIME, layout->runtime_interpreters_head, INTERP);
    point(fake, INTERP, layout->interp_modules, make_object(fake, "dict"));
    point(fake, INTERP, layout->interp_sysdict, make_object(fake, "dict"));
    point(fake, INTERP, layout->interp_gil, fake->gil_at);
    put(fake, fake->gil_at, 0, 5000);
    put(fake, fake->gil_at, layout->gil_locked, 1);
    point(fake, INTERP, fake->source->interp_generation0, INTERP + (size_t)fake->source->interp_generations);
    make_thread(fake);
    point(fake, fake->gil_at, layout->gil_last_holder, fake->thread);
}

static int set_up(void **state)
{
    struct fake *fake = calloc(1, sizeof *fake);
    assert_non_null(fake);
    fake->source = pyr_layout_source_find(3, 12, false);
    fake->layout = *fake->source->layout;
    fake->memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(fake->memory != MAP_FAILED);
    assert_int_equal(pyr_target_open(&fake->target, getpid(), NULL), 0);
    make_interpreter(fake);
    *state = fake;
    return 0;
}

static int tear_down(void **state)
{
    struct fake *fake = *state;
    pyr_target_close(fake->target);
    munmap(fake->memory, SIZE);
    free(fake);
    return 0;
}

static int probe(struct fake *fake, struct pyr_err *err)
{
    return pyr_layout_probe(&fake->layout, fake->source, fake->target, PYR_ADDR(address(fake, RUNTIME)), err);
}

static void a_sound_process_passes(void **state)
{
    struct fake *fake = *state;
    assert_int_equal(probe(fake, NULL), 0);
    assert_memory_equal(&fake->layout, fake->source->layout, sizeof fake->layout);
}

static void one_that_starts_up_is_told_apart(void **state)
{
    struct fake *fake = *state;
    put(fake, INTERP, fake->layout.interp_threads_head, 0);
    assert_int_equal(probe(fake, NULL), PYR_E_AGAIN);
    put(fake, RUNTIME, fake->layout.runtime_interpreters_head, 0);
    assert_int_equal(probe(fake, NULL), PYR_E_AGAIN);
    put(fake, RUNTIME, fake->layout.runtime_initialized, 0);
    assert_int_equal(probe(fake, NULL), PYR_E_AGAIN);
}

static void a_moved_gil_is_found(void **state)
{
    struct fake *fake = *state;
    int32_t stated = fake->layout.interp_gil;
    put(fake, INTERP, stated, 0x1234);
    point(fake, INTERP, stated + GIL_SHIFT, fake->gil_at);
    assert_int_equal(probe(fake, NULL), 0);
    assert_int_equal(fake->layout.interp_gil, stated + GIL_SHIFT);
}

static void a_gil_in_two_places_is_none(void **state)
{
    struct fake *fake = *state;
    int32_t stated = fake->layout.interp_gil;
    put(fake, INTERP, stated, 0x1234);
    point(fake, INTERP, stated + GIL_SHIFT, fake->gil_at);
    point(fake, INTERP, stated + 2 * GIL_SHIFT, fake->gil_at);
    assert_int_equal(probe(fake, NULL), 0);
    assert_false(PYR_HAS(&fake->layout, interp_gil));
}

static void a_moved_collector_is_found(void **state)
{
    struct fake *fake = *state;
    int32_t stated = fake->layout.interp_gc_collecting;
    put(fake, INTERP, fake->source->interp_generation0, 0);
    point(fake, INTERP, fake->source->interp_generation0 + GC_SHIFT,
          (size_t)(INTERP + fake->source->interp_generations + GC_SHIFT));
    assert_int_equal(probe(fake, NULL), 0);
    assert_int_equal(fake->layout.interp_gc_collecting, stated + GC_SHIFT);
}

static void what_is_contradicted_is_absent(void **state)
{
    struct fake *fake = *state;
    put(fake, RUNTIME, fake->layout.runtime_finalizing, 0xdead0);
    put(fake, RUNTIME, fake->layout.runtime_main_thread, 77);
    put(fake, INTERP, fake->layout.interp_sysdict, address(fake, fake->frame));
    put(fake, fake->thread, fake->layout.tstate_native_thread_id, UINT64_MAX);
    assert_int_equal(probe(fake, NULL), 0);
    assert_false(PYR_HAS(&fake->layout, runtime_finalizing));
    assert_false(PYR_HAS(&fake->layout, runtime_main_thread));
    assert_false(PYR_HAS(&fake->layout, interp_sysdict));
    assert_false(PYR_HAS(&fake->layout, tstate_native_thread_id));
    assert_true(PYR_HAS(&fake->layout, interp_modules));
}

static void expect_unsupported(struct fake *fake)
{
    struct pyr_err err = {0};
    assert_int_equal(probe(fake, &err), PYR_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "3.12"));
}

static void broken_lists_are_refused(void **state)
{
    struct fake *fake = *state;
    put(fake, fake->thread, fake->layout.tstate_next, 0x1001);
    expect_unsupported(fake);
    point(fake, fake->thread, fake->layout.tstate_next, fake->thread); /* for ever */
    expect_unsupported(fake);
    put(fake, fake->thread, fake->layout.tstate_next, 0);
    put(fake, INTERP, fake->layout.interp_id, 3);
    point(fake, INTERP, fake->layout.interp_next, INTERP);
    expect_unsupported(fake);
    put(fake, INTERP, fake->layout.interp_id, (uint64_t)-1);
    expect_unsupported(fake);
    put(fake, RUNTIME, fake->layout.runtime_interpreters_head, 0xffff800000000000);
    expect_unsupported(fake);
}

static void a_frame_without_code_is_refused(void **state)
{
    struct fake *fake = *state;
    point(fake, fake->frame, fake->layout.frame_code, make_object(fake, "coda"));
    point(fake, fake->frame, fake->layout.frame_previous, fake->frame);
    expect_unsupported(fake);
}

/* Every word of the structures replaced by pointers into the same memory, at random. */
static void a_soup_of_pointers(void **state)
{
    struct fake *fake = *state;
    unsigned seed = 312;
    for (int round = 0; round < 300; round++) {
        for (int changes = 0; changes < 2000; changes++) {
            size_t place = (size_t)rand_r(&seed) % (SIZE / 8) * 8;
            uint64_t value = rand_r(&seed) % 4 ? address(fake, (size_t)rand_r(&seed) % SIZE / 8 * 8)
                                               : (uint64_t)rand_r(&seed) << (rand_r(&seed) % 33);
            memcpy(fake->memory + place, &value, sizeof value);
        }
        fake->layout = *fake->source->layout;
        put(fake, RUNTIME, fake->layout.runtime_initialized, 1);
        if (round % 2)
            point(fake, RUNTIME, fake->layout.runtime_interpreters_head, INTERP);
        int status = probe(fake, NULL);
        assert_true(status == 0 || status == PYR_E_UNSUPPORTED || status == PYR_E_AGAIN);
    }
}

int run_probe_tests(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(a_sound_process_passes),      TEST(one_that_starts_up_is_told_apart), TEST(a_moved_gil_is_found),
        TEST(a_gil_in_two_places_is_none), TEST(a_moved_collector_is_found),       TEST(what_is_contradicted_is_absent),
        TEST(broken_lists_are_refused),    TEST(a_frame_without_code_is_refused),  TEST(a_soup_of_pointers),
#undef TEST
    };
    return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
