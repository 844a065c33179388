#include "record/input.h"

#include "base/alloc.h"
#include "record/wire.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#define DISCARD_UNIT 4096u

/* Reads size bytes if they are there; returns how many were, or a negative status. */
static int64_t read_bytes(struct pyr_input *input, uint8_t *out, size_t size, struct pyr_err *err)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = read(input->fd, out + done, size - done);
        if (n == 0)
            break;
        if (n > 0)
            done += (size_t)n;
        else if (errno != EINTR)
            return pyr_err_set(err, PYR_E_IO, "cannot read %s: %s", input->path, strerror(errno));
    }
    input->offset += done;
    return (int64_t)done;
}

static int check_version(const struct pyr_input *input, const uint8_t *header, struct pyr_err *err)
{
    struct pyr_cursor fields = pyr_cursor(header + 8, 16);
    uint32_t versions = pyr_cursor_u32(&fields);
    uint32_t required = pyr_cursor_u32(&fields);
    char made_by[PYR_WIRE_MADE_BY_SIZE + 1] = {0};
    for (size_t i = 0; i < PYR_WIRE_MADE_BY_SIZE && isprint(header[24 + i]); i++)
        made_by[i] = (char)header[24 + i];
    if (!pyr_wire_header_is_whole(header))
        return pyr_err_set(err, PYR_E_FORMAT, "%s is a recording whose first bytes are damaged: it cannot be read",
                           input->path);
    if (versions >> 16 > PYR_WIRE_VERSION || required != 0)
        return pyr_err_set(err, PYR_E_FORMAT,
                           "%s was made by pyrometer %s in format %u, which this one (%s) cannot read: "
                           "read it with that version or a newer one",
                           input->path, made_by, versions & 0xffff, PYR_VERSION);
    return 0;
}

static int check_header(struct pyr_input *input, struct pyr_err *err)
{
    uint8_t header[PYR_WIRE_HEADER_SIZE];
    int64_t size = read_bytes(input, header, sizeof header, err);
    if (size < 0)
        return (int)size;
    if (size == 0)
        return pyr_err_set(err, PYR_E_FORMAT, "%s is empty: it is not a recording", input->path);
    if (memcmp(header, PYR_WIRE_MAGIC, size < 8 ? (size_t)size : 8) != 0)
        return pyr_err_set(err, PYR_E_FORMAT, "%s is not a recording of pyrometer", input->path);
    if (size < PYR_WIRE_HEADER_SIZE)
        return pyr_err_set(err, PYR_E_FORMAT, "%s was cut off at byte %" PRIu64 ", before anything was recorded",
                           input->path, input->offset);
    return check_version(input, header, err);
}

int pyr_input_open(struct pyr_input *input, const char *path, struct pyr_err *err)
{
    *input = (struct pyr_input){.fd = -1, .path = pyr_strdup(path), .zstd = ZSTD_createDCtx()};
    int rc = 0;
    if (!input->path || !input->zstd)
        rc = pyr_err_set(err, PYR_E_NOMEM, "out of memory opening %s", path);
    if (rc == 0) {
        input->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (input->fd < 0)
            rc = pyr_err_set(err,
                             errno == EACCES   ? PYR_E_PERMISSION
                             : errno == ENOENT ? PYR_E_NOT_FOUND
                                               : PYR_E_IO,
                             "cannot read %s: %s", path, strerror(errno));
    }
    if (rc == 0)
        rc = check_header(input, err);
    if (rc < 0)
        pyr_input_close(input);
    return rc;
}

static int ended(struct pyr_input *input, const char *how, uint64_t offset)
{
    snprintf(input->ended, sizeof input->ended, "%s at byte %" PRIu64, how, offset);
    return 0;
}

static bool plausible(const struct pyr_frame_header *header)
{
    return header->stored_size <= PYR_FRAME_BYTES_MAX && header->raw_size <= PYR_FRAME_BYTES_MAX;
}

