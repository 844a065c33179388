/* Dicts in all their forms, and what is built on them. */
#include "heap/private.h"

enum { ENTRIES_MAX = 1 << 30, LOG2_MAX = 40, ODICT_NODE_NEXT = 16 };

bool dict_keys_read(struct walk *walk, uint64_t at, struct dict_keys *keys)
{
    const struct pyr_layout *layout = walk->layout;
    const uint8_t *header = at % 8 ? NULL : walk_bytes(walk, at, (uint64_t)layout->dictkeys_indices);
    if (!header)
        return false;
    if (layout->dictkeys_form == PYR_DICTKEYS_LOG2) {
        uint8_t log2_size = header[layout->dictkeys_log2_size], log2_bytes = header[layout->dictkeys_log2_index_bytes];
        if (log2_size > LOG2_MAX || log2_bytes > LOG2_MAX)
            return false;
        keys->size = 1ull << log2_size;
        keys->index_bytes = 1ull << log2_bytes;
    } else {
        uint64_t size = keys->size = pyr_word_at(header, layout->dictkeys_log2_size);
        if (size > 1ull << LOG2_MAX)
            return false;
        keys->index_bytes = size <= 0xff ? size : size <= 0xffff ? size * 2 : size <= 0xffffffff ? size * 4 : size * 8;
    }
    keys->is_str = PYR_HAS(layout, dictkeys_kind) && header[layout->dictkeys_kind] != 0;
    keys->entry_size = keys->is_str ? layout->dictunicodeentry_size : layout->dictentry_size;
    keys->count = pyr_word_at(header, layout->dictkeys_nentries);
    keys->index = at + (uint64_t)layout->dictkeys_indices;
    keys->entries = keys->index + keys->index_bytes;
    return keys->count <= ENTRIES_MAX;
}

bool dict_keys_each(struct walk *walk, uint64_t at, uint64_t values, visit_entry *visit, void *context)
{
    struct dict_keys keys;
    if (!dict_keys_read(walk, at, &keys))
        return false;
    for (uint64_t i = 0; i < keys.count; i++) {
        const uint8_t *entry = walk_bytes(walk, keys.entries + i * keys.entry_size, keys.entry_size);
        if (!entry)
            return false;
        entry += keys.is_str ? 0 : 8;
        uint64_t key = pyr_word_at(entry, 0), value = pyr_word_at(entry, 8);
        if (values)
            value = walk_word(walk, values + i * 8);
        if (key)
            visit(walk, key, value, keys.is_str, i, context);
    }
    return true;
}

uint64_t dict_keys_size(struct walk *walk, uint64_t at, uint64_t *capacity)
{
    struct dict_keys keys;
    *capacity = 0;
    if (!dict_keys_read(walk, at, &keys))
        return 0;
    *capacity = keys.size * 2 / 3;
    return (uint64_t)walk->layout->dictkeys_indices + keys.index_bytes + *capacity * keys.entry_size;
}

struct search {
    const char *key;
    size_t size;
    uint64_t found;
};

static void compare(struct walk *walk, uint64_t key, uint64_t value, bool is_str, size_t index, void *context)
{
    const struct pyr_layout *layout = walk->layout;
    struct search *search = context;
    (void)is_str, (void)index;
    const uint8_t *str = walk_bytes(walk, key, (uint64_t)layout->unicode_ascii_data);
    if (!str || pyr_word_at(str, layout->unicode_length) != search->size)
        return;
    str = walk_bytes(walk, key + (uint64_t)layout->unicode_ascii_data, search->size);
    if (str && memcmp(str, search->key, search->size) == 0)
        search->found = value;
}

uint64_t dict_find(struct walk *walk, uint64_t dict, const char *key)
{
    struct search search = {.key = key, .size = strlen(key)};
    uint64_t keys = walk_word(walk, dict + (uint64_t)walk->layout->dict_keys);
    uint64_t values = walk_word(walk, dict + (uint64_t)walk->layout->dict_values);
    if (values && PYR_HAS(walk->layout, dictvalues_values))
        values += (uint64_t)walk->layout->dictvalues_values;
    if (keys)
        dict_keys_each(walk, keys, values, compare, &search);
    return search.found;
}

