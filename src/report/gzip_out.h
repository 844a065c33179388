/* A gzip stream into a FILE. */
#ifndef PYR_REPORT_GZIP_OUT_H
#define PYR_REPORT_GZIP_OUT_H

#include <stddef.h>
#include <stdio.h>
#include <zlib.h>

struct pyr_gzip {
    z_stream stream;
    FILE *out;
};

int pyr_gzip_open(struct pyr_gzip *gzip, FILE *out);
int pyr_gzip_write(struct pyr_gzip *gzip, const void *bytes, size_t size);
int pyr_gzip_close(struct pyr_gzip *gzip); /* completes the stream; releases it even on failure */

#endif
