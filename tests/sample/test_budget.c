#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sample/budget.h"

/* Ticks at the allowed rate for some seconds, each of which takes so much CPU time; the rate at the end. */
static double run(struct pyr_budget *budget, double wanted_hz, double tick_ns, double seconds)
{
    double now_ns = 1e9, cpu_ns = 5e8, rate = wanted_hz;
    for (double end_ns = now_ns + seconds * 1e9; now_ns < end_ns; now_ns += 1e9 / rate) {
        cpu_ns += tick_ns;
        rate = pyr_budget_rate(budget, wanted_hz, (uint64_t)now_ns, (uint64_t)cpu_ns);
    }
    return rate;
}

static void cheap_ticks_are_all_allowed(void **state)
{
    (void)state;
    struct pyr_budget budget = {0};
    assert_true(run(&budget, 1000, 3e3, 5) == 1000);
}

static void dear_ticks_take_the_share(void **state)
{
    (void)state;
    for (double tick_ns = 8e3; tick_ns < 33e3; tick_ns *= 2) {
        struct pyr_budget budget = {0};
        double rate = run(&budget, 1000, tick_ns, 120);
        double share = rate * tick_ns / 1e9;
        assert_true(share > 0.9 * PYR_BUDGET_SHARE && share < 1.1 * PYR_BUDGET_SHARE);
    }
}

static void it_forgets(void **state)
{
    (void)state;
    struct pyr_budget budget = {0};
    assert_true(run(&budget, 1000, 1e6, 120) == PYR_BUDGET_FLOOR_HZ);
    budget = (struct pyr_budget){.tick_ns = budget.tick_ns}; /* the clocks of run begin anew */
    assert_true(run(&budget, 1000, 3e3, 120) > 900);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cheap_ticks_are_all_allowed),
        cmocka_unit_test(dear_ticks_take_the_share),
        cmocka_unit_test(it_forgets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
