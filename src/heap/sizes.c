/* What sys.getsizeof tells of an object, and what there is in it. */
#include "heap/private.h"
#include "pyobj/long.h"
#include "pyobj/type.h"
#include "record/snapshot_number.h"

#include <xxhash.h>

enum {
    ARRAY_ALLOCATED = 32, /* of array.array; and its description, with the size of an item */
    ARRAY_DESCRIPTION = 40,
    GC_HEAD = 16,
    PRE_HEADER = 16, /* of managed dicts and weak references */
    PART = 1 << 20,
    DEQUE_BLOCK_ITEMS = 64,
    DEQUE_BLOCK_SIZE = 528,
    DEQUE_LEFT_INDEX = 40,
    ODICT_NODE_SIZE = 32,
    VARIABLE_NAME = 16,   /* of a ContextVar */
    VALUES_OR_DICT = -24, /* of an instance, before it */
    VALUES_BESIDE_DICT = -32,
};
#define TYPE_PRE_HEADER (PYR_TYPE_MANAGED_DICT | 1ull << 3)

static uint64_t var_size(struct walk *walk, uint64_t at)
{
    return walk_word(walk, at + (uint64_t)walk->layout->varobject_size);
}

/* object.__sizeof__ */
static uint64_t size_plain(struct walk *walk, uint64_t at, const struct type *type)
{
    uint64_t size = type->basic_size;
    if (type->item_size) {
        int64_t count = (int64_t)var_size(walk, at);
        size += type->item_size * (uint64_t)(count < 0 ? -count : count);
    }
    return size;
}

uint64_t size_list(struct walk *walk, uint64_t at, const struct type *type, struct pyr_snapshot_object *object)
{
    object->length = var_size(walk, at);
    object->capacity = walk_word(walk, at + (uint64_t)walk->layout->list_allocated);
    return type->basic_size + object->capacity * 8;
}

uint64_t size_tuple(struct walk *walk, uint64_t at, const struct type *type, struct pyr_snapshot_object *object)
{
    object->length = var_size(walk, at);
    return size_plain(walk, at, type);
}

uint64_t size_dict(struct walk *walk, uint64_t at, const struct type *type, struct pyr_snapshot_object *object)
{
    const struct pyr_layout *layout = walk->layout;
    uint64_t keys = walk_word(walk, at + (uint64_t)layout->dict_keys);
    uint64_t values = walk_word(walk, at + (uint64_t)layout->dict_values);
    uint64_t table = dict_keys_size(walk, keys, &object->capacity), size = type->basic_size;
    object->length = walk_word(walk, at + (uint64_t)layout->dict_used);
    if (values) {
        uint64_t room = object->capacity;
        if (PYR_HAS(layout, dictkeys_kind))
            room = walk_word(walk, keys + (uint64_t)layout->dictkeys_usable) +
                   walk_word(walk, keys + (uint64_t)layout->dictkeys_nentries);
        size += room * 8;
    }
    if (walk_word(walk, keys) == 1) /* not shared */
        size += table;
    return size;
}

uint64_t size_odict(struct walk *walk, uint64_t at, const struct type *type, struct pyr_snapshot_object *object)
{
    uint64_t dict = type->own && type->base ? type->base->basic_size : 48;
    uint64_t size = size_dict(walk, at, type, object);
    return size + walk_word(walk, at + dict + 24) * 8 + object->length * ODICT_NODE_SIZE;
}

uint64_t size_set(struct walk *walk, uint64_t at, const struct type *type, struct pyr_snapshot_object *object)
{
    const struct pyr_layout *layout = walk->layout;
    object->length = walk_word(walk, at + (uint64_t)layout->set_used);
    object->capacity = walk_word(walk, at + (uint64_t)layout->set_mask) + 1;
    bool outside = walk_word(walk, at + (uint64_t)layout->set_table) != at + (uint64_t)layout->set_smalltable;
    return type->basic_size + (outside ? object->capacity * 16 : 0);
}

