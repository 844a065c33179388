#include "pyobj/repr.h"

#include "pyobj/dict.h"
#include "pyobj/long.h"
#include "pyobj/repr_text.h"
#include "pyobj/str.h"
#include "pyobj/type.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#define CHARS_MAX 256u

struct repr {
    struct pyr_view view;
    const struct pyr_repr_limits *limits;
    struct pyr_buf *text;
    size_t start;
};

static void show(struct repr *repr, pyr_addr object, unsigned depth);

static void put(struct repr *repr, const char *text)
{
    pyr_buf_append(repr->text, text, strlen(text));
}

static bool full(const struct repr *repr)
{
    return repr->text->failed || repr->text->size - repr->start > repr->limits->total;
}

static void show_address(struct repr *repr, const char *what, pyr_addr object)
{
    char text[64];
    snprintf(text, sizeof text, "%s at 0x%" PRIx64 ">", what, object.v);
    put(repr, text);
}

static void show_other(struct repr *repr, pyr_addr object, const struct pyr_type *type)
{
    put(repr, "<");
    pyr_type_describe(repr->view, type, repr->text);
    show_address(repr, "", object);
}

static unsigned chars_shown(const struct repr *repr)
{
    return repr->limits->chars < CHARS_MAX ? repr->limits->chars : CHARS_MAX;
}

static int show_str(struct repr *repr, pyr_addr object)
{
    uint32_t chars[CHARS_MAX];
    uint64_t length;
    unsigned most = chars_shown(repr);
    int rc = pyr_str_chars(repr->view, object, chars, most, &length);
    if (rc == 0)
        pyr_quoted_text(repr->text, chars, length < most ? (size_t)length : most, false, length > most);
    return rc;
}

static int read_word(struct repr *repr, pyr_addr object, int64_t offset, uint64_t *word)
{
    return pyr_target_read(repr->view.target, pyr_addr_add(object, offset), word, sizeof *word);
}

static int read_size(struct repr *repr, pyr_addr object, uint64_t *size)
{
    return read_word(repr, object, repr->view.python->layout.varobject_size, size);
}

static int show_octets(struct repr *repr, pyr_addr at, uint64_t size)
{
    uint8_t data[CHARS_MAX];
    uint32_t chars[CHARS_MAX];
    size_t shown = size < chars_shown(repr) ? (size_t)size : chars_shown(repr);
    int rc = shown ? pyr_target_read(repr->view.target, at, data, shown) : 0;
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < shown; i++)
        chars[i] = data[i];
    put(repr, "b");
    pyr_quoted_text(repr->text, chars, shown, true, size > shown);
    return 0;
}

static int show_bytes(struct repr *repr, pyr_addr object)
{
    uint64_t size;
    int rc = read_size(repr, object, &size);
    return rc < 0 ? rc : show_octets(repr, pyr_addr_add(object, repr->view.python->layout.bytes_data), size);
}

/* After the size: what is allocated, its start, and the start of what is used. */
static int show_bytearray(struct repr *repr, pyr_addr object)
{
    uint64_t size, start;
    int rc = read_size(repr, object, &size);
    if (rc == 0)
        rc = read_word(repr, object, repr->view.python->layout.varobject_size + 24, &start);
    if (rc < 0)
        return rc;
    put(repr, "bytearray(");
    rc = show_octets(repr, PYR_ADDR(start), size);
    put(repr, ")");
    return rc;
}

static int show_long(struct repr *repr, pyr_addr object)
{
    bool negative;
    uint64_t count;
    uint32_t digits[PYR_INT_DIGITS_MAX];
    char text[64];
    int rc = pyr_long_shape(repr->view, object, &negative, &count);
    if (rc < 0)
        return rc;
    if (count > PYR_INT_DIGITS_MAX) {
        snprintf(text, sizeof text, "<%sint of about %" PRIu64 " bits>", negative ? "negative " : "",
                 count * PYR_LONG_SHIFT);
        put(repr, text);
        return 0;
    }
    if (count)
        rc = pyr_target_read(repr->view.target, pyr_addr_add(object, repr->view.python->layout.long_digits), digits,
                             count * 4);
    if (rc == 0)
        pyr_int_text(repr->text, negative, digits, (unsigned)count);
    return rc;
}

static int show_bool(struct repr *repr, pyr_addr object)
{
    bool negative;
    uint64_t digits;
    uint32_t value = 0;
    int rc = pyr_long_shape(repr->view, object, &negative, &digits);
    if (rc == 0)
        rc = pyr_target_read(repr->view.target, pyr_addr_add(object, repr->view.python->layout.long_digits), &value, 4);
    if (rc == 0)
        put(repr, digits && value ? "True" : "False");
    return rc;
}

