/* What each expression is, whether that fits, and what is of objects, what of groups. */
#include "query/private.h"

#include <string.h>

struct checker {
    struct pyr_query *query;
    struct pyr_err *err;
};

typedef struct pyr_query_node node_t;

static node_t *node_at(const struct checker *checker, uint16_t node)
{
    return &checker->query->nodes[node];
}

static const char *type_words(uint8_t type)
{
    static const char *const words[] = {[PYR_TYPE_ANY] = "none",
                                        [PYR_TYPE_NUMBER] = "a number",
                                        [PYR_TYPE_TEXT] = "a text",
                                        [PYR_TYPE_CONDITION] = "a condition"};
    return words[type];
}

static int check(struct checker *checker, uint16_t at, bool group);

/* ---- equal expressions ---- */

static bool same_literal(const node_t *a, const node_t *b)
{
    return a->value.kind == b->value.kind && pyr_query_compare(a->value, b->value) == 0;
}

static bool same(const struct pyr_query *query, uint16_t a, uint16_t b)
{
    if (a == b || a == PYR_QUERY_NO_NODE || b == PYR_QUERY_NO_NODE)
        return a == b;
    const node_t *left = &query->nodes[a], *right = &query->nodes[b];
    if (left->op != right->op || left->which != right->which)
        return false;
    if (left->op == PYR_OP_LITERAL)
        return same_literal(left, right);
    return same(query, left->left, right->left) && same(query, left->right, right->right);
}

/* Of a group, an expression that it is grouped by. */
static bool make_key(struct checker *checker, uint16_t at)
{
    struct pyr_query *query = checker->query;
    for (uint32_t i = 0; i < query->key_count; i++)
        if (same(query, at, query->keys[i].node)) {
            const node_t key = query->nodes[query->keys[i].node];
            node_t *node = node_at(checker, at);
            node->op = PYR_OP_KEY;
            node->slot = (uint8_t)i;
            node->type = key.type;
            node->unit = key.unit;
            node->named = key.named;
            return true;
        }
    return false;
}

/* ---- single expressions ---- */

static int check_literal(node_t *node)
{
    node->type = node->value.kind == PYR_QUERY_NONE   ? PYR_TYPE_ANY
                 : node->value.kind == PYR_QUERY_TEXT ? PYR_TYPE_TEXT
                 : node->value.kind == PYR_QUERY_BOOL ? PYR_TYPE_CONDITION
                                                      : PYR_TYPE_NUMBER;
    return 0;
}

static int check_field(struct checker *checker, node_t *node, bool group)
{
    const struct pyr_query_field *field = &pyr_query_fields[node->which];
    if (group)
        return pyr_query_wrong(checker->query, node->at, checker->err,
                               "%s may differ within a group; make one value of it with count, sum, min, max or avg, "
                               "or add it to group by",
                               field->name);
    node->type = field->type;
    node->unit = field->unit;
    node->named = field->named;
    checker->query->needs_paths |= field->named;
    checker->query->needs_sites |= !strcmp(field->name, "site");
    return 0;
}

static int give_slot(struct checker *checker, uint16_t at)
{
    struct pyr_query *query = checker->query;
    uint32_t slot = 0;
    while (slot < query->aggregate_count && !same(query, query->aggregates[slot], at))
        slot++;
    if (slot == PYR_QUERY_AGGREGATES_MAX)
        return pyr_query_wrong(query, query->nodes[at].at, checker->err,
                               "these are too many functions; there may be %d", PYR_QUERY_AGGREGATES_MAX);
    if (slot == query->aggregate_count)
        query->aggregates[query->aggregate_count++] = at;
    query->nodes[at].slot = (uint8_t)slot;
    return 0;
}

