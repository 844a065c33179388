/* What an object refers to: containers, and structures by their words. */
#include "heap/private.h"
#include "heap/sweep.h"
#include "pyobj/type.h"

#define ITEMS_GUESSED_MAX (1ull << 36) /* of what is only guessed to be an object */

enum {
    PART = 1 << 16, /* items read at a time */
    ITEMS_MAX = 1 << 30,
    GC_HEAD = 16,        /* the first word of it is 0 in what no list holds */
    PLAIN_MAX = 1 << 16, /* bytes of a structure; items behind it */
    DICT_WORD = -24,     /* of a managed dict, from the object */
    VALUES_WORD = -32,   /* PYR_MANAGED_DICT_TWO_WORDS */
};

bool walk_reach(struct walk *walk, uint64_t at)
{
    struct pyr_mirror_region *region = at % 8 ? NULL : pyr_mirror_region(&walk->mirror, at);
    if (!region)
        return false;
    if (pyr_mirror_has(region, PYR_MARK_FOUND, at))
        return true;
    if (!walk_type_of(walk, at))
        return false;
    sweep_found(walk, region, at);
    return true;
}

/* The same for what is a reference: that there is an object is seen when it is its turn, which saves a far read. */
static bool trust(struct walk *walk, uint64_t at)
{
    struct pyr_mirror_region *region = at % 8 ? NULL : pyr_mirror_region(&walk->mirror, at);
    if (!region)
        return false;
    if (!pyr_mirror_has(region, PYR_MARK_FOUND, at))
        sweep_found(walk, region, at);
    return true;
}

/* The least that an object with so many items has. The basic size of str is that of one whose text is elsewhere, and
 * more than one has that holds its text. */
static uint64_t least_size(struct walk *walk, uint64_t at, const struct type *type, uint64_t items)
{
    const struct pyr_layout *layout = walk->layout;
    if (!(type->flags & PYR_TYPE_UNICODE))
        return type->basic_size + items * (type->flags & PYR_TYPE_TUPLE ? 8 : 1);
    uint32_t state = (uint32_t)walk_int(walk, at + (uint64_t)layout->unicode_state);
    return (uint64_t)layout->unicode_ascii_data + (state >> layout->unicode_compact_shift & 1 ? items : 0);
}

/* Its count is no word of something else, such as a pointer, and not 0; where it would end there is memory. */
static bool is_plausible(struct walk *walk, uint64_t at, const struct type *type)
{
    uint64_t count = walk_word(walk, at + (uint64_t)walk->layout->object_refcnt), items = 0;
    if (!(uint32_t)count || (count >> 32 & 0xffff))
        return false;
    if (type->flags & (PYR_TYPE_TUPLE | PYR_TYPE_BYTES | PYR_TYPE_UNICODE))
        items = walk_word(walk, at + (uint64_t)walk->layout->varobject_size);
    return items <= ITEMS_GUESSED_MAX &&
           pyr_mirror_region(&walk->mirror, at + least_size(walk, at, type, items) - 1) != NULL;
}

bool walk_is_static_type(struct walk *walk, uint64_t at, const struct type *type)
{
    return type->is_metatype && !(walk_word(walk, at + (uint64_t)walk->layout->type_flags) & PYR_TYPE_HEAP);
}

/* Those in a file's data have none, nor have static types in what malloc gave, such as those of NumPy's dtypes. */
static bool has_gc_head(struct walk *walk, const struct pyr_mirror_region *region, uint64_t at, const struct type *type)
{
    return type->is_gc && !region->is_module && !walk_is_static_type(walk, at, type);
}

/* What is only guessed to be an object has to look more like one. */
static bool is_likely(struct walk *walk, const struct pyr_mirror_region *region, uint64_t at)
{
    const struct type *type = walk_type_of(walk, at);
    if (!type || !is_plausible(walk, at, type))
        return false;
    if (walk->sweep->list_head && type->is_gc && collector_is_linked(walk, at))
        return true; /* perhaps in the list that is not gone through; what is in another one is found already */
    if (type->is_metatype && !walk_type(walk, at))
        return false;
    if (region->is_module && !type->is_metatype)
        return !walk->has_immortals || walk_int(walk, at + (uint64_t)walk->layout->object_refcnt) < 0;
    return !has_gc_head(walk, region, at, type) || !walk_word(walk, at - GC_HEAD);
}

bool walk_guess(struct walk *walk, uint64_t at)
{
    struct pyr_mirror_region *region = at % 8 ? NULL : pyr_mirror_region(&walk->mirror, at);
    if (!region)
        return false;
    return pyr_mirror_has(region, PYR_MARK_FOUND, at) || (is_likely(walk, region, at) && walk_reach(walk, at));
}

