#include "base/alloc.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)

static long fail_countdown;

static bool must_fail(void)
{
    return fail_countdown > 0 && --fail_countdown == 0;
}

void pyr_alloc_fail_after(long n)
{
    fail_countdown = n;
}

void *pyr_alloc(size_t size)
{
    return must_fail() ? NULL : calloc(1, size ? size : 1);
}

void *pyr_alloc_big(size_t size)
{
    char *block = pyr_alloc(size);
    uintptr_t from = ((uintptr_t)block + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1), to = (uintptr_t)block + size;
    if (block && size >= 2 * HUGE_PAGE)
        madvise((void *)from, (to - from) & ~(HUGE_PAGE - 1), MADV_HUGEPAGE); /* a wish: it may fail */
    return block;
}

void *pyr_realloc(void *old, size_t size)
{
    return must_fail() ? NULL : realloc(old, size ? size : 1);
}

void pyr_free(void *block)
{
    free(block);
}

void *pyr_memdup(const void *bytes, size_t size)
{
    void *copy = pyr_alloc(size);
    if (copy && size)
        memcpy(copy, bytes, size);
    return copy;
}

char *pyr_strdup(const char *text)
{
    return pyr_memdup(text, strlen(text) + 1);
}