uint64_t size_deque(struct walk *walk, uint64_t at, const struct type *type, struct pyr_snapshot_object *object)
{
    object->length = var_size(walk, at);
    uint64_t blocks =
        (walk_word(walk, at + DEQUE_LEFT_INDEX) + object->length + DEQUE_BLOCK_ITEMS - 1) / DEQUE_BLOCK_ITEMS;
    object->capacity = blocks * DEQUE_BLOCK_ITEMS;
    return type->basic_size + blocks * DEQUE_BLOCK_SIZE;
}

struct str {
    uint64_t length, data;
    unsigned width;
    bool compact, ascii;
};

static bool read_str(struct walk *walk, uint64_t at, struct str *str)
{
    const struct pyr_layout *layout = walk->layout;
    const uint8_t *bytes = walk_bytes(walk, at, (uint64_t)layout->unicode_ascii_data);
    if (!bytes)
        return false;
    uint32_t state = (uint32_t)pyr_int_at(bytes, layout->unicode_state);
    str->length = pyr_word_at(bytes, layout->unicode_length);
    str->width = state >> layout->unicode_kind_shift & 7;
    str->compact = state >> layout->unicode_compact_shift & 1;
    str->ascii = state >> layout->unicode_ascii_shift & 1;
    if (str->length > 1ull << 40)
        return false;
    if (str->compact)
        str->data = at + (uint64_t)(str->ascii ? layout->unicode_ascii_data : layout->unicode_compact_data);
    else
        str->data = walk_word(walk, at + (uint64_t)layout->unicode_legacy_data);
    return str->width == 1 || str->width == 2 || str->width == 4;
}

uint64_t size_str(struct walk *walk, uint64_t at, const struct type *type, struct pyr_snapshot_object *object)
{
    const struct pyr_layout *layout = walk->layout;
    struct str str;
    if (!read_str(walk, at, &str)) {
        walk->torn = true;
        return type->basic_size;
    }
    uint64_t size, utf8 = walk_word(walk, at + (uint64_t)layout->unicode_ascii_data + 8);
    object->length = str.length;
    if (str.compact)
        size = (uint64_t)(str.ascii ? layout->unicode_ascii_data : layout->unicode_compact_data) +
               (str.length + 1) * str.width;
    else
        size = (uint64_t)layout->unicode_legacy_data + 8 + (str.data ? (str.length + 1) * str.width : 0);
    bool wide = layout->unicode_ascii_data == 48; /* up to 3.11 with a copy of wchar_t */
    uint64_t copy = wide ? walk_word(walk, at + 40) : 0;
    if (copy && copy != str.data)
        size += ((str.compact && str.ascii ? str.length : walk_word(walk, at + 64)) + 1) * 4;
    if (!(str.compact && str.ascii) && utf8 && utf8 != str.data)
        size += walk_word(walk, at + (uint64_t)layout->unicode_ascii_data) + 1;
    return size;
}

uint64_t size_bytes(struct walk *walk, uint64_t at, const struct type *type, struct pyr_snapshot_object *object)
{
    object->length = var_size(walk, at);
    return size_plain(walk, at, type);
}

uint64_t size_bytearray(struct walk *walk, uint64_t at, const struct type *type, struct pyr_snapshot_object *object)
{
    object->length = var_size(walk, at);
    object->capacity = walk_word(walk, at + (uint64_t)walk->layout->bytearray_alloc);
    if (PYR_HAS(walk->layout, bytearray_object) && object->capacity) /* the head of a bytes object, and its NUL */
        return type->basic_size + object->capacity + (uint64_t)walk->layout->bytes_data + 1;
    return type->basic_size + object->capacity;
}

uint64_t size_array(struct walk *walk, uint64_t at, const struct type *type, struct pyr_snapshot_object *object)
{
    uint64_t item = (uint32_t)walk_int(walk, walk_word(walk, at + ARRAY_DESCRIPTION) + 4);
    object->length = var_size(walk, at);
    object->capacity = walk_word(walk, at + ARRAY_ALLOCATED);
    return type->basic_size + (item <= 8 ? item : 0) * object->capacity;
}

static uint64_t digits(struct walk *walk, uint64_t at)
{
    uint64_t tag = walk_word(walk, at + (uint64_t)walk->layout->long_tag);
    if (walk->layout->long_kind == PYR_LONG_TAG)
        return tag >> 3;
    return (int64_t)tag < 0 ? (uint64_t) - (int64_t)tag : tag;
}

