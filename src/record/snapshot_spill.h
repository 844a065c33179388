/* A file without a name, beside the output, for what grows with the heap. Errors stick. Not thread-safe. */
#ifndef PYR_RECORD_SNAPSHOT_SPILL_H
#define PYR_RECORD_SNAPSHOT_SPILL_H

#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>

struct pyr_spill {
    int fd;
    struct pyr_buf pending;
    uint64_t size; /* with what is pending */
    int problem;   /* errno of the first failure; 0: none */
};

/* path: of the output. Returns 0 or an errno. */
int pyr_spill_open(struct pyr_spill *spill, const char *path);
void pyr_spill_append(struct pyr_spill *spill, const void *bytes, size_t size);

/* Room for so many bytes to be written in place, valid until the next call, and how many of them were used. NULL
 * without memory. */
uint8_t *pyr_spill_room(struct pyr_spill *spill, size_t size);
void pyr_spill_filled(struct pyr_spill *spill, size_t size);
int pyr_spill_flush(struct pyr_spill *spill); /* 0 or an errno */

/* Flushes; NULL for nothing, or with problem set. Give it back with munmap(size). */
const void *pyr_spill_map(struct pyr_spill *spill);
void pyr_spill_release(struct pyr_spill *spill);

#endif
