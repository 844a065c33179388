#include "record/output.h"

#include "base/alloc.h"
#include "record/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <zstd.h>

#define ZSTD_LEVEL 3
#define SMALLEST_WORTH_COMPRESSING 64u
#define PENDING_KEPT (2u << 20)

static int fail_errno(struct pyr_err *err, const char *what, const char *path, int error)
{
    int status = error == EACCES || error == EPERM || error == EROFS ? PYR_E_PERMISSION : PYR_E_IO;
    return pyr_err_set(err, status, "cannot %s %s: %s", what, path, strerror(error));
}

static bool is_null_device(const struct stat *st)
{
    /* 1:3 is /dev/null; 1:7 is /dev/full, for trying what a full disk does. */
    return S_ISCHR(st->st_mode) && major(st->st_rdev) == 1 && (minor(st->st_rdev) == 3 || minor(st->st_rdev) == 7);
}

/* What our own output, or the program's, goes to cannot be the recording as well. */
static bool is_standard_stream(const struct stat *st)
{
    struct stat stream;
    for (int fd = 0; fd <= 2; fd++)
        if (fstat(fd, &stream) == 0 && stream.st_dev == st->st_dev && stream.st_ino == st->st_ino)
            return true;
    return false;
}

/* A pipe or a terminal whose reader rests would have the writer wait, and with it the sampling. */
static int check_existing(const char *path, bool force, const struct stat *st, struct pyr_err *err)
{
    if (is_null_device(st))
        return 0;
    if (S_ISDIR(st->st_mode))
        return pyr_err_set(err, PYR_E_EXISTS, "%s is a directory: give the name of a file", path);
    if (!S_ISREG(st->st_mode))
        return pyr_err_set(err, PYR_E_EXISTS,
                           "%s is a %s, and a recording can be written to a file only: give the name of one", path,
                           S_ISFIFO(st->st_mode)   ? "pipe"
                           : S_ISSOCK(st->st_mode) ? "socket"
                                                   : "device");
    if (is_standard_stream(st))
        return pyr_err_set(err, PYR_E_EXISTS, "%s is where standard input, output or errors go: give another name",
                           path);
    if (!force)
        return pyr_err_set(err, PYR_E_EXISTS, "%s exists already: use --force to overwrite it, or give another name",
                           path);
    return 0;
}

