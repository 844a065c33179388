/* A snapshot as a graph: what is reachable, what dominates what, what would be freed with it. An object dominates
 * another if every path from the roots to that one leads through it: then that one lives only as long as it does.
 * Arrays are by object number. Memory while it is built: at most 40 bytes per object where objects have as many
 * references as usual; 12 once it is. An open graph may be read from several threads. */
#ifndef PYR_GRAPH_GRAPH_H
#define PYR_GRAPH_GRAPH_H

#include "base/vec.h"
#include "record/snapshot_reader.h"

enum {
    PYR_GRAPH_ROOT =
        UINT32_MAX - 1,             /* dominated by no object: kept by roots, or by several objects in different ways */
    PYR_GRAPH_GARBAGE = UINT32_MAX, /* not reachable from any root */
};

/* What keeps an object from outside: row of the snapshot's roots, or PYR_GRAPH_HELD. */
struct pyr_graph_root {
    uint32_t object, row;
};
#define PYR_GRAPH_HELD UINT32_MAX /* more references to it are counted than are known: C code holds it */

struct pyr_graph {
    const struct pyr_snapshot *snapshot; /* borrowed */
    uint32_t objects;
    uint32_t *dominator;  /* an object, PYR_GRAPH_ROOT or PYR_GRAPH_GARBAGE */
    uint64_t *retained;   /* bytes that would be freed with it; of garbage: its own */
    struct pyr_vec roots; /* of struct pyr_graph_root; modules first, then what PYR_ROOT_… lists, each object once */
    size_t certain_roots; /* the first so many; the others were told, but all references to them are known: they are
                           * roots only because nothing else leads to them */
    uint32_t *site_lines; /* by row of the snapshot's sites + 1: the first one of the same line, likewise; 0 for 0 */
    uint32_t reachable;
    uint64_t bytes, reachable_bytes; /* of all objects, of those that are reachable */
};

/* The snapshot must stay open as long as the graph. PYR_E_NOMEM. */
int pyr_graph_open(struct pyr_graph **out, const struct pyr_snapshot *snapshot, struct pyr_err *err);
void pyr_graph_close(struct pyr_graph *graph); /* NULL is allowed */

static inline uint64_t pyr_graph_size(const struct pyr_graph *graph, uint32_t object)
{
    return pyr_snapshot_form(graph->snapshot, object)->size;
}

static inline uint32_t pyr_graph_type(const struct pyr_graph *graph, uint32_t object)
{
    return pyr_snapshot_form(graph->snapshot, object)->type;
}

#endif
