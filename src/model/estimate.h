/* From counted ticks to an unbiased weight for every stack: what docs/truth.md derives.
 *
 * A tick is exact or a glance; which, was decided before it and does not depend on the program. An exact tick gives the
 * true stack. A glance gives it only where it could be proved; else the sample is unresolved. Stacks that change fast
 * are proved less often, so dropping unresolved samples would bend the profile towards slow code.
 *
 * For one thread let n_g and n_x be its glance and exact ticks, and s a class of stacks that are alike in how hard they
 * are to prove. Of A_s accepted glances and E_s exact samples, both kinds of ticks having met s equally often in
 * proportion,
 *     tau_s = clamp(1 - (A_s / n_g) / (E_s / n_x), 0, 1)
 * estimates how often a glance at s fails (what chance alone would make of it is taken off before use). The U
 * unresolved glances then belong to the exact samples in proportion to E_s tau_s. Every tick keeps the mass 1, so a
 * thread's total is n_g + n_x.
 *
 * Classes, finest first: leaf line and caller, leaf function and caller, leaf function, everything. A class with too
 * few exact samples to tell is merged with its like in the next coarser one.
 *
 * Ticks of the restless regime (PYR_TICK_ONLY) are all exact: they count as they are and take no part in the above.
 * Each tick is counted for the time that it stands for (model/counts); what is shared out above is that time.
 *
 * Unresolved samples keep what is known of them: whether the thread ran, held the GIL, waited. They are given to
 * exact samples in the same state, or if those are few, in the same state of running. Where there are none (--no-stop)
 * the mass stays under "<unresolved>". */
#ifndef PYR_MODEL_ESTIMATE_H
#define PYR_MODEL_ESTIMATE_H

#include "base/vec.h"

#include <stdint.h>

struct pyr_model;

/* One thread's share of one stack in one state. */
struct pyr_weight {
    uint32_t thread, node; /* flags & PYR_UNRESOLVED: the node is unknown */
    uint8_t flags;
    double seconds;
    double ran_s;  /* of them, with PYR_ON_CPU: not waiting for a CPU */
    double square; /* sum of the squared weights of the samples behind it: for the standard error */
};

/* Appends the weights of the selected threads to an empty vector of struct pyr_weight, in order of thread. 0 or
 * PYR_E_NOMEM. */
int pyr_estimate(const struct pyr_model *model, struct pyr_vec *weights);

/* The standard error of a row's part of a total, in the unit of the total, where each is a sum of independent samples
 * of unequal weight, known by the sums of their weights and of the squares of these. */
double pyr_standard_error(double part, double part_square, double total, double total_square);

#endif
