/* Types, modules, weak references, deques: structures whose references are not plain words. */
#include "heap/private.h"
#include "pyobj/type.h"

enum {
    DEQUE_BLOCK_ITEMS = 64,
    DEQUE_LEFT = 24, /* the leftmost block, the rightmost, the first index in it, the last, state, maxlen */
    DEQUE_LEFT_INDEX = 40,
    DEQUE_END = 64,
    DEQUE_ITEMS_MAX = 1 << 30,
    DEF_STATE_SIZE = 56, /* of a module's definition: bytes of its state, and its traversal */
    DEF_TRAVERSE = 80,
    STATE_MAX = 1 << 16,
    LRU_NEXT = 24,
    LRU_KEY = 40,
    LRU_MAX = 1 << 28,
};

static void cached_key(struct walk *walk, uint64_t key, uint64_t value, bool is_str, size_t index, void *context)
{
    (void)value, (void)is_str, (void)index, (void)context;
    walk_edge(walk, key, PYR_EDGE_KEY | PYR_EDGE_HIDDEN, 0);
}

/* Only classes and types made at run time show what they refer to: the collector does not know static ones. */
void edges_type(struct walk *walk, uint64_t at, const struct type *base)
{
    const struct pyr_layout *layout = walk->layout;
    bool is_heap = (walk_word(walk, at + (uint64_t)layout->type_flags) & PYR_TYPE_HEAP) != 0;
    const unsigned member = PYR_EDGE_MEMBER | (is_heap ? 0 : PYR_EDGE_HIDDEN);
    const unsigned hidden = PYR_EDGE_MEMBER | PYR_EDGE_HIDDEN;
    (void)base;
    walk_edge(walk, type_dict(walk, at), PYR_EDGE_DICT | (is_heap ? 0 : PYR_EDGE_HIDDEN), 0);
    walk_maybe_edge(walk, walk_word(walk, at + (uint64_t)layout->type_cache), member, walk->names.cache);
    walk_edge(walk, walk_word(walk, at + (uint64_t)layout->type_mro), member, walk->names.mro);
    walk_edge(walk, walk_word(walk, at + (uint64_t)layout->type_bases), member, walk->names.bases);
    walk_edge(walk, walk_word(walk, at + (uint64_t)layout->type_base), member, walk->names.base);
    const uint64_t *state = pyr_map_find(&walk->static_dicts, at);
    uint64_t subclasses = walk_word(walk, state ? *state + 8 : at + (uint64_t)layout->type_subclasses);
    walk_maybe_edge(walk, subclasses, hidden, walk->names.subclasses);
    if (!is_heap)
        return;
    if (PYR_HAS(layout, heaptype_module))
        walk_edge(walk, walk_word(walk, at + (uint64_t)layout->heaptype_module), PYR_EDGE_MEMBER, walk->names.module);
    walk_edge(walk, walk_word(walk, at + (uint64_t)layout->heaptype_name), hidden, walk->names.name);
    walk_edge(walk, walk_word(walk, at + (uint64_t)layout->heaptype_qualname), hidden, walk->names.qualname);
    walk_edge(walk, walk_word(walk, at + (uint64_t)layout->heaptype_slots), hidden, walk->names.slots);
    uint64_t keys = walk_word(walk, at + (uint64_t)layout->heaptype_cached_keys);
    if (keys)
        dict_keys_each(walk, keys, 0, cached_key, NULL);
}

struct module_state {
    uint64_t at, size, traverse;
};

static struct module_state read_module_state(struct walk *walk, uint64_t at)
{
    const struct pyr_layout *layout = walk->layout;
    struct module_state state = {.at = walk_word(walk, at + (uint64_t)layout->module_state)};
    if (PYR_HAS(layout, module_state_size)) {
        state.size = walk_word(walk, at + (uint64_t)layout->module_state_size);
        state.traverse = walk_word(walk, at + (uint64_t)layout->module_state_traverse);
    } else if (walk_word(walk, at + (uint64_t)layout->module_def)) {
        uint64_t def = walk_word(walk, at + (uint64_t)layout->module_def);
        state.size = walk_word(walk, def + DEF_STATE_SIZE);
        state.traverse = walk_word(walk, def + DEF_TRAVERSE);
    }
    return state;
}

