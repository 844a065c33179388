#include "pyobj/attr.h"

#include "pyobj/str.h"
#include "pyobj/type.h"

/* The words before an object, and its gc header, that versions with managed dictionaries keep. */
#define DICT_WORD (-24)
#define VALUES_WORD (-32) /* PYR_MANAGED_DICT_TWO_WORDS */

/* Where an instance's attributes are: a dict, or values beside the keys that its class keeps. */
struct attributes {
    pyr_addr dict;
    pyr_addr values;
};

static int word_at(struct pyr_view view, pyr_addr base, int64_t offset, uint64_t *word)
{
    return pyr_target_read(view.target, pyr_addr_add(base, offset), word, sizeof *word);
}

/* 3.13+: a dict pointer before the object; while that is NULL, the values inside the object if they are valid. */
static int inline_attributes(struct pyr_view view, pyr_addr object, const struct pyr_type *type, struct attributes *out)
{
    const struct pyr_layout *layout = &view.python->layout;
    uint64_t dict, header;
    int rc = word_at(view, object, DICT_WORD, &dict);
    if (rc < 0)
        return rc;
    if (dict) {
        out->dict = PYR_ADDR(dict);
        return 0;
    }
    if (!(type->flags & PYR_TYPE_INLINE_VALUES))
        return PYR_E_NOT_FOUND;
    rc = word_at(view, object, (int64_t)type->basicsize, &header);
    if (rc < 0)
        return rc;
    if (!(header >> 24 & 0xff)) /* valid: the fourth byte of the values' header */
        return PYR_E_NOT_FOUND;
    out->values = pyr_addr_add(object, (int64_t)type->basicsize + layout->dictvalues_values);
    return 0;
}

/* 3.12: one word, a dict, or values where its low bit is set. 3.11: values and dict each have a word. */
static int managed_attributes(struct pyr_view view, pyr_addr object, struct attributes *out)
{
    const struct pyr_layout *layout = &view.python->layout;
    uint64_t dict, values = 0;
    int rc = word_at(view, object, DICT_WORD, &dict);
    if (rc == 0 && layout->managed_dict_kind == PYR_MANAGED_DICT_TWO_WORDS)
        rc = word_at(view, object, VALUES_WORD, &values);
    if (rc < 0)
        return rc;
    if (layout->managed_dict_kind == PYR_MANAGED_DICT_TAGGED && (dict & 1)) {
        values = dict + 1; /* the address less one */
        dict = 0;
    }
    if (!dict && !values)
        return PYR_E_NOT_FOUND;
    out->dict = PYR_ADDR(dict);
    out->values = dict ? PYR_NULL : pyr_addr_add(PYR_ADDR(values), layout->dictvalues_values);
    return 0;
}

static int find_attributes(struct pyr_view view, pyr_addr object, const struct pyr_type *type, struct attributes *out)
{
    const struct pyr_layout *layout = &view.python->layout;
    *out = (struct attributes){0};
    if (layout->managed_dict_kind != PYR_MANAGED_DICT_NONE && (type->flags & PYR_TYPE_MANAGED_DICT))
        return layout->managed_dict_kind == PYR_MANAGED_DICT_INLINE ? inline_attributes(view, object, type, out)
                                                                    : managed_attributes(view, object, out);
    if (type->dictoffset <= 0)
        return PYR_E_NOT_FOUND;
    int rc = word_at(view, object, type->dictoffset, &out->dict.v);
    return rc < 0 ? rc : out->dict.v ? 0 : PYR_E_NOT_FOUND;
}

int pyr_attr_each(struct pyr_view view, pyr_addr object, size_t max_entries, pyr_dict_visit *visit, void *context)
{
    struct pyr_type type;
    struct attributes attributes;
    int rc = pyr_type_of(view, object, &type);
    if (rc == 0)
        rc = find_attributes(view, object, &type, &attributes);
    if (rc < 0)
        return rc;
    if (attributes.dict.v)
        return pyr_dict_each(view, attributes.dict, max_entries, visit, context);
    pyr_addr keys;
    rc = pyr_target_read_addr(view.target, pyr_addr_add(type.at, view.python->layout.heaptype_cached_keys), &keys);
    return rc < 0 ? rc : pyr_dictkeys_each(view, keys, attributes.values, max_entries, visit, context);
}

struct search {
    struct pyr_view view;
    const char *name;
    struct pyr_buf text;
    pyr_addr found;
};

static int compare_name(const struct pyr_dict_entry *entry, void *context)
{
    struct search *search = context;
    search->text.size = 0;
    if (pyr_str_read(search->view, entry->key, 256, &search->text) < 0 ||
        strcmp((const char *)search->text.bytes, search->name) != 0)
        return 0;
    search->found = entry->value;
    return 1;
}

int pyr_attr_get(struct pyr_view view, pyr_addr object, const char *name, pyr_addr *value)
{
    struct search search = {.view = view, .name = name};
    int rc = pyr_attr_each(view, object, 4096, compare_name, &search);
    pyr_buf_release(&search.text);
    if (rc == 1) {
        *value = search.found;
        return 0;
    }
    return rc < 0 && rc != PYR_E_LIMIT ? rc : PYR_E_NOT_FOUND;
}
