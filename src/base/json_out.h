/* Writes JSON as it goes: commas, escapes and indentation are taken care of. Any bytes make valid output: what is not
 * UTF-8 becomes U+FFFD, what is not a finite number becomes null. Errors are those of the FILE. */
#ifndef PYR_BASE_JSON_OUT_H
#define PYR_BASE_JSON_OUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define PYR_JSON_DEPTH 32 /* that our own formats nest; data never nests */

/* Start with {.out = file}. */
struct pyr_json {
    FILE *out;
    unsigned depth;
    bool has_items[PYR_JSON_DEPTH];
    unsigned compact; /* > 0: no line breaks: for rows */
};

/* key: NULL for the items of an array and the top. */
void pyr_json_object(struct pyr_json *json, const char *key);
void pyr_json_array(struct pyr_json *json, const char *key);
void pyr_json_row(struct pyr_json *json, const char *key);       /* an object on one line */
void pyr_json_row_array(struct pyr_json *json, const char *key); /* an array on one line */
void pyr_json_end_object(struct pyr_json *json);
void pyr_json_end_array(struct pyr_json *json);
void pyr_json_string(struct pyr_json *json, const char *key, const char *text);
void pyr_json_uint(struct pyr_json *json, const char *key, uint64_t value);
void pyr_json_int(struct pyr_json *json, const char *key, int64_t value);
void pyr_json_number(struct pyr_json *json, const char *key, double value); /* nine decimals, no trailing zeros */
void pyr_json_bool(struct pyr_json *json, const char *key, bool value);
void pyr_json_null(struct pyr_json *json, const char *key);

#endif
