#include "graph/waste.h"

#include "base/alloc.h"
#include "base/map.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of CPython's flags of types: made while the program runs; and not open to change, as those of C modules are not. */
#define TYPE_IS_MADE (1u << 9)
#define TYPE_IS_FIXED (1u << 8)

enum {
    SLOTS_HEAD = 32,
    PLAIN_HEAD_MAX = 56, /* of an instance whose bases have no structures of their own */
    DICT_HEAD = 64,
    ARRAY_HEAD = 80,
    WORD = 8,
    NUMBERS_MIN = 8,   /* shorter lists are not worth an array */
    INT_MAX_SIZE = 32, /* of two digits: it fits in 64 bits */
    RECORDS_MIN = 10,  /* so many dicts of the same keys are records */
};

enum value { VALUE_OTHER, VALUE_FLOAT, VALUE_INT, VALUE_STR };

/* What the edges of a shape say, found once for each. */
struct shape_facts {
    bool own_dict, pairs_only, items_only, plain; /* plain: no items, keys or elements: no container */
    uint32_t attributes, pairs, own_dict_at;      /* own_dict_at: number of the edge */
};

struct state {
    const struct pyr_graph *graph;
    struct pyr_vec *wastes;
    struct pyr_map rows; /* of wastes: by hash of kind, type and keys */
    struct shape_facts *shapes;
    uint64_t *least;       /* by form: the smallest size of its type for as much; 0: it has no room */
    uint8_t *is_value;     /* by type: enum value */
    bool *is_array;        /* by type: NumPy's */
    uint32_t dict_type;    /* NONE: there is none */
    struct pyr_map values; /* of the array at hand */
    bool *is_list;         /* by type */
    uint64_t *slots;       /* by type: the most attributes that an instance has */
    uint64_t *owned;       /* one bit per object: an instance's own dict */
};

/* ---- what is known of types, shapes and forms ---- */

static bool is_text(const struct pyr_snapshot *snapshot, uint32_t text, const char *chars)
{
    struct pyr_snapshot_string own = pyr_snapshot_string(snapshot, text);
    return own.size == strlen(chars) && !memcmp(own.bytes, chars, own.size);
}

static bool is_named(const struct pyr_snapshot *snapshot, uint32_t type, const char *module, const char *name)
{
    return is_text(snapshot, snapshot->type_rows[type].name, name) &&
           is_text(snapshot, snapshot->type_rows[type].module, module);
}

static bool is_builtin(const struct pyr_snapshot *snapshot, uint32_t type, const char *name)
{
    return is_named(snapshot, type, "builtins", name);
}

static void learn_types(struct state *state)
{
    const struct pyr_snapshot *snapshot = state->graph->snapshot;
    for (uint32_t i = 0; i < snapshot->types; i++) {
        state->is_value[i] = is_builtin(snapshot, i, "float") ? VALUE_FLOAT
                             : is_builtin(snapshot, i, "int") ? VALUE_INT
                             : is_builtin(snapshot, i, "str") ? VALUE_STR
                                                              : VALUE_OTHER;
        state->is_array[i] = is_named(snapshot, i, "numpy", "ndarray");
        state->is_list[i] = is_builtin(snapshot, i, "list");
        if (is_builtin(snapshot, i, "dict"))
            state->dict_type = i;
    }
}

static void learn_run(struct shape_facts *facts, const struct pyr_snapshot_run *run, uint32_t at)
{
    unsigned kind = run->kind & PYR_EDGE_KIND_MASK;
    facts->attributes +=
        kind == PYR_EDGE_ATTRIBUTE || (kind == PYR_EDGE_VALUE && run->second == PYR_RUN_SINGLE) ? run->count : 0;
    facts->pairs += run->second != PYR_RUN_SINGLE ? run->count : 0;
    facts->pairs_only &= run->second != PYR_RUN_SINGLE;
    facts->items_only &= kind == PYR_EDGE_ITEM;
    facts->plain &= kind != PYR_EDGE_ITEM && kind != PYR_EDGE_KEY && kind != PYR_EDGE_ELEMENT;
    if (kind == PYR_EDGE_DICT && !facts->own_dict) {
        facts->own_dict = true;
        facts->own_dict_at = at;
    }
}

