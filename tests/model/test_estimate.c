/* The estimator on synthetic threads whose truth is known. */
#include "base/alloc.h"
#include "model/estimate.h"
#include "model/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define TICKS 40000
#define EXACT_SHARE 0.15
#define PLACES 64

/* One stack of the made-up thread: how much of the time it is there, and how often a glance at it fails. */
struct phase {
    double share, torn;
    uint8_t flags;
    uint32_t node;
};

struct world {
    struct pyr_model model;
    struct pyr_model_thread thread;
    struct pyr_stack_node nodes[PLACES + 1];
};

static uint64_t random_state;

/* xorshift64*: the same numbers on every machine. */
static double uniform(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (double)((random_state * 0x2545f4914f6cdd1dULL) >> 11) / 9007199254740992.0;
}

/* Functions with places 2f and 2f + 1; node n + 1 is place n called from nobody. */
static void world_make(struct world *world)
{
    *world = (struct world){.thread = {.selected = true}};
    world->model.functions = PYR_VEC(struct pyr_function);
    world->model.places = PYR_VEC(struct pyr_place);
    world->model.tallies = PYR_VEC(struct pyr_tally);
    for (uint32_t i = 0; i < PLACES; i++) {
        struct pyr_place place = {.function = i / 2, .line = i, .whole = i};
        assert_non_null(pyr_vec_push(&world->model.places, &place));
        world->nodes[i + 1] = (struct pyr_stack_node){0, i};
    }
    world->model.nodes = world->nodes;
    world->model.node_count = PLACES + 1;
    world->model.threads = &world->thread;
    world->model.thread_count = 1;
}

static void world_release(struct world *world)
{
    pyr_vec_release(&world->model.places);
    pyr_vec_release(&world->model.tallies);
}

static void count(struct world *world, uint32_t node, uint8_t flags, bool exact)
{
    for (size_t i = 0; i < world->model.tallies.count; i++) {
        struct pyr_tally *tally = PYR_VEC_AT(&world->model.tallies, struct pyr_tally, i);
        if (tally->node == node && tally->flags == flags) {
            tally->glance += !exact;
            tally->exact += exact;
            tally->seconds += 1;
            tally->square += 1;
            return;
        }
    }
    struct pyr_tally tally = {
        .node = node, .flags = flags, .glance = !exact, .exact = exact, .seconds = 1, .square = 1};
    assert_non_null(pyr_vec_push(&world->model.tallies, &tally));
}

static void sample(struct world *world, const struct phase *phases, size_t phase_count, double exact_share)
{
    double at = uniform();
    size_t i = 0;
    while (i + 1 < phase_count && at >= phases[i].share)
        at -= phases[i++].share;
    bool exact = uniform() < exact_share;
    bool torn = !exact && uniform() < phases[i].torn;
    count(world, torn ? 0 : phases[i].node, torn ? phases[i].flags | PYR_UNRESOLVED : phases[i].flags, exact);
}

static void simulate(struct world *world, const struct phase *phases, size_t phase_count, double exact_share)
{
    world->model.tallies.count = 0;
    for (unsigned i = 0; i < TICKS; i++)
        sample(world, phases, phase_count, exact_share);
}

struct outcome {
    double seconds, square, all, all_square;
};

/* The estimated share of the phase's node. */
static double share_of(const struct world *world, const struct phase *phase, struct outcome *outcome)
{
    struct pyr_vec weights = PYR_VEC(struct pyr_weight);
    *outcome = (struct outcome){0};
    assert_int_equal(pyr_estimate(&world->model, &weights), 0);
    for (size_t i = 0; i < weights.count; i++) {
        const struct pyr_weight *weight = PYR_VEC_AT(&weights, struct pyr_weight, i);
        bool mine = weight->node == phase->node && !(weight->flags & PYR_UNRESOLVED);
        outcome->all += weight->seconds;
        outcome->all_square += weight->square;
        outcome->seconds += mine ? weight->seconds : 0;
        outcome->square += mine ? weight->square : 0;
    }
    pyr_vec_release(&weights);
    return outcome->seconds / outcome->all;
}

