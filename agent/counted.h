/* Memory of the C library, counted. Each is as the C function that it is named after. */
#ifndef PYR_AGENT_COUNTED_H
#define PYR_AGENT_COUNTED_H

#include "record/heap_file.h"

#include <stdbool.h>
#include <stddef.h>

void *pyr_counted_malloc(size_t size, enum pyr_heap_domain domain);
void *pyr_counted_calloc(size_t count, size_t size, enum pyr_heap_domain domain);
void *pyr_counted_realloc(void *block, size_t size, enum pyr_heap_domain domain);
void pyr_counted_free(void *block);

/* Whether the process calls these as malloc and so on: another allocator may come before us, in the program or
 * preloaded. Before anything is counted. */
bool pyr_counted_are_called(void);

#endif
