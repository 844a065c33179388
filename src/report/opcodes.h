/* The bytecode instructions of lines: which of a line's take the time. */
#ifndef PYR_REPORT_OPCODES_H
#define PYR_REPORT_OPCODES_H

#include "analyze/totals.h"

/* An instruction with time; it is a place of the model. */
struct pyr_opcode_row {
    uint32_t group, function, offset, opcode, place; /* opcode: as that of a place */
};

/* Zeroed it is empty and releasable. */
struct pyr_opcodes_shown {
    struct pyr_totals totals; /* by place */
    struct pyr_vec rows;      /* of struct pyr_opcode_row: in the order of its members */
};

/* All instructions with time, in the groups that group_of_place gives. 0 or PYR_E_NOMEM. */
int pyr_opcodes_rank(struct pyr_opcodes_shown *opcodes, const struct pyr_shown *view,
                     const struct pyr_selection *selection, const uint32_t *group_of_place);
void pyr_opcodes_release(struct pyr_opcodes_shown *opcodes);

/* Those of one group; borrowed. */
const struct pyr_opcode_row *pyr_opcodes_of(const struct pyr_opcodes_shown *opcodes, uint32_t group, size_t *count);

#endif