uint64_t size_int(struct walk *walk, uint64_t at, const struct type *type, struct pyr_snapshot_object *object)
{
    uint64_t count = digits(walk, at);
    (void)type, (void)object;
    if (walk->layout->int_sizes_begin_with_one && !count)
        count = 1;
    return (uint64_t)walk->layout->long_digits + count * 4;
}

uint64_t size_type(struct walk *walk, uint64_t at, const struct type *type, struct pyr_snapshot_object *object)
{
    const struct pyr_layout *layout = walk->layout;
    uint64_t capacity, flags = walk_word(walk, at + (uint64_t)layout->type_flags);
    const struct type *metatype = walk_type(walk, walk->type_type);
    (void)type, (void)object;
    if (!(flags & PYR_TYPE_HEAP) || !metatype)
        return layout->type_size;
    uint64_t keys = walk_word(walk, at + (uint64_t)layout->heaptype_cached_keys);
    return metatype->basic_size + (keys ? dict_keys_size(walk, keys, &capacity) : 0);
}

uint64_t size_code(struct walk *walk, uint64_t at, const struct type *type, struct pyr_snapshot_object *object)
{
    const struct pyr_layout *layout = walk->layout;
    uint64_t extra = PYR_HAS(layout, code_extra) ? walk_word(walk, at + (uint64_t)layout->code_extra) : 0;
    uint64_t size = (size_plain(walk, at, type) + 7) & ~7ull;
    (void)object;
    if (extra)
        size += 8 + walk_word(walk, extra) * 8;
    if (PYR_HAS(layout, code_cell2arg) && walk_word(walk, at + (uint64_t)layout->code_cell2arg)) {
        uint64_t cells = walk_word(walk, at + (uint64_t)layout->code_cellvars);
        size += (cells ? var_size(walk, cells) : 0) * 8;
    }
    if (PYR_HAS(layout, code_opcache_map) && walk_word(walk, at + (uint64_t)layout->code_opcache_map)) {
        const uint8_t *count = walk_bytes(walk, at + (uint64_t)layout->code_opcache_count, 1);
        size += var_size(walk, walk_word(walk, at + (uint64_t)layout->code_bytes)) / 2;
        size += (count ? *count : 0) * (uint64_t)layout->opcache_size;
    }
    return size;
}

uint64_t size_frame(struct walk *walk, uint64_t at, const struct type *type, struct pyr_snapshot_object *object)
{
    const struct pyr_layout *layout = walk->layout;
    uint64_t variables, stack, code, size = type->basic_size, frame;
    (void)object;
    if (!PYR_HAS(layout, frameobject_frame)) {
        code_shape(walk, walk_word(walk, at + (uint64_t)layout->frame_code), &variables, &stack);
        return size + (variables + stack) * 8 - 8; /* one is in the basic size */
    }
    frame = walk_word(walk, at + (uint64_t)layout->frameobject_frame);
    code = walk_word(walk, frame + (uint64_t)layout->frame_code) & ~layout->frame_ref_mask;
    code_shape(walk, code, &variables, &stack);
    return size + (variables + stack) * 8;
}

uint64_t size_generator(struct walk *walk, uint64_t at, const struct type *type, struct pyr_snapshot_object *object)
{
    const struct pyr_layout *layout = walk->layout;
    uint64_t variables, stack, frame = at + (uint64_t)layout->generator_frame;
    (void)object;
    if (layout->frame_kind == PYR_FRAME_OBJECT)
        return type->basic_size;
    code_shape(walk, walk_word(walk, frame + (uint64_t)layout->frame_code) & ~layout->frame_ref_mask, &variables,
               &stack);
    return (uint64_t)layout->generator_frame + (uint64_t)layout->frame_localsplus + (variables + stack) * 8;
}

