/* A growable byte buffer. Errors stick: append at will, check `failed` once. */
#ifndef PYR_BASE_BUF_H
#define PYR_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pyr_buf {
    uint8_t *bytes;
    size_t size;
    size_t capacity;
    bool failed; /* an append ran out of memory; contents are those before it */
};

int pyr_buf_reserve(struct pyr_buf *buf, size_t more);
void pyr_buf_append(struct pyr_buf *buf, const void *bytes, size_t size);
void pyr_buf_u8(struct pyr_buf *buf, uint8_t value);
void pyr_buf_u32(struct pyr_buf *buf, uint32_t value);    /* little-endian */
void pyr_buf_u64(struct pyr_buf *buf, uint64_t value);    /* little-endian */
void pyr_buf_varint(struct pyr_buf *buf, uint64_t value); /* LEB128 */
void pyr_buf_zigzag(struct pyr_buf *buf, int64_t value);  /* zigzag LEB128 */
void pyr_buf_clear(struct pyr_buf *buf);                  /* keeps the memory */
void pyr_buf_release(struct pyr_buf *buf);

#endif
