/* The allocator behind us: whose malloc the program would call if ours were not there. Mostly the C library's; one that
 * the program is linked with comes before it. */
#ifndef PYR_AGENT_NEXT_H
#define PYR_AGENT_NEXT_H

#include <stddef.h>

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
    size_t (*usable_size)(void *block); /* NULL if it cannot be told */
};

extern struct pyr_next pyr_next;

/* Fills it. Before the first use of it: ld.so allocates before any constructor has run. */
void pyr_next_find(void);

#endif