static int check_argument(struct checker *checker, node_t *node)
{
    const char *function = pyr_query_functions[node->which];
    const node_t *argument = node_at(checker, node->left);
    int rc = check(checker, node->left, false);
    if (rc < 0 || node->which == PYR_COUNT)
        return rc;
    if (argument->named)
        return pyr_query_wrong(checker->query, argument->at, checker->err, "%s takes a field that is no name",
                               function);
    if (argument->type == PYR_TYPE_CONDITION ||
        ((node->which == PYR_SUM || node->which == PYR_AVG) && argument->type == PYR_TYPE_TEXT))
        return pyr_query_wrong(checker->query, argument->at, checker->err, "%s takes numbers; this is %s", function,
                               type_words(argument->type));
    node->type = argument->type;
    node->unit = argument->unit;
    if (node->unit == PYR_QUERY_ADDRESS && node->which != PYR_MIN && node->which != PYR_MAX)
        node->unit = PYR_QUERY_PLAIN;
    return 0;
}

static int check_aggregate(struct checker *checker, uint16_t at, bool group)
{
    node_t *node = node_at(checker, at);
    if (!group)
        return pyr_query_wrong(checker->query, node->at, checker->err,
                               "%s is of many objects: it cannot be in where, in group by or in another function",
                               pyr_query_functions[node->which]);
    node->type = PYR_TYPE_NUMBER;
    int rc = node->left == PYR_QUERY_NO_NODE ? 0 : check_argument(checker, node);
    return rc < 0 ? rc : give_slot(checker, at);
}

/* ---- operators ---- */

static int need_type(struct checker *checker, uint16_t at, uint8_t type, const char *who)
{
    const node_t *node = node_at(checker, at);
    if (node->type == type || node->type == PYR_TYPE_ANY)
        return 0;
    return pyr_query_wrong(checker->query, node->at, checker->err, "%s %s; this is %s", who, type_words(type),
                           type_words(node->type));
}

static uint8_t unit_of(const node_t *node, const node_t *left, const node_t *right)
{
    uint8_t a = left->unit, b = right->unit, unit = PYR_QUERY_PLAIN;
    switch (node->op) {
    case PYR_OP_ADD:
    case PYR_OP_SUBTRACT:
        if (a == b)
            return a == PYR_QUERY_ADDRESS ? PYR_QUERY_BYTES : a;
        return left->op == PYR_OP_LITERAL ? b : right->op == PYR_OP_LITERAL ? a : PYR_QUERY_PLAIN;
    case PYR_OP_MULTIPLY:
        unit = a == PYR_QUERY_PLAIN ? b : b == PYR_QUERY_PLAIN ? a : PYR_QUERY_PLAIN;
        break;
    default:
        unit = b == PYR_QUERY_PLAIN ? a : PYR_QUERY_PLAIN;
        break;
    }
    return unit == PYR_QUERY_ADDRESS ? PYR_QUERY_PLAIN : unit;
}

static int check_arithmetic(struct checker *checker, node_t *node)
{
    int rc = need_type(checker, node->left, PYR_TYPE_NUMBER, "arithmetic takes");
    if (rc == 0)
        rc = need_type(checker, node->right, PYR_TYPE_NUMBER, "arithmetic takes");
    node->type = PYR_TYPE_NUMBER;
    node->unit = unit_of(node, node_at(checker, node->left), node_at(checker, node->right));
    return rc;
}

/* To name an object takes a look at all that its container refers to: for each object of a heap that has no end. */
static int refuse_name(struct checker *checker, const node_t *node)
{
    if (!node->named)
        return 0;
    return pyr_query_wrong(
        checker->query, node->at, checker->err,
        "names are made only for rows that are shown: name and owner can be selected and grouped by, "
        "not compared");
}

static int check_comparison(struct checker *checker, const node_t *node, uint16_t left_at, uint16_t right_at)
{
    const node_t *left = node_at(checker, left_at), *right = node_at(checker, right_at);
    if (left->named || right->named)
        return refuse_name(checker, left->named ? left : right);
    bool ordered = node->op >= PYR_OP_LESS && node->op <= PYR_OP_GREATER_EQUAL;
    if (left->type != right->type && left->type != PYR_TYPE_ANY && right->type != PYR_TYPE_ANY)
        return pyr_query_wrong(checker->query, right->at, checker->err,
                               "%s is compared with %s here; texts are in quotes", type_words(left->type),
                               type_words(right->type));
    if (ordered && (left->type == PYR_TYPE_CONDITION || right->type == PYR_TYPE_CONDITION))
        return pyr_query_wrong(checker->query, node->at, checker->err,
                               "a condition is not less or greater than another one; join them with and, or");
    return 0;
}