static void learn_shapes(struct state *state)
{
    const struct pyr_snapshot *snapshot = state->graph->snapshot;
    for (uint32_t i = 0; i < snapshot->shapes; i++) {
        const struct pyr_snapshot_shape *shape = &snapshot->shape_rows[i];
        struct shape_facts *facts = &state->shapes[i];
        uint32_t at = 0;
        *facts = (struct shape_facts){.pairs_only = shape->edges > 0, .items_only = shape->edges > 0, .plain = true};
        for (uint32_t r = shape->first_run; r < shape->first_run + shape->runs; r++) {
            const struct pyr_snapshot_run *run = &snapshot->run_rows[r];
            learn_run(facts, run, at);
            at += run->count * (run->second == PYR_RUN_SINGLE ? 1 : 2);
        }
    }
}

static int by_type_and_length(const void *a, const void *b, void *context)
{
    const struct pyr_snapshot_form *rows = context;
    const struct pyr_snapshot_form *x = &rows[*(const uint32_t *)a], *y = &rows[*(const uint32_t *)b];
    if (x->type != y->type)
        return x->type < y->type ? -1 : 1;
    return x->length > y->length ? -1 : x->length < y->length;
}

/* Its keys are those of a class: no dict of a program's own can be so. */
static bool has_shared_keys(const struct state *state, const struct pyr_snapshot_form *form)
{
    return form->length && form->type == state->dict_type && state->shapes[form->shape].plain;
}

/* From the longest of a type to the shortest: the least size so far is enough for as much. */
static int learn_forms(struct state *state)
{
    const struct pyr_snapshot *snapshot = state->graph->snapshot;
    uint32_t *order = pyr_alloc(snapshot->forms * sizeof *order), count = 0;
    if (!order)
        return PYR_E_NOMEM;
    for (uint32_t i = 0; i < snapshot->forms; i++)
        if (snapshot->form_rows[i].capacity != PYR_SNAPSHOT_NO_COUNT &&
            !has_shared_keys(state, &snapshot->form_rows[i]))
            order[count++] = i;
    qsort_r(order, count, sizeof *order, by_type_and_length, (void *)snapshot->form_rows);
    uint64_t least = 0;
    for (uint32_t i = 0, next; i < count; i = next) {
        const struct pyr_snapshot_form *form = &snapshot->form_rows[order[i]];
        if (!i || snapshot->form_rows[order[i - 1]].type != form->type)
            least = UINT64_MAX;
        for (next = i; next < count && by_type_and_length(&order[i], &order[next], (void *)snapshot->form_rows) == 0;
             next++)
            least = snapshot->form_rows[order[next]].size < least ? snapshot->form_rows[order[next]].size : least;
        for (uint32_t same = i; same < next; same++)
            state->least[order[same]] = least;
    }
    pyr_free(order);
    return 0;
}

static const struct shape_facts *shape_of(const struct state *state, uint32_t object)
{
    return &state->shapes[pyr_snapshot_form(state->graph->snapshot, object)->shape];
}

static uint32_t own_dict(const struct state *state, uint32_t object)
{
    const struct shape_facts *facts = shape_of(state, object);
    const struct pyr_snapshot *snapshot = state->graph->snapshot;
    return facts->own_dict ? snapshot->edge[snapshot->edges_at[object] + facts->own_dict_at] : PYR_SNAPSHOT_NONE;
}

static void mark_owned(struct state *state)
{
    for (uint32_t i = 0; i < state->graph->objects; i++) {
        uint32_t dict = own_dict(state, i);
        if (dict != PYR_SNAPSHOT_NONE)
            state->owned[dict / 64] |= (uint64_t)1 << dict % 64;
    }
}

static bool is_owned(const struct state *state, uint32_t object)
{
    return state->owned[object / 64] >> object % 64 & 1;
}

/* ---- rows ---- */

