/* NumPy's arrays, as its C interface has laid them out since 1.x: they are not known to the collector, and what they
 * refer to cannot be asked of them. */
#include "heap/private.h"
#include "heap/sweep.h"

#include "base/alloc.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum {
    ARRAY_DATA = 16,
    ARRAY_DIMENSIONS_COUNT = 24,
    ARRAY_DIMENSIONS = 32,
    ARRAY_BASE = 48,
    ARRAY_DTYPE = 56,
    ARRAY_FLAGS = 64,
    ARRAY_HEAD = 72,
    ARRAY_ALLOCATOR = 88, /* a capsule, since 1.22 */
    OWNS_DATA = 4,
    DIMENSIONS_MAX = 64,
    DTYPE_KIND = 24,
    DTYPE_ORDER = 26,
    DTYPE_FLAGS_1 = 27,
    DTYPE_SIZE_1 = 32,
    DTYPE_BASIC_2 = 88, /* size of the structure that all dtypes begin with, since 2.0 */
    DTYPE_FLAGS_2 = 32,
    DTYPE_SIZE_2 = 40,
    HAS_OBJECTS = 1,
    ITEM_MAX = 1 << 28,
    RECORDS_LOOKED_AT = 1 << 16, /* words of structured items that may refer to objects */
    PIECE = 1 << 18,
};
#define ITEMS_MAX (1ull << 40)
#define LOOKED_AT_MAX (1ull << 30) /* bytes of arrays' data, in a snapshot */

struct array {
    uint64_t data, base, dtype, allocator;
    uint64_t count, item_size; /* 0 if they make no sense */
    uint64_t rows;             /* the first dimension */
    unsigned dimensions;
    char kind;
    bool owns, has_objects, native;
};

static bool read_dtype(struct walk *walk, struct array *array)
{
    const struct type *type = walk_type_of(walk, array->dtype);
    while (type && strcmp(type->name, "numpy.dtype") != 0)
        type = type->base;
    const uint8_t *bytes = type ? walk_bytes(walk, array->dtype, DTYPE_SIZE_2 + 8) : NULL;
    if (!bytes)
        return false;
    bool later = type->basic_size == DTYPE_BASIC_2;
    array->kind = (char)bytes[DTYPE_KIND];
    array->native = bytes[DTYPE_ORDER] != '>';
    array->has_objects = bytes[later ? DTYPE_FLAGS_2 : DTYPE_FLAGS_1] & HAS_OBJECTS;
    array->item_size = later ? pyr_word_at(bytes, DTYPE_SIZE_2) : (uint32_t)pyr_int_at(bytes, DTYPE_SIZE_1);
    return array->item_size <= ITEM_MAX;
}

static bool read_dimensions(struct walk *walk, uint64_t at, struct array *array)
{
    const uint8_t *bytes = walk_bytes(walk, at, 8ull * array->dimensions);
    if (array->dimensions && !bytes)
        return false;
    array->count = 1;
    for (unsigned i = 0; i < array->dimensions; i++) {
        uint64_t length = pyr_word_at(bytes, (int32_t)(i * 8));
        array->rows = i ? array->rows : length;
        if (length >= ITEMS_MAX || (length && array->count > ITEMS_MAX / length))
            return false;
        array->count *= length;
    }
    return true;
}

static bool read_array(struct walk *walk, uint64_t at, uint64_t basic_size, struct array *array)
{
    const uint8_t *bytes = walk_bytes(walk, at, ARRAY_HEAD);
    *array = (struct array){0};
    if (!bytes)
        return false;
    uint64_t dimensions = pyr_word_at(bytes, ARRAY_DIMENSIONS);
    array->data = pyr_word_at(bytes, ARRAY_DATA);
    array->base = pyr_word_at(bytes, ARRAY_BASE);
    array->dtype = pyr_word_at(bytes, ARRAY_DTYPE);
    array->owns = pyr_int_at(bytes, ARRAY_FLAGS) & OWNS_DATA;
    array->dimensions = (unsigned)pyr_int_at(bytes, ARRAY_DIMENSIONS_COUNT);
    if (basic_size >= ARRAY_ALLOCATOR + 8)
        array->allocator = walk_word(walk, at + ARRAY_ALLOCATOR);
    if (array->dimensions <= DIMENSIONS_MAX && read_dimensions(walk, dimensions, array) && read_dtype(walk, array))
        return true;
    array->count = array->item_size = 0;
    walk->torn = true;
    return false;
}

/* Items with objects somewhere in them: what lies there is guessed. */
static void record_edges(struct walk *walk, const struct array *array)
{
    uint64_t words = array->count * array->item_size / 8;
    walk->conservative = true;
    for (uint64_t i = 0; i < words && i < RECORDS_LOOKED_AT; i++)
        walk_maybe_edge(walk, walk_word(walk, array->data + i * 8), PYR_EDGE_ITEM | PYR_EDGE_HIDDEN, 0);
}

