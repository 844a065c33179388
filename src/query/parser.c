/* query  = select columns from types [where expr] [group by exprs] [order by exprs] [limit N]
 * Expressions by precedence climbing: or, and, not, comparisons, + -, * /, unary -. */
#include "query/private.h"

#include <stdio.h>
#include <string.h>

struct parser {
    struct pyr_query *query;
    struct pyr_token token; /* the next one */
    uint16_t last_end;      /* of the one before */
    unsigned depth;
    struct pyr_err *err;
};

enum level { LEVEL_OR = 1, LEVEL_AND, LEVEL_COMPARE, LEVEL_SUM, LEVEL_PRODUCT };

static int parse_expr(struct parser *parser, enum level level);

/* ---- tokens ---- */

static int next(struct parser *parser)
{
    parser->last_end = parser->token.end;
    return pyr_query_token(parser->query, parser->token.end, &parser->token, parser->err);
}

static bool at_word(const struct parser *parser, const char *word)
{
    return pyr_query_is_word(parser->query, &parser->token, word);
}

static bool at_symbol(const struct parser *parser, const char *symbol)
{
    size_t size = (size_t)(parser->token.end - parser->token.at);
    return parser->token.kind == PYR_TOKEN_SYMBOL && strlen(symbol) == size &&
           !memcmp(parser->query->text + parser->token.at, symbol, size);
}

static int expected(struct parser *parser, const char *what)
{
    int size = parser->token.end - parser->token.at;
    if (parser->token.kind == PYR_TOKEN_END)
        return pyr_query_wrong(parser->query, parser->token.at, parser->err, "it ends here; %s is missing", what);
    return pyr_query_wrong(parser->query, parser->token.at, parser->err, "here is %.*s, but %s is wanted",
                           size > 60 ? 60 : size, parser->query->text + parser->token.at, what);
}

/* 1 if it is there, and is taken. */
static int take_word(struct parser *parser, const char *word)
{
    if (!at_word(parser, word))
        return 0;
    int rc = next(parser);
    return rc < 0 ? rc : 1;
}

static int take_symbol(struct parser *parser, const char *symbol)
{
    if (!at_symbol(parser, symbol))
        return 0;
    int rc = next(parser);
    return rc < 0 ? rc : 1;
}

static int need_word(struct parser *parser, const char *word)
{
    int rc = take_word(parser, word);
    return rc == 0 ? expected(parser, word) : rc;
}

static int need_symbol(struct parser *parser, const char *symbol)
{
    int rc = take_symbol(parser, symbol);
    return rc == 0 ? expected(parser, symbol) : rc;
}

/* ---- nodes ---- */

uint16_t pyr_query_node(struct pyr_query *query, enum pyr_query_op op, size_t at)
{
    if (query->node_count == PYR_QUERY_NODES_MAX)
        return PYR_QUERY_NO_NODE;
    query->nodes[query->node_count] = (struct pyr_query_node){.op = (uint8_t)op,
                                                              .left = PYR_QUERY_NO_NODE,
                                                              .right = PYR_QUERY_NO_NODE,
                                                              .at = (uint16_t)at,
                                                              .end = (uint16_t)at};
    return (uint16_t)query->node_count++;
}

static int new_node(struct parser *parser, enum pyr_query_op op, size_t at)
{
    uint16_t node = pyr_query_node(parser->query, op, at);
    if (node == PYR_QUERY_NO_NODE)
        return pyr_query_wrong(parser->query, at, parser->err, "the query is too long; it may have %d parts",
                               PYR_QUERY_NODES_MAX);
    return node;
}

static struct pyr_query_node *node_at(struct parser *parser, int node)
{
    return &parser->query->nodes[node];
}

