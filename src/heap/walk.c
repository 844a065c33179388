#include "heap/private.h"
#include "heap/sweep.h"

#include "pyobj/attr.h"
#include "pyobj/interp.h"
#include "pyobj/type.h"

enum {
    GC_PREVIOUS = -8,
    GC_FINALIZED = 1,
};
static const uint64_t memory_limit_usual = 1ull << 30;

static uint32_t references_of(uint64_t count, bool *immortal)
{
    *immortal = (int32_t)(uint32_t)count < 0;
    return *immortal ? 0 : (uint32_t)count;
}

static uint8_t flags_of(struct walk *walk, uint64_t at, const struct type *type, bool tracked)
{
    const struct pyr_mirror_region *region = pyr_mirror_region(&walk->mirror, at);
    uint8_t flags = 0;
    flags |= region->is_module ? PYR_SNAPSHOT_STATIC : 0;
    flags |= type->has_finalizer ? PYR_SNAPSHOT_FINALIZER : 0;
    flags |= type->is_metatype ? PYR_SNAPSHOT_TYPE : 0;
    flags |= walk->conservative ? PYR_SNAPSHOT_CONSERVATIVE : 0;
    flags |= type->size_unknown || walk->size_short ? PYR_SNAPSHOT_SIZE_BASIC : 0;
    flags |= walk->torn ? PYR_SNAPSHOT_TORN : 0;
    if (tracked && type->has_finalizer && (walk_word(walk, at + (uint64_t)GC_PREVIOUS) & GC_FINALIZED))
        flags |= PYR_SNAPSHOT_FINALIZED;
    return flags;
}

static int give_type(struct walk *walk, uint64_t at)
{
    const struct pyr_layout *layout = walk->layout;
    const struct type *type = walk_type(walk, at);
    if (!type)
        return 0;
    struct pyr_snapshot_type row = {
        .address = at,
        .basic_size = type->basic_size,
        .item_size = type->item_size,
        .flags = (uint32_t)type->flags,
        .instance_dict = type->dict_offset != 0 ||
                         (layout->managed_dict_kind != PYR_MANAGED_DICT_NONE && (type->flags & PYR_TYPE_MANAGED_DICT))};
    const char *dot = strrchr(type->name, '.');
    if (type->flags & PYR_TYPE_HEAP) {
        uint64_t dict = walk_word(walk, at + (uint64_t)layout->type_dict);
        uint64_t module = dict ? dict_find(walk, dict, "__module__") : 0;
        const struct type *of = module ? walk_type_of(walk, module) : NULL;
        row.name = walk_str(walk, walk_word(walk, at + (uint64_t)layout->heaptype_qualname));
        row.module = of && (of->flags & PYR_TYPE_UNICODE) ? walk_str(walk, module) : 0;
    }
    if (!row.name) {
        const char *name = dot ? dot + 1 : type->name;
        row.name = *name ? pyr_snapshot_writer_text(walk->writer, name, strlen(name)) : 0;
    }
    if (!row.module)
        row.module = dot ? pyr_snapshot_writer_text(walk->writer, type->name, (size_t)(dot - type->name))
                         : pyr_snapshot_writer_text(walk->writer, "builtins", 8);
    return pyr_snapshot_writer_type(walk->writer, &row);
}

int walk_give(struct walk *walk, uint64_t at, const struct type *type, unsigned generation)
{
    struct pyr_snapshot_object object = {.address = at,
                                         .length = PYR_SNAPSHOT_NO_COUNT,
                                         .capacity = PYR_SNAPSHOT_NO_COUNT,
                                         .generation = (uint8_t)collector_generation(walk, generation)};
    bool immortal;
    if (!type) {
        pyr_mirror_unmark(pyr_mirror_region(&walk->mirror, at), PYR_MARK_FOUND, at);
        return walk->facts->torn++, 0;
    }
    walk->edges.count = 0;
    walk->torn = walk->conservative = walk->size_short = false;
    walk_reach(walk, type->at);
    walk_object_edges(walk, at, type);
    object.type = type->at;
    object.references = references_of(walk_word(walk, at + (uint64_t)walk->layout->object_refcnt), &immortal);
    object.size = walk_size(walk, at, type, &object);
    walk_contents(walk, at, type, &object);
    object.flags = (uint8_t)(flags_of(walk, at, type, generation != PYR_SNAPSHOT_UNTRACKED) |
                             (immortal ? PYR_SNAPSHOT_IMMORTAL : 0));
    if (walk->sites && !(object.flags & PYR_SNAPSHOT_STATIC))
        object.site = walk_site(walk, at - walk_prefix(walk, at, type));
    walk->facts->objects++;
    walk->facts->edges += walk->edges.count;
    walk->facts->torn += walk->torn;
    walk->facts->conservative += walk->conservative;
    walk->facts->size_basic += type->size_unknown || walk->size_short;
    if (object.flags & PYR_SNAPSHOT_STATIC)
        walk_static_object(walk, at, object.size, pyr_mirror_region(&walk->mirror, at)->path);
    else if (immortal)
        walk_immortal(walk, at);
    int rc = pyr_snapshot_writer_object(walk->writer, &object, walk->edges.items, walk->edges.count);
    if (rc == 0 && type->is_metatype)
        rc = give_type(walk, at);
    return rc;
}