static pyr_snapshot_text name(struct walk *walk, const char *text)
{
    return pyr_snapshot_writer_text(walk->writer, text, strlen(text));
}

/* A view has its items from its base. */
void edges_ndarray(struct walk *walk, uint64_t at, const struct type *base)
{
    struct array array;
    bool readable = read_array(walk, at, base->basic_size, &array);
    walk_edge(walk, array.base, PYR_EDGE_MEMBER | PYR_EDGE_HIDDEN, name(walk, "base"));
    walk_edge(walk, array.dtype, PYR_EDGE_MEMBER | PYR_EDGE_HIDDEN, name(walk, "dtype"));
    walk_maybe_edge(walk, array.allocator, PYR_EDGE_OTHER | PYR_EDGE_HIDDEN, 0);
    if (!readable || !array.owns || !array.has_objects)
        return;
    if (array.kind == 'O')
        walk_items(walk, array.data, array.count, PYR_EDGE_ITEM | PYR_EDGE_HIDDEN);
    else
        record_edges(walk, &array);
}

uint64_t size_ndarray(struct walk *walk, uint64_t at, const struct type *type, struct pyr_snapshot_object *object)
{
    struct array array;
    read_array(walk, at, type->basic_size, &array);
    if (array.dimensions && array.item_size)
        object->length = array.rows;
    uint64_t dimensions = array.dimensions <= DIMENSIONS_MAX ? array.dimensions : 0;
    return type->basic_size + dimensions * 16 + (array.owns ? array.count * array.item_size : 0);
}

/* A number of NumPy's: its structure, and once more what its dtype needs. */
uint64_t size_number(struct walk *walk, uint64_t at, const struct type *type, struct pyr_snapshot_object *object)
{
    static const struct {
        const char *name;
        unsigned bytes;
    } numbers[] = {
        {"bool", 1},        {"bool_", 1},        {"int8", 1},        {"uint8", 1},       {"int16", 2},
        {"uint16", 2},      {"float16", 2},      {"int32", 4},       {"uint32", 4},      {"float32", 4},
        {"int64", 8},       {"uint64", 8},       {"float64", 8},     {"longlong", 8},    {"ulonglong", 8},
        {"complex64", 8},   {"datetime64", 8},   {"timedelta64", 8}, {"longdouble", 16}, {"float128", 16},
        {"complex128", 16}, {"clongdouble", 32}, {"complex256", 32},
    };
    (void)object;
    const struct type *own = type->solid;
    while (own && strncmp(own->name, "numpy.", 6) != 0)
        own = own->base;
    uint64_t length = walk_word(walk, at + (uint64_t)walk->layout->varobject_size);
    if (own && (strcmp(own->name + 6, "bytes_") == 0 || strcmp(own->name + 6, "void") == 0))
        return type->basic_size + (type->item_size + 1) * length;
    for (size_t i = 0; own && i < sizeof numbers / sizeof *numbers; i++)
        if (strcmp(own->name + 6, numbers[i].name) == 0)
            return type->basic_size + numbers[i].bytes;
    walk->size_short = true;
    return type->basic_size;
}

/* ---- a narrower dtype for the same values ---- */

/* What is true of all values so far. */
struct values {
    int64_t least, most; /* of integers; of numbers that are integers */
    bool integers;
    bool single; /* each is the same as a float32 */
};

static void note_integer(struct values *values, int64_t value)
{
    values->least = value < values->least ? value : values->least;
    values->most = value > values->most ? value : values->most;
}

/* Minus zero is no integer; what is no number is a float of any width. */
static void note_number(struct values *values, double value)
{
    values->single &= isnan(value) || (double)(float)value == value;
    if (!(value >= INT32_MIN && value <= UINT32_MAX) || value != (double)(int64_t)value ||
        (value == 0 && signbit(value)))
        values->integers = false;
    else
        note_integer(values, (int64_t)value);
}

#define NOTE_ALL(note, type)                                                                                           \
    for (size_t i = 0; i + sizeof(type) <= size; i += sizeof(type)) {                                                  \
        type value;                                                                                                    \
        memcpy(&value, bytes + i, sizeof value);                                                                       \
        note(values, value);                                                                                           \
    }

