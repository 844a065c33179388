/* The same work over the parts of something big, on as many threads as there are CPUs for us. */
#ifndef PYR_BASE_PARALLEL_H
#define PYR_BASE_PARALLEL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define PYR_PARALLEL_MAX 8

/* Does items from <= i < to. part: 0 … the number of parts − 1, less than PYR_PARALLEL_MAX. */
typedef void (*pyr_parallel_work)(void *context, unsigned part, size_t from, size_t to);

unsigned pyr_parallel_parts(void); /* into how many parts work is cut: CPUs that we may use, at most PYR_PARALLEL_MAX */

/* Cuts 0 <= i < count into equal ranges, one for each part, and returns when all are done. Where no thread can be had
 * the caller's does it all. */
void pyr_parallel(size_t count, pyr_parallel_work work, void *context);

/* Another thread, which sees no signals; join it. False: there is none, and nothing was done. */
bool pyr_thread_start(pthread_t *thread, void *(*work)(void *context), void *context);

#endif
