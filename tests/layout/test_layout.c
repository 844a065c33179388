#include "tests.h"

#include "layout/opcodes.h"
#include "record/format.h"

#include <stdlib.h>
#include <string.h>

static void hex_gives_version(void **state)
{
    (void)state;
    struct pyr_identity identity;
    assert_int_equal(pyr_identity_from_hex(&identity, 0x030E0AF0), 0);
    assert_string_equal(identity.text, "3.14.10");
    assert_false(identity.prerelease);
    assert_int_equal(pyr_identity_from_hex(&identity, 0x030F00A2), 0);
    assert_string_equal(identity.text, "3.15.0a2");
    assert_true(identity.prerelease);
    assert_int_equal(pyr_identity_from_hex(&identity, 0x030D00C3), 0);
    assert_string_equal(identity.text, "3.13.0rc3");
    assert_false(identity.prerelease);
}

static void hex_that_is_none_is_refused(void **state)
{
    (void)state;
    const uint64_t wrong[] = {0, 0x30, 0x030D0000, 0x030D00B0ull << 32, UINT64_MAX};
    struct pyr_identity identity;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(pyr_identity_from_hex(&identity, wrong[i]), PYR_E_FORMAT);
}

static int banner(struct pyr_identity *identity, const char *text)
{
    return pyr_identity_from_banner(identity, text, strlen(text) + 1);
}

static void banners_of_all_builders(void **state)
{
    (void)state;
    static const struct {
        const char *text, *version;
    } cases[] = {
        {"3.8.18 (default, Nov 21 2026, 07:52:03) \n[GCC 12.2.0]", "3.8.18"},
        {"3.10.13 (main, Nov 21 2026, 07:55:00) [GCC 12.2.0]", "3.10.13"},
        {"3.8.13 | packaged by conda-forge | (default, Mar 25 2022, 06:04:10) \n[GCC 10.3.0]", "3.8.13"},
        {"3.9.0a4+ (heads/x-dirty:abc, Jan  1 2020, 00:00:00) \n[Clang 9.0.1 ]", "3.9.0a4+"},
    };
    struct pyr_identity identity;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(banner(&identity, cases[i].text), 1);
        assert_string_equal(identity.text, cases[i].version);
    }
}