/* rank: the highest one's object is the row's example. */
static int note_ranked(struct state *state, const struct pyr_waste *one, uint64_t keys, uint64_t rank)
{
    uint64_t hash = ((keys ^ one->type) * PYR_WASTE_KINDS + one->kind) * 0x9e3779b97f4a7c15u;
    const uint64_t *known = pyr_map_find(&state->rows, hash);
    if (!known) {
        struct pyr_waste *row = pyr_vec_push(state->wastes, one);
        if (!row || pyr_map_put(&state->rows, hash, state->wastes->count - 1) < 0)
            return PYR_E_NOMEM;
        row->most = rank;
        return 0;
    }
    struct pyr_waste *row = PYR_VEC_AT(state->wastes, struct pyr_waste, *known);
    row->count++;
    row->bytes += one->bytes;
    row->saved += one->saved;
    if (rank > row->most) {
        row->most = rank;
        row->example = one->example;
        memcpy(row->detail, one->detail, sizeof row->detail);
    }
    return 0;
}

static struct pyr_waste waste_of(const struct state *state, uint32_t kind, uint32_t object, uint64_t bytes,
                                 uint64_t saved, const char *detail)
{
    struct pyr_waste one = {.kind = kind,
                            .type = pyr_graph_type(state->graph, object),
                            .example = object,
                            .count = 1,
                            .bytes = bytes,
                            .saved = saved};
    snprintf(one.detail, sizeof one.detail, "%s", detail);
    return one;
}

static int note_detail(struct state *state, uint32_t kind, uint32_t object, uint64_t keys, uint64_t bytes,
                       uint64_t saved, const char *detail)
{
    struct pyr_waste one = waste_of(state, kind, object, bytes, saved, detail);
    return note_ranked(state, &one, keys, saved);
}

static int note(struct state *state, uint32_t kind, uint32_t object, uint64_t keys, uint64_t bytes, uint64_t saved)
{
    return note_detail(state, kind, object, keys, bytes, saved, "");
}

/* ---- rules ---- */

static int check_room(struct state *state, uint32_t object, const struct pyr_snapshot_form *form)
{
    uint64_t least = state->least[state->graph->snapshot->form[object]]; /* 0: there is none to compare with */
    if (form->capacity == PYR_SNAPSHOT_NO_COUNT || form->length == PYR_SNAPSHOT_NO_COUNT)
        return 0;
    if (form->length == 0)
        return note(state, PYR_WASTE_EMPTY, object, 0, form->size, form->size);
    if (state->is_list[form->type] && form->capacity > form->length)
        return note(state, PYR_WASTE_ROOM, object, 0, form->size, (form->capacity - form->length) * WORD);
    if (form->capacity > form->length && least && least < form->size)
        return note(state, PYR_WASTE_ROOM, object, 0, form->size, form->size - least);
    return 0;
}

/* Numbers that only this list has would go with it. */
static int check_numbers(struct state *state, uint32_t object, const struct pyr_snapshot_form *form)
{
    const struct pyr_snapshot *snapshot = state->graph->snapshot;
    uint32_t from = snapshot->edges_at[object], to = snapshot->edges_at[object + 1];
    uint64_t bytes = form->size, needed = ARRAY_HEAD + WORD * (uint64_t)(to - from);
    unsigned kind = 0;
    if (!state->is_list[form->type] || to - from < NUMBERS_MIN || !shape_of(state, object)->items_only)
        return 0;
    for (uint32_t e = from; e < to; e++) {
        uint32_t item = snapshot->edge[e];
        unsigned own = item == PYR_SNAPSHOT_NONE ? 0 : state->is_value[pyr_graph_type(state->graph, item)];
        uint64_t size = own ? pyr_graph_size(state->graph, item) : 0;
        if (!own || own == VALUE_STR || (kind && own != kind) || (own == VALUE_INT && size > INT_MAX_SIZE))
            return 0;
        kind = own;
        bytes += snapshot->references[item] == 1 ? size : 0;
    }
    return bytes > needed ? note(state, PYR_WASTE_NUMBERS, object, kind, bytes, bytes - needed) : 0;
}

/* Instances that differ in length, as those of subclasses of int, cannot have slots. */
static bool is_class(const struct pyr_snapshot_type_row *type)
{
    return type->instance_dict && !type->item_size && type->flags & TYPE_IS_MADE && !(type->flags & TYPE_IS_FIXED);
}

struct instance {
    uint64_t bytes, attributes;
};

