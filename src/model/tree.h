/* The stack tree that reports show: nodes that a person cannot tell apart are one. */
#ifndef PYR_MODEL_TREE_H
#define PYR_MODEL_TREE_H

#include "base/map.h"
#include "base/vec.h"

#include <stdbool.h>
#include <stdint.h>

struct pyr_model;

/* What of a frame tells it from others of the same function. */
enum pyr_fold { PYR_FOLD_INSTRUCTIONS, PYR_FOLD_EXPRESSIONS, PYR_FOLD_LINES, PYR_FOLD_FUNCTIONS };

struct pyr_tree_node {
    uint32_t parent; /* lower than its own number; 0 is the root, which is no frame */
    uint32_t place;
    uint32_t depth; /* of the root: 0 */
};

/* Zeroed it is empty and releasable. */
struct pyr_tree {
    struct pyr_vec nodes; /* of struct pyr_tree_node */
    struct pyr_map index;
    uint32_t *of_node; /* by number in the recording */
};

/* Folds the recording's tree; by functions with every frame at the first line of its function, for which places are
 * added to the model. 0 or PYR_E_NOMEM. */
int pyr_tree_build(struct pyr_tree *tree, struct pyr_model *model, enum pyr_fold by);
void pyr_tree_release(struct pyr_tree *tree);

/* The node for place called from parent, new or known; or a negative status. */
int64_t pyr_tree_child(struct pyr_tree *tree, uint32_t parent, uint32_t place);

/* The node that a sample belongs to: "<GC>" below the stack while collecting, "<unresolved>" where it is not known. */
int64_t pyr_tree_leaf(struct pyr_tree *tree, uint32_t node, uint8_t flags);

static inline const struct pyr_tree_node *pyr_tree_at(const struct pyr_tree *tree, uint32_t number)
{
    return PYR_VEC_AT(&tree->nodes, struct pyr_tree_node, number);
}

/* First child and next sibling of each node; 0 is none, as the root is nobody's child. */
struct pyr_tree_links {
    uint32_t *child, *sibling;
};

int pyr_tree_links_build(struct pyr_tree_links *links, const struct pyr_tree *tree);
void pyr_tree_links_release(struct pyr_tree_links *links); /* also after a failed build */

/* The places from the outermost frame to node, into an emptied vector of uint32_t. 0 or PYR_E_NOMEM. */
int pyr_tree_path(const struct pyr_tree *tree, uint32_t node, struct pyr_vec *path);

#endif
