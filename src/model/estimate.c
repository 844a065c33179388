#include "model/estimate.h"

#include "base/map.h"
#include "model/model.h"
#include "pyrometer/err.h"

#include <math.h>

/* With fewer, chance decides whether a class looks torn: at 20 the ratio is known to about a fifth. */
#define EXACT_ENOUGH 20

#define STATE_FLAGS ((uint8_t) ~(PYR_UNRESOLVED | PYR_TRUNCATED))

enum level { LINE_AND_CALLER, FUNCTION_AND_CALLER, FUNCTION, EVERYTHING, LEVELS };

/* A stack that unresolved mass may be given to, or that tells how often glances succeed. */
struct donor {
    size_t weight; /* its place in the weights */
    double accepted, exact, torn;
    bool settled;
};

struct class_sums {
    double accepted, exact;
};

struct estimate {
    const struct pyr_model *model;
    struct pyr_vec *weights;
    struct pyr_vec donors;  /* of struct donor */
    struct pyr_vec classes; /* of struct class_sums */
    struct pyr_map index;   /* class key to its place in classes */
    const struct pyr_tally *tallies;
    size_t count;         /* of the thread's tallies */
    size_t first_weight;  /* of the thread; its tallies' weights follow in the same order */
    double glance, exact; /* ticks of the thread */
};

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15ULL;
    return hash ^ hash >> 32;
}

static uint64_t class_key(const struct pyr_model *model, uint32_t number, uint8_t flags, enum level level)
{
    const struct pyr_stack_node *node = &model->nodes[number];
    const struct pyr_place *leaf = pyr_model_place(model, node->place);
    bool has_caller = number && node->parent;
    uint64_t caller = has_caller ? pyr_model_place(model, model->nodes[node->parent].place)->function : UINT32_MAX;
    uint64_t key = mix(level, flags & PYR_IN_GC);
    if (level <= FUNCTION)
        key = mix(key, number ? leaf->function : UINT32_MAX);
    if (level <= FUNCTION_AND_CALLER)
        key = mix(key, caller);
    return level == LINE_AND_CALLER ? mix(key, leaf->line) : key;
}

static struct pyr_weight *donor_weight(const struct estimate *estimate, const struct donor *donor)
{
    return PYR_VEC_AT(estimate->weights, struct pyr_weight, donor->weight);
}

static struct class_sums *class_of(struct estimate *estimate, const struct donor *donor, enum level level)
{
    const struct pyr_weight *weight = donor_weight(estimate, donor);
    uint64_t key = class_key(estimate->model, weight->node, weight->flags, level);
    uint64_t *known = pyr_map_find(&estimate->index, key);
    if (known)
        return PYR_VEC_AT(&estimate->classes, struct class_sums, *known);
    if (pyr_map_put(&estimate->index, key, estimate->classes.count) < 0)
        return NULL;
    return pyr_vec_push(&estimate->classes, NULL);
}

/* tau of estimate.h, less what chance alone would make it: see docs/truth.md on bias. */
static double torn_share(const struct estimate *estimate, const struct class_sums *sums)
{
    if (sums->exact <= 0 || estimate->glance <= 0)
        return 0;
    double ratio = estimate->exact / estimate->glance;
    double excess = sums->exact - sums->accepted * ratio;
    double variance = sums->exact + sums->accepted * ratio * ratio;
    return excess > 0 && excess * excess > variance ? (excess - variance / excess) / sums->exact : 0;
}

/* Settles the donors whose class at this level has exact samples enough. */
static int settle_level(struct estimate *estimate, enum level level)
{
    pyr_map_clear(&estimate->index);
    estimate->classes.count = 0;
    for (size_t i = 0; i < estimate->donors.count; i++) {
        struct donor *donor = PYR_VEC_AT(&estimate->donors, struct donor, i);
        struct class_sums *sums = donor->settled ? NULL : class_of(estimate, donor, level);
        if (!donor->settled && !sums)
            return PYR_E_NOMEM;
        if (sums) {
            sums->accepted += donor->accepted;
            sums->exact += donor->exact;
        }
    }
    for (size_t i = 0; i < estimate->donors.count; i++) {
        struct donor *donor = PYR_VEC_AT(&estimate->donors, struct donor, i);
        struct class_sums *sums = donor->settled ? NULL : class_of(estimate, donor, level);
        if (!sums || (sums->exact < EXACT_ENOUGH && level != EVERYTHING))
            continue;
        donor->torn = torn_share(estimate, sums);
        donor->settled = true;
    }
    return 0;
}

/* The thread's exact samples with this stack and state. One that was never calm has but the restless ticks to tell. */
static double known_samples(const struct estimate *estimate, const struct pyr_tally *tally)
{
    return (double)(estimate->exact > 0 ? tally->exact : tally->only);
}

static double all_samples(const struct estimate *estimate, const struct pyr_tally *tally)
{
    (void)estimate;
    return (double)tally->glance + (double)tally->exact + (double)tally->only;
}

/* The thread's proved stacks whose state agrees under the mask; returns how many samples they have. */
static double gather(struct estimate *estimate, uint8_t flags, uint8_t mask,
                     double (*samples)(const struct estimate *, const struct pyr_tally *))
{
    double exact = 0;
    estimate->donors.count = 0;
    for (size_t i = 0; i < estimate->count; i++) {
        const struct pyr_tally *tally = &estimate->tallies[i];
        if ((tally->flags & PYR_UNRESOLVED) || ((tally->flags ^ flags) & mask))
            continue;
        struct donor donor = {estimate->first_weight + i, (double)tally->glance, samples(estimate, tally), 0, false};
        if (!pyr_vec_push(&estimate->donors, &donor))
            return PYR_E_NOMEM;
        exact += donor.exact;
    }
    return exact;
}