/* With its dict, and the block of its attributes. False: it is none that could have __slots__. */
static bool look_at_instance(const struct state *state, uint32_t object, const struct pyr_snapshot_form *form,
                             struct instance *instance)
{
    const struct pyr_snapshot *snapshot = state->graph->snapshot;
    const struct shape_facts *facts = shape_of(state, object);
    uint32_t dict = own_dict(state, object);
    uint64_t beside = form->capacity == PYR_SNAPSHOT_NO_COUNT ? 0 : form->capacity * WORD;
    if (!is_class(&snapshot->type_rows[form->type]) || !facts->plain || form->flags & PYR_SNAPSHOT_TYPE ||
        form->length != PYR_SNAPSHOT_NO_COUNT)
        return false;
    *instance = (struct instance){form->size + beside, facts->attributes};
    if (dict == PYR_SNAPSHOT_NONE)
        return true;
    if (snapshot->references[dict] > 1)
        return false; /* someone else has it too: it is used as a dict */
    uint64_t size = pyr_graph_size(state->graph, dict), values = size > DICT_HEAD ? size - DICT_HEAD : 0;
    bool is_beside = !shape_of(state, dict)->pairs; /* the dict counts them as well */
    instance->bytes += size - (!is_beside ? 0 : values < beside ? values : beside);
    instance->attributes += shape_of(state, dict)->attributes + shape_of(state, dict)->pairs;
    return true;
}

/* Each instance has a slot for what any instance of its class has. */
static void learn_instances(struct state *state)
{
    struct instance instance;
    for (uint32_t i = 0; i < state->graph->objects; i++) {
        const struct pyr_snapshot_form *form = pyr_snapshot_form(state->graph->snapshot, i);
        if (look_at_instance(state, i, form, &instance) && instance.attributes > state->slots[form->type])
            state->slots[form->type] = instance.attributes;
    }
}

/* What a base in C has stays; the words for a dict and for weak references go. */
static int check_instance(struct state *state, uint32_t object, const struct pyr_snapshot_form *form)
{
    struct instance instance;
    if (!look_at_instance(state, object, form, &instance))
        return 0;
    uint64_t head = form->size <= PLAIN_HEAD_MAX ? SLOTS_HEAD : form->size - 2 * WORD;
    uint64_t needed = head + WORD * state->slots[form->type];
    return instance.bytes > needed
               ? note(state, PYR_WASTE_INSTANCES, object, 0, instance.bytes, instance.bytes - needed)
               : 0;
}

static int check_record(struct state *state, uint32_t object, const struct pyr_snapshot_form *form)
{
    const struct pyr_snapshot *snapshot = state->graph->snapshot;
    const struct shape_facts *facts = shape_of(state, object);
    uint64_t hash = facts->pairs, needed = SLOTS_HEAD + WORD * (uint64_t)facts->pairs;
    if (!facts->pairs_only || is_owned(state, object) || facts->pairs > 64 || form->size <= needed)
        return 0;
    for (uint32_t e = snapshot->edges_at[object]; e < snapshot->edges_at[object + 1]; e += 2) {
        uint32_t key = snapshot->edge[e];
        if (key == PYR_SNAPSHOT_NONE)
            return 0;
        hash =
            (hash ^ (snapshot->content[key] ? snapshot->content[key] : snapshot->address[key])) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 31;
    }
    return note(state, PYR_WASTE_RECORDS, object, hash, form->size, form->size - needed);
}

static uint64_t hash_of(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return hash;
}

static void read_text(const struct state *state, uint32_t object, char words[PYR_SNAPSHOT_TEXT_MAX + 1])
{
    struct pyr_snapshot_string text = pyr_snapshot_string(state->graph->snapshot, state->graph->snapshot->text[object]);
    snprintf(words, PYR_SNAPSHOT_TEXT_MAX + 1, "%.*s", (int)text.size, text.bytes);
}

