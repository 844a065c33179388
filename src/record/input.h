/* The frames of a file, one after the other, their checksums checked. */
#ifndef PYR_RECORD_INPUT_H
#define PYR_RECORD_INPUT_H

#include "base/buf.h"
#include "pyrometer/err.h"

#include <stdbool.h>
#include <stdint.h>

/* Zeroed with fd −1 it is closed and releasable. */
struct pyr_input {
    int fd;
    char *path;
    uint64_t offset;       /* of the next byte to read */
    struct pyr_buf stored; /* the frame as it is in the file */
    struct pyr_buf raw;    /* its payload, if it was compressed */
    struct ZSTD_DCtx_s *zstd;
    bool following;  /* a frame that is not whole may become so */
    char ended[160]; /* why there is no next frame; "" while there may be */
};

struct pyr_frame {
    uint16_t kind, flags;
    uint64_t offset;        /* in the file */
    const uint8_t *payload; /* unpacked; borrowed until the next frame */
    uint32_t size;
};

/* Opens the file and checks the bytes that begin it. */
int pyr_input_open(struct pyr_input *input, const char *path, struct pyr_err *err);

/* The next frame: 1; 0 where the file ends, is cut off or damaged (then input->ended says so); or a negative status. */
int pyr_input_frame(struct pyr_input *input, struct pyr_frame *frame, struct pyr_err *err);

/* Gives the space of what was read back to the file system, if it can. */
void pyr_input_discard(const struct pyr_input *input);

void pyr_input_close(struct pyr_input *input);

#endif
