#include "base/json_out.h"

#include "base/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static void put_string(FILE *out, const char *text)
{
    size_t left = strlen(text);
    fputc('"', out);
    while (left) {
        size_t length = pyr_utf8_length(text, left);
        if (length == 0)
            fputs("\\ufffd", out);
        else if (length == 1 && (*text == '"' || *text == '\\'))
            fprintf(out, "\\%c", *text);
        else if (length == 1 && ((unsigned char)*text < 0x20 || *text == 0x7f))
            fprintf(out, "\\u%04x", (unsigned)*text);
        else
            fwrite(text, 1, length, out);
        length = length ? length : 1;
        text += length;
        left -= length;
    }
    fputc('"', out);
}

static void new_line(const struct pyr_json *json)
{
    if (json->compact)
        return;
    fprintf(json->out, "\n%*s", (int)json->depth, "");
}

/* What comes before any value. */
static void begin(struct pyr_json *json, const char *key)
{
    if (json->depth) {
        bool *has_items = &json->has_items[json->depth - 1];
        if (*has_items)
            fputs(json->compact ? ", " : ",", json->out);
        *has_items = true;
        new_line(json);
    }
    if (key) {
        put_string(json->out, key);
        fputs(": ", json->out);
    }
}

static void open_list(struct pyr_json *json, const char *key, char bracket, bool row)
{
    begin(json, key);
    fputc(bracket, json->out);
    json->has_items[json->depth++] = false;
    if (row || json->compact)
        json->compact++;
}

static void close_list(struct pyr_json *json, char bracket)
{
    bool was_row = json->compact > 0;
    json->depth--;
    if (json->has_items[json->depth])
        new_line(json);
    if (was_row)
        json->compact--;
    fputc(bracket, json->out);
    if (json->depth == 0)
        fputc('\n', json->out);
}

void pyr_json_object(struct pyr_json *json, const char *key)
{
    open_list(json, key, '{', false);
}

void pyr_json_array(struct pyr_json *json, const char *key)
{
    open_list(json, key, '[', false);
}

void pyr_json_row(struct pyr_json *json, const char *key)
{
    open_list(json, key, '{', true);
}

void pyr_json_row_array(struct pyr_json *json, const char *key)
{
    open_list(json, key, '[', true);
}

void pyr_json_end_object(struct pyr_json *json)
{
    close_list(json, '}');
}

void pyr_json_end_array(struct pyr_json *json)
{
    close_list(json, ']');
}

void pyr_json_string(struct pyr_json *json, const char *key, const char *text)
{
    begin(json, key);
    put_string(json->out, text ? text : "");
}

void pyr_json_uint(struct pyr_json *json, const char *key, uint64_t value)
{
    begin(json, key);
    fprintf(json->out, "%" PRIu64, value);
}

void pyr_json_int(struct pyr_json *json, const char *key, int64_t value)
{
    begin(json, key);
    fprintf(json->out, "%" PRId64, value);
}

void pyr_json_number(struct pyr_json *json, const char *key, double value)
{
    char text[360]; /* the longest finite double has 309 digits before the point */
    if (!isfinite(value)) {
        pyr_json_null(json, key);
        return;
    }
    begin(json, key);
    int size = snprintf(text, sizeof text, "%.9f", value);
    while (size > 1 && text[size - 1] == '0')
        size--;
    size -= text[size - 1] == '.';
    fwrite(text, 1, (size_t)size, json->out);
}

void pyr_json_bool(struct pyr_json *json, const char *key, bool value)
{
    begin(json, key);
    fputs(value ? "true" : "false", json->out);
}

void pyr_json_null(struct pyr_json *json, const char *key)
{
    begin(json, key);
    fputs("null", json->out);
}
