/* Small pictures of characters. */
#ifndef PYR_REPORT_BARS_H
#define PYR_REPORT_BARS_H

#include <stddef.h>
#include <stdint.h>

enum { PYR_BARS_MAX = 128, PYR_BAR_BYTES = 3 };

/* A bar of so many eighths, 1 to 8; less and more are cut. */
static inline const char *pyr_bar(unsigned eighths)
{
    static const char *const bars[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    return bars[eighths > 8 ? 7 : eighths ? eighths - 1 : 0];
}

/* A bar for each of values, the highest a whole one; "·" for 0. Returns text. */
const char *pyr_bars(char *text, size_t size, const uint64_t *values, size_t count);

#endif
