/* Files of agents, made up, and everything that a reader may say of one. */
#ifndef PYR_TESTS_EXERCISE_HEAP_H
#define PYR_TESTS_EXERCISE_HEAP_H

#include "base/buf.h"
#include "record/heap_reader.h"

#include <stddef.h>

/* Reads the file of these bytes, once as a whole and once more, and checks what it is promised. base: another file of
 * the directory, "base.memory", may be NULL. Returns the status of opening; *sites: how many were visited. */
int exercise_heap(const void *file, size_t size, const void *base, size_t base_size, unsigned *sites);

int exercise_heap_directory(void); /* where it leaves both as "x.memory" and "base.memory" */

enum { HEAP_PAUSES = 3 };

/* A small whole file: two reserved sites, and `count` of one code; and some collections, the nth in the nth site.
 * base_texts: the code is in "base.memory". */
void make_heap(struct pyr_buf *file, unsigned count, bool base_texts);

#endif
