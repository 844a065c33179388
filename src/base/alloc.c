#include "base/alloc.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

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
