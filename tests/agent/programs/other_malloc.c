/* An allocator of its own, for test_direct.py: preloaded before the agent. */
#include <stddef.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void __libc_free(void *block);

void *malloc(size_t size)
{
    char *block = __libc_malloc(size + 16);
    return block ? block + 16 : NULL;
}

void *calloc(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    char *block = __libc_calloc(1, bytes + 16);
    return block ? block + 16 : NULL;
}

void free(void *block)
{
    if (block)
        __libc_free((char *)block - 16);
}

void *realloc(void *block, size_t size)
{
    char *moved = __libc_realloc(block ? (char *)block - 16 : NULL, size + 16);
    return moved ? moved + 16 : NULL;
}
