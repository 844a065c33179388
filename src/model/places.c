#include "model/places.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "model/linetable.h"
#include "model/model.h"
#include "record/reader.h"

#include <string.h>

#define IS_ITSELF UINT32_MAX
#define INSTRUCTIONS_MAX (1u << 22) /* a hostile recording may have one for each node: the rest stay expressions */

/* Codes seen so far: their function, and their line table once it was needed. */
struct pyr_code_cache {
    uint32_t *functions; /* number + 1 */
    struct pyr_linetable *tables;
    uint32_t count;
};

int64_t pyr_model_intern_function(struct pyr_model *model, const char *name, const char *file, uint32_t line)
{
    struct pyr_buf key = {0};
    pyr_buf_append(&key, name, strlen(name) + 1);
    pyr_buf_append(&key, file, strlen(file) + 1);
    pyr_buf_u32(&key, line);
    int is_new = 0;
    int64_t number = key.failed ? PYR_E_NOMEM : pyr_intern_put(&model->function_keys, key.bytes, key.size, &is_new);
    pyr_buf_release(&key);
    struct pyr_function function = {name, file, line};
    if (number >= 0 && is_new && !pyr_vec_push(&model->functions, &function))
        return PYR_E_NOMEM;
    return number;
}

static int64_t intern(struct pyr_model *model, struct pyr_place place)
{
    int is_new = 0;
    int64_t number = pyr_intern_put(&model->place_keys, &place, sizeof place, &is_new);
    if (number >= 0 && is_new) {
        if (place.whole == IS_ITSELF)
            place.whole = (uint32_t)number;
        if (place.expression == IS_ITSELF)
            place.expression = (uint32_t)number;
        if (!pyr_vec_push(&model->places, &place))
            return PYR_E_NOMEM;
    }
    return number;
}

int64_t pyr_model_intern_place(struct pyr_model *model, uint32_t function, uint32_t line)
{
    return intern(model, (struct pyr_place){.function = function,
                                            .line = line,
                                            .whole = IS_ITSELF,
                                            .end_line = line,
                                            .column = PYR_COLUMN_UNKNOWN,
                                            .end_column = PYR_COLUMN_UNKNOWN,
                                            .expression = IS_ITSELF,
                                            .instruction = PYR_INSTRUCTION_NONE});
}

/* The table is hostile: what is no range of text is taken for the whole line. */
static bool has_range(const struct pyr_line_entry *entry)
{
    if (entry->line <= 0 || entry->column < 0 || entry->end_column < 0)
        return false;
    return entry->end_line == entry->line ? entry->end_column > entry->column : entry->end_line > entry->line;
}

int64_t pyr_model_intern_expression(struct pyr_model *model, uint32_t whole, const struct pyr_line_entry *entry)
{
    struct pyr_place place = *pyr_model_place(model, whole);
    if (!entry || !has_range(entry) || (uint32_t)entry->line != place.line)
        return whole;
    place.end_line = (uint32_t)entry->end_line;
    place.column = entry->column;
    place.end_column = entry->end_column;
    place.expression = IS_ITSELF;
    return intern(model, place);
}

int64_t pyr_model_intern_instruction(struct pyr_model *model, uint32_t expression, int32_t instruction,
                                     const char *opcode)
{
    struct pyr_place place = *pyr_model_place(model, expression);
    int64_t name = opcode ? pyr_intern_put(&model->opcode_names, opcode, strlen(opcode), NULL) : -1;
    if (opcode && name < 0)
        return name;
    place.instruction = instruction;
    place.opcode = (uint32_t)(name + 1);
    return intern(model, place);
}

const char *pyr_model_opcode(const struct pyr_model *model, const struct pyr_place *place)
{
    return place->opcode ? (const char *)pyr_intern_get(&model->opcode_names, place->opcode - 1)->bytes : NULL;
}

const struct pyr_place *pyr_model_place(const struct pyr_model *model, uint32_t place)
{
    return PYR_VEC_AT(&model->places, struct pyr_place, place);
}

const struct pyr_function *pyr_model_function(const struct pyr_model *model, uint32_t function)
{
    return PYR_VEC_AT(&model->functions, struct pyr_function, function);
}

int pyr_places_init(struct pyr_model *model)
{
    static const char *const names[PYR_PLACES_SPECIAL] = {"<GC>", "<unresolved>", "<no Python frame>"};
    model->functions = PYR_VEC(struct pyr_function);
    model->places = PYR_VEC(struct pyr_place);
    for (uint32_t i = 0; i < PYR_PLACES_SPECIAL; i++) {
        int64_t function = pyr_model_intern_function(model, names[i], "", 0);
        int64_t place = function < 0 ? function : pyr_model_intern_place(model, (uint32_t)function, 0);
        if (place < 0)
            return (int)place;
    }
    return 0;
}

