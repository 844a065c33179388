/* Private to query/: the parsed query, and what it is answered with. */
#ifndef PYR_QUERY_PRIVATE_H
#define PYR_QUERY_PRIVATE_H

#include "base/arena.h"
#include "base/intern.h"
#include "query/query.h"

enum {
    PYR_QUERY_NODES_MAX = 512,
    PYR_QUERY_DEPTH_MAX = 50, /* of parentheses and what else nests */
    PYR_QUERY_KEYS_MAX = 8,   /* of group by, of order by */
    PYR_QUERY_TYPES_MAX = 64, /* of from */
    PYR_QUERY_AGGREGATES_MAX = 32,
    PYR_QUERY_PATTERN_MAX = 256, /* bytes: matching takes time with the product of both lengths */
};
#define PYR_QUERY_NO_NODE UINT16_MAX

/* ---- the parsed query ---- */

enum pyr_query_op {
    PYR_OP_LITERAL,
    PYR_OP_FIELD,     /* which: row of pyr_query_fields */
    PYR_OP_AGGREGATE, /* which: enum pyr_query_function; left: what of, or NO_NODE; slot: its number in the query */
    PYR_OP_KEY,       /* slot: the nth of group by; which: as FIELD where named */
    PYR_OP_NEGATE,
    PYR_OP_NOT,
    PYR_OP_ADD,
    PYR_OP_SUBTRACT,
    PYR_OP_MULTIPLY,
    PYR_OP_DIVIDE,
    PYR_OP_EQUAL,
    PYR_OP_UNEQUAL,
    PYR_OP_LESS,
    PYR_OP_LESS_EQUAL,
    PYR_OP_GREATER,
    PYR_OP_GREATER_EQUAL,
    PYR_OP_LIKE,
    PYR_OP_IN,   /* right: the first LIST */
    PYR_OP_LIST, /* left: an item; right: the next LIST, or NO_NODE */
    PYR_OP_AND,
    PYR_OP_OR,
};

enum pyr_query_function { PYR_COUNT, PYR_SUM, PYR_MIN, PYR_MAX, PYR_AVG, PYR_FUNCTIONS };

/* What an expression is, known before there is a snapshot; any of them may be none. */
enum pyr_query_type { PYR_TYPE_ANY, PYR_TYPE_NUMBER, PYR_TYPE_TEXT, PYR_TYPE_CONDITION };

struct pyr_query_node {
    uint8_t op, which, slot;
    uint8_t type;         /* enum pyr_query_type; by the checker */
    uint8_t unit;         /* enum pyr_query_unit; by the checker */
    bool named;           /* its value is an OBJECT */
    uint16_t left, right; /* nodes, or NO_NODE */
    uint16_t at, end;     /* bytes of the query's text */
    struct pyr_query_value value;
};

struct pyr_query_part {
    uint16_t node;
    uint16_t at, end; /* its words, or those after `as` */
    bool descending;  /* order by */
    bool has_alias;
    const char *label;
};

struct pyr_query {
    struct pyr_arena arena;
    const char *text;
    struct pyr_query_node nodes[PYR_QUERY_NODES_MAX];
    uint32_t node_count;
    struct pyr_query_part columns[PYR_QUERY_COLUMNS_MAX], keys[PYR_QUERY_KEYS_MAX], orders[PYR_QUERY_KEYS_MAX];
    uint32_t column_count, key_count, order_count;
    struct pyr_query_value types[PYR_QUERY_TYPES_MAX]; /* of from; none: all */
    uint16_t types_at[PYR_QUERY_TYPES_MAX];
    uint32_t type_count;
    uint16_t where; /* node, or NO_NODE */
    uint32_t limit; /* 0: not said */
    bool all;       /* select * */
    bool grouped;   /* rows are groups, not objects */
    bool needs_paths, needs_sites;
    uint16_t aggregates[PYR_QUERY_AGGREGATES_MAX]; /* nodes, by slot */
    uint32_t aggregate_count;
};

