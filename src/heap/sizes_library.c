/* Types of the standard library's C modules that count what lies outside of their structures, as their __sizeof__ does.
 * All but object->size is left alone. */
#include "heap/private.h"

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
