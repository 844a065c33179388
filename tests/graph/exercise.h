/* Snapshots from memory, put through everything that reads them: for tests of damage and the fuzzer. */
#ifndef TESTS_GRAPH_EXERCISE_H
#define TESTS_GRAPH_EXERCISE_H

#include "base/buf.h"

/* A small heap with all kinds of edges, roots, garbage and rows, as a file. */
void make_snapshot(struct pyr_buf *file);

/* Makes all checksums right again, where the sections are where they could be. */
void repair_sums(uint8_t *bytes, size_t size);

/* Opens it and writes every view. The status of opening it; views may only fail for want of what they were asked for
 * or of memory. */
int exercise_snapshot(const uint8_t *bytes, size_t size);

#endif