/* ---- the beginning ---- */

/* The type of types is its own. */
static int find_type_type(struct walk *walk, uint64_t interp)
{
    const struct pyr_layout *layout = walk->layout;
    uint64_t at = walk_word(walk, interp + (uint64_t)layout->interp_modules);
    for (int n = 0; at && n < 8; n++) {
        uint64_t type = walk_word(walk, at + (uint64_t)layout->object_type);
        if (type == at) {
            walk->type_type = at;
            return 0;
        }
        at = type;
    }
    return PYR_E_UNSUPPORTED;
}

/* A class that every Python has made by Python code, in _frozen_importlib. */
static void find_class_traverse(struct walk *walk, uint64_t interp)
{
    const struct pyr_layout *layout = walk->layout;
    uint64_t modules = walk_word(walk, interp + (uint64_t)layout->interp_modules);
    uint64_t module = dict_find(walk, modules, "_frozen_importlib");
    uint64_t dict = module ? walk_word(walk, module + (uint64_t)layout->module_dict) : 0;
    uint64_t made = dict ? dict_find(walk, dict, "ModuleSpec") : 0;
    if (made && (walk_word(walk, made + (uint64_t)layout->type_flags) & PYR_TYPE_HEAP))
        walk->class_traverse = walk_word(walk, made + (uint64_t)layout->type_traverse);
}

static pyr_snapshot_text text(struct walk *walk, const char *chars)
{
    return pyr_snapshot_writer_text(walk->writer, chars, strlen(chars));
}

void walk_name_members(struct walk *walk)
{
    walk->names.frame = text(walk, "frame");
    walk->names.locals = text(walk, "locals");
    walk->names.function = text(walk, "function");
    walk->names.code = text(walk, "code");
    walk->names.mro = text(walk, "__mro__");
    walk->names.bases = text(walk, "__bases__");
    walk->names.base = text(walk, "__base__");
    walk->names.cache = text(walk, "cache");
    walk->names.subclasses = text(walk, "subclasses");
    walk->names.module = text(walk, "module");
    walk->names.name = text(walk, "__name__");
    walk->names.qualname = text(walk, "__qualname__");
    walk->names.slots = text(walk, "__slots__");
    walk->names.immortal = text(walk, "immortal");
}

static void lookup_of(struct walk *walk, uint64_t key, uint64_t value, bool is_str, size_t index, void *context)
{
    (void)value, (void)is_str, (void)index;
    const struct type *type = walk_type_of(walk, key);
    if (type && !(type->flags & PYR_TYPE_UNICODE))
        *(bool *)context = true;
}

/* Up to 3.10, dicts with other keys than str are those with this function. */
static int find_lookup(struct walk *walk, uint64_t at, unsigned list)
{
    const struct type *type = walk_type_of(walk, at);
    (void)list;
    if (!type || !(type->flags & PYR_TYPE_DICT) || walk->general_lookup)
        return 0;
    bool other = false;
    uint64_t keys = walk_word(walk, at + (uint64_t)walk->layout->dict_keys);
    if (keys)
        dict_keys_each(walk, keys, 0, lookup_of, &other);
    if (other)
        walk->general_lookup = walk_word(walk, keys + (uint64_t)walk->layout->dictkeys_lookup);
    return 0;
}

static void find_general_lookup(struct walk *walk, const struct collector *collector)
{
    if (PYR_HAS(walk->layout, dictkeys_lookup))
        for (unsigned i = 4; i-- > 0 && !walk->general_lookup;)
            collector_each(walk, collector, i, find_lookup);
    if (walk->helper)
        walk->helper->general_lookup = walk->general_lookup;
}