/* Those whose state is the same; where they are too few, a like one. Where collections were seen, however few, tells
 * where one was that is not proved: else it would be shown below whatever runs most. */
static double gather_like(struct estimate *estimate, uint8_t flags)
{
    double exact = gather(estimate, flags, STATE_FLAGS, known_samples);
    if (exact < 0 || exact >= EXACT_ENOUGH)
        return exact;
    exact = gather(estimate, flags, PYR_ON_CPU | PYR_IN_GC, known_samples);
    if (exact == 0 && estimate->exact > 0 && flags & PYR_IN_GC)
        exact = gather(estimate, flags, PYR_ON_CPU | PYR_IN_GC, all_samples);
    return exact == 0 ? gather(estimate, flags, PYR_ON_CPU, known_samples) : exact;
}

/* Gives one donor its part of what is unresolved: to its own weight, or beside it where only the state differs. */
static int give(struct estimate *estimate, const struct donor *donor, const struct pyr_weight *unresolved, double part,
                double square)
{
    struct pyr_weight *weight = donor_weight(estimate, donor);
    struct pyr_weight given = {weight->thread,           weight->node, weight->flags, unresolved->seconds * part,
                               unresolved->ran_s * part, square};
    if (((weight->flags ^ unresolved->flags) & STATE_FLAGS) == 0) {
        weight->seconds += given.seconds;
        weight->ran_s += given.ran_s;
        weight->square += given.square;
        return 0;
    }
    given.flags = (uint8_t)((unresolved->flags & STATE_FLAGS) | (weight->flags & PYR_TRUNCATED));
    return pyr_vec_push(estimate->weights, &given) ? 0 : PYR_E_NOMEM;
}

/* Shares what is unresolved, so many ticks, among the donors, in proportion to exact × torn; where nothing looks torn,
 * to exact. */
static int share_out(struct estimate *estimate, const struct pyr_weight *unresolved, double ticks)
{
    double tick_s = ticks > 0 ? unresolved->seconds / ticks : 0;
    double torn_total = 0, exact_total = 0;
    for (size_t i = 0; i < estimate->donors.count; i++) {
        const struct donor *donor = PYR_VEC_AT(&estimate->donors, struct donor, i);
        torn_total += donor->exact * donor->torn;
        exact_total += donor->exact;
    }
    double total = torn_total > 0 ? torn_total : exact_total;
    for (size_t i = 0; i < estimate->donors.count; i++) {
        const struct donor donor = *PYR_VEC_AT(&estimate->donors, struct donor, i);
        double part = torn_total > 0 ? donor.exact * donor.torn : donor.exact;
        double ratio = ticks / total, square = donor.exact * ((1 + ratio) * (1 + ratio) - 1) * tick_s * tick_s;
        int rc = part > 0 ? give(estimate, &donor, unresolved, part / total, square) : 0;
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Distributes one unresolved weight; it stays where there is nothing to distribute it to. */
static int resolve(struct estimate *estimate, const struct pyr_tally *tally, size_t unresolved)
{
    struct pyr_weight weight = *PYR_VEC_AT(estimate->weights, struct pyr_weight, unresolved);
    double exact = gather_like(estimate, weight.flags);
    if (exact <= 0)
        return (int)exact;
    for (enum level level = LINE_AND_CALLER; level < LEVELS; level++) {
        int rc = settle_level(estimate, level);
        if (rc < 0)
            return rc;
    }
    struct pyr_weight *left = PYR_VEC_AT(estimate->weights, struct pyr_weight, unresolved);
    left->seconds = left->ran_s = left->square = 0;
    return share_out(estimate, &weight, (double)tally->glance + (double)tally->exact + (double)tally->only);
}

static int push_counted(struct estimate *estimate)
{
    estimate->first_weight = estimate->weights->count;
    estimate->glance = estimate->exact = 0;
    for (size_t i = 0; i < estimate->count; i++) {
        const struct pyr_tally *tally = &estimate->tallies[i];
        struct pyr_weight weight = {tally->thread,  tally->node,  tally->flags,
                                    tally->seconds, tally->ran_s, tally->square};
        if (!pyr_vec_push(estimate->weights, &weight))
            return PYR_E_NOMEM;
        estimate->glance += (double)tally->glance;
        estimate->exact += (double)tally->exact;
    }
    return 0;
}

static int estimate_thread(struct estimate *estimate)
{
    int rc = push_counted(estimate);
    for (size_t i = 0; rc == 0 && i < estimate->count; i++)
        if (estimate->tallies[i].flags & PYR_UNRESOLVED)
            rc = resolve(estimate, &estimate->tallies[i], estimate->first_weight + i);
    return rc;
}

int pyr_estimate(const struct pyr_model *model, struct pyr_vec *weights)
{
    struct estimate estimate = {
        .model = model, .weights = weights, .donors = PYR_VEC(struct donor), .classes = PYR_VEC(struct class_sums)};
    const struct pyr_tally *tallies = model->tallies.items;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < model->tallies.count; i += estimate.count) {
        size_t end = i + 1;
        while (end < model->tallies.count && tallies[end].thread == tallies[i].thread)
            end++;
        estimate.tallies = &tallies[i];
        estimate.count = end - i;
        if (model->threads[tallies[i].thread].selected)
            rc = estimate_thread(&estimate);
    }
    pyr_vec_release(&estimate.donors);
    pyr_vec_release(&estimate.classes);
    pyr_map_release(&estimate.index);
    return rc;
}

double pyr_standard_error(double part, double part_square, double total, double total_square)
{
    if (total <= 0)
        return 0;
    double share = part / total;
    double variance = (1 - 2 * share) * part_square + share * share * total_square;
    return variance > 0 ? sqrt(variance) : 0;
}