static int check_like(struct checker *checker, const node_t *node)
{
    const node_t *pattern = node_at(checker, node->right);
    if (pattern->op != PYR_OP_LITERAL || pattern->type != PYR_TYPE_TEXT)
        return pyr_query_wrong(checker->query, pattern->at, checker->err,
                               "like takes a pattern in quotes, such as 'app.*'");
    if (pattern->value.size > PYR_QUERY_PATTERN_MAX)
        return pyr_query_wrong(checker->query, pattern->at, checker->err, "the pattern is too long; %d bytes will do",
                               PYR_QUERY_PATTERN_MAX);
    int rc = refuse_name(checker, node_at(checker, node->left));
    return rc < 0 ? rc : need_type(checker, node->left, PYR_TYPE_TEXT, "like compares");
}

static int check_in(struct checker *checker, const node_t *node)
{
    int rc = 0;
    for (uint16_t item = node->right; rc == 0 && item != PYR_QUERY_NO_NODE; item = node_at(checker, item)->right)
        rc = check_comparison(checker, node, node->left, node_at(checker, item)->left);
    return rc;
}

static int check_operator(struct checker *checker, node_t *node)
{
    node->type = PYR_TYPE_CONDITION;
    switch (node->op) {
    case PYR_OP_NEGATE:
        node->type = PYR_TYPE_NUMBER;
        node->unit = node_at(checker, node->left)->unit == PYR_QUERY_BYTES ? PYR_QUERY_BYTES : PYR_QUERY_PLAIN;
        return need_type(checker, node->left, PYR_TYPE_NUMBER, "- takes");
    case PYR_OP_NOT:
        return need_type(checker, node->left, PYR_TYPE_CONDITION, "not takes");
    case PYR_OP_AND:
    case PYR_OP_OR: {
        int rc = need_type(checker, node->left, PYR_TYPE_CONDITION, "and, or join");
        return rc < 0 ? rc : need_type(checker, node->right, PYR_TYPE_CONDITION, "and, or join");
    }
    case PYR_OP_LIKE:
        return check_like(checker, node);
    case PYR_OP_IN:
        return check_in(checker, node);
    case PYR_OP_LIST:
        return 0;
    default:
        return node->op <= PYR_OP_DIVIDE ? check_arithmetic(checker, node)
                                         : check_comparison(checker, node, node->left, node->right);
    }
}

static int check(struct checker *checker, uint16_t at, bool group)
{
    node_t *node = node_at(checker, at);
    if (node->op == PYR_OP_KEY || (group && make_key(checker, at)))
        return 0;
    if (node->op == PYR_OP_LITERAL)
        return check_literal(node);
    if (node->op == PYR_OP_FIELD)
        return check_field(checker, node, group);
    if (node->op == PYR_OP_AGGREGATE)
        return check_aggregate(checker, at, group);
    int rc = node->left == PYR_QUERY_NO_NODE ? 0 : check(checker, node->left, group);
    if (rc == 0 && node->right != PYR_QUERY_NO_NODE)
        rc = check(checker, node->right, group);
    return rc < 0 ? rc : check_operator(checker, node);
}

/* ---- the whole ---- */

static bool has_aggregate(const struct pyr_query *query)
{
    for (uint32_t i = 0; i < query->node_count; i++)
        if (query->nodes[i].op == PYR_OP_AGGREGATE)
            return true;
    return false;
}

static int no_room(struct checker *checker)
{
    return pyr_query_wrong(checker->query, 0, checker->err, "there are too many columns; there may be %d",
                           PYR_QUERY_COLUMNS_MAX);
}

