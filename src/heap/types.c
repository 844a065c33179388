/* Type objects, each read once: how its instances are laid out, and by which rules they refer to others. */
#include "heap/private.h"
#include "pyobj/type.h"

#include <xxhash.h>

enum {
    TYPE_READY = 1 << 12,
    TYPE_HAVE_GC = 1 << 14,
    BASIC_MAX = 1 << 24,
    ITEM_MAX = 1 << 20,
    DEPTH_MAX = 128, /* of bases and metatypes */
    TYPES_MAX = 1 << 22,
    MRO_MAX = 256,
    MEMBERS_MAX = 4096,
    MEMBER_SIZE = 40, /* struct PyMemberDef: name, type, offset, flags, doc */
    MEMBER_TYPE = 8,
    MEMBER_OFFSET = 16,
    MEMBER_FLAGS = 24,
    MEMBER_OBJECT = 6,
    MEMBER_OBJECT_EX = 16,
    MEMBER_RELATIVE = 8,
    MEMBER_AFTER_ITEMS = 16, /* 3.15: a slot of a tuple's class */
    KEYS_MAX = 1 << 16,
};
#define TYPE_METATYPE (1ull << 31)

static uint64_t name_seed(const char *name)
{
    return XXH3_64bits(name, strlen(name)) | 1;
}

/* What two equal ones of may be told from their bytes. */
static bool is_comparable(const struct type *type)
{
    static const char *const names[] = {"str", "bytes", "int", "float", "complex"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(type->name, names[i]) == 0)
            return !(type->flags & PYR_TYPE_HEAP);
    return false;
}

static bool push_label(struct pyr_vec *labels, uint64_t offset, pyr_snapshot_text text)
{
    struct type_label label = {(uint32_t)offset, text, false};
    return pyr_vec_push(labels, &label) != NULL;
}

/* The members that hold objects. slots: those alone that the traversal of a class visits. */
static void read_members(struct walk *walk, const struct type *type, bool slots, uint64_t count, struct pyr_vec *labels)
{
    for (uint64_t i = 0; i < count && type->members; i++) {
        const uint8_t *member = walk_bytes(walk, type->members + i * MEMBER_SIZE, MEMBER_SIZE);
        char name[96];
        if (!member || !pyr_word_at(member, 0))
            return;
        int kind = pyr_int_at(member, MEMBER_TYPE), flags = pyr_int_at(member, MEMBER_FLAGS);
        uint64_t offset = pyr_word_at(member, MEMBER_OFFSET), name_at = pyr_word_at(member, 0);
        bool after_items = flags & MEMBER_AFTER_ITEMS;
        if ((kind != MEMBER_OBJECT_EX && (slots || kind != MEMBER_OBJECT)) || offset + 8 > type->basic_size ||
            (flags & MEMBER_RELATIVE) || (after_items && !slots))
            continue;
        struct type_label label = {(uint32_t)offset, 0, after_items};
        if (walk_text(walk, name_at, name, sizeof name))
            label.text = pyr_snapshot_writer_text(walk->writer, name, strlen(name));
        walk->no_memory |= !pyr_vec_push(labels, &label);
    }
}

static struct type_label *keep_labels(struct walk *walk, struct pyr_vec *labels, size_t *count)
{
    struct type_label *kept = NULL;
    if (labels->count) {
        kept = pyr_arena_dup(&walk->arena, labels->items, labels->count * sizeof *kept);
        walk->no_memory |= !kept;
    }
    *count = kept ? labels->count : 0;
    pyr_vec_release(labels);
    return kept;
}

static void add_labels(struct pyr_vec *labels, const struct type_label *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        pyr_vec_push(labels, &from[i]);
}

static void find_labels(struct walk *walk, struct type *type)
{
    struct pyr_vec labels = PYR_VEC(struct type_label);
    read_members(walk, type, false, MEMBERS_MAX, &labels);
    if (strcmp(type->name, "function") == 0 && !type->is_class) {
        push_label(&labels, (uint64_t)walk->layout->function_code,
                   pyr_snapshot_writer_text(walk->writer, "__code__", 8));
        push_label(&labels, (uint64_t)walk->layout->function_dict,
                   pyr_snapshot_writer_text(walk->writer, "__dict__", 8));
    } else if (strcmp(type->name, "code") == 0 && PYR_HAS(walk->layout, code_localsplusnames)) {
        push_label(&labels, (uint64_t)walk->layout->code_localsplusnames,
                   pyr_snapshot_writer_text(walk->writer, "co_localsplusnames", 18));
    } else if (strcmp(type->name, "cell") == 0 && !type->is_class) {
        push_label(&labels, (uint64_t)walk->layout->cell_value,
                   pyr_snapshot_writer_text(walk->writer, "cell_contents", 13));
    }
    if (type->base)
        add_labels(&labels, type->base->labels, type->base->label_count);
    type->labels = keep_labels(walk, &labels, &type->label_count);
}