static int join(struct parser *parser, enum pyr_query_op op, int left, int right)
{
    int node = new_node(parser, op, node_at(parser, left)->at);
    if (node < 0)
        return node;
    node_at(parser, node)->left = (uint16_t)left;
    node_at(parser, node)->right = (uint16_t)right;
    node_at(parser, node)->end = parser->last_end;
    return node;
}

/* ---- operands ---- */

static void list_fields(char *text, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < PYR_QUERY_FIELDS && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", pyr_query_fields[i].name);
}

static int parse_field(struct parser *parser)
{
    for (uint8_t i = 0; i < PYR_QUERY_FIELDS; i++)
        if (at_word(parser, pyr_query_fields[i].name)) {
            int node = new_node(parser, PYR_OP_FIELD, parser->token.at);
            if (node < 0)
                return node;
            node_at(parser, node)->which = i;
            int rc = next(parser);
            node_at(parser, node)->end = parser->last_end;
            return rc < 0 ? rc : node;
        }
    char fields[256];
    int size = parser->token.end - parser->token.at;
    list_fields(fields, sizeof fields);
    return pyr_query_wrong(parser->query, parser->token.at, parser->err, "there is no field '%.*s'; there are %s",
                           size > 60 ? 60 : size, parser->query->text + parser->token.at, fields);
}

static int parse_literal(struct parser *parser, struct pyr_query_value value)
{
    int node = new_node(parser, PYR_OP_LITERAL, parser->token.at);
    if (node < 0)
        return node;
    node_at(parser, node)->value = value;
    int rc = next(parser);
    node_at(parser, node)->end = parser->last_end;
    return rc < 0 ? rc : node;
}

/* After its name: "(", nothing or "*" or an expression, ")". */
static int parse_aggregate(struct parser *parser, uint8_t function, uint16_t at)
{
    int node = new_node(parser, PYR_OP_AGGREGATE, at), argument = PYR_QUERY_NO_NODE;
    int rc = node < 0 ? node : take_symbol(parser, "(");
    if (rc == 0)
        rc = expected(parser, "( after the name of a function, as in count(),");
    if (rc > 0 && function == PYR_COUNT && at_symbol(parser, "*"))
        rc = next(parser);
    else if (rc > 0 && !(function == PYR_COUNT && at_symbol(parser, ")")))
        rc = argument = parse_expr(parser, LEVEL_OR);
    if (rc >= 0)
        rc = need_symbol(parser, ")");
    if (rc < 0)
        return rc;
    node_at(parser, node)->which = function;
    node_at(parser, node)->left = (uint16_t)argument;
    node_at(parser, node)->end = parser->last_end;
    return node;
}

static int parse_word(struct parser *parser)
{
    uint16_t at = parser->token.at;
    if (at_word(parser, "none"))
        return parse_literal(parser, (struct pyr_query_value){0});
    if (at_word(parser, "true") || at_word(parser, "false"))
        return parse_literal(parser, pyr_query_bool(at_word(parser, "true")));
    for (uint8_t i = 0; i < PYR_FUNCTIONS; i++) {
        int rc = take_word(parser, pyr_query_functions[i]);
        if (rc)
            return rc < 0 ? rc : parse_aggregate(parser, i, at);
    }
    return parse_field(parser);
}

static int parse_prefix(struct parser *parser, enum pyr_query_op op, enum level level)
{
    uint16_t at = parser->token.at;
    int rc = next(parser);
    int operand = rc < 0 ? rc : parse_expr(parser, level);
    int node = operand < 0 ? operand : new_node(parser, op, at);
    if (node < 0)
        return node;
    node_at(parser, node)->left = (uint16_t)operand;
    node_at(parser, node)->end = parser->last_end;
    return node;
}

static int parse_parentheses(struct parser *parser)
{
    uint16_t at = parser->token.at;
    int rc = next(parser);
    int node = rc < 0 ? rc : parse_expr(parser, LEVEL_OR);
    rc = node < 0 ? node : need_symbol(parser, ")");
    if (rc < 0)
        return rc;
    node_at(parser, node)->at = at;
    node_at(parser, node)->end = parser->last_end;
    return node;
}