static int walk_all(struct walk *walk, const struct pyr_vec *interps, struct pyr_err *err)
{
    sweep_get_help(walk);
    struct collector *collectors = pyr_arena_alloc(&walk->arena, (interps->count + 1) * sizeof *collectors);
    size_t count = PYR_HAS(walk->layout, interp_gc) ? interps->count : 1;
    int rc = collectors ? 0 : PYR_E_NOMEM;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = collector_find(walk, PYR_VEC_AT(interps, struct pyr_interp, i)->at.v, &collectors[i]);
        if (rc < 0)
            return pyr_err_set(err, rc, "the lists of the collector were not found in this Python %s",
                               walk->layout->version_text);
        if (i == 0 && !PYR_HAS(walk->layout, dictkeys_lookup)) /* whose lists are gone through below */
            collector_leave(walk, &collectors[i]);
        collector_mark(walk, &collectors[i]);
        collector_facts(walk, &collectors[i]);
    }
    for (size_t i = 0; rc == 0 && i < count; i++)
        find_general_lookup(walk, &collectors[i]);
    if (rc == 0 && walk->no_memory)
        rc = PYR_E_NOMEM;
    if (rc == 0)
        rc = sweep_give_all(walk);
    if (rc == 0)
        rc = walk_roots(walk, interps);
    if (rc == 0)
        rc = sweep_give_all(walk);
    collector_count_followed(walk);
    return rc;
}

static int begin(struct walk *walk, struct pyr_vec *interps, struct pyr_err *err)
{
    int rc = pyr_interps_read(walk->view, interps);
    if (rc == 0 && !interps->count)
        rc = PYR_E_UNSUPPORTED;
    if (rc == 0)
        rc = find_type_type(walk, PYR_VEC_AT(interps, struct pyr_interp, interps->count - 1)->at.v);
    if (rc < 0)
        return pyr_err_set(err, rc, "the interpreters of this process cannot be read: %s", pyr_status_text(rc));
    walk->has_immortals = walk_int(walk, walk->type_type + (uint64_t)walk->layout->object_refcnt) < 0;
    find_class_traverse(walk, PYR_VEC_AT(interps, struct pyr_interp, interps->count - 1)->at.v);
    walk_name_members(walk);
    walk_look_ahead(walk, interps);
    return 0;
}

int pyr_heap_walk(struct pyr_target *target, const struct pyr_python *python, const struct pyr_heap_options *options,
                  struct pyr_snapshot_writer *writer, struct pyr_heap_facts *facts, struct pyr_err *err)
{
    struct sweep sweep;
    struct walk walk = {.view = {target, python},
                        .layout = &python->layout,
                        .writer = writer,
                        .facts = facts ? facts : &walk.own_facts,
                        .options = options,
                        .sites_writer = writer,
                        .sweep = &sweep,
                        .edges = PYR_VEC(struct pyr_snapshot_edge),
                        .statics = PYR_VEC(struct range)};
    struct pyr_vec interps = PYR_VEC(struct pyr_interp);
    uint64_t limit = options && options->memory_limit ? options->memory_limit : memory_limit_usual;
    *walk.facts = (struct pyr_heap_facts){0};
    sweep_open(&sweep);
    uint64_t tags = walk_sites_look(target); /* before the mirror, which borrows the maps */
    int rc = pyr_mirror_open(&walk.mirror, target, sweep_wants_help(target) ? limit / 2 : limit, err);
    if (rc == 0)
        walk_sites_open(&walk, tags);
    if (rc == 0)
        rc = traverse_open(&walk);
    if (rc == 0)
        rc = begin(&walk, &interps, err);
    if (rc == 0)
        rc = walk_all(&walk, &interps, err);
    if (rc == 0)
        rc = walk_arenas(&walk, &interps);
    if (rc == PYR_E_NOMEM)
        pyr_err_set(err, rc, "out of memory while the objects of process %d are looked at",
                    (int)pyr_target_pid(target));
    if (rc == PYR_E_GONE)
        pyr_err_set(err, rc, "process %d, whose objects are looked at, has ended", (int)pyr_target_pid(target));
    sweep_dismiss_help(&walk);
    sweep_release(&sweep);
    traverse_close(&walk);
    pyr_vec_release(&interps);
    pyr_vec_release(&walk.edges);
    pyr_vec_release(&walk.statics);
    pyr_map_release(&walk.types);
    pyr_map_release(&walk.static_dicts);
    walk_sites_release(&walk);
    pyr_arena_release(&walk.arena);
    pyr_mirror_release(&walk.mirror);
    return rc;
}
