#include "raw.h"

#include "caller.h"
#include "counted.h"

static void *raw_malloc(void *context, size_t size)
{
    (void)context;
    return pyr_counted_malloc(size, PYR_DOMAIN_RAW);
}

static void *raw_calloc(void *context, size_t count, size_t size)
{
    (void)context;
    return pyr_counted_calloc(count, size, PYR_DOMAIN_RAW);
}

static void *raw_realloc(void *context, void *block, size_t size)
{
    (void)context;
    return pyr_counted_realloc(block, size ? size : 1, PYR_DOMAIN_RAW);
}

static void raw_free(void *context, void *block)
{
    (void)context;
    pyr_caller_watch_end();
    pyr_counted_free(block);
}

const struct pyr_py_allocator pyr_raw_allocator = {NULL, raw_malloc, raw_calloc, raw_realloc, raw_free};