static int64_t capped(uint64_t value)
{
    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

static void note_capped(struct values *values, uint64_t value)
{
    note_integer(values, capped(value));
}

static void note_piece(struct values *values, const struct array *array, const uint8_t *bytes, size_t size)
{
    switch (array->kind << 8 | (int)array->item_size) {
    case 'i' << 8 | 8:
        NOTE_ALL(note_integer, int64_t) break;
    case 'i' << 8 | 4:
        NOTE_ALL(note_integer, int32_t) break;
    case 'i' << 8 | 2:
        NOTE_ALL(note_integer, int16_t) break;
    case 'u' << 8 | 8:
        NOTE_ALL(note_capped, uint64_t) break;
    case 'u' << 8 | 4:
        NOTE_ALL(note_capped, uint32_t) break;
    case 'u' << 8 | 2:
        NOTE_ALL(note_capped, uint16_t) break;
    case 'f' << 8 | 8:
        NOTE_ALL(note_number, double) break;
    case 'f' << 8 | 4:
        NOTE_ALL(note_number, float) break;
    }
}

static uint64_t narrowest_integer(const struct values *values, char *kind)
{
    static const struct {
        int64_t least, most;
        char kind;
        uint64_t bytes;
    } widths[] = {{INT8_MIN, INT8_MAX, 'i', 1}, {0, UINT8_MAX, 'u', 1},         {INT16_MIN, INT16_MAX, 'i', 2},
                  {0, UINT16_MAX, 'u', 2},      {INT32_MIN, INT32_MAX, 'i', 4}, {0, UINT32_MAX, 'u', 4}};
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
        if (values->least >= widths[i].least && values->most <= widths[i].most)
            return *kind = widths[i].kind, widths[i].bytes;
    return 8;
}

/* Bytes of an item of the narrowest dtype that holds all of these; the array's own, if none is narrower. */
static uint64_t narrowest(const struct array *array, const struct values *values, char *kind)
{
    uint64_t bytes = array->item_size;
    char integer = 'i';
    if (array->kind != 'f' || values->integers)
        bytes = narrowest_integer(values, &integer);
    *kind = integer;
    if (array->kind == 'f' && values->single && array->item_size == 8 && bytes >= 4)
        return *kind = 'f', 4;
    return bytes < array->item_size ? bytes : array->item_size;
}

static bool is_looked_at(const struct walk *walk, const struct array *array)
{
    uint64_t size = array->count * array->item_size;
    bool wide = array->kind == 'f' ? array->item_size == 4 || array->item_size == 8
                                   : (array->kind == 'i' || array->kind == 'u') && array->item_size > 1;
    uint64_t looked_at = atomic_load(&walk->sweep->arrays_looked_at);
    return wide && array->native && array->owns && size && looked_at < LOOKED_AT_MAX &&
           size <= LOOKED_AT_MAX - looked_at;
}

static uint64_t look_at_values(struct walk *walk, const struct array *array, char *kind)
{
    struct values values = {.least = INT64_MAX, .most = INT64_MIN, .integers = true, .single = true};
    uint64_t size = array->count * array->item_size, width = 1;
    uint8_t *piece = pyr_alloc(PIECE);
    for (uint64_t done = 0; piece && done < size && width < array->item_size; done += PIECE) {
        size_t part = size - done < PIECE ? (size_t)(size - done) : PIECE;
        if (pyr_target_read(walk->view.target, PYR_ADDR(array->data + done), piece, part) < 0) {
            walk->torn = true;
            width = array->item_size;
            break;
        }
        atomic_fetch_add(&walk->sweep->arrays_looked_at, part);
        note_piece(&values, array, piece, part);
        width = narrowest(array, &values, kind);
    }
    walk->no_memory |= !piece;
    pyr_free(piece);
    return piece ? width : array->item_size;
}

static int write_name(char *text, size_t size, char kind, uint64_t bytes)
{
    static const struct {
        char kind;
        const char *name;
    } names[] = {{'i', "int"},  {'u', "uint"},       {'f', "float"},       {'c', "complex"},
                 {'b', "bool"}, {'O', "object"},     {'S', "bytes"},       {'U', "str"},
                 {'V', "void"}, {'M', "datetime64"}, {'m', "timedelta64"}, {'T', "StringDType"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].kind == kind)
            return i < 4 ? snprintf(text, size, "%s%" PRIu64, names[i].name, bytes * 8)
                         : snprintf(text, size, "%s", names[i].name);
    return 0;
}

pyr_snapshot_text ndarray_text(struct walk *walk, uint64_t at)
{
    struct array array;
    char text[PYR_SNAPSHOT_TEXT_MAX], narrow[32], kind = 'i';
    if (!read_array(walk, at, 0, &array))
        return 0;
    int used = write_name(text, sizeof text, array.kind, array.item_size);
    uint64_t width = is_looked_at(walk, &array) ? look_at_values(walk, &array, &kind) : array.item_size;
    if (width < array.item_size && write_name(narrow, sizeof narrow, kind, width))
        used += snprintf(text + used, sizeof text - (size_t)used, "; %s would save %" PRIu64 " bytes", narrow,
                         (array.item_size - width) * array.count);
    return used > 0 ? pyr_snapshot_writer_text(walk->writer, text, (size_t)used) : 0;
}
