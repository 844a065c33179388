/* Types of the standard library's C modules that count what lies outside of their structures, as their __sizeof__ does.
 * All but object->size is left alone. */
#include "heap/private.h"
#include "pyobj/type.h"

enum {
    PARTS_MAX = 1 << 16,
    STRUCT_CODES = 32, /* of _struct.Struct; each has 32 bytes, the last begins with NULL */
    STRUCT_CODE = 32,
    DECIMAL_FLAGS = 24, /* of decimal.Decimal: its number, and the words that it has room for */
    DECIMAL_ROOM = 56,
    DECIMAL_IN_LINE = 32,
    ITERATED = 16,      /* of itertools' combinations …: a tuple; where they have chosen, and of how many */
    CHOSEN = 40,        /* combinations */
    PERMUTED = 48,      /* permutations */
    ELEMENT_EXTRA = 40, /* of an Element: what it has besides texts */
    EXTRA_SIZE = 64,
    EXTRA_ROOM = 16,
    EXTRA_CHILDREN = 24,
    EXTRA_IN_LINE = 32, /* the first few children */
    BYTESIO_BYTES = 16,
    BUFFERED_FIRST = 64, /* before it there is something else */
    QUEUE_ROOM = 48,
    PICKLER_MEMO = 16,
    PICKLER_MEMBERS_END = 64,
    MEMO_ROOM = 16, /* of its table; an entry has a key and a number */
    MEMO_SIZE = 32,
    MEMO_ENTRY = 16,
    UNPICKLER_MEMO = 24,
    DICT_SIZE = 48,
    INFO_LENGTH = 24, /* what ctypes knows of a type: behind the type from 3.13 on, behind a dict before */
    INFO_ELEMENTS = 48,
    INFO_SIZE = 160, /* of 3.13 */
    INFO_FORMAT = 136,
    INFO_SIZE_LARGER = 176, /* from 3.14 on */
    INFO_FORMAT_LARGER = 144,
    INFO_OF_DICT_LENGTH = 16, /* behind the dict, there is no first word of its own */
    INFO_OF_DICT_ELEMENTS = 40,
    INFO_OF_DICT_FORMAT = 120,
};

uint64_t size_struct(struct walk *walk, uint64_t at, const struct type *type, struct pyr_snapshot_object *object)
{
    uint64_t codes = walk_word(walk, at + STRUCT_CODES), count = 0;
    (void)object;
    while (codes && count < PARTS_MAX && walk_word(walk, codes + count * STRUCT_CODE))
        count++;
    return type->basic_size + (count + 1) * STRUCT_CODE;
}

uint64_t size_decimal(struct walk *walk, uint64_t at, const struct type *type, struct pyr_snapshot_object *object)
{
    const uint8_t *flags = walk_bytes(walk, at + DECIMAL_FLAGS, 1);
    (void)object;
    bool in_line = flags && *flags & DECIMAL_IN_LINE;
    return type->basic_size + (in_line ? 0 : walk_word(walk, at + DECIMAL_ROOM) * 8);
}

static uint64_t tuple_length(struct walk *walk, uint64_t at)
{
    uint64_t tuple = walk_word(walk, at + ITERATED);
    uint64_t count = tuple ? walk_word(walk, tuple + (uint64_t)walk->layout->varobject_size) : 0;
    return count < 1ull << 40 ? count : 0;
}

uint64_t size_combinations(struct walk *walk, uint64_t at, const struct type *type, struct pyr_snapshot_object *object)
{
    (void)object;
    return type->basic_size + walk_word(walk, at + CHOSEN) * 8;
}

uint64_t size_permutations(struct walk *walk, uint64_t at, const struct type *type, struct pyr_snapshot_object *object)
{
    (void)object;
    return type->basic_size + (tuple_length(walk, at) + walk_word(walk, at + PERMUTED)) * 8;
}

uint64_t size_product(struct walk *walk, uint64_t at, const struct type *type, struct pyr_snapshot_object *object)
{
    (void)object;
    return type->basic_size + tuple_length(walk, at) * 8;
}

uint64_t size_element(struct walk *walk, uint64_t at, const struct type *type, struct pyr_snapshot_object *object)
{
    uint64_t extra = walk_word(walk, at + ELEMENT_EXTRA), size = type->basic_size;
    (void)object;
    if (!extra)
        return size;
    bool in_line = walk_word(walk, extra + EXTRA_CHILDREN) == extra + EXTRA_IN_LINE;
    return size + EXTRA_SIZE + (in_line ? 0 : walk_word(walk, extra + EXTRA_ROOM) * 8);
}

/* The bytes object that it writes to, unless that was given out. */
uint64_t size_bytesio(struct walk *walk, uint64_t at, const struct type *type, struct pyr_snapshot_object *object)
{
    uint64_t bytes = walk_word(walk, at + BYTESIO_BYTES);
    const struct type *of = bytes ? walk_type_of(walk, bytes) : NULL;
    (void)object;
    if (!of || (int32_t)walk_word(walk, bytes + (uint64_t)walk->layout->object_refcnt) != 1)
        return type->basic_size;
    return type->basic_size + of->basic_size + walk_word(walk, bytes + (uint64_t)walk->layout->varobject_size);
}

/* The last word but one before its dict is the size of its buffer, the last one less than it if that is a power of two.
 */
uint64_t size_buffered(struct walk *walk, uint64_t at, const struct type *type, struct pyr_snapshot_object *object)
{
    const struct type *own = type->solid;
    uint64_t size = own->dict_offset > BUFFERED_FIRST ? walk_word(walk, at + (uint64_t)own->dict_offset - 16) : 0;
    uint64_t mask = size ? walk_word(walk, at + (uint64_t)own->dict_offset - 8) : 1;
    (void)object;
    if (size < 1ull << 40 && (mask == 0 || mask == size - 1))
        return type->basic_size + size;
    walk->size_short = true;
    return type->basic_size;
}