uint64_t walk_prefix(struct walk *walk, uint64_t at, const struct type *type)
{
    uint64_t size = 0;
    bool is_gc = type->is_gc;
    if (is_gc && type->is_metatype && !walk->layout->static_types_count_head) /* static types have no head */
        is_gc = walk_word(walk, at + (uint64_t)walk->layout->type_flags) & PYR_TYPE_HEAP;
    if (is_gc)
        size += GC_HEAD;
    if (walk->layout->managed_dict_kind != PYR_MANAGED_DICT_NONE && (type->flags & TYPE_PRE_HEADER))
        size += PRE_HEADER;
    return size;
}

/* The attributes of an instance, where they are beside it without a dict: in words, as sys.getsizeof leaves them out.
 * A block of values that is apart begins with the order in which they were set, and tells how long that part is; how
 * many values follow is what the class had room for at that time, or has now. */
static uint64_t attribute_words(struct walk *walk, uint64_t at, const struct type *type)
{
    const struct pyr_layout *layout = walk->layout;
    uint64_t values = 0;
    switch (layout->managed_dict_kind) {
    case PYR_MANAGED_DICT_INLINE: {
        const uint8_t *header =
            type->flags & PYR_TYPE_INLINE_VALUES ? walk_bytes(walk, at + type->basic_size, 1) : NULL;
        return header && *header ? (*header + 7u) / 8 + 1 + *header : 0;
    }
    case PYR_MANAGED_DICT_TAGGED:
        values = walk_word(walk, at + (uint64_t)VALUES_OR_DICT);
        values = values & 1 ? values + 1 : 0;
        break;
    case PYR_MANAGED_DICT_TWO_WORDS:
        values = walk_word(walk, at + (uint64_t)VALUES_BESIDE_DICT);
        break;
    default:
        break;
    }
    uint64_t keys = values ? walk_word(walk, type->at + (uint64_t)layout->heaptype_cached_keys) : 0;
    const uint8_t *before = keys ? walk_bytes(walk, values - 1, 1) : NULL;
    if (!before || *before < 8 || *before % 8)
        return 0;
    uint64_t order = *before, room = walk_word(walk, keys + (uint64_t)layout->dictkeys_usable) +
                                     walk_word(walk, keys + (uint64_t)layout->dictkeys_nentries);
    room = room > order - 2 ? order - 2 : room + 9 < order ? order - 9 : room;
    return order / 8 + room;
}

uint64_t walk_size(struct walk *walk, uint64_t at, const struct type *type, struct pyr_snapshot_object *object)
{
    uint64_t size =
        type->measure->measure ? type->measure->measure(walk, at, type, object) : size_plain(walk, at, type);
    if (object->capacity == PYR_SNAPSHOT_NO_COUNT && (type->flags & PYR_TYPE_MANAGED_DICT) && type->is_class) {
        uint64_t words = attribute_words(walk, at, type);
        object->capacity = words ? words : PYR_SNAPSHOT_NO_COUNT;
    }
    return size + walk_prefix(walk, at, type);
}

/* ---- texts and contents ---- */

static size_t put_char(char *text, uint32_t c)
{
    if (c < 0x80)
        return text[0] = (char)c, 1;
    if (c < 0x800)
        return text[0] = (char)(0xc0 | c >> 6), text[1] = (char)(0x80 | (c & 0x3f)), 2;
    if (c >= 0xd800 && c < 0xe000)
        c = 0xfffd;
    if (c < 0x10000)
        return text[0] = (char)(0xe0 | c >> 12), text[1] = (char)(0x80 | (c >> 6 & 0x3f)),
               text[2] = (char)(0x80 | (c & 0x3f)), 3;
    if (c > 0x10ffff)
        return text[0] = '?', 1;
    return text[0] = (char)(0xf0 | c >> 18), text[1] = (char)(0x80 | (c >> 12 & 0x3f)),
           text[2] = (char)(0x80 | (c >> 6 & 0x3f)), text[3] = (char)(0x80 | (c & 0x3f)), 4;
}

static uint32_t char_at(const uint8_t *data, size_t i, unsigned width)
{
    uint16_t two;
    uint32_t four;
    if (width == 1)
        return data[i];
    if (width == 2)
        return memcpy(&two, data + 2 * i, sizeof two), two;
    return memcpy(&four, data + 4 * i, sizeof four), four;
}