static void find_slots(struct walk *walk, struct type *type)
{
    struct pyr_vec slots = PYR_VEC(struct type_label);
    if (!type->is_class)
        return;
    uint64_t count = walk_word(walk, type->at + (uint64_t)walk->layout->varobject_size);
    read_members(walk, type, true, count < MEMBERS_MAX ? count : MEMBERS_MAX, &slots);
    if (type->base && type->base->is_class)
        add_labels(&slots, type->base->slots, type->base->slot_count);
    type->slots = keep_labels(walk, &slots, &type->slot_count);
}

pyr_snapshot_text type_label(const struct type *type, uint32_t offset)
{
    for (size_t i = 0; i < type->label_count; i++)
        if (type->labels[i].offset == offset)
            return type->labels[i].text;
    return 0;
}

static void keep_key(struct walk *walk, uint64_t key, uint64_t value, bool is_str, size_t index, void *context)
{
    struct type *type = context;
    (void)value;
    (void)is_str;
    if (index < type->key_count)
        type->keys[index] = walk_str(walk, key);
}

static void count_key(struct walk *walk, uint64_t key, uint64_t value, bool is_str, size_t index, void *context)
{
    struct type *type = context;
    (void)walk, (void)key, (void)value, (void)is_str;
    if (index < KEYS_MAX && index >= type->key_count)
        type->key_count = index + 1;
}

void type_load_keys(struct walk *walk, struct type *type)
{
    uint64_t keys = walk_word(walk, type->at + (uint64_t)walk->layout->heaptype_cached_keys);
    type->keys_loaded = true;
    type->key_count = 0;
    if (!keys)
        return;
    dict_keys_each(walk, keys, 0, count_key, type);
    type->keys = pyr_arena_alloc(&walk->arena, (type->key_count + 1) * sizeof *type->keys);
    if (!type->keys)
        type->key_count = 0;
    dict_keys_each(walk, keys, 0, keep_key, type);
}

/* ---- by which rules ---- */

static const struct type_rule plain = {.name = ""};

static void choose_rule(struct walk *walk, struct type *type)
{
    const struct type *base = type->base;
    type->is_class = (type->flags & PYR_TYPE_HEAP) && walk->class_traverse && type->traverse == walk->class_traverse;
    if (!type->is_class && (!(type->flags & PYR_TYPE_HEAP) || strchr(type->name, '.')))
        type->own = type_rule_find(type->name);
    type->solid = type->is_class && base ? base->solid : type;
    if (type->own)
        type->rule = type->own;
    else if (base && type->traverse && base->traverse == type->traverse) /* inherited with it */
        type->rule = base->rule;
    else
        type->rule = &plain;
}

uint64_t type_dict(struct walk *walk, uint64_t type)
{
    uint64_t dict = walk_word(walk, type + (uint64_t)walk->layout->type_dict);
    const uint64_t *state = dict ? NULL : pyr_map_find(&walk->static_dicts, type);
    return state ? walk_word(walk, *state) : dict;
}

/* The first of its mro that has something to say about sizes decides. */
static void choose_measure(struct walk *walk, struct type *type)
{
    const struct pyr_layout *layout = walk->layout;
    uint64_t dict = type_dict(walk, type->at);
    type->measure = &plain;
    if (strcmp(type->name, "object") == 0 && !type->base)
        return;
    if (type->own && type->own->measure) {
        type->measure = type->own;
        return;
    }
    type->own_sizeof = dict && dict_find(walk, dict, "__sizeof__");
    if (type->own_sizeof && !type->is_class)
        type->own_measure = type_measure_find(type->name);
    type->size_unknown = type->own_sizeof && !type->own_measure;
    type->measure = type->own_measure ? type->own_measure : type->measure;
    if (type->own_sizeof)
        return;
    const struct type_rule *inherited = NULL;
    uint64_t mro = walk_word(walk, type->at + (uint64_t)layout->type_mro);
    uint64_t count = mro ? walk_word(walk, mro + (uint64_t)layout->varobject_size) : 0;
    for (uint64_t i = 1; i < count && i < MRO_MAX; i++) {
        const struct type *other = walk_type(walk, walk_word(walk, mro + (uint64_t)layout->tuple_items + i * 8));
        if (!other || (!other->own_sizeof && (!other->own || !other->own->measure)))
            continue;
        if (!other->own_sizeof && other->own->measure_of_object) {
            inherited = inherited ? inherited : other->own;
            continue;
        }
        type->size_unknown = other->own_sizeof && !other->own_measure;
        type->measure = other->own_measure ? other->own_measure : other->own_sizeof ? &plain : other->own;
        return;
    }
    type->measure = inherited ? inherited : &plain;
}

