#include "query/private.h"

const char *pyr_query_no_object(uint32_t object)
{
    return object == PYR_GRAPH_ROOT ? "<roots>" : object == PYR_GRAPH_GARBAGE ? "<garbage>" : NULL;
}

bool pyr_query_true(struct pyr_query_value value)
{
    return value.kind == PYR_QUERY_BOOL && value.integer;
}

/* None is equal to none alone, and neither less nor greater than anything. */
static bool compares(uint8_t op, struct pyr_query_value a, struct pyr_query_value b)
{
    if (a.kind == PYR_QUERY_NONE || b.kind == PYR_QUERY_NONE)
        return op == PYR_OP_UNEQUAL ? a.kind != b.kind : op == PYR_OP_EQUAL && a.kind == b.kind;
    int order = pyr_query_compare(a, b);
    switch (op) {
    case PYR_OP_EQUAL:
        return order == 0;
    case PYR_OP_UNEQUAL:
        return order != 0;
    case PYR_OP_LESS:
        return order < 0;
    case PYR_OP_LESS_EQUAL:
        return order <= 0;
    case PYR_OP_GREATER:
        return order > 0;
    default:
        return order >= 0;
    }
}

static bool is_in(const struct pyr_query_scope *scope, const struct pyr_query_node *node)
{
    const struct pyr_query_node *nodes = scope->run->query->nodes;
    struct pyr_query_value value = pyr_query_evaluate(scope, node->left);
    for (uint16_t item = node->right; item != PYR_QUERY_NO_NODE; item = nodes[item].right)
        if (compares(PYR_OP_EQUAL, value, pyr_query_evaluate(scope, nodes[item].left)))
            return true;
    return false;
}

static bool is_like(const struct pyr_query_scope *scope, const struct pyr_query_node *node)
{
    struct pyr_query_value text = pyr_query_evaluate(scope, node->left);
    return text.kind == PYR_QUERY_TEXT && pyr_query_like(text, scope->run->query->nodes[node->right].value);
}

static bool holds(const struct pyr_query_scope *scope, const struct pyr_query_node *node)
{
    bool first;
    switch (node->op) {
    case PYR_OP_NOT:
        return !pyr_query_true(pyr_query_evaluate(scope, node->left));
    case PYR_OP_AND:
    case PYR_OP_OR:
        first = pyr_query_true(pyr_query_evaluate(scope, node->left));
        return first == (node->op == PYR_OP_OR) ? first : pyr_query_true(pyr_query_evaluate(scope, node->right));
    case PYR_OP_LIKE:
        return is_like(scope, node);
    case PYR_OP_IN:
        return is_in(scope, node);
    default:
        return compares(node->op, pyr_query_evaluate(scope, node->left), pyr_query_evaluate(scope, node->right));
    }
}

struct pyr_query_value pyr_query_evaluate(const struct pyr_query_scope *scope, uint16_t at)
{
    const struct pyr_query_node *node = &scope->run->query->nodes[at];
    switch (node->op) {
    case PYR_OP_LITERAL:
        return node->value;
    case PYR_OP_FIELD:
        return pyr_query_fields[node->which].get(scope->run, scope->object);
    case PYR_OP_KEY:
        return scope->keys[node->slot];
    case PYR_OP_AGGREGATE:
        return pyr_query_total(&scope->aggregates[node->slot], node->which);
    case PYR_OP_NEGATE:
        return pyr_query_arithmetic(PYR_OP_SUBTRACT, pyr_query_integer(0), pyr_query_evaluate(scope, node->left));
    case PYR_OP_ADD:
    case PYR_OP_SUBTRACT:
    case PYR_OP_MULTIPLY:
    case PYR_OP_DIVIDE:
        return pyr_query_arithmetic(node->op, pyr_query_evaluate(scope, node->left),
                                    pyr_query_evaluate(scope, node->right));
    default:
        return pyr_query_bool(holds(scope, node));
    }
}
