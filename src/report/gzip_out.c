#include "report/gzip_out.h"

#include "pyrometer/err.h"

#define GZIP_WINDOW (15 + 16) /* 32 KiB, with gzip's header instead of zlib's */

int pyr_gzip_open(struct pyr_gzip *gzip, FILE *out)
{
    *gzip = (struct pyr_gzip){.out = out};
    int rc = deflateInit2(&gzip->stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY);
    return rc == Z_OK ? 0 : PYR_E_NOMEM;
}

static int pump(struct pyr_gzip *gzip, int flush)
{
    unsigned char chunk[16384];
    do {
        gzip->stream.next_out = chunk;
        gzip->stream.avail_out = sizeof chunk;
        deflate(&gzip->stream, flush);
        size_t size = sizeof chunk - gzip->stream.avail_out;
        if (fwrite(chunk, 1, size, gzip->out) != size)
            return PYR_E_IO;
    } while (gzip->stream.avail_out == 0);
    return 0;
}

int pyr_gzip_write(struct pyr_gzip *gzip, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    while (size) {
        uInt piece = size > 1u << 30 ? 1u << 30 : (uInt)size;
        gzip->stream.next_in = (unsigned char *)at; /* zlib only reads it */
        gzip->stream.avail_in = piece;
        int rc = pump(gzip, Z_NO_FLUSH);
        if (rc < 0)
            return rc;
        at += piece;
        size -= piece;
    }
    return 0;
}

int pyr_gzip_close(struct pyr_gzip *gzip)
{
    gzip->stream.next_in = NULL;
    gzip->stream.avail_in = 0;
    int rc = pump(gzip, Z_FINISH);
    deflateEnd(&gzip->stream);
    return rc;
}
