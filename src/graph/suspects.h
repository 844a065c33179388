/* What keeps much: where, going down the dominator tree, the weight stops being one object's and becomes many's. */
#ifndef PYR_GRAPH_SUSPECTS_H
#define PYR_GRAPH_SUSPECTS_H

#include "graph/children.h"
#include "graph/paths.h"
#include "graph/site_vote.h"

struct pyr_suspect {
    uint32_t object;   /* PYR_SNAPSHOT_NONE: no one object, but many of a type, kept in different ways */
    uint32_t type;     /* of the object, or of the many */
    uint64_t retained; /* bytes */
    bool garbage;      /* the many wait for the collector: entries are cycles, retained is what hangs on them as well */
    bool imported;     /* the many are classes or modules' namespaces: every program that imports much has them */
    /* Of what it keeps immediately, the type that retains most. Of the many: they themselves. */
    uint32_t entries_type; /* PYR_SNAPSHOT_NONE: it keeps nothing */
    uint32_t entry;        /* one of them; PYR_SNAPSHOT_NONE */
    uint64_t entries, entries_retained;
    struct pyr_site_share site; /* that allocated most of the entries, by what they retain; else that of the object */
};

/* Those that keep at least `share` of all bytes (0.1: a tenth), the most first; into suspects, of struct pyr_suspect.
 * PYR_E_NOMEM. */
int pyr_suspects_find(const struct pyr_graph *graph, const struct pyr_children *children, double share,
                      struct pyr_vec *suspects);

#endif
