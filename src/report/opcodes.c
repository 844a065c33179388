#include "report/opcodes.h"

#include <stdlib.h>

void pyr_opcodes_release(struct pyr_opcodes_shown *opcodes)
{
    pyr_totals_release(&opcodes->totals);
    if (opcodes->rows.item_size)
        pyr_vec_release(&opcodes->rows);
}

static int compare(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
}

static int compare_rows(const void *left, const void *right)
{
    const struct pyr_opcode_row *a = left, *b = right;
    int order = compare(a->group, b->group);
    order = order ? order : compare(a->function, b->function);
    order = order ? order : compare(a->offset, b->offset);
    order = order ? order : compare(a->opcode, b->opcode);
    return order ? order : compare(a->place, b->place);
}

int pyr_opcodes_rank(struct pyr_opcodes_shown *opcodes, const struct pyr_shown *view,
                     const struct pyr_selection *selection, const uint32_t *group_of_place)
{
    opcodes->rows = PYR_VEC(struct pyr_opcode_row);
    int rc = pyr_totals_places(&opcodes->totals, view, selection);
    for (uint32_t i = 0; rc == 0 && i < opcodes->totals.count; i++) {
        const struct pyr_place *place = pyr_model_place(&view->model, i);
        struct pyr_opcode_row row = {group_of_place[i], place->function, (uint32_t)place->instruction, place->opcode,
                                     i};
        if (place->instruction != PYR_INSTRUCTION_NONE && opcodes->totals.sums[i].total_s > 0 &&
            !pyr_vec_push(&opcodes->rows, &row))
            rc = PYR_E_NOMEM;
    }
    if (rc == 0 && opcodes->rows.count)
        qsort(opcodes->rows.items, opcodes->rows.count, sizeof(struct pyr_opcode_row), compare_rows);
    return rc;
}

const struct pyr_opcode_row *pyr_opcodes_of(const struct pyr_opcodes_shown *opcodes, uint32_t group, size_t *count)
{
    const struct pyr_vec *rows = &opcodes->rows;
    size_t low = 0, high = rows->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (PYR_VEC_AT(rows, struct pyr_opcode_row, middle)->group < group)
            low = middle + 1;
        else
            high = middle;
    }
    for (high = low; high < rows->count && PYR_VEC_AT(rows, struct pyr_opcode_row, high)->group == group;)
        high++;
    *count = high - low;
    return *count ? PYR_VEC_AT(rows, struct pyr_opcode_row, low) : NULL;
}