static void texts_that_are_no_banner(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",         "3.",         "3.8.18",           "3.8.18 (default",           "3.8.18 (default) [",
        "33.8.1 x", "3.8 (a) [x", "x3.8.1 (a) [GCC]", "3.8.1 \0 (default) [GCC 1", "3.12345.1 (a) [GCC]",
    };
    struct pyr_identity identity;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(banner(&identity, cases[i]), strcmp(cases[i], "3.8.18 (default) [") == 0 ? 1 : 0);
}

static void banners_that_differ_are_told(void **state)
{
    (void)state;
    static const char two[] = "3.8.18 (default) \n[GCC]\0003.9.1 (default) \n[GCC]";
    static const char same[] = "3.8.18 (default) \n[GCC]\0003.8.18 (default) \n[GCC]";
    struct pyr_identity identity;
    assert_int_equal(pyr_identity_from_banner(&identity, two, sizeof two), 2);
    assert_int_equal(pyr_identity_from_banner(&identity, same, sizeof same), 1);
}

static void paths(void **state)
{
    (void)state;
    struct pyr_identity identity;
    assert_int_equal(pyr_identity_from_path(&identity, "/usr/lib/libpython3.8.so.1.0"), 0);
    assert_int_equal(identity.minor, 8);
    assert_int_equal(pyr_identity_from_path(&identity, "/opt/python3.9/bin/python3.10"), 0);
    assert_int_equal(identity.minor, 10);
    assert_int_equal(identity.micro, -1);
    assert_int_equal(pyr_identity_from_path(&identity, "/opt/python3.9/bin/app"), 0);
    assert_int_equal(identity.minor, 9);
    assert_int_equal(pyr_identity_from_path(&identity, "/usr/bin/python3"), PYR_E_NOT_FOUND);
    assert_int_equal(pyr_identity_from_path(&identity, "/usr/bin/python3.x"), PYR_E_NOT_FOUND);
    assert_int_equal(pyr_identity_from_path(&identity, ""), PYR_E_NOT_FOUND);
}

static void every_version_has_a_table(void **state)
{
    (void)state;
    for (int minor = 8; minor <= 15; minor++) {
        const struct pyr_layout *layout = pyr_layout_table(3, minor, false);
        assert_non_null(layout);
        assert_int_equal(layout->version_minor, minor);
        assert_true(PYR_HAS(layout, tstate_cframe) != PYR_HAS(layout, tstate_frame));
        assert_true(PYR_HAS(layout, tstate_cframe) == PYR_HAS(layout, cframe_current_frame));
        assert_true(PYR_HAS(layout, runtime_tstate_current) == (layout->gil_kind == PYR_GIL_RUNTIME_CURRENT));
        assert_true(PYR_HAS(layout, frame_owner) == (layout->frame_kind == PYR_FRAME_INTERPRETER));
        assert_true(PYR_HAS(layout, code_adaptive) != PYR_HAS(layout, code_bytes));
        assert_true(layout->frame_refs_tagged == (layout->frame_ref_mask != 0));
    }
    assert_null(pyr_layout_table(3, 7, false));
    assert_null(pyr_layout_table(3, 16, false));
    assert_null(pyr_layout_table(3, 14, true));
    assert_null(pyr_layout_table(2, 7, false));
}

static void line_tables_have_the_numbers_of_the_format(void **state)
{
    (void)state;
    assert_int_equal(pyr_layout_table(3, 9, false)->linetable_kind, PYR_LINETABLE_LNOTAB);
    assert_int_equal(pyr_layout_table(3, 10, false)->linetable_kind, PYR_LINETABLE_PAIRS);
    assert_int_equal(pyr_layout_table(3, 11, false)->linetable_kind, PYR_LINETABLE_LOCATIONS);
    assert_int_equal(pyr_layout_table(3, 15, false)->linetable_kind, PYR_LINETABLE_LOCATIONS);
}

static void known_versions_are_named(void **state)
{
    (void)state;
    char text[32];
    pyr_layout_known(text, sizeof text);
    assert_string_equal(text, "3.8 to 3.15");
}

/* ---- debug offsets ---- */

enum { RUNTIME_SIZE_AT = 24, FAKE_SIZE = 1 << 20 };

static void set_word(uint8_t *bytes, size_t position, uint64_t value)
{
    memcpy(bytes + position, &value, sizeof value);
}

static int32_t member(const struct pyr_layout *layout, size_t at)
{
    int32_t value;
    memcpy(&value, (const char *)layout + at, sizeof value);
    return value;
}

/* A word that is added or taken away: where it is a field itself, as that; else some word. */
static uint64_t relative_to(const struct pyr_layout_source *source, uint8_t *bytes, size_t position)
{
    uint64_t value = 64;
    for (size_t i = 0; i < source->debug_count; i++)
        if (source->debug[i].position == position)
            value = (uint64_t)member(source->layout, source->debug[i].at);
    set_word(bytes, position, value);
    return value;
}

/* What a process of just this table would say. */
static uint8_t *debug_bytes(const struct pyr_layout_source *source)
{
    uint8_t *bytes = calloc(1, source->debug_size);
    assert_non_null(bytes);
    set_word(bytes, RUNTIME_SIZE_AT, FAKE_SIZE);
    for (size_t i = 0; i < source->debug_count; i++) {
        const struct pyr_debug_field *field = &source->debug[i];
        uint64_t value = (uint64_t)member(source->layout, field->at);
        if (field->limit)
            set_word(bytes, field->limit, FAKE_SIZE);
        if (field->minus)
            value += relative_to(source, bytes, field->minus);
        if (field->plus)
            value -= relative_to(source, bytes, field->plus);
        set_word(bytes, field->position, value);
    }
    return bytes;
}

static const struct pyr_layout_source *debug_source(int minor)
{
    return pyr_layout_source_find(3, minor, false);
}

static void debug_offsets_override_the_table(void **state)
{
    (void)state;
    for (int minor = 13; minor <= 15; minor++) {
        const struct pyr_layout_source *source = debug_source(minor);
        uint8_t *bytes = debug_bytes(source);
        struct pyr_layout layout = *source->layout;
        layout.interp_threads_head = 4;
        layout.interp_gc_collecting = 4;
        layout.gil_locked = 4;
        assert_int_equal(pyr_layout_apply_debug(&layout, source, bytes, FAKE_SIZE, NULL), 0);
        assert_int_equal(layout.interp_threads_head, source->layout->interp_threads_head);
        assert_int_equal(layout.interp_gc_collecting, source->layout->interp_gc_collecting);
        assert_int_equal(layout.gil_locked, source->layout->gil_locked);
        free(bytes);
    }
}

static void expect_refused(const struct pyr_layout_source *source, const uint8_t *bytes, uint64_t runtime_size)
{
    struct pyr_layout layout = *source->layout;
    struct pyr_err err = {0};
    assert_int_equal(pyr_layout_apply_debug(&layout, source, bytes, runtime_size, &err), PYR_E_FORMAT);
    assert_memory_equal(&layout, source->layout, sizeof layout);
    assert_true(strlen(err.text) > 0);
}

static void impossible_debug_offsets_are_refused(void **state)
{
    (void)state;
    uint64_t wrong[] = {FAKE_SIZE, 0, UINT64_MAX, UINT64_MAX - 7, 1ull << 32, INT64_MIN};
    for (int minor = 13; minor <= 15; minor++) {
        const struct pyr_layout_source *source = debug_source(minor);
        uint8_t *bytes = debug_bytes(source);
        for (size_t i = 0; i < source->debug_count; i++) {
            const struct pyr_debug_field *field = &source->debug[i];
            uint64_t good;
            memcpy(&good, bytes + field->position, sizeof good);
            wrong[1] = FAKE_SIZE - field->align + 1u;
            /* Without a limit of its own a small multiple of 8 is as good as another. */
            for (size_t n = field->limit ? 0 : 2; n < sizeof wrong / sizeof wrong[0]; n++) {
                set_word(bytes, field->position, wrong[n]);
                expect_refused(source, bytes, FAKE_SIZE);
            }
            if (field->align > 1) {
                set_word(bytes, field->position, good + 1);
                expect_refused(source, bytes, FAKE_SIZE);
            }
            set_word(bytes, field->position, good);
        }
        expect_refused(source, bytes, FAKE_SIZE + 8);
        free(bytes);
    }
}

static void a_hole_in_the_debug_offsets_is_refused(void **state)
{
    (void)state;
    const struct pyr_layout_source *source = debug_source(14);
    uint8_t *bytes = debug_bytes(source);
    for (size_t i = 0; i < source->debug_count; i++) {
        const struct pyr_debug_field *field = &source->debug[i];
        uint64_t good;
        if (member(source->layout, field->at) == 0 || field->plus || field->minus)
            continue;
        memcpy(&good, bytes + field->position, sizeof good);
        set_word(bytes, field->position, 0);
        expect_refused(source, bytes, 0);
        set_word(bytes, field->position, good);
    }
    free(bytes);
}

/* Whatever is there, what is accepted is inside its structure. */
static void garbage_in_debug_offsets(void **state)
{
    (void)state;
    unsigned seed = 20261121;
    for (int round = 0; round < 20000; round++) {
        const struct pyr_layout_source *source = debug_source(13 + round % 3);
        uint8_t *bytes = debug_bytes(source);
        for (int changes = rand_r(&seed) % 8; changes >= 0; changes--) {
            size_t position = (size_t)rand_r(&seed) % (source->debug_size - 7);
            set_word(bytes, position, (uint64_t)rand_r(&seed) << (rand_r(&seed) % 40));
        }
        struct pyr_layout layout = *source->layout;
        if (pyr_layout_apply_debug(&layout, source, bytes, 0, NULL) == 0)
            for (size_t i = 0; i < source->debug_count; i++)
                assert_in_range(member(&layout, source->debug[i].at), 0, 1 << 26);
        free(bytes);
    }
}

/* By name, as the numbers differ by version. */
static bool may_call(const struct pyr_opcodes *opcodes, const char *name)
{
    for (unsigned number = 0; number < 256; number++)
        if (opcodes->of[number].name && strcmp(opcodes->of[number].name, name) == 0)
            return pyr_opcode_may_call(opcodes, (uint8_t)number);
    fail_msg("no instruction is named %s", name);
    return false;
}

static void instructions_that_call(void **state)
{
    (void)state;
    for (int minor = 14; minor <= 15; minor++) {
        const struct pyr_opcodes *opcodes = pyr_layout_opcodes(pyr_layout_source_find(3, minor, false)->layout);
        assert_non_null(opcodes);
        static const char *const calls[] = {"CALL",
                                            "CALL_PY_EXACT_ARGS",
                                            "CALL_KW",
                                            "SEND_GEN",
                                            "FOR_ITER_GEN",
                                            "INSTRUMENTED_CALL",
                                            "BINARY_OP_SUBSCR_GETITEM",
                                            "LOAD_ATTR_PROPERTY",
                                            "ENTER_EXECUTOR",
                                            "INSTRUMENTED_LINE"};
        for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
            assert_true(may_call(opcodes, calls[i]));
        static const char *const others[] = {"BINARY_OP_ADD_INT", "CALL_LEN",    "FOR_ITER_RANGE",
                                             "LOAD_ATTR_SLOT",    "STORE_FAST",  "RESUME",
                                             "RETURN_VALUE",      "YIELD_VALUE", "POP_TOP"};
        for (size_t i = 0; i < sizeof others / sizeof *others; i++)
            assert_false(may_call(opcodes, others[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hex_gives_version),
        cmocka_unit_test(hex_that_is_none_is_refused),
        cmocka_unit_test(banners_of_all_builders),
        cmocka_unit_test(texts_that_are_no_banner),
        cmocka_unit_test(banners_that_differ_are_told),
        cmocka_unit_test(paths),
        cmocka_unit_test(every_version_has_a_table),
        cmocka_unit_test(line_tables_have_the_numbers_of_the_format),
        cmocka_unit_test(known_versions_are_named),
        cmocka_unit_test(instructions_that_call),
        cmocka_unit_test(debug_offsets_override_the_table),
        cmocka_unit_test(impossible_debug_offsets_are_refused),
        cmocka_unit_test(a_hole_in_the_debug_offsets_is_refused),
        cmocka_unit_test(garbage_in_debug_offsets),
    };
    int failed = cmocka_run_group_tests_name("layout", tests, NULL, NULL);
    return failed + run_probe_tests();
}
