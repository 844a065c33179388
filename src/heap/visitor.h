/* The traversals that types bring along (tp_traverse), run in a copy of the process over many objects at a time. One
 * that crashes, hangs, or calls the system ends there: what it is asked of next is not the worse for it. */
#ifndef PYR_HEAP_VISITOR_H
#define PYR_HEAP_VISITOR_H

#include "base/vec.h"
#include "target/copy.h"

#include <stddef.h>
#include <stdint.h>

enum { VISITOR_BATCH = 2048 };

enum visitor_state {
    VISITOR_NOT_RUN,
    VISITOR_DONE,
    VISITOR_REFUSED, /* it returned an error of its own */
    VISITOR_FAILED   /* it crashed, or did not come back */
};

struct visitor_item {
    uint64_t object, traverse; /* in */
    uint64_t end;              /* out: what it visited ends here in `visited`, where that of the item before does */
    uint64_t state;            /* out: enum visitor_state */
};

struct visitor;

/* Maps memory for code and results in the copy, which must outlive it. PYR_E_UNSUPPORTED where no code is run (a
 * process that is held stopped, another kind of processor), PYR_E_NOMEM, PYR_E_LIMIT, PYR_E_GONE. */
int visitor_open(struct visitor **out, struct pyr_copy *copy, struct pyr_err *err);
void visitor_close(struct visitor *visitor); /* NULL is allowed */

/* Runs the traversal of at most VISITOR_BATCH items, and appends the addresses (uint64_t) that they visit. Nothing of
 * it is to be trusted but the order of the ends. PYR_E_LIMIT too many have hung: run no more, items that are not
 * VISITOR_DONE have no result; PYR_E_NOMEM; PYR_E_GONE. */
int visitor_run(struct visitor *visitor, struct visitor_item *items, size_t count, struct pyr_vec *visited,
                struct pyr_err *err);

#endif