/* Mean error over many runs within its own error, the spread of runs no larger than the error they state. */
static void check_unbiased(const struct phase *phases, size_t phase_count, size_t which, double exact_share,
                           double bias_max)
{
    enum { RUNS = 40 };
    struct world world;
    world_make(&world);
    double sum = 0, squares = 0, stated = 0;
    for (unsigned run = 0; run < RUNS; run++) {
        random_state = 88172645463325252ULL + run * 7919;
        simulate(&world, phases, phase_count, exact_share);
        struct outcome outcome;
        double error = share_of(&world, &phases[which], &outcome) - phases[which].share;
        assert_true(outcome.all > TICKS - 1e-6 && outcome.all < TICKS + 1e-6);
        sum += error;
        squares += error * error;
        stated += pyr_standard_error(outcome.seconds, outcome.square, outcome.all, outcome.all_square) / outcome.all;
    }
    double bias = sum / RUNS, spread = squares / RUNS;
    assert_true(bias < bias_max && bias > -bias_max);
    assert_true(spread < 1.7 * (stated / RUNS) * (stated / RUNS));
    world_release(&world);
}

static void dropping_would_give_ninety_one(void **state)
{
    (void)state;
    const struct phase phases[] = {{0.5, 0, PYR_ON_CPU, 1}, {0.5, 0.9, PYR_ON_CPU, 3}};
    struct world world;
    world_make(&world);
    random_state = 42;
    simulate(&world, phases, 2, 0);
    double proved[2] = {0};
    for (size_t i = 0; i < world.model.tallies.count; i++) {
        const struct pyr_tally *tally = PYR_VEC_AT(&world.model.tallies, struct pyr_tally, i);
        if (!(tally->flags & PYR_UNRESOLVED))
            proved[tally->node == 3] += (double)tally->glance;
    }
    double dropped = proved[0] / (proved[0] + proved[1]);
    assert_true(dropped > 0.90 && dropped < 0.92);
    world_release(&world);
}

static void two_phases_come_out_even(void **state)
{
    (void)state;
    const struct phase phases[] = {{0.5, 0, PYR_ON_CPU, 1}, {0.5, 0.9, PYR_ON_CPU, 3}};
    check_unbiased(phases, 2, 0, EXACT_SHARE, 0.004);
    check_unbiased(phases, 2, 1, EXACT_SHARE, 0.004);
}

static void many_phases_of_every_tear_come_out(void **state)
{
    (void)state;
    const struct phase phases[] = {{0.30, 0.05, PYR_ON_CPU, 1},
                                   {0.25, 0.6, PYR_ON_CPU | PYR_HAS_GIL, 3},
                                   {0.02, 0.95, PYR_ON_CPU, 5},
                                   {0.13, 0.4, PYR_ON_CPU, 7},
                                   {0.30, 0, 0, 8}};
    for (size_t which = 0; which < 5; which++)
        check_unbiased(phases, 5, which, EXACT_SHARE, 0.005);
}

/* Chance makes some of many small classes that are never torn look torn: together this must not weigh. */
static void many_small_classes_do_not_add_up_to_a_bias(void **state)
{
    (void)state;
    struct phase phases[41] = {{0.5, 0.9, PYR_ON_CPU, 1}};
    for (uint32_t i = 1; i < 41; i++)
        phases[i] = (struct phase){0.0125, 0, PYR_ON_CPU, 2 + i};
    check_unbiased(phases, 41, 0, EXACT_SHARE, 0.01);
}

/* Lines of one function may be torn unlike each other. */
static void lines_of_one_function_are_told_apart(void **state)
{
    (void)state;
    const struct phase phases[] = {{0.4, 0, PYR_ON_CPU, 1}, {0.6, 0.8, PYR_ON_CPU, 2}};
    check_unbiased(phases, 2, 0, EXACT_SHARE, 0.004);
}

static void every_tick_exact_is_plain_counting(void **state)
{
    (void)state;
    const struct phase phases[] = {{0.7, 0.9, PYR_ON_CPU, 1}, {0.3, 0.1, 0, 3}};
    check_unbiased(phases, 2, 0, 1, 0.002);
}

/* Without exact samples nothing is made up; what is known of the state stays. */
static void without_exact_samples_the_rest_stays_unresolved(void **state)
{
    (void)state;
    const struct phase phases[] = {{0.5, 0, 0, 1}, {0.5, 0.9, PYR_ON_CPU, 3}};
    struct world world;
    world_make(&world);
    random_state = 7;
    simulate(&world, phases, 2, 0);
    struct pyr_vec weights = PYR_VEC(struct pyr_weight);
    assert_int_equal(pyr_estimate(&world.model, &weights), 0);
    double left = 0;
    for (size_t i = 0; i < weights.count; i++) {
        const struct pyr_weight *weight = PYR_VEC_AT(&weights, struct pyr_weight, i);
        if (weight->flags & PYR_UNRESOLVED) {
            left += weight->seconds;
            assert_true(weight->flags & PYR_ON_CPU);
        }
    }
    assert_true(left > 0.43 * TICKS && left < 0.47 * TICKS);
    pyr_vec_release(&weights);
    world_release(&world);
}