static int parse_operand(struct parser *parser)
{
    if (at_word(parser, "not"))
        return parse_prefix(parser, PYR_OP_NOT, LEVEL_COMPARE);
    if (at_symbol(parser, "-"))
        return parse_prefix(parser, PYR_OP_NEGATE, LEVEL_PRODUCT + 1);
    if (at_symbol(parser, "("))
        return parse_parentheses(parser);
    if (parser->token.kind == PYR_TOKEN_NUMBER || parser->token.kind == PYR_TOKEN_TEXT)
        return parse_literal(parser, parser->token.value);
    if (parser->token.kind == PYR_TOKEN_WORD)
        return parse_word(parser);
    return expected(parser, "a field, a number or a text");
}

/* ---- operators ---- */

static const struct operator
{
    const char *name;
    bool word;
    enum level level;
    enum pyr_query_op op;
}
operators[] = {
    {"or", true, LEVEL_OR, PYR_OP_OR},
    {"and", true, LEVEL_AND, PYR_OP_AND},
    {"=", false, LEVEL_COMPARE, PYR_OP_EQUAL},
    {"==", false, LEVEL_COMPARE, PYR_OP_EQUAL},
    {"!=", false, LEVEL_COMPARE, PYR_OP_UNEQUAL},
    {"<>", false, LEVEL_COMPARE, PYR_OP_UNEQUAL},
    {"<", false, LEVEL_COMPARE, PYR_OP_LESS},
    {"<=", false, LEVEL_COMPARE, PYR_OP_LESS_EQUAL},
    {">", false, LEVEL_COMPARE, PYR_OP_GREATER},
    {">=", false, LEVEL_COMPARE, PYR_OP_GREATER_EQUAL},
    {"like", true, LEVEL_COMPARE, PYR_OP_LIKE},
    {"in", true, LEVEL_COMPARE, PYR_OP_IN},
    {"+", false, LEVEL_SUM, PYR_OP_ADD},
    {"-", false, LEVEL_SUM, PYR_OP_SUBTRACT},
    {"*", false, LEVEL_PRODUCT, PYR_OP_MULTIPLY},
    {"/", false, LEVEL_PRODUCT, PYR_OP_DIVIDE},
};

static const struct operator* find_operator(const struct parser *parser)
{
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
        if (operators[i].word ? at_word(parser, operators[i].name) : at_symbol(parser, operators[i].name))
            return &operators[i];
    return NULL;
}

/* "(" items ")" as a chain of LIST nodes; the first. */
static int parse_list(struct parser *parser)
{
    int first = PYR_QUERY_NO_NODE, last = PYR_QUERY_NO_NODE, rc = need_symbol(parser, "(");
    while (rc > 0) {
        int item = parse_expr(parser, LEVEL_OR),
            node = item < 0 ? item : join(parser, PYR_OP_LIST, item, PYR_QUERY_NO_NODE);
        if (node < 0)
            return node;
        if (first == PYR_QUERY_NO_NODE)
            first = node;
        else
            node_at(parser, last)->right = (uint16_t)node;
        last = node;
        rc = take_symbol(parser, ",");
    }
    rc = rc < 0 ? rc : need_symbol(parser, ")");
    return rc < 0 ? rc : first;
}

static int parse_right(struct parser *parser, const struct operator* op, int left)
{
    int right = op->op == PYR_OP_IN ? parse_list(parser) : parse_expr(parser, op->level + 1);
    return right < 0 ? right : join(parser, op->op, left, right);
}