bool module_shows_state(struct walk *walk, uint64_t at)
{
    return read_module_state(walk, at).traverse != 0;
}

/* A module of C may show what is in its state. Without running that code, its words are looked at. */
void edges_module(struct walk *walk, uint64_t at, const struct type *base)
{
    const struct pyr_layout *layout = walk->layout;
    const struct module_state state = read_module_state(walk, at);
    (void)base;
    walk_edge(walk, walk_word(walk, at + (uint64_t)layout->module_dict), PYR_EDGE_DICT, 0);
    walk_edge(walk, walk_word(walk, at + (uint64_t)layout->module_name), PYR_EDGE_MEMBER | PYR_EDGE_HIDDEN,
              walk->names.name);
    if (!state.at)
        return;
    for (uint64_t offset = 0; state.size <= STATE_MAX && offset + 8 <= state.size; offset += 8)
        walk_maybe_edge(walk, walk_word(walk, state.at + offset),
                        PYR_EDGE_OTHER | (state.traverse ? 0 : PYR_EDGE_HIDDEN), 0);
    walk->conservative |= state.size && state.traverse && !walk->shown.known;
}

void edges_weakref(struct walk *walk, uint64_t at, const struct type *base)
{
    uint32_t offset = (uint32_t)walk->layout->weakref_callback;
    walk_edge(walk, walk_word(walk, at + offset), PYR_EDGE_MEMBER, type_label(base, offset));
}

void edges_deque(struct walk *walk, uint64_t at, const struct type *base)
{
    uint64_t block = walk_word(walk, at + DEQUE_LEFT), index = walk_word(walk, at + DEQUE_LEFT_INDEX);
    uint64_t count = walk_word(walk, at + (uint64_t)walk->layout->varobject_size);
    if (index > DEQUE_BLOCK_ITEMS || count > DEQUE_ITEMS_MAX) {
        walk->torn = true;
        return;
    }
    for (uint64_t i = 0; i < count; i++, index++) {
        if (index == DEQUE_BLOCK_ITEMS) { /* a block: its left neighbour, its items, its right one */
            block = walk_word(walk, block + 8 * (DEQUE_BLOCK_ITEMS + 1));
            index = 0;
        }
        const uint8_t *item = walk_bytes(walk, block + 8 * (index + 1), 8);
        if (!item) {
            walk->torn = true;
            return;
        }
        walk_edge(walk, pyr_word_at(item, 0), PYR_EDGE_ITEM, 0);
    }
    walk_plain_words(walk, at, base, DEQUE_END + 8, base->basic_size < 256 ? (uint32_t)base->basic_size : 256);
}

/* It begins with the head of a ring of results: previous, next, hash, key, result. */
void edges_lru(struct walk *walk, uint64_t at, const struct type *base)
{
    uint64_t link = walk_word(walk, at + LRU_NEXT);
    for (uint32_t n = 0; link && link != at; n++) {
        const struct type *type = n < LRU_MAX ? walk_type_of(walk, link) : NULL;
        if (!type) {
            walk->torn = true;
            break;
        }
        walk_edge(walk, walk_word(walk, link + LRU_KEY), PYR_EDGE_KEY, 0);
        walk_edge(walk, walk_word(walk, link + LRU_KEY + 8), PYR_EDGE_VALUE, 0);
        if (walk->layout->heap_types_show_class && (type->flags & PYR_TYPE_HEAP))
            walk_edge(walk, type->at, PYR_EDGE_OTHER, 0);
        link = walk_word(walk, link + LRU_NEXT);
    }
    walk_plain_words(walk, at, base, LRU_KEY + 16, base->basic_size < 256 ? (uint32_t)base->basic_size : 256);
}