static int64_t code_function(struct pyr_model *model, struct pyr_code_cache *cache, uint32_t code)
{
    if (cache->functions[code])
        return cache->functions[code] - 1;
    const struct pyr_code_facts *facts = pyr_reader_code(model->reader, code);
    if (!facts)
        return PYR_PLACE_UNRESOLVED;
    int64_t function = pyr_model_intern_function(model, facts->name, facts->file, facts->first_line);
    int rc = function < 0 ? (int)function : pyr_linetable_decode(&cache->tables[code], facts);
    if (rc < 0)
        return rc;
    cache->functions[code] = (uint32_t)function + 1;
    return function;
}

static int64_t node_place(struct pyr_model *model, struct pyr_code_cache *cache, uint32_t node, uint32_t code,
                          int32_t instruction)
{
    int64_t function = code < cache->count ? code_function(model, cache, code) : PYR_PLACE_UNRESOLVED;
    if (function < PYR_PLACES_SPECIAL)
        return function;
    const struct pyr_linetable *table = &cache->tables[code];
    int64_t whole = pyr_model_intern_place(model, (uint32_t)function, pyr_linetable_line(table, instruction));
    if (whole < 0)
        return whole;
    int64_t place = pyr_model_intern_expression(model, (uint32_t)whole, pyr_linetable_find(table, instruction));
    if (place < 0 || !model->opcodes || instruction < 0 || model->places.count >= INSTRUCTIONS_MAX)
        return place;
    return pyr_model_intern_instruction(model, (uint32_t)place, instruction, pyr_reader_opcode(model->reader, node));
}

static int resolve_nodes(struct pyr_model *model, struct pyr_code_cache *cache, uint32_t from)
{
    for (uint32_t i = from; i < model->node_count; i++) {
        uint32_t parent, code;
        int32_t instruction;
        if (pyr_reader_node(model->reader, i, &parent, &code, &instruction) < 0 || parent >= i) {
            model->nodes[i] = (struct pyr_stack_node){0, PYR_PLACE_UNRESOLVED};
            continue;
        }
        int64_t place = node_place(model, cache, i, code, instruction);
        if (place < 0)
            return (int)place;
        model->nodes[i] = (struct pyr_stack_node){parent, (uint32_t)place};
    }
    return 0;
}

/* Makes an array longer; what is new in it is zeroed. False when out of memory. */
static bool lengthen(void *array, size_t item_size, size_t before, size_t after)
{
    void **items = array;
    char *longer = pyr_realloc(*items, after * item_size);
    if (!longer)
        return false;
    *items = longer;
    memset(longer + before * item_size, 0, (after - before) * item_size);
    return true;
}

static int know_codes(struct pyr_model *model)
{
    uint32_t count = pyr_reader_codes(model->reader);
    if (!model->code_cache)
        model->code_cache = pyr_alloc(sizeof *model->code_cache);
    struct pyr_code_cache *cache = model->code_cache;
    if (!cache)
        return PYR_E_NOMEM;
    if (count <= cache->count)
        return 0;
    if (!lengthen(&cache->functions, sizeof *cache->functions, cache->count, count) ||
        !lengthen(&cache->tables, sizeof *cache->tables, cache->count, count))
        return PYR_E_NOMEM;
    cache->count = count;
    return 0;
}

int pyr_places_resolve(struct pyr_model *model)
{
    uint32_t known = model->node_count, count = pyr_reader_nodes(model->reader);
    count += count == 0;
    int rc = know_codes(model);
    if (rc == 0 && count > known && !lengthen(&model->nodes, sizeof *model->nodes, known, count))
        rc = PYR_E_NOMEM;
    if (rc < 0)
        return rc;
    model->node_count = count;
    return resolve_nodes(model, model->code_cache, known ? known : 1);
}

void pyr_places_settle(struct pyr_model *model)
{
    struct pyr_code_cache *cache = model->code_cache;
    if (!cache)
        return;
    for (uint32_t i = 0; cache->tables && i < cache->count; i++)
        pyr_linetable_release(&cache->tables[i]);
    pyr_free(cache->tables);
    pyr_free(cache->functions);
    pyr_free(cache);
    model->code_cache = NULL;
}

void pyr_places_release(struct pyr_model *model)
{
    pyr_places_settle(model);
    pyr_free(model->nodes);
    if (model->functions.item_size)
        pyr_vec_release(&model->functions);
    if (model->places.item_size)
        pyr_vec_release(&model->places);
    pyr_intern_release(&model->function_keys);
    pyr_intern_release(&model->place_keys);
    pyr_intern_release(&model->opcode_names);
}
