#include "model/tree.h"

#include "base/alloc.h"
#include "model/model.h"
#include "pyrometer/err.h"

int64_t pyr_tree_child(struct pyr_tree *tree, uint32_t parent, uint32_t place)
{
    uint64_t key = (uint64_t)parent << 32 | place;
    uint64_t *known = pyr_map_find(&tree->index, key);
    if (known)
        return (int64_t)*known;
    if (tree->nodes.count >= UINT32_MAX)
        return PYR_E_LIMIT;
    struct pyr_tree_node node = {parent, place, pyr_tree_at(tree, parent)->depth + 1};
    if (!pyr_vec_push(&tree->nodes, &node) || pyr_map_put(&tree->index, key, tree->nodes.count - 1) < 0)
        return PYR_E_NOMEM;
    return (int64_t)tree->nodes.count - 1;
}

int64_t pyr_tree_leaf(struct pyr_tree *tree, uint32_t node, uint8_t flags)
{
    if (flags & PYR_UNRESOLVED)
        return pyr_tree_child(tree, 0, PYR_PLACE_UNRESOLVED);
    uint32_t folded = tree->of_node[node];
    if (flags & PYR_IN_GC)
        return pyr_tree_child(tree, folded, PYR_PLACE_GC);
    return folded ? folded : pyr_tree_child(tree, 0, PYR_PLACE_NO_FRAME);
}

static int64_t folded_place(struct pyr_model *model, uint32_t number, enum pyr_fold by)
{
    const struct pyr_place *place = pyr_model_place(model, number);
    if (by == PYR_FOLD_FUNCTIONS)
        return pyr_model_intern_place(model, place->function, pyr_model_function(model, place->function)->line);
    if (by == PYR_FOLD_LINES)
        return place->whole;
    return by == PYR_FOLD_EXPRESSIONS ? place->expression : number;
}

static int fold(struct pyr_tree *tree, struct pyr_model *model, enum pyr_fold by)
{
    for (uint32_t i = 1; i < model->node_count; i++) {
        const struct pyr_stack_node *node = &model->nodes[i];
        int64_t place = folded_place(model, node->place, by);
        int64_t folded = place < 0 ? place : pyr_tree_child(tree, tree->of_node[node->parent], (uint32_t)place);
        if (folded < 0)
            return (int)folded;
        tree->of_node[i] = (uint32_t)folded;
    }
    return 0;
}

int pyr_tree_build(struct pyr_tree *tree, struct pyr_model *model, enum pyr_fold by)
{
    struct pyr_tree built = {.nodes = PYR_VEC(struct pyr_tree_node)};
    built.of_node = pyr_alloc(model->node_count * sizeof *built.of_node);
    int rc = built.of_node && pyr_vec_push(&built.nodes, NULL) ? fold(&built, model, by) : PYR_E_NOMEM;
    if (rc < 0)
        pyr_tree_release(&built);
    else
        *tree = built;
    return rc;
}

void pyr_tree_release(struct pyr_tree *tree)
{
    if (tree->nodes.item_size)
        pyr_vec_release(&tree->nodes);
    pyr_map_release(&tree->index);
    pyr_free(tree->of_node);
    *tree = (struct pyr_tree){0};
}

int pyr_tree_links_build(struct pyr_tree_links *links, const struct pyr_tree *tree)
{
    links->child = pyr_alloc(tree->nodes.count * sizeof *links->child);
    links->sibling = pyr_alloc(tree->nodes.count * sizeof *links->sibling);
    if (!links->child || !links->sibling)
        return PYR_E_NOMEM;
    for (uint32_t i = (uint32_t)tree->nodes.count; i-- > 1;) {
        uint32_t parent = pyr_tree_at(tree, i)->parent;
        links->sibling[i] = links->child[parent];
        links->child[parent] = i;
    }
    return 0;
}

void pyr_tree_links_release(struct pyr_tree_links *links)
{
    pyr_free(links->child);
    pyr_free(links->sibling);
}

int pyr_tree_path(const struct pyr_tree *tree, uint32_t node, struct pyr_vec *path)
{
    uint32_t depth = pyr_tree_at(tree, node)->depth;
    int rc = pyr_vec_reserve(path, depth);
    if (rc < 0)
        return rc;
    path->count = depth;
    for (uint32_t i = depth; i > 0; i--) {
        const struct pyr_tree_node *at = pyr_tree_at(tree, node);
        *PYR_VEC_AT(path, uint32_t, i - 1) = at->place;
        node = at->parent;
    }
    return 0;
}
