/* Questions about a snapshot in a small language (docs/heap-snapshot.md): one is parsed and checked without a snapshot,
 * then answered in one pass over the objects. Both may be hostile: text, depth, groups and rows are bounded. */
#ifndef PYR_QUERY_QUERY_H
#define PYR_QUERY_QUERY_H

#include "base/arena.h"
#include "graph/paths.h"

enum {
    PYR_QUERY_TEXT_MAX = 4096,      /* bytes of a query */
    PYR_QUERY_COLUMNS_MAX = 32,     /* of the answer */
    PYR_QUERY_LIMIT_MAX = 100000,   /* rows of the answer */
    PYR_QUERY_GROUPS_MAX = 1 << 20, /* of one query */
};

enum pyr_query_kind {
    PYR_QUERY_NONE, /* what an object does not have */
    PYR_QUERY_INTEGER,
    PYR_QUERY_REAL, /* finite, and no integer below 2^53 */
    PYR_QUERY_BOOL,
    PYR_QUERY_TEXT,
    PYR_QUERY_OBJECT, /* stands for its name, which is made where it is shown; or PYR_GRAPH_ROOT, PYR_GRAPH_GARBAGE */
};

struct pyr_query_value {
    uint32_t kind; /* enum pyr_query_kind */
    uint32_t size; /* TEXT: bytes */
    union {
        int64_t integer; /* BOOL: 0 or 1 */
        double real;
        const char *text; /* no NUL ends it; of the snapshot, the query or the answer */
        uint32_t object;
    };
};

/* What the numbers of a column are. */
enum pyr_query_unit { PYR_QUERY_PLAIN, PYR_QUERY_BYTES, PYR_QUERY_ADDRESS };

/* The words for an OBJECT that is none: PYR_GRAPH_ROOT, PYR_GRAPH_GARBAGE; NULL for others. Static. */
const char *pyr_query_no_object(uint32_t object);

struct pyr_query;

/* PYR_E_MISUSE, which column is wrong and what there is instead; PYR_E_NOMEM. */
int pyr_query_open(struct pyr_query **out, const char *text, struct pyr_err *err);
void pyr_query_close(struct pyr_query *query); /* NULL is allowed */

bool pyr_query_needs_paths(const struct pyr_query *query); /* its answer has OBJECTs, to be named */
uint32_t pyr_query_columns(const struct pyr_query *query);
const char *pyr_query_column(const struct pyr_query *query, uint32_t column, enum pyr_query_unit *unit);

/* Zeroed it is releasable. */
struct pyr_query_answer {
    struct pyr_query_value *values; /* row by row */
    uint32_t rows, columns;
    uint64_t found;         /* rows that there are; `rows` of them are kept */
    struct pyr_arena texts; /* what values point to */
};

/* usual_limit: rows, where the query has no limit. PYR_E_NOT_FOUND: no such
 * type; PYR_E_LIMIT: too many groups; PYR_E_NOMEM. The query, the graph and its snapshot stay open as long as the
 * answer. */
int pyr_query_run(struct pyr_query_answer *answer, const struct pyr_query *query, const struct pyr_graph *graph,
                  uint32_t usual_limit, struct pyr_err *err);
void pyr_query_answer_release(struct pyr_query_answer *answer);

#endif