/* Describes what is wrong at a byte of the text; returns PYR_E_MISUSE. */
int pyr_query_wrong(const struct pyr_query *query, size_t at, struct pyr_err *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* ---- lexer.c ---- */

enum pyr_token_kind { PYR_TOKEN_END, PYR_TOKEN_WORD, PYR_TOKEN_NUMBER, PYR_TOKEN_TEXT, PYR_TOKEN_SYMBOL };

struct pyr_token {
    enum pyr_token_kind kind;
    uint16_t at, end;             /* bytes of the query's text */
    struct pyr_query_value value; /* NUMBER, TEXT */
};

int pyr_query_token(struct pyr_query *query, size_t at, struct pyr_token *token, struct pyr_err *err);
bool pyr_query_is_word(const struct pyr_query *query, const struct pyr_token *token, const char *word);

/* ---- parser.c, checker.c ---- */

int pyr_query_parse(struct pyr_query *query, struct pyr_err *err);
int pyr_query_check(struct pyr_query *query, struct pyr_err *err);
uint16_t pyr_query_node(struct pyr_query *query, enum pyr_query_op op, size_t at); /* NO_NODE: there are too many */

/* ---- answering ---- */

struct pyr_query_aggregate {
    uint64_t count;
    struct pyr_query_value value; /* sum, least, greatest */
};

struct pyr_query_run {
    const struct pyr_query *query;
    const struct pyr_graph *graph;
    const struct pyr_snapshot *snapshot;
    struct pyr_query_value *type_names; /* by row of types */
    struct pyr_query_value *site_names; /* by row of sites; NULL: not asked for */
    bool *wanted_types;                 /* by row of types; NULL: all */
    struct pyr_arena texts;             /* of those names */
    size_t text_bytes;
    uint32_t limit; /* rows that are kept */
    struct pyr_err *err;
};

/* What an expression is evaluated for: an object, or a group. */
struct pyr_query_scope {
    struct pyr_query_run *run;
    uint32_t object;
    const struct pyr_query_value *keys;
    const struct pyr_query_aggregate *aggregates;
};

struct pyr_query_value pyr_query_evaluate(const struct pyr_query_scope *scope, uint16_t node);
bool pyr_query_true(struct pyr_query_value value);

struct pyr_query_field {
    const char *name;
    uint8_t type, unit;
    bool named;
    struct pyr_query_value (*get)(const struct pyr_query_run *run, uint32_t object);
};
enum { PYR_QUERY_FIELDS = 17 };
extern const struct pyr_query_field pyr_query_fields[PYR_QUERY_FIELDS];
extern const char *const pyr_query_functions[PYR_FUNCTIONS];

/* ---- values.c ---- */

struct pyr_query_value pyr_query_integer(uint64_t value);
struct pyr_query_value pyr_query_real(double value);
struct pyr_query_value pyr_query_bool(bool value);
struct pyr_query_value pyr_query_string(const char *bytes, size_t size); /* size at most UINT32_MAX */
double pyr_query_double(struct pyr_query_value value);
/* Of two numbers, or two texts; none comes before all. */
int pyr_query_compare(struct pyr_query_value a, struct pyr_query_value b);
struct pyr_query_value pyr_query_arithmetic(enum pyr_query_op op, struct pyr_query_value a, struct pyr_query_value b);
bool pyr_query_like(struct pyr_query_value text, struct pyr_query_value pattern); /* "*" and "%" are any text */

/* ---- aggregate.c ---- */

void pyr_query_add(struct pyr_query_aggregate *aggregate, enum pyr_query_function function,
                   struct pyr_query_value value);
struct pyr_query_value pyr_query_total(const struct pyr_query_aggregate *aggregate, enum pyr_query_function function);

/* ---- groups.c ---- */

/* Zeroed it is releasable. */
struct pyr_query_groups {
    struct pyr_intern numbers; /* of keys as bytes */
    struct pyr_vec keys;       /* of struct pyr_query_value: key_count for each group */
    struct pyr_vec aggregates; /* of struct pyr_query_aggregate: aggregate_count for each */
    uint32_t count;
};

int pyr_query_groups_add(struct pyr_query_groups *groups, struct pyr_query_run *run, uint32_t object);
/* A query without group by has one group, also where there are no objects. */
int pyr_query_groups_at_least_one(struct pyr_query_groups *groups, struct pyr_query_run *run);
void pyr_query_groups_release(struct pyr_query_groups *groups);
struct pyr_query_scope pyr_query_group(const struct pyr_query_groups *groups, struct pyr_query_run *run, uint32_t i);

/* ---- rows.c: those that come first in the order asked for ---- */

/* Zeroed it is releasable. The worst of those kept is items[0]: a heap. */
struct pyr_query_rows {
    struct pyr_vec items; /* of struct pyr_query_row */
    uint64_t found;
};
struct pyr_query_row {
    uint32_t id; /* object or group */
    struct pyr_query_value orders[PYR_QUERY_KEYS_MAX];
};

int pyr_query_rows_add(struct pyr_query_rows *rows, const struct pyr_query_scope *scope, uint32_t id); /* PYR_E_NOMEM */
void pyr_query_rows_sort(struct pyr_query_rows *rows, const struct pyr_query *query);
void pyr_query_rows_release(struct pyr_query_rows *rows);

#endif