/* "int64; int8 would save 7000 bytes": the walk has looked at the values. */
static int check_wide(struct state *state, uint32_t object, const struct pyr_snapshot_form *form)
{
    char words[PYR_SNAPSHOT_TEXT_MAX + 1], wide[12], narrow[12], detail[32];
    uint64_t saved;
    read_text(state, object, words);
    if (sscanf(words, "%11[a-z0-9]; %11[a-z0-9] would save %" SCNu64 " bytes", wide, narrow, &saved) != 3 ||
        saved > form->size)
        return 0;
    snprintf(detail, sizeof detail, "%s as %s", wide, narrow);
    return note_detail(state, PYR_WASTE_WIDE, object, hash_of(detail), form->size, saved, detail);
}

/* What its items are: of one type; how much those have that are the array's alone. */
struct items {
    unsigned kind; /* enum value; VALUE_OTHER: not of one type */
    uint64_t count, different, own_bytes, repeated_bytes;
};

static int look_at_item(struct state *state, uint32_t item, struct items *items)
{
    const struct pyr_snapshot *snapshot = state->graph->snapshot;
    unsigned kind = item == PYR_SNAPSHOT_NONE ? 0 : state->is_value[pyr_graph_type(state->graph, item)];
    uint64_t size = kind ? pyr_graph_size(state->graph, item) : 0;
    if (!kind || (items->kind && items->kind != kind) || (kind == VALUE_INT && size > INT_MAX_SIZE))
        return items->kind = 0, PYR_E_NOT_FOUND;
    uint64_t value = snapshot->content[item] ? snapshot->content[item] : snapshot->address[item];
    bool alone = snapshot->references[item] == 1;
    items->kind = kind;
    items->count++;
    items->own_bytes += alone ? size : 0;
    if (kind != VALUE_STR)
        return 0;
    if (pyr_map_find(&state->values, value)) {
        items->repeated_bytes += alone ? size : 0;
        return 0;
    }
    items->different++;
    return pyr_map_put(&state->values, value, 1);
}

static int look_at_items(struct state *state, uint32_t object, struct items *items)
{
    const struct pyr_snapshot *snapshot = state->graph->snapshot;
    const struct pyr_snapshot_shape *shape = &snapshot->shape_rows[pyr_snapshot_form(snapshot, object)->shape];
    uint32_t e = snapshot->edges_at[object];
    int rc = 0;
    pyr_map_clear(&state->values);
    for (uint32_t r = shape->first_run; r < shape->first_run + shape->runs; r++) {
        const struct pyr_snapshot_run *run = &snapshot->run_rows[r];
        uint32_t end = e + run->count * (run->second == PYR_RUN_SINGLE ? 1 : 2);
        for (; (run->kind & PYR_EDGE_KIND_MASK) == PYR_EDGE_ITEM && e < end && rc == 0; e++)
            rc = look_at_item(state, snapshot->edge[e], items);
        e = end;
    }
    return rc == PYR_E_NOT_FOUND ? 0 : rc;
}

/* Numbers lie in the array then; of texts that come again and again there are codes, and each of them once. */
static int check_objects(struct state *state, uint32_t object, const struct pyr_snapshot_form *form)
{
    struct items items = {0};
    if (!is_text(state->graph->snapshot, state->graph->snapshot->text[object], "object"))
        return 0;
    int rc = look_at_items(state, object, &items);
    if (rc < 0 || !items.kind || items.count < NUMBERS_MIN)
        return rc;
    const char *const details[] = {"", "floats as float64", "ints as int64", "str as categories"};
    uint64_t saved = items.own_bytes, width = items.different <= 127 ? 1 : items.different <= 32767 ? 2 : 4;
    if (items.kind == VALUE_STR) {
        uint64_t needed = width * items.count + WORD * items.different;
        saved = WORD * items.count > needed ? WORD * items.count - needed + items.repeated_bytes : 0;
    }
    return saved ? note_detail(state, PYR_WASTE_OBJECTS, object, items.kind, form->size + items.own_bytes, saved,
                               details[items.kind])
                 : 0;
}

/* "31.2 other keys in the way of a lookup": the walk has looked them up. One row for each type, with the worst. */
static int check_collisions(struct state *state, uint32_t object, const struct pyr_snapshot_form *form)
{
    char words[PYR_SNAPSHOT_TEXT_MAX + 1];
    unsigned whole, tenths;
    if (!state->graph->snapshot->text[object] || form->capacity == PYR_SNAPSHOT_NO_COUNT)
        return 0;
    read_text(state, object, words);
    if (sscanf(words, "%7u.%1u other keys", &whole, &tenths) != 2)
        return 0;
    struct pyr_waste one = waste_of(state, PYR_WASTE_COLLISIONS, object, form->size, 0, words);
    return note_ranked(state, &one, 0, 10ull * whole + tenths);
}