/* ---- loading ---- */

/* Some static types have instances before they are ready. */
static bool is_in_module(struct walk *walk, uint64_t at)
{
    const struct pyr_mirror_region *region = pyr_mirror_region(&walk->mirror, at);
    return region && region->is_module && region->writable;
}

static bool is_plausible(struct walk *walk, uint64_t at, const uint8_t *bytes, struct type *type)
{
    const struct pyr_layout *layout = walk->layout;
    uint64_t meta = pyr_word_at(bytes, layout->object_type);
    type->flags = pyr_word_at(bytes, layout->type_flags);
    type->basic_size = pyr_word_at(bytes, layout->type_basicsize);
    type->item_size = pyr_word_at(bytes, layout->type_itemsize);
    if (type->basic_size < 16 || type->basic_size > BASIC_MAX)
        return false;
    if (!(type->flags & TYPE_READY) && !(meta == walk->type_type && is_in_module(walk, at)))
        return false;
    if (type->item_size > ITEM_MAX)
        type->item_size = 0;
    if (meta == walk->type_type || at == walk->type_type)
        return true;
    const struct type *of = walk_type(walk, meta);
    return of && of->is_metatype;
}

static struct type *read_type(struct walk *walk, uint64_t at)
{
    const struct pyr_layout *layout = walk->layout;
    const uint8_t *bytes = at % 8 ? NULL : walk_bytes(walk, at, layout->type_size);
    struct type type = {.at = at};
    if (!bytes || !is_plausible(walk, at, bytes, &type))
        return NULL;
    /* A cycle of bases meets itself as what is no type. */
    bytes = pyr_map_put(&walk->types, at, 0) == 0 ? walk_bytes(walk, at, layout->type_size) : NULL;
    if (!bytes)
        return walk->no_memory = true, NULL;
    uint64_t name = pyr_word_at(bytes, layout->type_name), base = pyr_word_at(bytes, layout->type_base);
    type.traverse = pyr_word_at(bytes, layout->type_traverse);
    type.members = pyr_word_at(bytes, layout->type_members);
    type.dict_offset = (int64_t)pyr_word_at(bytes, layout->type_dictoffset);
    type.weaklist_offset = (int64_t)pyr_word_at(bytes, layout->type_weaklistoffset);
    type.is_gc = (type.flags & TYPE_HAVE_GC) != 0;
    type.is_metatype = (type.flags & TYPE_METATYPE) != 0;
    type.has_finalizer = pyr_word_at(bytes, layout->type_finalize) || pyr_word_at(bytes, layout->type_del);
    if (!walk_text(walk, name, type.name, sizeof type.name))
        return NULL;
    type.base = base ? walk_type(walk, base) : NULL;
    struct type *kept = pyr_arena_dup(&walk->arena, &type, sizeof type);
    if (!kept)
        return walk->no_memory = true, NULL;
    if (is_comparable(kept))
        kept->content_seed = name_seed(kept->name);
    choose_rule(walk, kept);
    choose_measure(walk, kept);
    find_labels(walk, kept);
    find_slots(walk, kept);
    return kept;
}

const struct type *walk_type_load(struct walk *walk, uint64_t at)
{
    const uint64_t *found = pyr_map_find(&walk->types, at);
    struct type *type = NULL;
    if (found) {
        type = (struct type *)(uintptr_t)*found;
    } else if (walk->type_depth < DEPTH_MAX && walk->types.count < TYPES_MAX) {
        walk->type_depth++;
        type = read_type(walk, at);
        if (type && pyr_map_put(&walk->types, at, (uint64_t)(uintptr_t)type) < 0)
            walk->no_memory = true;
        walk->type_depth--;
    }
    if (type)
        walk->recent_types[(at >> 4 ^ at >> 16) & 4095] = type;
    return type;
}

const struct type *walk_type_of(struct walk *walk, uint64_t at)
{
    const uint8_t *bytes = at % 8 ? NULL : walk_bytes(walk, at, 16);
    if (!bytes)
        return NULL;
    uint64_t count = pyr_word_at(bytes, walk->layout->object_refcnt);
    /* A freed block begins with the address of the next one; an object on a free list has a count of 0. The upper half
     * is 0, but for flags in its upper half. */
    if (!(uint32_t)count || (count >> 32 & 0xffff))
        return NULL;
    return walk_type(walk, pyr_word_at(bytes, walk->layout->object_type));
}