/* Brings the whole frame into input->stored. 1, 0 at the end, or a negative status. */
static int read_frame(struct pyr_input *input, struct pyr_frame_header *header, struct pyr_err *err)
{
    uint64_t start = input->offset;
    pyr_buf_clear(&input->stored);
    if (pyr_buf_reserve(&input->stored, PYR_FRAME_HEADER_SIZE) < 0)
        return pyr_err_set(err, PYR_E_NOMEM, "out of memory reading %s", input->path);
    int64_t n = read_bytes(input, input->stored.bytes, PYR_FRAME_HEADER_SIZE, err);
    if (n <= 0)
        return n < 0 ? (int)n : ended(input, "not closed: the recording ends without its end mark", start);
    if (n < PYR_FRAME_HEADER_SIZE)
        return ended(input, "cut off", input->offset);
    *header = pyr_frame_header_get(input->stored.bytes);
    if (!plausible(header))
        return ended(input, "damaged", start);
    input->stored.size = PYR_FRAME_HEADER_SIZE;
    if (pyr_buf_reserve(&input->stored, header->stored_size) < 0)
        return pyr_err_set(err, PYR_E_NOMEM, "out of memory reading %s", input->path);
    n = read_bytes(input, input->stored.bytes + PYR_FRAME_HEADER_SIZE, header->stored_size, err);
    if (n < 0)
        return (int)n;
    if (n < header->stored_size)
        return ended(input, "cut off", input->offset);
    if (pyr_frame_checksum(input->stored.bytes, header->stored_size) != header->checksum)
        return ended(input, "damaged", start);
    return 1;
}

static int unpack(struct pyr_input *input, const struct pyr_frame_header *header, struct pyr_frame *frame,
                  struct pyr_err *err)
{
    const uint8_t *stored = input->stored.bytes + PYR_FRAME_HEADER_SIZE;
    frame->payload = stored;
    if (!(header->flags & PYR_FRAME_ZSTD) && header->raw_size == header->stored_size)
        return 1;
    pyr_buf_clear(&input->raw);
    if (pyr_buf_reserve(&input->raw, header->raw_size) < 0)
        return pyr_err_set(err, PYR_E_NOMEM, "out of memory reading %s", input->path);
    size_t size = 0;
    if (header->flags & PYR_FRAME_ZSTD)
        size = ZSTD_decompressDCtx(input->zstd, input->raw.bytes, header->raw_size, stored, header->stored_size);
    if (!(header->flags & PYR_FRAME_ZSTD) || ZSTD_isError(size) || size != header->raw_size)
        return pyr_err_set(err, PYR_E_FORMAT, "%s: the frame at byte %" PRIu64 " does not unpack to its stated size",
                           input->path, frame->offset);
    frame->payload = input->raw.bytes;
    return 1;
}

int pyr_input_frame(struct pyr_input *input, struct pyr_frame *frame, struct pyr_err *err)
{
    struct pyr_frame_header header = {0};
    uint64_t start = input->offset;
    int rc = read_frame(input, &header, err);
    if (rc == 0 && input->following) {
        if (lseek(input->fd, (off_t)start, SEEK_SET) < 0)
            return pyr_err_set(err, PYR_E_IO, "cannot read %s again: %s", input->path, strerror(errno));
        input->offset = start;
    }
    if (rc <= 0)
        return rc;
    frame->kind = header.kind;
    frame->flags = header.flags;
    frame->offset = start;
    frame->size = header.raw_size;
    if (header.flags & ~PYR_FRAME_FLAGS_KNOWN) {
        frame->payload = NULL; /* stored in a way that is not known: only to be skipped */
        return 1;
    }
    return unpack(input, &header, frame, err);
}

void pyr_input_discard(const struct pyr_input *input)
{
    off_t whole = (off_t)(input->offset / DISCARD_UNIT * DISCARD_UNIT);
    int fd = whole ? open(input->path, O_WRONLY | O_CLOEXEC | O_NOCTTY) : -1;
    if (fd < 0)
        return;
    fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, whole);
    close(fd);
}

void pyr_input_close(struct pyr_input *input)
{
    if (input->fd >= 0)
        close(input->fd);
    pyr_free(input->path);
    pyr_buf_release(&input->stored);
    pyr_buf_release(&input->raw);
    ZSTD_freeDCtx(input->zstd);
    *input = (struct pyr_input){.fd = -1};
}
