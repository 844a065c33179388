/* Values of context variables: the nodes of the trie that a Context keeps them in (Python/hamt.c, alike in 3.8 to
 * 3.15). A node's array holds pairs of a variable and its value; in place of a variable, NULL says that a node follows.
 */
#include "heap/private.h"

enum {
    NODE_ARRAY = 32, /* behind the bitmap, or the hash that its variables share */
    NODE_WORDS = 64, /* pairs for 32 slots */
    COLLISION_WORDS = 1 << 16,
};

static void node_edges(struct walk *walk, uint64_t at, uint64_t words_max)
{
    uint64_t words = walk_word(walk, at + (uint64_t)walk->layout->varobject_size);
    walk->torn |= words > words_max || words % 2;
    for (uint64_t i = 0; i + 1 < words && i < words_max; i += 2) {
        uint64_t variable = walk_word(walk, at + NODE_ARRAY + i * 8),
                 value = walk_word(walk, at + NODE_ARRAY + i * 8 + 8);
        walk_edge(walk, variable, PYR_EDGE_KEY, 0);
        walk_edge(walk, value, variable ? PYR_EDGE_VALUE : PYR_EDGE_OTHER, 0);
    }
}

void edges_hamt_bitmap(struct walk *walk, uint64_t at, const struct type *base)
{
    (void)base;
    node_edges(walk, at, NODE_WORDS);
}

void edges_hamt_collision(struct walk *walk, uint64_t at, const struct type *base)
{
    (void)base;
    node_edges(walk, at, COLLISION_WORDS);
}