uint64_t size_simple_queue(struct walk *walk, uint64_t at, const struct type *type, struct pyr_snapshot_object *object)
{
    uint64_t room = walk_word(walk, at + QUEUE_ROOM);
    (void)object;
    return type->basic_size + (room < 1ull << 40 ? room * 8 : 0);
}

/* ---- pickle ---- */

static uint64_t text_size(struct walk *walk, uint64_t at)
{
    uint64_t size = 0;
    const uint8_t *byte;
    while (at && size < PARTS_MAX && (byte = walk_bytes(walk, at + size, 1)) && *byte)
        size++;
    return at ? size + 1 : 0;
}

/* With its memo, and the bytes that it writes to: the only ones among its members. */
uint64_t size_pickler(struct walk *walk, uint64_t at, const struct type *type, struct pyr_snapshot_object *object)
{
    uint64_t size = type->basic_size, memo = walk_word(walk, at + PICKLER_MEMO);
    uint64_t room = memo ? walk_word(walk, memo + MEMO_ROOM) : 0;
    (void)object;
    size += memo && room < 1ull << 40 ? MEMO_SIZE + room * MEMO_ENTRY : 0;
    for (uint64_t offset = PICKLER_MEMO + 8; offset <= PICKLER_MEMBERS_END; offset += 8) {
        uint64_t member = walk_word(walk, at + offset);
        const struct type *of = member ? walk_type_of(walk, member) : NULL;
        if (of && (of->flags & PYR_TYPE_BYTES))
            return size + of->basic_size + walk_word(walk, member + (uint64_t)walk->layout->varobject_size);
    }
    return size;
}

/* Where it keeps the line that it reads, and its encoding: after that how errors are handled, its marks, how many there
 * are, and room for how many. Its structure has changed within versions; each has a size of its own. */
static const struct unpickler {
    uint64_t size, line, encoding;
} unpicklers[] = {{264, 144, 216}, {272, 152, 224}, {296, 152, 240}, {304, 160, 248}};

static const struct unpickler *unpickler_of(const struct type *type)
{
    for (size_t i = 0; i < sizeof unpicklers / sizeof *unpicklers; i++)
        if (unpicklers[i].size == type->solid->basic_size)
            return &unpicklers[i];
    return NULL;
}

uint64_t size_unpickler(struct walk *walk, uint64_t at, const struct type *type, struct pyr_snapshot_object *object)
{
    const struct unpickler *own = unpickler_of(type);
    uint64_t memo = walk_word(walk, at + UNPICKLER_MEMO), room = walk_word(walk, at + UNPICKLER_MEMO + 8);
    uint64_t marks = own ? walk_word(walk, at + own->encoding + 16) : 0;
    uint64_t marks_room = marks ? walk_word(walk, at + own->encoding + 32) : 0;
    (void)object;
    if (!own || room >= 1ull << 40 || marks_room >= 1ull << 40) {
        walk->size_short = true;
        return type->basic_size;
    }
    return type->basic_size + (memo ? room * 8 : 0) + marks_room * 8 +
           text_size(walk, walk_word(walk, at + own->line)) + text_size(walk, walk_word(walk, at + own->encoding)) +
           text_size(walk, walk_word(walk, at + own->encoding + 8));
}

/* ---- ctypes ---- */

/* Of the description: a text, how many dimensions, their sizes; and of what each field is, ended by NULL. */
static uint64_t size_info(struct walk *walk, uint64_t format, uint64_t length, uint64_t elements)
{
    uint64_t dimensions = (uint32_t)walk_int(walk, format + 8), fields = walk_word(walk, length);
    uint64_t size = text_size(walk, walk_word(walk, format)) + (dimensions < PARTS_MAX ? dimensions * 8 : 0);
    return size + (walk_word(walk, elements) && fields < 1ull << 40 ? (fields + 1) * 8 : 0);
}

/* 3.8 to 3.12: the dict of a type. It counts its own structure twice. */
uint64_t size_ctypes_dict(struct walk *walk, uint64_t at, const struct type *type, struct pyr_snapshot_object *object)
{
    uint64_t info = at + DICT_SIZE, size = size_dict(walk, at, type, object) + type->basic_size - DICT_SIZE;
    return size + size_info(walk, info + INFO_OF_DICT_FORMAT, info + INFO_OF_DICT_LENGTH, info + INFO_OF_DICT_ELEMENTS);
}

/* 3.13 on. What is not initialised has no description; where that is not as it is known, its part is left out. */
uint64_t size_ctypes_type(struct walk *walk, uint64_t at, const struct type *type, struct pyr_snapshot_object *object)
{
    const struct type *plain_type = walk_type(walk, walk->type_type);
    uint64_t slots = walk_word(walk, at + (uint64_t)walk->layout->varobject_size);
    uint64_t size = type->basic_size + (slots < PARTS_MAX ? slots * type->item_size : 0);
    uint64_t begin = plain_type ? (plain_type->basic_size + 15) & ~15ull : 0, info = at + begin;
    uint64_t info_size = begin < type->basic_size ? type->basic_size - begin : 0;
    (void)object;
    walk->size_short = info_size != INFO_SIZE && info_size != INFO_SIZE_LARGER;
    if (walk->size_short || !(uint32_t)walk_int(walk, info))
        return size;
    uint64_t format = info + (info_size == INFO_SIZE ? INFO_FORMAT : INFO_FORMAT_LARGER);
    return size + size_info(walk, format, info + INFO_LENGTH, info + INFO_ELEMENTS);
}