/* x not like y, x not in (…) */
static int parse_negated(struct parser *parser, int left)
{
    int rc = next(parser);
    const struct operator* op = rc<0 ? NULL : find_operator(parser);
    if (rc < 0)
        return rc;
    if (!op || (op->op != PYR_OP_LIKE && op->op != PYR_OP_IN))
        return expected(parser, "like or in");
    rc = next(parser);
    int node = rc < 0 ? rc : parse_right(parser, op, left);
    int negated = node < 0 ? node : new_node(parser, PYR_OP_NOT, node_at(parser, node)->at);
    if (negated < 0)
        return negated;
    node_at(parser, negated)->left = (uint16_t)node;
    node_at(parser, negated)->end = parser->last_end;
    return negated;
}

static int parse_operators(struct parser *parser, enum level level)
{
    int left = parse_operand(parser);
    while (left >= 0) {
        const struct operator* op = find_operator(parser);
        if (at_word(parser, "not") && level <= LEVEL_COMPARE) {
            left = parse_negated(parser, left);
        } else if (op && op->level >= level) {
            int rc = next(parser);
            left = rc < 0 ? rc : parse_right(parser, op, left);
        } else {
            break;
        }
    }
    return left;
}

static int parse_expr(struct parser *parser, enum level level)
{
    if (parser->depth == PYR_QUERY_DEPTH_MAX)
        return pyr_query_wrong(parser->query, parser->token.at, parser->err,
                               "it is nested too deeply; %d levels will do", PYR_QUERY_DEPTH_MAX);
    parser->depth++;
    int node = parse_operators(parser, level);
    parser->depth--;
    return node;
}

/* ---- clauses ---- */

static int parse_part(struct parser *parser, struct pyr_query_part *parts, uint32_t *count, uint32_t max)
{
    uint16_t at = parser->token.at;
    if (*count == max)
        return pyr_query_wrong(parser->query, at, parser->err, "these are too many; there may be %u here", max);
    int node = parse_expr(parser, LEVEL_OR);
    if (node < 0)
        return node;
    parts[(*count)++] = (struct pyr_query_part){.node = (uint16_t)node, .at = at, .end = parser->last_end};
    return 0;
}

static int parse_alias(struct parser *parser)
{
    struct pyr_query_part *column = &parser->query->columns[parser->query->column_count - 1];
    int rc = take_word(parser, "as");
    if (rc <= 0)
        return rc;
    if (parser->token.kind != PYR_TOKEN_WORD)
        return expected(parser, "a name for the column");
    column->at = parser->token.at;
    column->end = parser->token.end;
    column->has_alias = true;
    return next(parser);
}

static int parse_columns(struct parser *parser)
{
    struct pyr_query *query = parser->query;
    int rc = take_symbol(parser, "*");
    query->all = rc > 0;
    if (rc)
        return rc;
    do {
        rc = parse_part(parser, query->columns, &query->column_count, PYR_QUERY_COLUMNS_MAX);
        if (rc == 0)
            rc = parse_alias(parser);
        if (rc == 0)
            rc = take_symbol(parser, ",");
    } while (rc > 0);
    return rc;
}

static int parse_type(struct parser *parser)
{
    struct pyr_query *query = parser->query;
    const struct pyr_token *token = &parser->token;
    if (token->kind != PYR_TOKEN_WORD && token->kind != PYR_TOKEN_TEXT)
        return expected(parser, "a type, or * for all,");
    if (query->type_count == PYR_QUERY_TYPES_MAX)
        return pyr_query_wrong(query, token->at, parser->err, "these are too many types; there may be %d",
                               PYR_QUERY_TYPES_MAX);
    query->types_at[query->type_count] = token->at;
    query->types[query->type_count++] =
        token->kind == PYR_TOKEN_TEXT ? token->value
                                      : pyr_query_string(query->text + token->at, (size_t)(token->end - token->at));
    return next(parser);
}

static int parse_types(struct parser *parser)
{
    int rc = take_symbol(parser, "*");
    if (rc)
        return rc;
    do {
        rc = parse_type(parser);
        if (rc == 0)
            rc = take_symbol(parser, ",");
    } while (rc > 0);
    return rc;
}

