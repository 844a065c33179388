/* Reads hostile recordings and checks what the reader promises whatever the bytes are. */
#ifndef PYR_TESTS_RECORD_EXERCISE_H
#define PYR_TESTS_RECORD_EXERCISE_H

#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>

struct exercise_result {
    int status; /* of open or of the last next */
    unsigned long events, samples;
    uint32_t nodes;
};

/* Aborts if a promise is broken. */
struct exercise_result exercise_reader(const uint8_t *file, size_t size);

/* Appends a whole frame with a right checksum; raw is stored as it is. */
void append_frame(struct pyr_buf *file, uint16_t kind, uint16_t flags, const uint8_t *raw, size_t size);

/* Changes each byte of the first frame of a kind, and cuts the frame everywhere: what the reader promises holds. The
 * file has at most 4096 bytes up to there, the frame at most 512, and it is skippable and not compressed. */
void exercise_frame(const char *path, uint16_t kind);

#endif