/* Where a type's own traversal was run, that says what the collector is shown. */
static void push_edge(struct walk *walk, uint64_t to, unsigned kind, pyr_snapshot_text label)
{
    if (walk->shown.known && !(kind & PYR_EDGE_HIDDEN))
        kind |= shown_take(walk, to) ? 0 : PYR_EDGE_HIDDEN;
    struct pyr_snapshot_edge edge = {.to = to, .label = label, .kind = kind};
    if (walk->edges.count < walk->edges.capacity)
        *PYR_VEC_AT(&walk->edges, struct pyr_snapshot_edge, walk->edges.count++) = edge;
    else if (!pyr_vec_push(&walk->edges, &edge))
        walk->no_memory = true;
}

/* A traversal may leave out what cannot be part of a cycle, such as a str. What could be is not owned, then. */
static bool may_be_left_out(struct walk *walk, uint64_t to)
{
    const struct type *type = walk_type_of(walk, to);
    const struct pyr_mirror_region *region = pyr_mirror_region(&walk->mirror, to);
    return type && region && (!type->is_gc || (has_gc_head(walk, region, to, type) && !walk_word(walk, to - GC_HEAD)));
}

bool walk_maybe_edge(struct walk *walk, uint64_t to, unsigned kind, pyr_snapshot_text label)
{
    if (!to || (walk->shown.known && !shown_has(walk, to) && !may_be_left_out(walk, to)) || !walk_guess(walk, to))
        return false;
    push_edge(walk, to, kind, label);
    return true;
}

void walk_edge(struct walk *walk, uint64_t to, unsigned kind, pyr_snapshot_text label)
{
    if (!to)
        return;
    if (trust(walk, to)) {
        push_edge(walk, to, kind, label);
        return;
    }
    walk->facts->dangling++;
    walk->torn = true;
}

void walk_plain_words(struct walk *walk, uint64_t at, const struct type *base, uint32_t from, uint32_t to)
{
    const struct type_rule *rule = base->rule;
    for (uint32_t offset = from; offset + 8 <= to; offset += 8) {
        uint64_t bit = offset / 8 < 64 ? 1ull << offset / 8 : 0;
        if ((rule->ignored & bit) || (int64_t)offset == base->weaklist_offset)
            continue;
        uint64_t word = walk_word(walk, at + offset);
        if (!word || word % 8)
            continue;
        bool is_dict = (int64_t)offset == base->dict_offset;
        pyr_snapshot_text label = type_label(base, offset);
        unsigned kind = is_dict ? PYR_EDGE_DICT : label ? PYR_EDGE_MEMBER : PYR_EDGE_OTHER;
        walk_maybe_edge(walk, word,
                        kind | ((rule->hidden & bit) || !base->traverse || !base->is_gc ? PYR_EDGE_HIDDEN : 0), label);
    }
}

void edges_none(struct walk *walk, uint64_t at, const struct type *base)
{
    (void)walk, (void)at, (void)base;
}

/* ---- tuples and lists ---- */

void walk_items(struct walk *walk, uint64_t at, uint64_t count, unsigned kind)
{
    if (count > ITEMS_MAX) {
        walk->torn = true;
        return;
    }
    for (uint64_t done = 0; done < count; done += PART) {
        uint64_t part = count - done < PART ? count - done : PART;
        const uint8_t *words = walk_bytes(walk, at + done * 8, part * 8);
        if (!words) {
            walk->torn = true;
            return;
        }
        for (uint64_t i = 0; i < part; i++) {
            /* Looking at an item may load blocks. */
            if (i % 64 == 0 && i)
                words = walk_bytes(walk, at + done * 8, part * 8);
            walk_edge(walk, pyr_word_at(words, (int32_t)(i * 8)), kind, 0);
        }
    }
}

void edges_tuple(struct walk *walk, uint64_t at, const struct type *base)
{
    (void)base;
    walk_items(walk, at + (uint64_t)walk->layout->tuple_items,
               walk_word(walk, at + (uint64_t)walk->layout->varobject_size), PYR_EDGE_ITEM);
}

void edges_list(struct walk *walk, uint64_t at, const struct type *base)
{
    (void)base;
    uint64_t list = walk_word(walk, at + (uint64_t)walk->layout->list_items);
    if (list)
        walk_items(walk, list, walk_word(walk, at + (uint64_t)walk->layout->varobject_size), PYR_EDGE_ITEM);
}

/* ---- sets ---- */

