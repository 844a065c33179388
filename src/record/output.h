/* The file that a recording is written to: whole frames in large writes, and a clean end when the disk is full. */
#ifndef PYR_RECORD_OUTPUT_H
#define PYR_RECORD_OUTPUT_H

#include "base/buf.h"
#include "pyrometer/err.h"

#include <stdbool.h>
#include <stdint.h>

/* Zeroed with fd −1 it is closed and releasable. */
struct pyr_output {
    int fd;
    char *path;
    bool regular;
    bool created;           /* by us: nothing is lost by removing it */
    uint64_t written;       /* bytes in the file, all of them whole frames */
    struct pyr_buf pending; /* whole frames not yet written */
    struct ZSTD_CCtx_s *zstd;
};

/* Opens path for writing. An existing file is refused (PYR_E_EXISTS) unless force; what is neither a file
 * nor /dev/null is refused always, and so is the file that a standard stream goes to. A file that another recording is
 * being written to is left alone. */
int pyr_output_open(struct pyr_output *output, const char *path, bool force, struct pyr_err *err);

/* Appends the bytes that begin a file. */
void pyr_output_header(struct pyr_output *output, uint32_t optional_features);

/* Appends a frame to what is pending, compressed if that helps. */
int pyr_output_frame(struct pyr_output *output, uint16_t kind, const uint8_t *payload, size_t size,
                     struct pyr_err *err);

/* Writes what is pending. After a failure the file ends with its last whole frame. */
int pyr_output_write(struct pyr_output *output, struct pyr_err *err);

/* Closes. discard: removes the file again if it was made by open. Releases everything even on failure. */
int pyr_output_close(struct pyr_output *output, bool discard, struct pyr_err *err);

#endif