/* select *: what one wants to see of an object. */
static int select_all(struct checker *checker)
{
    static const char *const usual[] = {"address", "type", "size", "retained", "len", "name"};
    struct pyr_query *query = checker->query;
    if (query->grouped)
        return pyr_query_wrong(query, 0, checker->err, "select * is of objects; of groups, name the columns");
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        for (uint8_t f = 0; f < PYR_QUERY_FIELDS; f++) {
            uint16_t node;
            if (strcmp(usual[i], pyr_query_fields[f].name) != 0)
                continue;
            if ((node = pyr_query_node(query, PYR_OP_FIELD, 0)) == PYR_QUERY_NO_NODE)
                return no_room(checker);
            query->nodes[node].which = f;
            query->columns[query->column_count++] = (struct pyr_query_part){.node = node, .label = usual[i]};
        }
    return 0;
}

/* What it is grouped by and does not select comes before the other columns. */
static int select_keys(struct checker *checker)
{
    struct pyr_query *query = checker->query;
    for (uint32_t i = query->key_count; i-- > 0;) {
        bool there = false;
        for (uint32_t c = 0; c < query->column_count; c++)
            there |= same(query, query->columns[c].node, query->keys[i].node);
        if (there)
            continue;
        uint16_t node = pyr_query_node(query, PYR_OP_LITERAL, query->keys[i].at);
        if (node == PYR_QUERY_NO_NODE || query->column_count == PYR_QUERY_COLUMNS_MAX)
            return no_room(checker);
        query->nodes[node] = query->nodes[query->keys[i].node]; /* a node of its own: it becomes a KEY */
        memmove(query->columns + 1, query->columns, query->column_count * sizeof *query->columns);
        query->columns[0] = (struct pyr_query_part){.node = node, .at = query->keys[i].at, .end = query->keys[i].end};
        query->column_count++;
    }
    return 0;
}

static int check_where(struct checker *checker)
{
    uint16_t where = checker->query->where;
    int rc = where == PYR_QUERY_NO_NODE ? 0 : check(checker, where, false);
    return rc < 0 || where == PYR_QUERY_NO_NODE ? rc : need_type(checker, where, PYR_TYPE_CONDITION, "where takes");
}

static int check_parts(struct checker *checker, const struct pyr_query_part *parts, uint32_t count, bool group)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < count; i++)
        rc = check(checker, parts[i].node, group);
    return rc;
}

static int check_orders(struct checker *checker)
{
    const struct pyr_query *query = checker->query;
    int rc = check_parts(checker, query->orders, query->order_count, query->grouped);
    for (uint32_t i = 0; rc == 0 && i < query->order_count; i++)
        if (query->nodes[query->orders[i].node].named)
            rc =
                pyr_query_wrong(query, query->orders[i].at, checker->err,
                                "rows cannot be in the order of name or owner: names are made for rows that are shown");
    return rc;
}

/* Groups of which nothing is said: what is counted or summed first, the most first. */
static void usual_order(struct pyr_query *query)
{
    for (uint32_t i = 0; query->grouped && !query->order_count && i < query->column_count; i++)
        if (query->nodes[query->columns[i].node].op == PYR_OP_AGGREGATE) {
            query->orders[query->order_count++] = query->columns[i];
            query->orders[0].descending = true;
        }
}

static int name_columns(struct checker *checker)
{
    struct pyr_query *query = checker->query;
    for (uint32_t i = 0; i < query->column_count; i++) {
        struct pyr_query_part *column = &query->columns[i];
        if (!column->label)
            column->label = pyr_arena_dup(&query->arena, query->text + column->at, (size_t)(column->end - column->at));
        if (!column->label)
            return pyr_err_set(checker->err, PYR_E_NOMEM, "out of memory");
    }
    return 0;
}

int pyr_query_check(struct pyr_query *query, struct pyr_err *err)
{
    struct checker checker = {.query = query, .err = err};
    query->grouped = query->key_count > 0 || has_aggregate(query);
    int rc = check_where(&checker);
    if (rc == 0)
        rc = check_parts(&checker, query->keys, query->key_count, false);
    if (rc == 0 && query->all)
        rc = select_all(&checker);
    if (rc == 0)
        rc = select_keys(&checker);
    if (rc == 0)
        rc = check_parts(&checker, query->columns, query->column_count, query->grouped);
    if (rc == 0)
        rc = check_orders(&checker);
    usual_order(query);
    return rc < 0 ? rc : name_columns(&checker);
}
