/* The expressions on lines: which of a line's take the time, and where they stand in its text. */
#ifndef PYR_REPORT_EXPRESSIONS_H
#define PYR_REPORT_EXPRESSIONS_H

#include "analyze/totals.h"

/* An expression with time. */
struct pyr_expression {
    uint32_t group, place;
    double self_s, total_s;
};

/* Those of by_place, of pyr_totals_expressions, in the groups that group_of_place gives; within a group the largest
 * total first. Appended to list (of struct pyr_expression), which was empty. 0 or PYR_E_NOMEM. */
int pyr_expressions_rank(struct pyr_vec *list, const struct pyr_model *model, const struct pyr_totals *by_place,
                         const uint32_t *group_of_place);

/* Those of one group; borrowed from the list. */
const struct pyr_expression *pyr_expressions_of(const struct pyr_vec *list, uint32_t group, size_t *count);

/* Where an expression stands. Columns count from 1, the end is behind the last: in characters where the source could be
 * read, else in the bytes of its UTF-8. 0: it is a whole line. */
struct pyr_range {
    uint32_t column, end_column;
    bool in_bytes;
};

/* For every place of the model. Reads each source file once. Release with pyr_free. NULL: no memory. */
struct pyr_range *pyr_ranges_make(const struct pyr_model *model);

#endif
