/* Whether everything in a snapshot is within bounds and as it was written. */
#ifndef PYR_RECORD_SNAPSHOT_CHECK_H
#define PYR_RECORD_SNAPSHOT_CHECK_H

#include "record/snapshot_reader.h"

const char *pyr_snapshot_check(const struct pyr_snapshot *snapshot); /* what is wrong; NULL: nothing */

#endif
