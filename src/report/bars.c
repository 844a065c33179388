#include "report/bars.h"

#include <string.h>

const char *pyr_bars(char *text, size_t size, const uint64_t *values, size_t count)
{
    uint64_t most = 0;
    size_t used = 0;
    for (size_t i = 0; i < count; i++)
        most = values[i] > most ? values[i] : most;
    for (size_t i = 0; i < count; i++) {
        /* Any that is not 0 is seen. */
        double eighths = most ? (double)values[i] * 8 / (double)most : 0;
        const char *bar = values[i] ? pyr_bar((unsigned)(eighths + 0.5)) : "·";
        size_t bytes = strlen(bar);
        if (used + bytes + 1 > size)
            break;
        memcpy(text + used, bar, bytes);
        used += bytes;
    }
    text[used] = 0;
    return text;
}