/* Empties the file, unless another writer holds it: two writers would ruin both recordings. */
static int take_over(struct pyr_output *output, struct pyr_err *err)
{
    if (flock(output->fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
        return pyr_err_set(err, PYR_E_EXISTS, "%s is being written by another recording: give another name",
                           output->path);
    if (!output->created && ftruncate(output->fd, 0) < 0)
        return fail_errno(err, "empty", output->path, errno);
    return 0;
}

static int open_existing(struct pyr_output *output, bool force, struct pyr_err *err)
{
    struct stat st;
    int rc;
    if (stat(output->path, &st) == 0 && (rc = check_existing(output->path, force, &st, err)) < 0)
        return rc;
    /* Not to wait for a pipe's reader, if the name has changed hands since. */
    output->fd = open(output->path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | (force ? O_CREAT : 0), 0666);
    if (output->fd < 0)
        return fail_errno(err, "write to", output->path, errno);
    if (fstat(output->fd, &st) < 0)
        return fail_errno(err, "examine", output->path, errno);
    return check_existing(output->path, force, &st, err);
}

static int open_file(struct pyr_output *output, bool force, struct pyr_err *err)
{
    output->fd = open(output->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    output->created = output->fd >= 0;
    if (output->fd < 0 && errno != EEXIST)
        return fail_errno(err, "create", output->path, errno);
    int rc = output->created ? 0 : open_existing(output, force, err);
    if (rc < 0)
        return rc;
    struct stat st;
    output->regular = fstat(output->fd, &st) == 0 && S_ISREG(st.st_mode);
    return output->regular ? take_over(output, err) : 0;
}

int pyr_output_open(struct pyr_output *output, const char *path, bool force, struct pyr_err *err)
{
    *output = (struct pyr_output){.fd = -1};
    output->path = pyr_strdup(path);
    output->zstd = ZSTD_createCCtx();
    if (!output->path || !output->zstd ||
        ZSTD_isError(ZSTD_CCtx_setParameter(output->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL))) {
        pyr_output_close(output, true, NULL);
        return pyr_err_set(err, PYR_E_NOMEM, "out of memory opening %s", path);
    }
    int rc = open_file(output, force, err);
    if (rc < 0)
        pyr_output_close(output, true, NULL);
    return rc;
}

void pyr_output_header(struct pyr_output *output, uint32_t optional_features)
{
    uint8_t header[PYR_WIRE_HEADER_SIZE];
    pyr_wire_header_put(header, optional_features);
    pyr_buf_append(&output->pending, header, sizeof header);
}

/* Puts the payload at out in the smaller of its two forms; returns its stored size. */
static size_t store(struct pyr_output *output, uint8_t *out, size_t room, const uint8_t *payload, size_t size)
{
    if (size >= SMALLEST_WORTH_COMPRESSING) {
        size_t stored = ZSTD_compress2(output->zstd, out, room, payload, size);
        if (!ZSTD_isError(stored) && stored < size)
            return stored;
    }
    if (size)
        memcpy(out, payload, size);
    return size;
}

int pyr_output_frame(struct pyr_output *output, uint16_t kind, const uint8_t *payload, size_t size, struct pyr_err *err)
{
    if (size > PYR_FRAME_BYTES_MAX)
        return pyr_err_set(err, PYR_E_LIMIT, "a frame of %zu bytes is too large for %s", size, output->path);
    size_t room = ZSTD_compressBound(size);
    if (pyr_buf_reserve(&output->pending, PYR_FRAME_HEADER_SIZE + room) < 0)
        return pyr_err_set(err, PYR_E_NOMEM, "out of memory writing %s", output->path);
    uint8_t *frame = output->pending.bytes + output->pending.size;
    size_t stored = store(output, frame + PYR_FRAME_HEADER_SIZE, room, payload, size);
    uint16_t flags =
        (uint16_t)((stored < size ? PYR_FRAME_ZSTD : 0) | (kind == PYR_FRAME_MEMORY || kind == PYR_FRAME_OTHER_MEMORY ||
                                                                   kind == PYR_FRAME_GC || kind == PYR_FRAME_RESIDENT
                                                               ? PYR_FRAME_SKIPPABLE
                                                               : 0));
    struct pyr_frame_header header = {
        .kind = kind, .flags = flags, .stored_size = (uint32_t)stored, .raw_size = (uint32_t)size};
    pyr_frame_header_put(frame, &header);
    header.checksum = pyr_frame_checksum(frame, stored);
    pyr_frame_header_put(frame, &header);
    output->pending.size += PYR_FRAME_HEADER_SIZE + stored;
    return 0;
}

/* How many of the first `size` pending bytes are whole frames. */
static size_t whole_frames(const struct pyr_output *output, size_t size)
{
    size_t at = output->written == 0 ? PYR_WIRE_HEADER_SIZE : 0;
    if (at > size)
        return 0;
    while (size - at >= PYR_FRAME_HEADER_SIZE) {
        size_t frame = PYR_FRAME_HEADER_SIZE + pyr_frame_header_get(output->pending.bytes + at).stored_size;
        if (frame > size - at)
            break;
        at += frame;
    }
    return at;
}

static int stop_short(struct pyr_output *output, size_t done, int error, struct pyr_err *err)
{
    size_t whole = whole_frames(output, done);
    output->written += whole;
    bool cut = whole == done || (output->regular && ftruncate(output->fd, (off_t)output->written) == 0);
    pyr_buf_clear(&output->pending);
    if (error == ENOSPC || error == EDQUOT || error == EFBIG)
        return pyr_err_set(err, PYR_E_IO, "cannot write to %s: %s; the recording holds what was written before%s",
                           output->path, strerror(error), cut ? "" : " and a torn end, which readers skip");
    return fail_errno(err, "write to", output->path, error);
}

int pyr_output_write(struct pyr_output *output, struct pyr_err *err)
{
    struct pyr_buf *pending = &output->pending;
    if (pending->failed)
        return pyr_err_set(err, PYR_E_NOMEM, "out of memory writing %s", output->path);
    for (size_t done = 0; done < pending->size;) {
        ssize_t n = write(output->fd, pending->bytes + done, pending->size - done);
        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            return stop_short(output, done, n == 0 ? EIO : errno, err);
    }
    output->written += pending->size;
    if (pending->capacity > PENDING_KEPT)
        pyr_buf_release(pending);
    pyr_buf_clear(pending);
    return 0;
}

int pyr_output_close(struct pyr_output *output, bool discard, struct pyr_err *err)
{
    int rc = 0;
    if (output->fd >= 0 && discard && output->created)
        unlink(output->path);
    /* Network file systems and quotas report some failed writes only here. */
    if (output->fd >= 0 && close(output->fd) < 0 && errno != EINTR)
        rc = fail_errno(err, "finish writing", output->path, errno);
    pyr_free(output->path);
    pyr_buf_release(&output->pending);
    ZSTD_freeCCtx(output->zstd);
    *output = (struct pyr_output){.fd = -1};
    return rc;
}
