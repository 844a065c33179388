#include "pyobj/dict.h"

#include "base/alloc.h"
#include "pyobj/str.h"

#define ENTRIES_MAX ((uint64_t)1 << 26)
#define KEYS_HEADER 64
#define BATCH 128 /* entries read at a time */

/* Where the entries of a keys table lie. */
struct keys_shape {
    pyr_addr entries;
    uint64_t count;
    uint32_t entry_size;
    bool unicode; /* entries without a hash */
};

static uint64_t index_bytes_by_size(uint64_t size)
{
    return size <= 0xff ? size : size <= 0xffff ? size * 2 : size <= 0xffffffff ? size * 4 : size * 8;
}

static int keys_shape(struct pyr_view view, pyr_addr keys, struct keys_shape *shape)
{
    const struct pyr_layout *layout = &view.python->layout;
    uint8_t header[KEYS_HEADER];
    int rc = pyr_target_read(view.target, keys, header, sizeof header);
    if (rc < 0)
        return rc;
    uint64_t index_bytes;
    if (layout->dictkeys_form == PYR_DICTKEYS_LOG2) {
        uint8_t log2_index_bytes = header[layout->dictkeys_log2_index_bytes];
        if (log2_index_bytes > 34)
            return PYR_E_FORMAT;
        index_bytes = (uint64_t)1 << log2_index_bytes;
    } else {
        uint64_t size = pyr_word_at(header, layout->dictkeys_log2_size);
        if (size > ENTRIES_MAX * 2)
            return PYR_E_FORMAT;
        index_bytes = index_bytes_by_size(size);
    }
    shape->unicode = PYR_HAS(layout, dictkeys_kind) && header[layout->dictkeys_kind] != 0;
    shape->entry_size = shape->unicode ? layout->dictunicodeentry_size : layout->dictentry_size;
    shape->count = pyr_word_at(header, layout->dictkeys_nentries);
    shape->entries = pyr_addr_add(keys, layout->dictkeys_indices + (int64_t)index_bytes);
    return shape->count > ENTRIES_MAX ? PYR_E_FORMAT : 0;
}

struct batch {
    uint8_t entries[BATCH * 24];
    uint64_t values[BATCH];
};

static int visit_batch(const struct keys_shape *shape, const struct batch *batch, bool split, size_t count,
                       pyr_dict_visit *visit, void *context)
{
    for (size_t i = 0; i < count; i++) {
        const uint8_t *words = batch->entries + i * shape->entry_size + (shape->unicode ? 0 : 8);
        struct pyr_dict_entry entry = {PYR_ADDR(pyr_word_at(words, 0)), PYR_ADDR(pyr_word_at(words, 8))};
        if (split)
            entry.value.v = batch->values[i];
        if (!entry.value.v || !entry.key.v)
            continue;
        int rc = visit(&entry, context);
        if (rc)
            return rc;
    }
    return 0;
}

int pyr_dictkeys_each(struct pyr_view view, pyr_addr keys, pyr_addr values, size_t max_entries, pyr_dict_visit *visit,
                      void *context)
{
    struct keys_shape shape;
    int rc = keys_shape(view, keys, &shape);
    if (rc < 0)
        return rc;
    if (shape.entry_size == 0 || shape.entry_size > 24)
        return PYR_E_UNSUPPORTED;
    struct batch *batch = pyr_alloc(sizeof *batch);
    if (!batch)
        return PYR_E_NOMEM;
    uint64_t wanted = shape.count < max_entries ? shape.count : max_entries;
    for (uint64_t done = 0; rc == 0 && done < wanted; done += BATCH) {
        size_t count = wanted - done < BATCH ? (size_t)(wanted - done) : BATCH;
        rc = pyr_target_read(view.target, pyr_addr_add(shape.entries, (int64_t)(done * shape.entry_size)),
                             batch->entries, count * shape.entry_size);
        if (rc == 0 && values.v)
            rc = pyr_target_read(view.target, pyr_addr_add(values, (int64_t)(done * 8)), batch->values, count * 8);
        if (rc == 0)
            rc = visit_batch(&shape, batch, values.v != 0, count, visit, context);
    }
    pyr_free(batch);
    return rc == 0 && shape.count > max_entries ? PYR_E_LIMIT : rc;
}

int pyr_dict_used(struct pyr_view view, pyr_addr dict, uint64_t *used)
{
    return pyr_target_read(view.target, pyr_addr_add(dict, view.python->layout.dict_used), used, sizeof *used);
}

int pyr_dict_each(struct pyr_view view, pyr_addr dict, size_t max_entries, pyr_dict_visit *visit, void *context)
{
    const struct pyr_layout *layout = &view.python->layout;
    pyr_addr keys, values;
    int rc = pyr_target_read_addr(view.target, pyr_addr_add(dict, layout->dict_keys), &keys);
    if (rc == 0)
        rc = pyr_target_read_addr(view.target, pyr_addr_add(dict, layout->dict_values), &values);
    if (rc < 0)
        return rc;
    if (values.v && PYR_HAS(layout, dictvalues_values)) /* up to 3.10 a bare array */
        values = pyr_addr_add(values, layout->dictvalues_values);
    return pyr_dictkeys_each(view, keys, values, max_entries, visit, context);
}

struct search {
    struct pyr_view view;
    const char *key;
    struct pyr_buf text;
    pyr_addr found;
};

static int compare_key(const struct pyr_dict_entry *entry, void *context)
{
    struct search *search = context;
    search->text.size = 0;
    if (pyr_str_read(search->view, entry->key, 256, &search->text) < 0)
        return 0; /* not a str: not the one */
    if (strcmp((const char *)search->text.bytes, search->key) != 0)
        return 0;
    search->found = entry->value;
    return 1;
}

int pyr_dict_get(struct pyr_view view, pyr_addr dict, const char *key, pyr_addr *value)
{
    struct search search = {.view = view, .key = key};
    int rc = pyr_dict_each(view, dict, 1 << 20, compare_key, &search);
    pyr_buf_release(&search.text);
    if (rc == 1) {
        *value = search.found;
        return 0;
    }
    return rc < 0 && rc != PYR_E_LIMIT ? rc : PYR_E_NOT_FOUND;
}
