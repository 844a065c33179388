/* Memory that containers take and need not. Sizes are those of the snapshot; what would be in their place: an object
 * of __slots__ is 32 bytes (its head and the collector's) and 8 for each attribute, an array.array 80 bytes and 8 for
 * each number. Of arrays the data alone counts: a narrower dtype's (as the snapshot says), that of int64 or float64
 * besides the objects, or the codes of pandas.Categorical with an array of the different values. */
#ifndef PYR_GRAPH_WASTE_H
#define PYR_GRAPH_WASTE_H

#include "graph/graph.h"

#define PYR_WASTES(X)                                                                                                  \
    X(EMPTY, "empty", "None, or made when it is first needed, in their place")                                         \
    X(ROOM, "room for more than there is", "the smallest of its type here that holds as much")                         \
    X(NUMBERS, "lists of only floats or only ints", "array.array")                                                     \
    X(INSTANCES, "instances without __slots__", "__slots__")                                                           \
    X(RECORDS, "dicts of the same keys", "a class with __slots__")                                                     \
    X(WIDE, "arrays of a dtype wider than their values", "a narrower dtype")                                           \
    X(OBJECTS, "arrays of objects that are all of one type", "a dtype of its own")                                     \
    X(COLLISIONS, "dicts and sets whose keys' hashes collide", "hashes that differ more (time, not bytes)")

enum pyr_waste_kind {
#define PYR_WASTE_ENUM(name, title, instead) PYR_WASTE_##name,
    PYR_WASTES(PYR_WASTE_ENUM)
#undef PYR_WASTE_ENUM
        PYR_WASTE_KINDS
};

/* Objects of one kind and type (RECORDS: and with the same keys; arrays: of the same detail). */
struct pyr_waste {
    uint32_t kind, type;
    uint32_t example;                   /* the one that would save most */
    uint64_t count, bytes, saved, most; /* most: what the example saves; of collisions, its tenths of keys in the way */
    /* Of arrays: from what to what, such as "int64 as int8"; of collisions: how many, in the example; "" of others. */
    char detail[64];
};

int pyr_waste_find(struct pyr_vec *wastes,
                   const struct pyr_graph *graph); /* of struct pyr_waste: collisions, then the most saved first */

#endif
