#include "model/linetable.h"

#include "base/varint.h"
#include "pyrometer/err.h"
#include "record/format.h"

#define NO_LINE_DELTA (-128) /* 3.10: these instructions have no line */
#define CODE_UNIT 2

/* Kinds of location entries, 3.11 on (Objects/locations.md, InternalDocs/code_objects.md). */
enum { SHORT_LAST = 9, ONE_LINE_0 = 10, ONE_LINE_2 = 12, NO_COLUMNS = 13, LONG_FORM = 14, NO_LOCATION = 15 };

static int32_t line_of(int64_t line)
{
    return line > 0 && line <= INT32_MAX ? (int32_t)line : 0;
}

static int push(struct pyr_linetable *table, uint32_t start, int64_t line)
{
    struct pyr_line_entry entry = {.start = start, .line = line_of(line), .end_line = line_of(line)};
    entry.column = entry.end_column = PYR_COLUMN_UNKNOWN;
    return pyr_vec_push(&table->entries, &entry) ? 0 : PYR_E_NOMEM;
}

/* Up to 3.9: the line changes at offsets; nothing says where the code ends. */
static int decode_lnotab(struct pyr_linetable *table, struct pyr_cursor cursor)
{
    int64_t line = table->first_line;
    uint32_t start = 0;
    table->end = UINT32_MAX;
    int rc = push(table, 0, line);
    while (rc == 0 && pyr_cursor_left(&cursor) >= 2) {
        uint8_t step = pyr_cursor_u8(&cursor);
        line += (int8_t)pyr_cursor_u8(&cursor);
        start += step;
        rc = push(table, start, line);
    }
    return rc;
}

/* 3.10: each pair is a range of bytes and the change of line at its start. */
static int decode_pairs(struct pyr_linetable *table, struct pyr_cursor cursor)
{
    int64_t line = table->first_line;
    int rc = 0;
    while (rc == 0 && pyr_cursor_left(&cursor) >= 2) {
        uint8_t length = pyr_cursor_u8(&cursor);
        int8_t delta = (int8_t)pyr_cursor_u8(&cursor);
        if (delta != NO_LINE_DELTA)
            line += delta;
        if (length)
            rc = push(table, table->end, delta == NO_LINE_DELTA ? 0 : line);
        table->end += length;
    }
    return rc;
}

/* Six bits a byte, lowest first, 0x40 says that more follow. */
static uint32_t location_varint(struct pyr_cursor *cursor)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift <= 30; shift += 6) {
        uint8_t byte = pyr_cursor_u8(cursor);
        value |= (uint64_t)(byte & 0x3f) << shift;
        if (!(byte & 0x40))
            return value <= UINT32_MAX ? (uint32_t)value : UINT32_MAX;
    }
    cursor->failed = true;
    return 0;
}

static int64_t location_svarint(struct pyr_cursor *cursor)
{
    uint32_t value = location_varint(cursor);
    return value & 1 ? -(int64_t)(value >> 1) : (int64_t)(value >> 1);
}

static int32_t column_of(uint32_t plus_one)
{
    return plus_one && plus_one <= INT32_MAX ? (int32_t)(plus_one - 1) : PYR_COLUMN_UNKNOWN;
}

/* Reads the rest of one entry, whose kind is known; *line moves along. */
static void location_read(struct pyr_cursor *cursor, unsigned kind, int64_t *line, struct pyr_line_entry *entry)
{
    entry->column = entry->end_column = PYR_COLUMN_UNKNOWN;
    int64_t end_delta = 0;
    if (kind <= SHORT_LAST) {
        uint8_t packed = pyr_cursor_u8(cursor);
        entry->column = (int32_t)(kind << 3 | packed >> 4);
        entry->end_column = entry->column + (packed & 15);
    } else if (kind <= ONE_LINE_2) {
        *line += kind - ONE_LINE_0;
        entry->column = pyr_cursor_u8(cursor);
        entry->end_column = pyr_cursor_u8(cursor);
    } else if (kind == NO_COLUMNS) {
        *line += location_svarint(cursor);
    } else if (kind == LONG_FORM) {
        *line += location_svarint(cursor);
        end_delta = location_varint(cursor);
        entry->column = column_of(location_varint(cursor));
        entry->end_column = column_of(location_varint(cursor));
    }
    entry->line = kind == NO_LOCATION ? 0 : line_of(*line);
    entry->end_line = kind == NO_LOCATION ? 0 : line_of(*line + end_delta);
}

static int decode_locations(struct pyr_linetable *table, struct pyr_cursor cursor)
{
    int64_t line = table->first_line;
    while (pyr_cursor_left(&cursor)) {
        uint8_t first = pyr_cursor_u8(&cursor);
        if (!(first & 0x80))
            return 0; /* not the start of an entry: damaged */
        struct pyr_line_entry entry = {.start = table->end};
        location_read(&cursor, first >> 3 & 15, &line, &entry);
        if (cursor.failed)
            return 0;
        if (!pyr_vec_push(&table->entries, &entry))
            return PYR_E_NOMEM;
        table->end += ((first & 7u) + 1) * CODE_UNIT;
    }
    return 0;
}

static void fill_nearest(struct pyr_linetable *table)
{
    int32_t line = table->first_line;
    for (size_t i = 0; i < table->entries.count; i++) {
        struct pyr_line_entry *entry = PYR_VEC_AT(&table->entries, struct pyr_line_entry, i);
        line = entry->line ? entry->line : line;
        entry->nearest = line;
    }
}

int pyr_linetable_decode(struct pyr_linetable *table, const struct pyr_code_facts *code)
{
    struct pyr_linetable decoded = {.entries = PYR_VEC(struct pyr_line_entry)};
    decoded.first_line = line_of(code->first_line);
    struct pyr_cursor cursor = pyr_cursor(code->linetable, code->linetable_size);
    int rc = 0;
    switch (code->linetable_kind) {
    case PYR_LINETABLE_LNOTAB:
        rc = decode_lnotab(&decoded, cursor);
        break;
    case PYR_LINETABLE_PAIRS:
        rc = decode_pairs(&decoded, cursor);
        break;
    case PYR_LINETABLE_LOCATIONS:
        rc = decode_locations(&decoded, cursor);
        break;
    default:
        break;
    }
    if (rc < 0) {
        pyr_linetable_release(&decoded);
        return rc;
    }
    fill_nearest(&decoded);
    *table = decoded;
    return 0;
}

void pyr_linetable_release(struct pyr_linetable *table)
{
    if (table->entries.item_size)
        pyr_vec_release(&table->entries);
}

/* The number of entries that start at or before the offset. */
static size_t entries_until(const struct pyr_linetable *table, uint32_t offset)
{
    size_t low = 0, high = table->entries.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (PYR_VEC_AT(&table->entries, struct pyr_line_entry, middle)->start <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct pyr_line_entry *pyr_linetable_find(const struct pyr_linetable *table, int32_t instruction)
{
    if (instruction < 0 || (uint32_t)instruction >= table->end)
        return NULL;
    size_t count = entries_until(table, (uint32_t)instruction);
    return count ? PYR_VEC_AT(&table->entries, struct pyr_line_entry, count - 1) : NULL;
}

uint32_t pyr_linetable_line(const struct pyr_linetable *table, int32_t instruction)
{
    const struct pyr_line_entry *entry = pyr_linetable_find(table, instruction);
    return (uint32_t)(entry ? entry->nearest : table->first_line);
}