static int show_float(struct repr *repr, pyr_addr object)
{
    double value;
    char text[PYR_DOUBLE_TEXT];
    int rc = pyr_target_read(repr->view.target, pyr_addr_add(object, repr->view.python->layout.float_value), &value, 8);
    if (rc < 0)
        return rc;
    pyr_double_text(value, true, text);
    put(repr, text);
    return 0;
}

/* Its parts lie where a float has its value, and after. */
static int show_complex(struct repr *repr, pyr_addr object)
{
    double parts[2];
    char real[PYR_DOUBLE_TEXT], imaginary[PYR_DOUBLE_TEXT], text[2 * PYR_DOUBLE_TEXT + 8];
    int rc = pyr_target_read(repr->view.target, pyr_addr_add(object, repr->view.python->layout.float_value), parts,
                             sizeof parts);
    if (rc < 0)
        return rc;
    pyr_double_text(parts[0], false, real);
    pyr_double_text(parts[1], false, imaginary);
    if (parts[0] == 0 && !signbit(parts[0]))
        snprintf(text, sizeof text, "%sj", imaginary);
    else
        snprintf(text, sizeof text, "(%s%s%sj)", real, *imaginary == '-' ? "" : "+", imaginary);
    put(repr, text);
    return 0;
}

static int show_ellipsis(struct repr *repr, pyr_addr object)
{
    (void)object;
    put(repr, "Ellipsis");
    return 0;
}

static int show_not_implemented(struct repr *repr, pyr_addr object)
{
    (void)object;
    put(repr, "NotImplemented");
    return 0;
}

static int show_none(struct repr *repr, pyr_addr object)
{
    (void)object;
    put(repr, "None");
    return 0;
}

static void show_more(struct repr *repr, uint64_t count, uint64_t shown)
{
    char text[48];
    if (count <= shown)
        return;
    snprintf(text, sizeof text, ", … %" PRIu64 " more", count - shown);
    put(repr, text);
}

static int show_items(struct repr *repr, pyr_addr items, uint64_t count, unsigned depth)
{
    uint64_t shown = count < repr->limits->items ? count : repr->limits->items;
    for (uint64_t i = 0; i < shown; i++) {
        pyr_addr item;
        int rc = pyr_target_read_addr(repr->view.target, pyr_addr_add(items, (int64_t)i * 8), &item);
        if (rc < 0)
            return rc;
        if (i)
            put(repr, ", ");
        show(repr, item, depth + 1);
        if (full(repr)) {
            shown = i + 1;
            break;
        }
    }
    show_more(repr, count, shown);
    return 0;
}

static int show_list(struct repr *repr, pyr_addr object, unsigned depth)
{
    uint64_t count;
    pyr_addr items;
    int rc = read_size(repr, object, &count);
    if (rc == 0)
        rc =
            pyr_target_read_addr(repr->view.target, pyr_addr_add(object, repr->view.python->layout.list_items), &items);
    if (rc < 0)
        return rc;
    put(repr, "[");
    rc = show_items(repr, items, count, depth);
    put(repr, "]");
    return rc;
}

static int show_tuple(struct repr *repr, pyr_addr object, unsigned depth)
{
    uint64_t count;
    int rc = read_size(repr, object, &count);
    if (rc < 0)
        return rc;
    put(repr, "(");
    rc = show_items(repr, pyr_addr_add(object, repr->view.python->layout.tuple_items), count, depth);
    put(repr, count == 1 ? ",)" : ")");
    return rc;
}

struct entries {
    struct repr *repr;
    unsigned depth, shown;
};

static int show_entry(const struct pyr_dict_entry *entry, void *context)
{
    struct entries *entries = context;
    if (entries->shown == entries->repr->limits->items || full(entries->repr))
        return 1;
    if (entries->shown++)
        put(entries->repr, ", ");
    show(entries->repr, entry->key, entries->depth + 1);
    put(entries->repr, ": ");
    show(entries->repr, entry->value, entries->depth + 1);
    return 0;
}

static int show_dict(struct repr *repr, pyr_addr object, unsigned depth)
{
    struct entries entries = {.repr = repr, .depth = depth};
    uint64_t used;
    int rc = pyr_dict_used(repr->view, object, &used);
    if (rc < 0)
        return rc;
    put(repr, "{");
    rc = pyr_dict_each(repr->view, object, 4096, show_entry, &entries);
    show_more(repr, used, entries.shown);
    put(repr, "}");
    return rc < 0 && rc != PYR_E_LIMIT ? rc : 0;
}