static int check_array(struct state *state, uint32_t object, const struct pyr_snapshot_form *form)
{
    if (!state->is_array[form->type])
        return 0;
    int rc = check_wide(state, object, form);
    return rc == 0 ? check_objects(state, object, form) : rc;
}

static int check_object(struct state *state, uint32_t object)
{
    const struct pyr_snapshot_form *form = pyr_snapshot_form(state->graph->snapshot, object);
    if (state->graph->dominator[object] == PYR_GRAPH_GARBAGE || form->flags & PYR_SNAPSHOT_IMMORTAL)
        return 0;
    int rc = is_owned(state, object) ? 0 : check_room(state, object, form);
    if (rc == 0)
        rc = check_numbers(state, object, form);
    if (rc == 0)
        rc = check_instance(state, object, form);
    if (rc == 0)
        rc = check_array(state, object, form);
    if (rc == 0)
        rc = check_collisions(state, object, form);
    return rc == 0 ? check_record(state, object, form) : rc;
}

/* ---- all ---- */

static int by_saved(const void *a, const void *b)
{
    const struct pyr_waste *x = a, *y = b;
    bool first = x->kind == PYR_WASTE_COLLISIONS, second = y->kind == PYR_WASTE_COLLISIONS;
    if (first != second)
        return first ? -1 : 1;
    if (x->saved != y->saved)
        return x->saved < y->saved ? 1 : -1;
    return x->example < y->example ? -1 : x->example > y->example;
}

static void drop_few_records(struct pyr_vec *wastes)
{
    for (size_t i = 0; i < wastes->count; i++) {
        const struct pyr_waste *waste = PYR_VEC_AT(wastes, struct pyr_waste, i);
        if (waste->kind == PYR_WASTE_RECORDS && waste->count < RECORDS_MIN)
            pyr_vec_remove(wastes, i--);
    }
}

static int learn(struct state *state)
{
    const struct pyr_snapshot *snapshot = state->graph->snapshot;
    state->shapes = pyr_alloc(snapshot->shapes * sizeof *state->shapes);
    state->least = pyr_alloc(snapshot->forms * sizeof *state->least);
    state->is_value = pyr_alloc(snapshot->types * sizeof *state->is_value);
    state->is_array = pyr_alloc(snapshot->types * sizeof *state->is_array);
    state->is_list = pyr_alloc(snapshot->types * sizeof *state->is_list);
    state->slots = pyr_alloc(snapshot->types * sizeof *state->slots);
    state->owned = pyr_alloc(((size_t)snapshot->objects / 64 + 1) * sizeof *state->owned);
    if (!state->shapes || !state->least || !state->is_value || !state->is_list || !state->is_array || !state->slots ||
        !state->owned)
        return PYR_E_NOMEM;
    learn_types(state);
    learn_shapes(state);
    mark_owned(state);
    learn_instances(state);
    return learn_forms(state);
}

int pyr_waste_find(struct pyr_vec *wastes, const struct pyr_graph *graph)
{
    struct state state = {.graph = graph, .wastes = wastes, .dict_type = PYR_SNAPSHOT_NONE};
    *wastes = PYR_VEC(struct pyr_waste);
    int rc = learn(&state);
    for (uint32_t i = 0; rc == 0 && i < graph->objects; i++)
        rc = check_object(&state, i);
    pyr_map_release(&state.rows);
    pyr_free(state.shapes);
    pyr_free(state.least);
    pyr_free(state.is_value);
    pyr_free(state.is_list);
    pyr_free(state.is_array);
    pyr_map_release(&state.values);
    pyr_free(state.slots);
    pyr_free(state.owned);
    if (rc < 0) {
        pyr_vec_release(wastes);
        return rc;
    }
    drop_few_records(wastes);
    if (wastes->count)
        qsort(wastes->items, wastes->count, sizeof(struct pyr_waste), by_saved);
    return 0;
}
