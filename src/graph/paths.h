/* The shortest way from a root to every object, and its name as Python code would write it. 8 bytes per object. */
#ifndef PYR_GRAPH_PATHS_H
#define PYR_GRAPH_PATHS_H

#include "base/buf.h"
#include "graph/graph.h"

/* Zeroed it is releasable. */
struct pyr_paths {
    const struct pyr_graph *graph; /* borrowed */
    uint32_t *from;                /* by object: the one before it, PYR_GRAPH_ROOT, or PYR_GRAPH_GARBAGE */
    uint32_t *order;               /* all that are reachable, the nearest first */
    uint32_t count;
    struct pyr_vec roots; /* of struct pyr_graph_root, by object */
};

int pyr_paths_make(struct pyr_paths *paths, const struct pyr_graph *graph); /* PYR_E_NOMEM */
void pyr_paths_release(struct pyr_paths *paths);

/* Why a root is one; NULL if it is none. Borrowed. */
const struct pyr_graph_root *pyr_paths_root(const struct pyr_paths *paths, uint32_t object);

/* The root at which its way begins; of garbage: itself. */
uint32_t pyr_paths_beginning(const struct pyr_paths *paths, uint32_t object);

/* How many of the objects for which `is` is true the shortest ways through each object lead to, itself included: by
 * object, the caller's to free with pyr_free. NULL: no memory. */
uint32_t *pyr_paths_through(const struct pyr_paths *paths, bool (*is)(void *context, uint32_t object), void *context);

/* "app.cache.RESPONSES['/x'].body". Long ways lose their middle. */
void pyr_paths_name(const struct pyr_paths *paths, uint32_t object, struct pyr_buf *name);

/* "a module global", "a local of a running function", …; "" where there are no such words for it. Static. */
const char *pyr_paths_role(const struct pyr_paths *paths, uint32_t object);

/* ---- names of single things ---- */

/* "dict", "app.models.Response" */
void pyr_name_type(const struct pyr_snapshot *snapshot, uint32_t type, struct pyr_buf *name);

/* What a person would call the object: 'text' of a str, the name of a function, else "<dict at 0x7f…>". */
void pyr_name_object(const struct pyr_snapshot *snapshot, uint32_t object, struct pyr_buf *name);

/* "app.cache" of a module, "<frame f (app.py:3)>.x" */
void pyr_name_root(const struct pyr_snapshot *snapshot, const struct pyr_graph_root *root, struct pyr_buf *name);

/* What the object that was come to last is to the one named before it: then it has no name of its own. */
enum pyr_name_state { PYR_NAME_PLAIN, PYR_NAME_DICT, PYR_NAME_CELL, PYR_NAME_LOCAL };

/* The step of an edge of `from`: ".body", "['/x']", "[3]". *state: of where it begins, then of where it leads; at first
 * PLAIN. */
void pyr_name_step(const struct pyr_snapshot *snapshot, uint32_t from, const struct pyr_edge_cursor *edge,
                   enum pyr_name_state *state, struct pyr_buf *name);

/* The step from the tuple of a function's cells to one of them, by the name of the variable. False: it is no such step,
 * or the name is not known. */
bool pyr_name_closure(const struct pyr_snapshot *snapshot, uint32_t function, uint32_t closure,
                      const struct pyr_edge_cursor *edge, enum pyr_name_state *state, struct pyr_buf *name);

#endif