void edges_set(struct walk *walk, uint64_t at, const struct type *base)
{
    const struct pyr_layout *layout = walk->layout;
    uint64_t table = walk_word(walk, at + (uint64_t)layout->set_table);
    uint64_t count = walk_word(walk, at + (uint64_t)layout->set_mask) + 1;
    (void)base;
    if (count > ITEMS_MAX)
        walk->torn = true;
    for (uint64_t i = 0; i < count && count <= ITEMS_MAX; i++) {
        const uint8_t *entry = walk_bytes(walk, table + i * 16, 16); /* key, hash: −1 where one was removed */
        if (!entry) {
            walk->torn = true;
            return;
        }
        if (pyr_word_at(entry, 0) && pyr_word_at(entry, 8) != UINT64_MAX)
            walk_edge(walk, pyr_word_at(entry, 0), PYR_EDGE_ELEMENT, 0);
    }
}

/* ---- instances of classes ---- */

/* 3.13+: values inside the object, with a dict or without. */
static bool inline_values(struct walk *walk, uint64_t at, const struct type *type)
{
    uint64_t values = at + type->basic_size;
    const uint8_t *header = walk_bytes(walk, values, 8);
    if (!header || !header[3]) /* valid */
        return false;
    unsigned capacity = header[0];
    for (unsigned i = 0; i < capacity; i++)
        walk_edge(walk, walk_word(walk, values + (uint64_t)walk->layout->dictvalues_values + i * 8), PYR_EDGE_ATTRIBUTE,
                  i < type->key_count ? type->keys[i] : 0);
    return true;
}

static void split_values(struct walk *walk, uint64_t values, const struct type *type)
{
    for (size_t i = 0; i < type->key_count; i++)
        walk_edge(walk, walk_word(walk, values + (uint64_t)walk->layout->dictvalues_values + i * 8), PYR_EDGE_ATTRIBUTE,
                  type->keys[i]);
}

/* The dict before the object, the values beside it. */
static void managed_dict(struct walk *walk, uint64_t at, struct type *type)
{
    if (!type->keys_loaded)
        type_load_keys(walk, type);
    uint64_t dict = walk_word(walk, at + (uint64_t)DICT_WORD), values = 0;
    switch (walk->layout->managed_dict_kind) {
    case PYR_MANAGED_DICT_INLINE:
        if (!(type->flags & PYR_TYPE_INLINE_VALUES) || (dict && walk->layout->embedded_values_of_dict))
            break;
        if (inline_values(walk, at, type) && dict) { /* its dict is not shown then */
            walk_edge(walk, dict, PYR_EDGE_DICT | PYR_EDGE_HIDDEN, 0);
            return;
        }
        break;
    case PYR_MANAGED_DICT_TAGGED:
        if (dict & 1) {
            values = dict + 1; /* the address less one */
            dict = 0;
        }
        break;
    case PYR_MANAGED_DICT_TWO_WORDS:
        values = walk_word(walk, at + (uint64_t)VALUES_WORD);
        break;
    case PYR_MANAGED_DICT_NONE:
        return;
    }
    if (values)
        split_values(walk, values, type);
    walk_edge(walk, dict, PYR_EDGE_DICT, 0);
}

/* Bytes of the items of an object of variable size. */
static uint64_t items_size(struct walk *walk, uint64_t at, const struct type *type)
{
    int64_t count = (int64_t)walk_word(walk, at + (uint64_t)walk->layout->varobject_size);
    return (count < 0 ? 0 - (uint64_t)count : (uint64_t)count) * type->item_size;
}

static uint64_t dict_pointer(struct walk *walk, uint64_t at, const struct type *type)
{
    if (type->dict_offset >= 0)
        return at + (uint64_t)type->dict_offset;
    uint64_t end = at + ((type->basic_size + items_size(walk, at, type) + 7) & ~7ull);
    return end + (uint64_t)type->dict_offset;
}

static uint64_t slot_pointer(struct walk *walk, uint64_t at, const struct type *type, const struct type_label *slot)
{
    return at + slot->offset + (slot->after_items ? (items_size(walk, at, type) + 7) & ~7ull : 0);
}

static bool has_managed_dict(const struct walk *walk, const struct type *type)
{
    return walk->layout->managed_dict_kind != PYR_MANAGED_DICT_NONE && (type->flags & PYR_TYPE_MANAGED_DICT);
}

/* From a type that C made, whose traversal shows it then. */
static bool inherits_managed_dict(const struct walk *walk, const struct type *type)
{
    return has_managed_dict(walk, type->solid) && !type->solid->rule->edges;
}

