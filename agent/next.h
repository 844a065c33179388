/* The functions behind ours: what the program would call if the agent were not there. Mostly the C library's; those of
 * an allocator that the program is linked with come before them, and then nothing is counted. */
#ifndef PYR_AGENT_NEXT_H
#define PYR_AGENT_NEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct pyr_next {
    void *(*malloc)(size_t size);
    void *(*calloc)(size_t count, size_t size);
    void *(*realloc)(void *block, size_t size);
    void (*free)(void *block);
    void *(*memalign)(size_t alignment, size_t size);
    void *(*aligned_alloc)(size_t alignment, size_t size);
    int (*posix_memalign)(void **block, size_t alignment, size_t size);
    void *(*valloc)(size_t size);
    void *(*pvalloc)(size_t size);
    size_t (*usable_size)(void *block); /* may be NULL */
    bool is_c_library;                  /* all are its own: they go together */
    void *(*mmap)(void *at, size_t bytes, int protection, int flags, int file, off_t offset);
    int (*munmap)(void *at, size_t bytes);
    void *(*mremap)(void *at, size_t bytes, size_t new_bytes, int flags, ...);
};

extern struct pyr_next pyr_next;

void pyr_next_find(void);

/* Before each use, where it may be the first: ld.so allocates before any constructor has run. */
static inline void pyr_next_need(void)
{
    if (__builtin_expect(!pyr_next.malloc, 0))
        pyr_next_find();
}

#endif
