#include "report/expressions.h"

#include "base/alloc.h"
#include "report/source.h"

#include <stdlib.h>
#include <string.h>

static int compare_expressions(const void *left, const void *right)
{
    const struct pyr_expression *a = left, *b = right;
    if (a->group != b->group)
        return a->group < b->group ? -1 : 1;
    if (a->total_s != b->total_s)
        return a->total_s > b->total_s ? -1 : 1;
    return a->place < b->place ? -1 : a->place > b->place;
}

int pyr_expressions_rank(struct pyr_vec *list, const struct pyr_model *model, const struct pyr_totals *by_place,
                         const uint32_t *group_of_place)
{
    for (uint32_t i = 0; i < by_place->count; i++) {
        const struct pyr_sum *sum = &by_place->sums[i];
        struct pyr_expression expression = {group_of_place[i], i, sum->self_s, sum->total_s};
        if (sum->total_s > 0 && pyr_model_place(model, i)->column >= 0 && !pyr_vec_push(list, &expression))
            return PYR_E_NOMEM;
    }
    if (list->count)
        qsort(list->items, list->count, sizeof(struct pyr_expression), compare_expressions);
    return 0;
}

const struct pyr_expression *pyr_expressions_of(const struct pyr_vec *list, uint32_t group, size_t *count)
{
    size_t low = 0, high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (PYR_VEC_AT(list, struct pyr_expression, middle)->group < group)
            low = middle + 1;
        else
            high = middle;
    }
    for (high = low; high < list->count && PYR_VEC_AT(list, struct pyr_expression, high)->group == group;)
        high++;
    *count = high - low;
    return *count ? PYR_VEC_AT(list, struct pyr_expression, low) : NULL;
}

/* An expression and the file that it is in. */
struct located {
    const char *file;
    uint32_t place;
};

static int compare_files(const void *left, const void *right)
{
    const struct located *a = left, *b = right;
    int order = strcmp(a->file, b->file);
    return order ? order : (a->place > b->place) - (a->place < b->place);
}

static struct pyr_range range_of(const struct pyr_source *source, const struct pyr_place *place)
{
    int32_t column = pyr_source_characters(source, place->line, place->column);
    int32_t end = pyr_source_characters(source, place->end_line, place->end_column);
    bool in_bytes = column < 0 || end < 0;
    return (struct pyr_range){(uint32_t)(in_bytes ? place->column : column) + 1,
                              (uint32_t)(in_bytes ? place->end_column : end) + 1, in_bytes};
}

static int fill_ranges(struct pyr_range *ranges, const struct pyr_model *model)
{
    struct pyr_vec order = PYR_VEC(struct located);
    struct pyr_source source = {0};
    for (uint32_t i = 0; i < model->places.count; i++) {
        struct located located = {pyr_model_place_function(model, i)->file, i};
        if (pyr_model_place(model, i)->column >= 0 && !pyr_vec_push(&order, &located)) {
            pyr_vec_release(&order);
            return PYR_E_NOMEM;
        }
    }
    if (order.count)
        qsort(order.items, order.count, sizeof(struct located), compare_files);
    for (size_t i = 0; i < order.count; i++) {
        const struct located *located = PYR_VEC_AT(&order, struct located, i);
        pyr_source_open(&source, located->file);
        ranges[located->place] = range_of(&source, pyr_model_place(model, located->place));
    }
    pyr_source_release(&source);
    pyr_vec_release(&order);
    return 0;
}

struct pyr_range *pyr_ranges_make(const struct pyr_model *model)
{
    struct pyr_range *ranges = pyr_alloc(model->places.count * sizeof *ranges);
    if (!ranges || fill_ranges(ranges, model) == 0)
        return ranges;
    pyr_free(ranges);
    return NULL;
}
