/* The contents' hash of an int that is not too large tells the number, so that a path can be read as Python writes it
 * (CACHE[17]) and no file is larger for it: it is the number itself, its bits shuffled. */
#ifndef PYR_RECORD_SNAPSHOT_NUMBER_H
#define PYR_RECORD_SNAPSHOT_NUMBER_H

#include "record/snapshot_reader.h"

#include <stdbool.h>
#include <stdint.h>

#define PYR_SNAPSHOT_NUMBER_BITS 60 /* an int of at most two of CPython's digits */

/* Never 0. magnitude: below 2^60. */
uint64_t pyr_snapshot_number_hash(bool is_bool, bool negative, uint64_t magnitude);

/* Whether the object is an int (no instance of a class made of it) or a bool whose number is known. */
bool pyr_snapshot_number(const struct pyr_snapshot *snapshot, uint32_t object, bool *is_bool, int64_t *number);

#endif
