/* The standard streams and the files that results go to. */
#ifndef PYR_CLI_STREAMS_H
#define PYR_CLI_STREAMS_H

#include "pyrometer/err.h"

#include <stdbool.h>
#include <stdio.h>

/* Puts something under descriptors 0 to 2 where they are closed, so that no file of ours gets their numbers. It is
 * closed by exec: a program that we start finds them closed, as without us. */
void pyr_stdio_guard(void);

/* From now on a reader of our output that goes away ends us silently, as it does other filters. */
void pyr_stdio_filter(void);

bool pyr_stdio_colour(FILE *stream); /* a terminal, and neither NO_COLOR nor a dumb one */
bool pyr_stdio_terminal(FILE *stream);

/* Flushes stdout; status, or that of a failure if what was printed could not be written. */
int pyr_stdio_finish(int status);

/* Puts /dev/null under descriptors 0 to 2, and puts back what was there: for a program that must not write over a
 * full-screen view. */
void pyr_stdio_hide(int saved[3]);
void pyr_stdio_show(const int saved[3]);

/* A file that a result goes to. Zeroed it is closed. */
struct pyr_outfile {
    FILE *stream;
    const char *path; /* NULL: stdout */
    char *temporary;  /* written first, then renamed, where a file is replaced */
};

/* path NULL: stdout. An existing file is refused, or with force replaced only when the result is complete; what is not
 * a regular file (a FIFO, /dev/null) is simply written. */
int pyr_outfile_open(struct pyr_outfile *output, const char *path, bool force, struct pyr_err *err);

/* Ends it; keep: false removes what was written. */
int pyr_outfile_close(struct pyr_outfile *output, bool keep, struct pyr_err *err);

#endif
