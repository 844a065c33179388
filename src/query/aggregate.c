#include "query/private.h"

void pyr_query_add(struct pyr_query_aggregate *aggregate, enum pyr_query_function function,
                   struct pyr_query_value value)
{
    if (value.kind == PYR_QUERY_NONE)
        return;
    bool first = !aggregate->count++;
    switch (function) {
    case PYR_SUM:
    case PYR_AVG:
        aggregate->value = first ? value : pyr_query_arithmetic(PYR_OP_ADD, aggregate->value, value);
        break;
    case PYR_MIN:
        if (first || pyr_query_compare(value, aggregate->value) < 0)
            aggregate->value = value;
        break;
    case PYR_MAX:
        if (first || pyr_query_compare(value, aggregate->value) > 0)
            aggregate->value = value;
        break;
    default:
        break;
    }
}

struct pyr_query_value pyr_query_total(const struct pyr_query_aggregate *aggregate, enum pyr_query_function function)
{
    if (function == PYR_COUNT || (function == PYR_SUM && !aggregate->count))
        return pyr_query_integer(aggregate->count);
    if (function == PYR_AVG)
        return pyr_query_arithmetic(PYR_OP_DIVIDE, aggregate->value, pyr_query_integer(aggregate->count));
    return aggregate->value;
}
