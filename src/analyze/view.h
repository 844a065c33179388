/* What a report shows: a recording, its folded tree, and the seconds that each thread spent in each stack and state. */
#ifndef PYR_ANALYZE_VIEW_H
#define PYR_ANALYZE_VIEW_H

#include "model/model.h"
#include "model/tree.h"
#include "pyrometer/pyrometer.h"

/* Which samples count. */
struct pyr_selection {
    enum pyr_mode mode;
    bool busy_only; /* wall: leave idle threads out */
};

static inline bool pyr_selects(const struct pyr_selection *selection, uint8_t flags)
{
    if (selection->mode == PYR_MODE_CPU)
        return flags & PYR_ON_CPU;
    if (selection->mode == PYR_MODE_GIL)
        return flags & PYR_HAS_GIL;
    return !selection->busy_only || !pyr_flags_idle(flags);
}

/* One thread, one stack, one state. */
struct pyr_entry {
    uint32_t thread, leaf; /* leaf: a node of the tree */
    uint8_t flags;
    double ticks, seconds;
    double square; /* sum of the squares of the samples' seconds */
};

/* Zeroed it is empty and releasable. */
struct pyr_shown {
    struct pyr_model model;
    struct pyr_tree tree;
    struct pyr_vec entries; /* of struct pyr_entry, in order of thread, leaf, flags */
    enum pyr_mode mode;     /* asked for, else the recording's */
};

/* expressions: frames differ by the expression, where the options do not ask for functions; else by the line. */
int pyr_shown_open(struct pyr_shown *view, const char *recording, const struct pyr_report_options *options,
                   bool expressions, struct pyr_err *err);
void pyr_shown_release(struct pyr_shown *view);

/* The same for a model that was moved into the view, and that is to be moved out again: fill makes the rest, empty
 * releases it (also where fill failed). */
int pyr_shown_fill(struct pyr_shown *view, const struct pyr_report_options *options, bool expressions);
void pyr_shown_empty(struct pyr_shown *view);

static inline const struct pyr_entry *pyr_shown_entry(const struct pyr_shown *view, size_t i)
{
    return PYR_VEC_AT(&view->entries, struct pyr_entry, i);
}

/* The next stack of one thread that the selection counts, its states added up (flags: all of them or'ed). Starts with
 * *next = 0; false at the end. */
bool pyr_shown_next(const struct pyr_shown *view, const struct pyr_selection *selection, size_t *next,
                    struct pyr_entry *sum);

/* Numbers from 1, by place, for those places that are in the tree; 0 for the others. Release with pyr_free. NULL: no
 * memory. */
uint32_t *pyr_shown_places(const struct pyr_shown *view);

const struct pyr_model_process *pyr_shown_process(const struct pyr_shown *view, uint32_t thread);

#endif
