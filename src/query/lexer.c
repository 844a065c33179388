#include "query/private.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Columns are characters, from 1. */
static unsigned column_of(const char *text, size_t at)
{
    unsigned column = 1;
    for (size_t i = 0; i < at; i++)
        column += ((uint8_t)text[i] & 0xc0) != 0x80;
    return column;
}

int pyr_query_wrong(const struct pyr_query *query, size_t at, struct pyr_err *err, const char *format, ...)
{
    char what[400];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return pyr_err_set(err, PYR_E_MISUSE, "query, column %u: %s", column_of(query->text, at), what);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' || (uint8_t)c >= 0x80;
}

static bool is_in_word(char c)
{
    return is_letter(c) || is_digit(c);
}

/* With dots inside: app.models.Response */
static void read_word(const char *text, struct pyr_token *token)
{
    size_t end = token->at;
    while (is_in_word(text[end]) || (text[end] == '.' && is_letter(text[end + 1])))
        end++;
    token->kind = PYR_TOKEN_WORD;
    token->end = (uint16_t)end;
}

static double suffix_of(char c)
{
    switch (c) {
    case 'k':
    case 'K':
        return 1024;
    case 'M':
        return 1024.0 * 1024;
    case 'G':
        return 1024.0 * 1024 * 1024;
    default:
        return 1;
    }
}

static int read_hexadecimal(struct pyr_query *query, struct pyr_token *token, struct pyr_err *err)
{
    char *end;
    errno = 0;
    uint64_t value = strtoull(query->text + token->at, &end, 16);
    if (errno || is_in_word(*end) || end - (query->text + token->at) < 3)
        return pyr_query_wrong(query, token->at, err, "this is no address; one looks like 0x7f1234560040");
    token->value = pyr_query_integer(value);
    token->end = (uint16_t)(end - query->text);
    return 0;
}

/* By hand: strtod takes what is no number here, and the point of the locale. */
static int read_number(struct pyr_query *query, struct pyr_token *token, struct pyr_err *err)
{
    const char *at = query->text + token->at;
    double value = 0, place = 1;
    uint64_t whole = 0;
    bool exact = true;
    token->kind = PYR_TOKEN_NUMBER;
    if (at[0] == '0' && (at[1] | 0x20) == 'x')
        return read_hexadecimal(query, token, err);
    for (; is_digit(*at); at++) {
        exact &= !__builtin_mul_overflow(whole, 10u, &whole) &&
                 !__builtin_add_overflow(whole, (uint64_t)(*at - '0'), &whole);
        value = value * 10 + (*at - '0');
    }
    if (*at == '.' && is_digit(at[1]))
        for (at++; is_digit(*at); at++, exact = false)
            value += (*at - '0') * (place /= 10);
    double suffix = suffix_of(*at);
    at += suffix > 1;
    if (is_in_word(*at) || !isfinite(value))
        return pyr_query_wrong(query, token->at, err,
                               "this is no number; k, M and G after one are 1024, 1024² and 1024³");
    token->value = exact && suffix == 1 ? pyr_query_integer(whole) : pyr_query_real(value * suffix);
    token->end = (uint16_t)(at - query->text);
    return 0;
}

/* 'text' or "text"; a quote inside is written twice. */
static int read_text(struct pyr_query *query, struct pyr_token *token, struct pyr_err *err)
{
    const char *text = query->text;
    char quote = text[token->at];
    size_t end = token->at + 1u, size = 0;
    char *bytes = pyr_arena_alloc(&query->arena, strlen(text) - token->at + 1);
    if (!bytes)
        return pyr_err_set(err, PYR_E_NOMEM, "out of memory");
    for (; text[end] && (text[end] != quote || text[end + 1] == quote); end++) {
        end += text[end] == quote;
        bytes[size++] = text[end];
    }
    if (!text[end])
        return pyr_query_wrong(query, token->at, err, "the text that begins here has no closing %c", quote);
    token->kind = PYR_TOKEN_TEXT;
    token->end = (uint16_t)(end + 1);
    token->value = pyr_query_string(bytes, size);
    return 0;
}

static int read_symbol(struct pyr_query *query, struct pyr_token *token, struct pyr_err *err)
{
    const char *at = query->text + token->at;
    bool pair = (strchr("=<>!", at[0]) && at[1] == '=') || (at[0] == '<' && at[1] == '>');
    if (!strchr("()*+-/,=<>", at[0]) && !(pair && at[0] == '!'))
        return pyr_query_wrong(query, token->at, err,
                               "'%c' means nothing here; there are + - * / ( ) , = != < <= > >=, and texts in quotes",
                               (uint8_t)at[0] < 0x20 ? '?' : at[0]);
    token->kind = PYR_TOKEN_SYMBOL;
    token->end = (uint16_t)(token->at + 1 + pair);
    return 0;
}

int pyr_query_token(struct pyr_query *query, size_t at, struct pyr_token *token, struct pyr_err *err)
{
    const char *text = query->text;
    while (text[at] == ' ' || text[at] == '\t' || text[at] == '\n' || text[at] == '\r')
        at++;
    *token = (struct pyr_token){.at = (uint16_t)at, .end = (uint16_t)at};
    if (!text[at])
        return 0;
    if (is_digit(text[at]))
        return read_number(query, token, err);
    if (text[at] == '\'' || text[at] == '"')
        return read_text(query, token, err);
    if (!is_letter(text[at]))
        return read_symbol(query, token, err);
    read_word(text, token);
    return 0;
}

bool pyr_query_is_word(const struct pyr_query *query, const struct pyr_token *token, const char *word)
{
    size_t size = (size_t)(token->end - token->at);
    return token->kind == PYR_TOKEN_WORD && strlen(word) == size && !strncasecmp(query->text + token->at, word, size);
}