static void class_edges(struct walk *walk, uint64_t at, const struct type *type)
{
    const struct type *solid = type->solid;
    for (size_t i = 0; i < type->slot_count; i++)
        walk_edge(walk, walk_word(walk, slot_pointer(walk, at, type, &type->slots[i])), PYR_EDGE_ATTRIBUTE,
                  type->slots[i].text);
    if (has_managed_dict(walk, type) && !inherits_managed_dict(walk, type))
        managed_dict(walk, at, (struct type *)(uintptr_t)type);
    else if (!has_managed_dict(walk, type) && type->dict_offset && type->dict_offset != solid->dict_offset)
        walk_edge(walk, walk_word(walk, dict_pointer(walk, at, type)), PYR_EDGE_DICT, 0);
}

/* Words from where a base's part of an object ends to where its own ends, items included. */
static void words_beyond(struct walk *walk, uint64_t at, const struct type *type, const struct type *base)
{
    uint64_t from = base ? base->basic_size : type->item_size ? 24 : 16, to = type->basic_size;
    if (type->item_size == 8 || (base && base->item_size == 8)) {
        uint64_t count = walk_word(walk, at + (uint64_t)walk->layout->varobject_size);
        count = count < PLAIN_MAX ? count : PLAIN_MAX;
        from += base && base->item_size == 8 ? count * 8 : 0;
        to += base ? 0 : count * 8;
    }
    from = (from + 7) & ~7ull;
    if (from < to && to < PLAIN_MAX)
        walk_plain_words(walk, at, type, (uint32_t)from, (uint32_t)to);
}

/* The nearest base that has its own way to be read. */
static const struct type *read_base(const struct type *type)
{
    const struct type *base = type->base;
    while (base && !base->rule->edges)
        base = base->base;
    return base && base->rule->edges != edges_none ? base : NULL;
}

/* By the rules of the type whose own traversal it is. */
static void solid_edges(struct walk *walk, uint64_t at, const struct type *type)
{
    const struct type *base = type->rule->edges ? NULL : read_base(type);
    if (type->rule->edges) {
        type->rule->edges(walk, at, type);
        return;
    }
    if (base)
        base->rule->edges(walk, at, base);
    words_beyond(walk, at, type, base);
}

/* What the traversal visited beside that, behind what is no word of the structure. */
static void other_shown(struct walk *walk)
{
    for (size_t i = 0; i < walk->shown.count; i++)
        if (shown_has(walk, walk->shown.items[i]))
            push_edge(walk, walk->shown.items[i], PYR_EDGE_OTHER, 0);
}

/* The part of an object that its class has from a type that C made. */
static void inherited_edges(struct walk *walk, uint64_t at, const struct type *type)
{
    const struct type *solid = type->solid;
    size_t before = walk->edges.count;
    solid_edges(walk, at, solid);
    if (inherits_managed_dict(walk, type))
        managed_dict(walk, at, (struct type *)(uintptr_t)type);
    if (walk_is_static_type(walk, at, type))
        for (size_t i = before; i < walk->edges.count; i++)
            PYR_VEC_AT(&walk->edges, struct pyr_snapshot_edge, i)->kind |= PYR_EDGE_HIDDEN;
    if (!walk->shown.known)
        walk->conservative |= !*solid->rule->name && (solid->traverse || walk->edges.count > before);
}

/* A traversal that a heap type has from a static one knows nothing of classes that can go. */
static bool traverse_knows_class(const struct type *solid)
{
    const struct type *origin = solid;
    while (origin->base && origin->base->traverse == solid->traverse)
        origin = origin->base;
    return solid->traverse && (origin->flags & PYR_TYPE_HEAP) && !solid->rule->hides_class;
}

/* A class's own traversal shows the class, unless it leaves that to the traversal of a heap type made in C. */
static bool shows_class(struct walk *walk, const struct type *type)
{
    const struct type *solid = type->solid;
    bool left_to_solid =
        !type->is_class || (walk->layout->heap_types_show_class && solid->traverse && (solid->flags & PYR_TYPE_HEAP));
    if (!type->is_gc)
        return false;
    if (left_to_solid && walk->shown.known)
        return shown_take(walk, type->at);
    return !left_to_solid || solid->rule->shows_class ||
           (walk->layout->heap_types_show_class && traverse_knows_class(solid));
}

void walk_object_edges(struct walk *walk, uint64_t at, const struct type *type)
{
    bool known = walk->shown.known;
    walk->shown.known = false; /* that is of the type that C made alone */
    if (type->is_class)
        class_edges(walk, at, type);
    walk->shown.known = known;
    inherited_edges(walk, at, type);
    bool is_made = type->flags & PYR_TYPE_HEAP, class_shown = is_made && shows_class(walk, type);
    if (known)
        other_shown(walk);
    walk->shown.known = false;
    if (is_made) /* an instance refers to its class, whether its traversal says so or not */
        walk_edge(walk, type->at, PYR_EDGE_CLASS | (class_shown ? 0 : PYR_EDGE_HIDDEN), 0);
}