/* Up to 3.10 it is not told which tables hold nothing but str: those whose every key is one are looked up so. */
struct entries {
    bool shared, hide_keys, values_elsewhere, interned;
};

static bool is_str(struct walk *walk, uint64_t at)
{
    const struct type *type = walk_type_of(walk, at);
    return type && (type->flags & 1ull << 28) && !type->is_class;
}

static void note_key(struct walk *walk, uint64_t key, uint64_t value, bool str, size_t index, void *context)
{
    (void)value, (void)str, (void)index;
    bool *all = context;
    *all = *all && is_str(walk, key);
}

static void entry_edges(struct walk *walk, uint64_t key, uint64_t value, bool str, size_t index, void *context)
{
    const struct entries *entries = context;
    (void)index, (void)str;
    if (!value)
        return;
    if (entries->interned) {
        walk_reach(walk, key);
        return;
    }
    if (entries->shared) {
        walk_edge(walk, value, PYR_EDGE_VALUE, walk_str(walk, key));
        return;
    }
    walk_edge(walk, key, PYR_EDGE_KEY | (entries->hide_keys ? PYR_EDGE_HIDDEN : 0), 0);
    walk_edge(walk, value, PYR_EDGE_VALUE, 0);
}

void edges_dict(struct walk *walk, uint64_t at, const struct type *base)
{
    const struct pyr_layout *layout = walk->layout;
    uint64_t table = walk_word(walk, at + (uint64_t)layout->dict_keys);
    uint64_t values = walk_word(walk, at + (uint64_t)layout->dict_values);
    struct entries entries = {.shared = values != 0, .interned = at == walk->interned};
    struct dict_keys keys;
    (void)base;
    if (!dict_keys_read(walk, table, &keys)) {
        walk->torn = true;
        return;
    }
    entries.hide_keys = keys.is_str;
    if (!values && PYR_HAS(layout, dictkeys_lookup)) {
        entries.hide_keys = true;
        uint64_t lookup = walk_word(walk, table + (uint64_t)layout->dictkeys_lookup);
        if (lookup == walk->general_lookup)
            entries.hide_keys = false;
        else
            dict_keys_each(walk, table, 0, note_key, &entries.hide_keys);
    }
    if (values && layout->managed_dict_kind == PYR_MANAGED_DICT_INLINE) {
        const uint8_t *header = walk_bytes(walk, values, 8);
        if (!header || (header[2] && !layout->embedded_values_of_dict)) /* embedded: the instance has them */
            return;
    }
    if (values && PYR_HAS(layout, dictvalues_values))
        values += (uint64_t)layout->dictvalues_values;
    if (!dict_keys_each(walk, table, values, entry_edges, &entries))
        walk->torn = true;
}

void edges_defaultdict(struct walk *walk, uint64_t at, const struct type *base)
{
    uint64_t size = base->base ? base->base->basic_size : 48;
    walk_edge(walk, walk_word(walk, at + size), PYR_EDGE_MEMBER, type_label(base, (uint32_t)size));
    edges_dict(walk, at, base);
}

/* After the dict: first node, last, fast nodes, their number, resize sentinel, state, instance dict, weak references.
 */
void edges_odict(struct walk *walk, uint64_t at, const struct type *base)
{
    uint64_t end = at + (base->base ? base->base->basic_size : 48);
    walk_edge(walk, walk_word(walk, end + 48), PYR_EDGE_DICT, 0);
    uint64_t node = walk_word(walk, end), used = walk_word(walk, at + (uint64_t)walk->layout->dict_used);
    for (uint64_t n = 0; node && n < used; n++) {
        walk_edge(walk, walk_word(walk, node), PYR_EDGE_OTHER, 0);
        node = walk_word(walk, node + ODICT_NODE_NEXT);
    }
    walk->torn |= node != 0;
    edges_dict(walk, at, base);
}