/* Entries are (key, hash) pairs; unused and deleted slots have no key, or one without a hash. */
static int show_elements(struct repr *repr, pyr_addr object, unsigned depth)
{
    const struct pyr_layout *layout = &repr->view.python->layout;
    uint64_t used, mask, shown = 0;
    pyr_addr table;
    int rc = pyr_target_read(repr->view.target, pyr_addr_add(object, layout->set_used), &used, 8);
    if (rc == 0)
        rc = pyr_target_read(repr->view.target, pyr_addr_add(object, layout->set_mask), &mask, 8);
    if (rc == 0)
        rc = pyr_target_read_addr(repr->view.target, pyr_addr_add(object, layout->set_table), &table);
    if (rc < 0)
        return rc;
    if (!used)
        return 0;
    put(repr, "{");
    for (uint64_t i = 0; i <= mask && i < 4096 && shown < used && shown < repr->limits->items && !full(repr); i++) {
        uint64_t entry[2];
        rc = pyr_target_read(repr->view.target, pyr_addr_add(table, (int64_t)i * 16), entry, sizeof entry);
        if (rc < 0)
            return rc;
        if (!entry[0] || entry[1] == UINT64_MAX)
            continue;
        if (shown++)
            put(repr, ", ");
        show(repr, PYR_ADDR(entry[0]), depth + 1);
    }
    show_more(repr, used, shown);
    put(repr, "}");
    return 0;
}

static int show_set(struct repr *repr, pyr_addr object, unsigned depth)
{
    size_t before = repr->text->size;
    int rc = show_elements(repr, object, depth);
    if (rc == 0 && repr->text->size == before)
        put(repr, "set()");
    return rc;
}

static int show_frozenset(struct repr *repr, pyr_addr object, unsigned depth)
{
    put(repr, "frozenset(");
    int rc = show_elements(repr, object, depth);
    put(repr, ")");
    return rc;
}

/* Three objects after the header: start, stop and step. */
static int show_bounds(struct repr *repr, pyr_addr object, unsigned depth, const char *name, bool step)
{
    uint64_t bounds[3];
    int rc = pyr_target_read(repr->view.target, pyr_addr_add(object, repr->view.python->layout.varobject_size), bounds,
                             sizeof bounds);
    if (rc < 0)
        return rc;
    put(repr, name);
    for (unsigned i = 0; i < 2u + step; i++) {
        put(repr, i ? ", " : "(");
        show(repr, PYR_ADDR(bounds[i]), depth + 1);
    }
    put(repr, ")");
    return 0;
}

static int show_slice(struct repr *repr, pyr_addr object, unsigned depth)
{
    return show_bounds(repr, object, depth, "slice", true);
}

static int show_range(struct repr *repr, pyr_addr object, unsigned depth)
{
    uint64_t step, one = 1;
    int rc = read_word(repr, object, repr->view.python->layout.varobject_size + 16, &step);
    if (rc == 0 && pyr_long_read_u64(repr->view, PYR_ADDR(step), &one) < 0)
        one = 0; /* negative, or great */
    return rc < 0 ? rc : show_bounds(repr, object, depth, "range", one != 1);
}

static const struct {
    const char *type;
    int (*flat)(struct repr *repr, pyr_addr object);
    int (*nested)(struct repr *repr, pyr_addr object, unsigned depth);
} shown_types[] = {
    {"str", show_str, NULL},
    {"int", show_long, NULL},
    {"NoneType", show_none, NULL},
    {"bool", show_bool, NULL},
    {"float", show_float, NULL},
    {"bytes", show_bytes, NULL},
    {"tuple", NULL, show_tuple},
    {"list", NULL, show_list},
    {"dict", NULL, show_dict},
    {"set", NULL, show_set},
    {"frozenset", NULL, show_frozenset},
    {"complex", show_complex, NULL},
    {"bytearray", show_bytearray, NULL},
    {"range", NULL, show_range},
    {"slice", NULL, show_slice},
    {"ellipsis", show_ellipsis, NULL},
    {"NotImplementedType", show_not_implemented, NULL},
};

static void show(struct repr *repr, pyr_addr object, unsigned depth)
{
    struct pyr_type type;
    size_t before = repr->text->size;
    int rc = pyr_type_of(repr->view, object, &type);
    if (rc < 0) {
        show_address(repr, "<unreadable", object);
        return;
    }
    for (size_t i = 0; i < sizeof shown_types / sizeof *shown_types; i++) {
        if (!pyr_type_is(&type, shown_types[i].type))
            continue;
        if (shown_types[i].nested && depth >= repr->limits->depth)
            break;
        rc = shown_types[i].flat ? shown_types[i].flat(repr, object) : shown_types[i].nested(repr, object, depth);
        if (rc == 0)
            return;
        repr->text->size = before;
        break;
    }
    show_other(repr, object, &type);
}

int pyr_repr(struct pyr_view view, pyr_addr object, const struct pyr_repr_limits *limits, struct pyr_buf *text)
{
    struct repr repr = {.view = view, .limits = limits, .text = text, .start = text->size};
    show(&repr, object, 0);
    if (text->size - repr.start > limits->total) {
        size_t cut = repr.start + limits->total;
        while (cut > repr.start && (text->bytes[cut] & 0xc0) == 0x80)
            cut--; /* not in the middle of a character */
        text->size = cut;
        put(&repr, "…");
    }
    return text->failed ? PYR_E_NOMEM : 0;
}
