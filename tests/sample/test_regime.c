#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sample/regime.h"

#define START_NS 1000000000u
#define LATER_NS (START_NS + (uint64_t)10000000000u)

static struct pyr_process *started(enum pyr_stacktop_kind kind)
{
    static struct pyr_process process;
    process = (struct pyr_process){0};
    process.python.layout.stacktop_kind = kind;
    pyr_regime_start(&process, START_NS);
    return &process;
}

/* Glances of which every nth is torn; 0: none. */
static void glances(struct pyr_process *process, unsigned count, unsigned torn_each)
{
    for (unsigned i = 1; i <= count; i++)
        pyr_regime_note(process, torn_each && i % torn_each == 0 ? PYR_E_TORN : 0);
}

static enum pyr_regime kept(struct pyr_process *process, uint64_t now_ns)
{
    pyr_regime_keep(process, now_ns);
    return process->regime;
}

/* The regime after these glances. */
static enum pyr_regime after(struct pyr_process *process, uint64_t now_ns, unsigned count, unsigned torn_each)
{
    glances(process, count, torn_each);
    return kept(process, now_ns);
}

static void few_glances_decide_nothing(void **state)
{
    (void)state;
    struct pyr_process *process = started(PYR_STACKTOP_POINTER);
    assert_int_equal(after(process, LATER_NS, PYR_REGIME_GLANCES - 1, 0), PYR_RESTLESS);
    assert_int_equal(after(process, LATER_NS, 1, 0), PYR_LIVELY);
}

static void what_tells_nothing_does_not_count(void **state)
{
    (void)state;
    struct pyr_process *process = started(PYR_STACKTOP_POINTER);
    for (unsigned i = 0; i < 10 * PYR_REGIME_GLANCES; i++)
        pyr_regime_note(process, PYR_E_AGAIN);
    assert_int_equal(kept(process, LATER_NS), PYR_RESTLESS);
}

/* Looks that find everything where it was foreseen. */
static void looks(struct pyr_process *process, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        pyr_regime_note_look(process, false);
}

static void frames_that_say_little_are_calm_or_restless(void **state)
{
    (void)state;
    struct pyr_process *process = started(PYR_STACKTOP_NONE);
    assert_false(pyr_regime_looks(process));
    assert_int_equal(after(process, LATER_NS, 999, 20), PYR_RESTLESS);
    assert_int_equal(after(process, LATER_NS, 1099, 100), PYR_CALM);
    assert_int_equal(after(process, 2 * LATER_NS, 1099, 20), PYR_RESTLESS);
}

static void frames_that_say_enough_can_be_lively(void **state)
{
    (void)state;
    static const enum pyr_stacktop_kind kinds[] = {PYR_STACKTOP_INT, PYR_STACKTOP_POINTER};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct pyr_process *process = started(kinds[i]);
        assert_true(pyr_regime_looks(process));
        assert_int_equal(after(process, LATER_NS, 1000, 1), PYR_RESTLESS);
        assert_int_equal(after(process, LATER_NS, 1099, 40), PYR_LIVELY);
        assert_int_equal(kept(process, 2 * LATER_NS), PYR_CALM);
        assert_int_equal(after(process, 3 * LATER_NS, 1099, 3), PYR_LIVELY);
    }
}

static void surprises_keep_it_lively(void **state)
{
    (void)state;
    struct pyr_process *process = started(PYR_STACKTOP_POINTER);
    glances(process, 1000, 0);
    for (unsigned i = 0; i < 1000; i++)
        pyr_regime_note_look(process, i % 4 == 0);
    pyr_regime_keep(process, LATER_NS);
    assert_int_equal(kept(process, 2 * LATER_NS), PYR_LIVELY);
    looks(process, 1000);
    assert_int_equal(kept(process, 2 * LATER_NS), PYR_CALM);
}

static void what_was_torn_without_looks_does_not_make_it_restless(void **state)
{
    (void)state;
    struct pyr_process *process = started(PYR_STACKTOP_POINTER);
    process->regime = PYR_CALM;
    assert_int_equal(after(process, LATER_NS, 1000, 1), PYR_LIVELY);
    pyr_regime_keep(process, 2 * LATER_NS);
    assert_int_equal(after(process, 2 * LATER_NS, PYR_REGIME_GLANCES, 3), PYR_LIVELY);
    assert_int_equal(after(process, 2 * LATER_NS, 1000, 1), PYR_RESTLESS);
}

static void without_exact_ticks_it_is_never_restless(void **state)
{
    (void)state;
    struct pyr_process *process = started(PYR_STACKTOP_POINTER);
    process->may_be_restless = false;
    process->regime = PYR_LIVELY;
    assert_true(pyr_regime_looks(process));
    assert_int_equal(after(process, LATER_NS, 1000, 1), PYR_LIVELY);
}

static void a_choice_stands_for_a_while(void **state)
{
    (void)state;
    struct pyr_process *process = started(PYR_STACKTOP_POINTER);
    assert_int_equal(after(process, START_NS + 1000000, 1000, 0), PYR_RESTLESS);
    assert_int_equal(kept(process, LATER_NS), PYR_LIVELY);
    assert_int_equal(after(process, LATER_NS + 1000000, 1000, 1), PYR_LIVELY);
    assert_int_equal(kept(process, 2 * LATER_NS), PYR_RESTLESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_glances_decide_nothing),
        cmocka_unit_test(what_tells_nothing_does_not_count),
        cmocka_unit_test(frames_that_say_little_are_calm_or_restless),
        cmocka_unit_test(frames_that_say_enough_can_be_lively),
        cmocka_unit_test(surprises_keep_it_lively),
        cmocka_unit_test(what_was_torn_without_looks_does_not_make_it_restless),
        cmocka_unit_test(without_exact_ticks_it_is_never_restless),
        cmocka_unit_test(a_choice_stands_for_a_while),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
