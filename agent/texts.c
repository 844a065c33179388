/* Code objects as text in the shared file: copied at first sight, so that lines can be told without the process. */
#include "sites.h"

#include "direct.h"
#include "inside.h"

#include <string.h>
#include <time.h>

enum { NAME_MAX_BYTES = 4096, LINETABLE_MAX = 8 << 20 };

struct text_node {
    struct pyr_node node;
    uint32_t offset;
};

/* ---- records ---- */

static struct pyr_heap_text *text_at(const struct pyr_heap *heap, uint32_t offset)
{
    return (struct pyr_heap_text *)(heap->text_window.at + offset);
}

/* A record's contents in two parts: what follows the second's size is not looked at. */
struct parts {
    const void *first, *second;
    uint32_t first_size, second_size;
};

static bool text_is(const struct pyr_heap_text *text, uint32_t kind, const struct parts *parts)
{
    const char *at = (const char *)(text + 1);
    return text->kind == kind && text->size == parts->first_size + parts->second_size &&
           memcmp(at, parts->first, parts->first_size) == 0 &&
           memcmp(at + parts->first_size, parts->second, parts->second_size) == 0;
}

static uint32_t text_append(struct pyr_heap *heap, uint32_t kind, const struct parts *parts)
{
    uint64_t offset = heap->file->text_bytes, size = parts->first_size + parts->second_size;
    uint64_t end = (offset + sizeof(struct pyr_heap_text) + size + 7) & ~(uint64_t)7;
    if (end > UINT32_MAX || !pyr_window_reserve(&heap->text_window, end))
        return PYR_TEXT_NONE;
    struct pyr_heap_text *text = text_at(heap, (uint32_t)offset);
    *text = (struct pyr_heap_text){kind, (uint32_t)size};
    memcpy(text + 1, parts->first, parts->first_size);
    memcpy((char *)(text + 1) + parts->first_size, parts->second, parts->second_size);
    __atomic_store_n(&heap->file->text_bytes, end, __ATOMIC_RELEASE);
    return (uint32_t)offset;
}

static uint32_t text_record(struct pyr_heap *heap, uint32_t kind, const struct parts *parts)
{
    struct pyr_nodes *texts = &heap->index.texts;
    texts->stride = sizeof(struct text_node);
    uint64_t hash = pyr_hash_bytes(parts->first, parts->first_size, kind);
    hash = pyr_hash_bytes(parts->second, parts->second_size, hash);
    uint32_t n = pyr_nodes_first(texts, hash);
    for (; n; n = pyr_nodes_next(texts, n)) {
        uint32_t offset = ((struct text_node *)pyr_nodes_at(texts, n))->offset;
        if (text_is(text_at(heap, offset), kind, parts))
            return offset;
    }
    uint32_t offset = text_append(heap, kind, parts);
    if (offset != PYR_TEXT_NONE && (n = pyr_nodes_add(texts, hash)))
        ((struct text_node *)pyr_nodes_at(texts, n))->offset = offset;
    return offset;
}

/* ---- str objects ---- */

static size_t encode(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | (c >> 18 & 7));
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

static uint32_t char_at(const char *data, size_t i, unsigned width)
{
    return width == 1   ? ((const uint8_t *)data)[i]
           : width == 2 ? ((const uint16_t *)(const void *)data)[i]
                        : ((const uint32_t *)(const void *)data)[i];
}