/* How it begins, as UTF-8; the target's own bytes where it is ASCII. NULL for nothing. */
static const void *str_begin(struct walk *walk, const struct str *str, size_t *size)
{
    char *text = walk->text;
    size_t count = str->length < PYR_SNAPSHOT_TEXT_MAX ? str->length : PYR_SNAPSHOT_TEXT_MAX;
    const uint8_t *data = walk_bytes(walk, str->data, count * str->width);
    *size = count;
    if (!data || !count)
        return NULL;
    if (str->ascii)
        return data;
    *size = 0;
    for (size_t i = 0; i < count; i++) {
        size_t more = put_char(text + *size, char_at(data, i, str->width));
        if (*size + more > PYR_SNAPSHOT_TEXT_MAX)
            break;
        *size += more;
    }
    return text;
}

pyr_snapshot_text walk_str(struct walk *walk, uint64_t at)
{
    struct str str;
    size_t size;
    const void *text = at && read_str(walk, at, &str) ? str_begin(walk, &str, &size) : NULL;
    return text ? pyr_snapshot_writer_text(walk->writer, text, size) : 0;
}

void walk_append_str(struct walk *walk, uint64_t at, struct pyr_buf *text)
{
    struct str str;
    if (!at || !read_str(walk, at, &str))
        return;
    uint64_t count = str.length < 4096 ? str.length : 4096;
    for (uint64_t i = 0; i < count; i++) {
        const uint8_t *data = walk_bytes(walk, str.data + i * str.width, str.width);
        char bytes[4];
        if (!data)
            return;
        pyr_buf_append(text, bytes, put_char(bytes, char_at(data, 0, str.width)));
    }
}

static void set_text(struct pyr_snapshot_object *object, const void *text, size_t size)
{
    object->new_text = text;
    object->new_text_size = text ? (uint32_t)size : 0;
}

bool walk_text(struct walk *walk, uint64_t at, char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        const uint8_t *byte = walk_bytes(walk, at + i, 1);
        if (!byte)
            return false;
        text[i] = (char)*byte;
        if (!*byte)
            return true;
    }
    text[size - 1] = '\0';
    return true;
}

/* Equal only for equal bytes of equal type; 0 if they cannot be read. */
static uint64_t hash_bytes(struct walk *walk, uint64_t data, uint64_t size, uint64_t seed)
{
    if (size <= PART) {
        const uint8_t *bytes = walk_bytes(walk, data, size);
        return bytes ? XXH3_64bits_withSeed(bytes, size, seed) | 1 : 0;
    }
    uint64_t hash = seed ^ size;
    for (uint64_t done = 0; done < size; done += PART) {
        uint64_t part = size - done < PART ? size - done : PART;
        const uint8_t *bytes = walk_bytes(walk, data + done, part);
        if (!bytes)
            return 0;
        hash = XXH3_64bits_withSeed(bytes, part, hash);
    }
    return hash | 1;
}

static pyr_snapshot_text text_of_word(struct walk *walk, uint64_t at, int32_t field)
{
    return field == PYR_ABSENT ? 0 : walk_str(walk, walk_word(walk, at + (uint64_t)field));
}

/* The name that something goes by, or what there is to say of it. */
static pyr_snapshot_text name_of(struct walk *walk, uint64_t at, const struct type *type)
{
    const struct pyr_layout *layout = walk->layout;
    if (type->is_metatype) {
        const struct type *named = walk_type(walk, at);
        if (walk_word(walk, at + (uint64_t)layout->type_flags) & PYR_TYPE_HEAP)
            return text_of_word(walk, at, layout->heaptype_qualname);
        const char *dot = named ? strrchr(named->name, '.') : NULL;
        const char *name = dot ? dot + 1 : named ? named->name : "";
        return *name ? pyr_snapshot_writer_text(walk->writer, name, strlen(name)) : 0;
    }
    switch (type->solid->rule->names) { /* of classes, too */
    case NAMES_DTYPE:
        return ndarray_text(walk, at);
    case NAMES_DICT:
        return dict_collisions(walk, at);
    case NAMES_SET:
        return set_collisions(walk, at);
    default:
        break;
    }
    if (type->is_class || !type->rule->names)
        return 0;
    switch (type->rule->names) {
    case NAMES_FUNCTION:
        return text_of_word(walk, at, layout->function_qualname);
    case NAMES_VARIABLE:
        return walk_str(walk, walk_word(walk, at + VARIABLE_NAME));
    case NAMES_CODE:
        return text_of_word(walk, at, PYR_HAS(layout, code_qualname) ? layout->code_qualname : layout->code_name);
    default:
        return text_of_word(walk, at, layout->module_name);
    }
}

