#ifndef PYR_CLI_JSON_H
#define PYR_CLI_JSON_H

#include <stdio.h>

/* A JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD. */
void print_json_string(FILE *out, const char *text);

#endif