/* A running sample is never given to a stack that was only seen asleep. */
static void running_mass_does_not_go_to_sleepers(void **state)
{
    (void)state;
    struct world world;
    world_make(&world);
    const struct pyr_tally tallies[] = {{0, 0, PYR_ON_CPU | PYR_UNRESOLVED, 50, 0, 0, 50, 50, 0},
                                        {0, 1, 0, 850, 150, 0, 1000, 1000, 0}};
    for (size_t i = 0; i < 2; i++)
        assert_non_null(pyr_vec_push(&world.model.tallies, &tallies[i]));
    struct outcome outcome;
    const struct phase sleeper = {.node = 1};
    double share = share_of(&world, &sleeper, &outcome);
    assert_true(share > 0.951 && share < 0.953); /* 1000 of 1050 */
    world_release(&world);
}

/* Few samples in the very same state: any that ran will do, and the state of the sample is kept. */
static void few_samples_fall_back_to_the_same_state_of_running(void **state)
{
    (void)state;
    struct world world;
    world_make(&world);
    const uint8_t rare = PYR_ON_CPU | PYR_IN_GC;
    const struct pyr_tally tallies[] = {{0, 0, rare | PYR_UNRESOLVED, 10, 0, 0, 10, 10, 0},
                                        {0, 1, PYR_ON_CPU, 500, 100, 0, 600, 600, 0}};
    for (size_t i = 0; i < 2; i++)
        assert_non_null(pyr_vec_push(&world.model.tallies, &tallies[i]));
    struct pyr_vec weights = PYR_VEC(struct pyr_weight);
    assert_int_equal(pyr_estimate(&world.model, &weights), 0);
    assert_int_equal(weights.count, 3);
    const struct pyr_weight *given = PYR_VEC_AT(&weights, struct pyr_weight, 2);
    assert_int_equal(given->flags, rare);
    assert_int_equal(given->node, 1);
    assert_true(given->seconds > 9.999 && given->seconds < 10.001);
    pyr_vec_release(&weights);
    world_release(&world);
}

/* Few collections were seen, and none in the function that ran most: what is not proved of them is not put there. */
static void check_collections_stay(const struct pyr_tally *collections)
{
    struct world world;
    world_make(&world);
    const uint8_t rare = PYR_ON_CPU | PYR_IN_GC;
    const struct pyr_tally others[] = {{0, 0, rare | PYR_UNRESOLVED, 10, 0, 0, 10, 10, 0},
                                       {0, 1, PYR_ON_CPU, 500, 100, 0, 600, 600, 0}};
    assert_non_null(pyr_vec_push(&world.model.tallies, &others[0]));
    assert_non_null(pyr_vec_push(&world.model.tallies, &others[1]));
    assert_non_null(pyr_vec_push(&world.model.tallies, collections));
    struct outcome outcome;
    const struct phase computes = {.node = 1}, collects = {.node = collections->node};
    share_of(&world, &computes, &outcome);
    assert_true(outcome.seconds > 599.999 && outcome.seconds < 600.001);
    share_of(&world, &collects, &outcome);
    assert_true(outcome.seconds > collections->seconds + 9.999 && outcome.seconds < collections->seconds + 10.001);
    world_release(&world);
}

static void collections_stay_where_they_were_seen(void **state)
{
    (void)state;
    const uint8_t rare = PYR_ON_CPU | PYR_IN_GC;
    check_collections_stay(&(struct pyr_tally){0, 3, rare, 100, 12, 0, 112, 112, 0});
    check_collections_stay(&(struct pyr_tally){0, 3, rare, 5, 0, 0, 5, 5, 0});
    check_collections_stay(&(struct pyr_tally){0, 3, rare, 0, 0, 7, 7, 7, 0}); /* before the first glance */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dropping_would_give_ninety_one),
        cmocka_unit_test(two_phases_come_out_even),
        cmocka_unit_test(many_phases_of_every_tear_come_out),
        cmocka_unit_test(many_small_classes_do_not_add_up_to_a_bias),
        cmocka_unit_test(lines_of_one_function_are_told_apart),
        cmocka_unit_test(every_tick_exact_is_plain_counting),
        cmocka_unit_test(without_exact_samples_the_rest_stays_unresolved),
        cmocka_unit_test(running_mass_does_not_go_to_sleepers),
        cmocka_unit_test(few_samples_fall_back_to_the_same_state_of_running),
        cmocka_unit_test(collections_stay_where_they_were_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