/* An alias is meant before a field of that name. */
static int parse_aliased(struct parser *parser)
{
    struct pyr_query *query = parser->query;
    uint16_t at = parser->token.at, size = (uint16_t)(parser->token.end - at);
    for (uint32_t i = 0; i < query->column_count && parser->token.kind == PYR_TOKEN_WORD; i++) {
        const struct pyr_query_part *column = &query->columns[i];
        if (!column->has_alias || column->end - column->at != size ||
            memcmp(query->text + column->at, query->text + at, size) != 0)
            continue;
        if (query->order_count == PYR_QUERY_KEYS_MAX)
            break;
        query->orders[query->order_count++] =
            (struct pyr_query_part){.node = column->node, .at = at, .end = (uint16_t)(at + size)};
        return next(parser);
    }
    return parse_part(parser, query->orders, &query->order_count, PYR_QUERY_KEYS_MAX);
}

static int parse_order(struct parser *parser)
{
    int rc;
    do {
        rc = parse_aliased(parser);
        if (rc == 0)
            rc = take_word(parser, "desc");
        if (rc < 0)
            return rc;
        parser->query->orders[parser->query->order_count - 1].descending = rc > 0;
        if (rc == 0)
            rc = take_word(parser, "asc");
        if (rc >= 0)
            rc = take_symbol(parser, ",");
    } while (rc > 0);
    return rc;
}

static int parse_keys(struct parser *parser)
{
    int rc;
    do {
        rc = parse_part(parser, parser->query->keys, &parser->query->key_count, PYR_QUERY_KEYS_MAX);
        if (rc == 0)
            rc = take_symbol(parser, ",");
    } while (rc > 0);
    return rc;
}

static int parse_limit(struct parser *parser)
{
    const struct pyr_token *token = &parser->token;
    if (token->kind != PYR_TOKEN_NUMBER)
        return expected(parser, "a number of rows");
    if (token->value.kind != PYR_QUERY_INTEGER || token->value.integer < 1 ||
        token->value.integer > PYR_QUERY_LIMIT_MAX)
        return pyr_query_wrong(parser->query, token->at, parser->err, "the limit is from 1 to %d", PYR_QUERY_LIMIT_MAX);
    parser->query->limit = (uint32_t)token->value.integer;
    return next(parser);
}

static int parse_where(struct parser *parser)
{
    int node = parse_expr(parser, LEVEL_OR);
    if (node >= 0)
        parser->query->where = (uint16_t)node;
    return node < 0 ? node : 0;
}

/* Those that there are come in this order. */
static const struct {
    const char *word;
    bool by;
    int (*parse)(struct parser *parser);
} clauses[] = {{"where", false, parse_where},
               {"group", true, parse_keys},
               {"order", true, parse_order},
               {"limit", false, parse_limit}};

static int parse_clauses(struct parser *parser)
{
    for (size_t i = 0; i < sizeof clauses / sizeof *clauses; i++) {
        int rc = take_word(parser, clauses[i].word);
        if (rc > 0 && clauses[i].by)
            rc = need_word(parser, "by");
        if (rc > 0)
            rc = clauses[i].parse(parser);
        if (rc < 0)
            return rc;
    }
    if (parser->token.kind == PYR_TOKEN_END)
        return 0;
    return expected(parser, "an operator, or where, group by, order by, limit (in this order)");
}

int pyr_query_parse(struct pyr_query *query, struct pyr_err *err)
{
    struct parser parser = {.query = query, .err = err};
    int rc = next(&parser);
    if (rc == 0)
        rc = need_word(&parser, "select");
    if (rc >= 0)
        rc = parse_columns(&parser);
    if (rc >= 0)
        rc = need_word(&parser, "from");
    if (rc >= 0)
        rc = parse_types(&parser);
    return rc < 0 ? rc : parse_clauses(&parser);
}