/* As UTF-8; lone surrogates as they are: readers replace what is not UTF-8. Cut at the end of the buffer. */
static size_t str_copy(const void *str, char out[static NAME_MAX_BYTES])
{
    const struct pyr_layout *layout = &pyr_inside.layout;
    uint32_t state = (uint32_t)pyr_int_in(str, layout->unicode_state);
    unsigned width = (state >> layout->unicode_kind_shift) & 7;
    bool compact = (state >> layout->unicode_compact_shift) & 1, ascii = (state >> layout->unicode_ascii_shift) & 1;
    const char *data = compact ? (const char *)str + (ascii ? layout->unicode_ascii_data : layout->unicode_compact_data)
                               : pyr_at(str, layout->unicode_legacy_data);
    size_t length = (size_t)(uintptr_t)pyr_at(str, layout->unicode_length), used = 0;
    if (!data || (width != 1 && width != 2 && width != 4))
        return 0;
    for (size_t i = 0; i < length && used + 4 <= NAME_MAX_BYTES; i++)
        used += encode(out + used, char_at(data, i, width));
    return used;
}

static uint32_t text_str(struct pyr_heap *heap, const void *str)
{
    char bytes[NAME_MAX_BYTES];
    size_t size = str ? str_copy(str, bytes) : 0;
    return text_record(heap, PYR_HEAP_TEXT_STRING, &(struct parts){bytes, "", (uint32_t)size, 0});
}

/* ---- code objects ---- */

uint32_t pyr_text_code(struct pyr_heap *heap, const void *code)
{
    const struct pyr_layout *layout = &pyr_inside.layout;
    int32_t name = PYR_HAS(layout, code_qualname) ? layout->code_qualname : layout->code_name;
    const char *table = pyr_at(code, layout->code_linetable);
    size_t size = table ? (size_t)(uintptr_t)pyr_at(table, layout->varobject_size) : 0;
    struct pyr_heap_code facts = {
        .file = text_str(heap, pyr_at(code, layout->code_filename)),
        .name = text_str(heap, pyr_at(code, name)),
        .first_line = pyr_int_in(code, layout->code_firstlineno),
        .linetable_size = size <= LINETABLE_MAX ? (uint32_t)size : 0,
    };
    if (facts.file == PYR_TEXT_NONE || facts.name == PYR_TEXT_NONE)
        return PYR_TEXT_NONE;
    const char *bytes = facts.linetable_size ? table + layout->bytes_data : "";
    return text_record(heap, PYR_HEAP_TEXT_CODE, &(struct parts){&facts, bytes, sizeof facts, facts.linetable_size});
}

struct pyr_heap_live *pyr_text_live_begin(struct pyr_heap *heap, uint32_t count)
{
    uint64_t offset = heap->file->text_bytes, size = count * sizeof(struct pyr_heap_live);
    uint64_t end = offset + sizeof(struct pyr_heap_text) + size;
    if (end > UINT32_MAX || !pyr_window_reserve(&heap->text_window, end))
        return NULL;
    struct pyr_heap_text *text = text_at(heap, (uint32_t)offset);
    *text = (struct pyr_heap_text){PYR_HEAP_TEXT_LIVE, (uint32_t)size};
    return (struct pyr_heap_live *)(void *)(text + 1);
}

void pyr_text_live_end(struct pyr_heap *heap, uint32_t count, uint32_t *record)
{
    uint64_t offset = heap->file->text_bytes;
    uint64_t end = offset + sizeof(struct pyr_heap_text) + count * sizeof(struct pyr_heap_live);
    __atomic_store_n(&heap->file->text_bytes, end, __ATOMIC_RELEASE);
    __atomic_store_n(record, (uint32_t)offset, __ATOMIC_RELEASE);
}

void pyr_text_live(struct pyr_heap *heap)
{
    struct timespec now;
    pyr_learn_begin();
    uint32_t count = heap->site_count;
    clock_gettime(CLOCK_REALTIME, &now);
    heap->file->main_ended_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    struct pyr_heap_live *live = pyr_text_live_begin(heap, count);
    for (uint32_t i = 0; live && i < count; i++)
        live[i] = (struct pyr_heap_live){pyr_site_blocks(&heap->sites[i]), pyr_site_bytes(&heap->sites[i])};
    if (live)
        pyr_text_live_end(heap, count, &heap->file->live_record);
    if (live && pyr_direct_counts)
        pyr_direct_note_live();
    pyr_learn_end();
}
