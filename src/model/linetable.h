/* From the offset of an instruction to its line and columns, for every table that CPython has used since 3.8. The
 * table comes from a recording, so it is hostile: any bytes decode to something bounded. */
#ifndef PYR_MODEL_LINETABLE_H
#define PYR_MODEL_LINETABLE_H

#include "base/vec.h"

#include <stdint.h>

#define PYR_COLUMN_UNKNOWN (-1)

/* What holds from `start` (bytes from the first instruction) to the start of the next entry. */
struct pyr_line_entry {
    uint32_t start;
    int32_t line;               /* 0: the instruction has none */
    int32_t end_line;           /* equals line where the version does not tell */
    int32_t nearest;            /* the line, or the nearest before it that there is, or the first of the code */
    int32_t column, end_column; /* UTF-8 bytes from 0, or PYR_COLUMN_UNKNOWN (up to 3.10) */
};

/* Zeroed it is empty and releasable. */
struct pyr_linetable {
    struct pyr_vec entries; /* of struct pyr_line_entry, by start */
    uint32_t end;           /* offset behind the last instruction; UINT32_MAX where the table does not tell */
    int32_t first_line;
};

struct pyr_code_facts;

/* Decodes the table of a code object. 0 or PYR_E_NOMEM; a damaged table yields the entries before the damage. */
int pyr_linetable_decode(struct pyr_linetable *table, const struct pyr_code_facts *code);
void pyr_linetable_release(struct pyr_linetable *table);

/* The entry in force at an instruction; NULL when unknown (negative or behind the end). Borrowed from the table. */
const struct pyr_line_entry *pyr_linetable_find(const struct pyr_linetable *table, int32_t instruction);

/* The line to show for an instruction: its own, else the nearest before it, else the first line of the code. */
uint32_t pyr_linetable_line(const struct pyr_linetable *table, int32_t instruction);

#endif
