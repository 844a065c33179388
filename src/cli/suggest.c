#include "suggest.h"

#include <stdint.h>
#include <string.h>

#define COMPARED 32

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t pyr_edit_distance(const char *a, const char *b)
{
    size_t rows[COMPARED + 1][COMPARED + 1];
    size_t a_size = strnlen(a, COMPARED), b_size = strnlen(b, COMPARED);
    for (size_t i = 0; i <= a_size; i++)
        for (size_t j = 0; j <= b_size; j++) {
            if (!i || !j) {
                rows[i][j] = i + j;
                continue;
            }
            rows[i][j] = least(rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]), least(rows[i - 1][j], rows[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                rows[i][j] = least(rows[i][j], rows[i - 2][j - 2] + 1);
        }
    return rows[a_size][b_size];
}

_Bool pyr_suggest(const char *word, const char *name, size_t *best)
{
    size_t length = strlen(word), distance = pyr_edit_distance(word, name);
    if (length >= 3 && !strncmp(word, name, length))
        distance = 1;
    size_t allowed = length <= 3 ? 1 : length <= 7 ? 2 : 3;
    if (distance > allowed || distance >= *best)
        return 0;
    *best = distance;
    return 1;
}
