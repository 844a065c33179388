/* The answer to a question in the query language, as a table or as JSON. */
#include "query/query.h"

#include "base/alloc.h"
#include "base/json_out.h"
#include "report/heap/heap.h"

#include <inttypes.h>
#include <string.h>

enum { WIDTH_MAX = 60, USUAL_ROWS = 25, USUAL_JSON_ROWS = 100 };

int pyr_heap_check_query(const char *text, struct pyr_err *err)
{
    struct pyr_query *query = NULL;
    int rc = pyr_query_open(&query, text ? text : "", err);
    pyr_query_close(query);
    return rc;
}

static bool is_number(const struct pyr_query_value *value)
{
    return value->kind == PYR_QUERY_INTEGER || value->kind == PYR_QUERY_REAL;
}

static double number_of(const struct pyr_query_value *value)
{
    return value->kind == PYR_QUERY_REAL ? value->real : (double)value->integer;
}

/* ---- text ---- */

static const char *show_number(const struct pyr_query_value *value, enum pyr_query_unit unit, char text[PYR_FIGURE])
{
    double number = number_of(value);
    if (unit == PYR_QUERY_BYTES && number >= 0 && number < 1e18)
        return pyr_heap_bytes(text, (uint64_t)number);
    if (unit == PYR_QUERY_ADDRESS && value->kind == PYR_QUERY_INTEGER)
        snprintf(text, PYR_FIGURE, "0x%" PRIx64, (uint64_t)value->integer);
    else if (value->kind == PYR_QUERY_INTEGER)
        snprintf(text, PYR_FIGURE, "%" PRId64, value->integer);
    else
        snprintf(text, PYR_FIGURE, number < 1e15 && number > -1e15 ? "%.2f" : "%.6g", number);
    return text;
}

/* Valid until three other names were asked for. */
static const char *show(struct pyr_heap *heap, const struct pyr_query_value *value, enum pyr_query_unit unit,
                        char text[PYR_FIGURE])
{
    switch (value->kind) {
    case PYR_QUERY_NONE:
        return "-";
    case PYR_QUERY_BOOL:
        return value->integer ? "true" : "false";
    case PYR_QUERY_TEXT:
        return pyr_heap_string(heap, value->text, value->size);
    case PYR_QUERY_OBJECT: {
        const char *words = pyr_query_no_object(value->object);
        return words ? words : pyr_heap_path(heap, value->object);
    }
    default:
        return show_number(value, unit, text);
    }
}

static int columns_of(const char *text)
{
    int width = 0;
    for (; *text; text++)
        width += ((uint8_t)*text & 0xc0) != 0x80;
    return width;
}

struct column {
    const char *label;
    enum pyr_query_unit unit;
    int width;
    bool numbers;
};

static void measure(struct pyr_heap *heap, const struct pyr_query_answer *answer, uint32_t c, struct column *column)
{
    char text[PYR_FIGURE];
    column->width = columns_of(column->label);
    column->numbers = true;
    for (uint32_t r = 0; r < answer->rows; r++) {
        const struct pyr_query_value *value = &answer->values[(size_t)r * answer->columns + c];
        int width = columns_of(show(heap, value, column->unit, text));
        column->numbers &= is_number(value) || value->kind == PYR_QUERY_NONE;
        if (width > column->width)
            column->width = width < WIDTH_MAX ? width : WIDTH_MAX;
    }
}

/* The last column, and what is wider than its column, is not filled up. */
static void put(struct pyr_heap *heap, const struct column *column, const char *text, bool last)
{
    int space = column->width - columns_of(text);
    if (space < 0)
        space = 0;
    if (column->numbers)
        fprintf(heap->out, "%*s%s", space, "", text);
    else
        fprintf(heap->out, "%s%*s", text, last ? 0 : space, "");
    fputs(last ? "\n" : "  ", heap->out);
}

static void write_table(struct pyr_heap *heap, const struct pyr_query *query, const struct pyr_query_answer *answer)
{
    struct column columns[PYR_QUERY_COLUMNS_MAX];
    char text[PYR_FIGURE];
    uint32_t count = answer->columns;
    for (uint32_t c = 0; c < count; c++) {
        columns[c].label = pyr_query_column(query, c, &columns[c].unit);
        measure(heap, answer, c, &columns[c]);
    }
    for (uint32_t c = 0; c < count; c++)
        put(heap, &columns[c], columns[c].label, c + 1 == count);
    for (size_t i = 0; i < (size_t)answer->rows * count; i++)
        put(heap, &columns[i % count], show(heap, &answer->values[i], columns[i % count].unit, text),
            (i + 1) % count == 0);
    if (answer->found > answer->rows)
        fprintf(heap->out, "and %" PRIu64 " more\n", answer->found - answer->rows);
}

/* ---- JSON ---- */

static void put_json(struct pyr_heap *heap, struct pyr_json *json, const struct pyr_query_value *value,
                     enum pyr_query_unit unit)
{
    char text[PYR_FIGURE];
    if (value->kind == PYR_QUERY_NONE)
        pyr_json_null(json, NULL);
    else if (value->kind == PYR_QUERY_BOOL)
        pyr_json_bool(json, NULL, value->integer);
    else if (value->kind == PYR_QUERY_INTEGER && unit != PYR_QUERY_ADDRESS)
        pyr_json_int(json, NULL, value->integer);
    else if (value->kind == PYR_QUERY_REAL)
        pyr_json_number(json, NULL, value->real);
    else
        pyr_json_string(json, NULL, show(heap, value, unit, text));
}

static void write_json(struct pyr_heap *heap, const struct pyr_query *query, const struct pyr_query_answer *answer)
{
    struct pyr_json json = {.out = heap->out};
    enum pyr_query_unit units[PYR_QUERY_COLUMNS_MAX];
    pyr_json_object(&json, NULL);
    pyr_json_string(&json, "query", heap->options->what);
    pyr_json_row_array(&json, "columns");
    for (uint32_t c = 0; c < answer->columns; c++)
        pyr_json_string(&json, NULL, pyr_query_column(query, c, &units[c]));
    pyr_json_end_array(&json);
    pyr_json_uint(&json, "rows_found", answer->found);
    pyr_json_array(&json, "rows");
    for (uint32_t r = 0; r < answer->rows; r++) {
        pyr_json_row_array(&json, NULL);
        for (uint32_t c = 0; c < answer->columns; c++)
            put_json(heap, &json, &answer->values[(size_t)r * answer->columns + c], units[c]);
        pyr_json_end_array(&json);
    }
    pyr_json_end_array(&json);
    pyr_json_end_object(&json);
}

static int ask(struct pyr_heap *heap, const struct pyr_query *query)
{
    struct pyr_query_answer answer = {0};
    bool json = heap->options->json;
    int rc = pyr_query_needs_paths(query) ? pyr_heap_need_paths(heap) : 0;
    if (rc == 0)
        rc = pyr_query_run(&answer, query, heap->graph, pyr_heap_limit(heap, json ? USUAL_JSON_ROWS : USUAL_ROWS),
                           heap->err);
    if (rc == 0)
        (json ? write_json : write_table)(heap, query, &answer);
    pyr_query_answer_release(&answer);
    return rc;
}

int pyr_heap_write_query(struct pyr_heap *heap)
{
    struct pyr_query *query = NULL;
    int rc = pyr_query_open(&query, heap->options->what ? heap->options->what : "", heap->err);
    if (rc == 0)
        rc = ask(heap, query);
    pyr_query_close(query);
    return rc;
}