/* How bytes begin, as their literal would be written; the target's own where that is the same. */
static const void *bytes_begin(struct walk *walk, const uint8_t *bytes, size_t *size)
{
    static const char digits_of[] = "0123456789abcdef";
    size_t count = *size, plain = 0;
    while (bytes && plain < count && bytes[plain] >= 0x20 && bytes[plain] < 0x7f && bytes[plain] != '\\' &&
           bytes[plain] != '\'')
        plain++;
    if (!bytes || plain == count)
        return bytes;
    *size = 0;
    for (size_t i = 0; i < count && *size + 4 <= PYR_SNAPSHOT_TEXT_MAX; i++) {
        uint8_t byte = bytes[i];
        bool printable = byte >= 0x20 && byte < 0x7f;
        if (!printable || byte == '\\' || byte == '\'')
            walk->text[(*size)++] = '\\';
        walk->text[(*size)++] = printable ? (char)byte : 'x';
        if (!printable) {
            walk->text[(*size)++] = digits_of[byte >> 4];
            walk->text[(*size)++] = digits_of[byte & 15];
        }
    }
    return walk->text;
}

static bool is_bool(const struct type *type)
{
    return (type->flags & PYR_TYPE_LONG) && strcmp(type->name, "bool") == 0;
}

/* Of an int: small ones can be told from it (snapshot_number.h). */
static uint64_t hash_int(struct walk *walk, uint64_t at, const struct type *type)
{
    const struct pyr_layout *layout = walk->layout;
    uint64_t tag = walk_word(walk, at + (uint64_t)layout->long_tag), count = digits(walk, at);
    uint64_t sign = layout->long_kind == PYR_LONG_TAG ? tag & 3 : tag >> 63;
    uint64_t first = at + (uint64_t)layout->long_digits;
    if (count > 2)
        return hash_bytes(walk, first, count * 4, type->content_seed + sign);
    uint64_t magnitude = count ? (uint32_t)walk_int(walk, first) : 0;
    if (count == 2)
        magnitude |= (uint64_t)(uint32_t)walk_int(walk, first + 4) << PYR_LONG_SHIFT;
    bool negative = layout->long_kind == PYR_LONG_TAG ? sign == 2 : sign == 1;
    return pyr_snapshot_number_hash(is_bool(type), negative, magnitude);
}

void walk_contents(struct walk *walk, uint64_t at, const struct type *type, struct pyr_snapshot_object *object)
{
    const struct pyr_layout *layout = walk->layout;
    struct str str;
    size_t size;
    if (type->flags & PYR_TYPE_UNICODE) {
        if (!read_str(walk, at, &str))
            return;
        const void *text = str_begin(walk, &str, &size);
        set_text(object, text, size);
        if (type->content_seed)
            object->content = hash_bytes(walk, str.data, str.length * str.width, type->content_seed + str.width);
    } else if (type->flags & PYR_TYPE_BYTES) {
        uint64_t data = at + (uint64_t)layout->bytes_data, length = var_size(walk, at);
        size = length < PYR_SNAPSHOT_TEXT_MAX ? length : PYR_SNAPSHOT_TEXT_MAX;
        const void *text = bytes_begin(walk, walk_bytes(walk, data, size), &size);
        set_text(object, text, size);
        if (type->content_seed)
            object->content = hash_bytes(walk, data, length, type->content_seed);
    } else if ((type->flags & PYR_TYPE_LONG) && (type->content_seed || is_bool(type))) {
        object->content = hash_int(walk, at, type);
    } else if (type->content_seed && type->basic_size <= 32 && !type->is_gc) { /* float, complex */
        object->content = hash_bytes(walk, at + 16, type->basic_size - 16, type->content_seed);
    } else {
        object->text = name_of(walk, at, type);
    }
}
