/* The only way to the heap for library code, so that tests can make the Nth allocation fail. */
#ifndef PYR_BASE_ALLOC_H
#define PYR_BASE_ALLOC_H

#include <stddef.h>

void *pyr_alloc(size_t size);     /* zeroed; NULL when out of memory */
void *pyr_alloc_big(size_t size); /* the same, for arrays that are read all over: in huge pages where there are any */
void *pyr_realloc(void *old, size_t size); /* old is kept on failure */
void pyr_free(void *block);                /* NULL is allowed */
void *pyr_memdup(const void *bytes, size_t size);
char *pyr_strdup(const char *text);

/* Tests only: the nth allocation from now fails (1 is the next one); 0 switches that off. Not thread-safe. */
void pyr_alloc_fail_after(long n);

#endif
