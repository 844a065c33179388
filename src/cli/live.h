/* A full-screen view of a text that is brought up to date. */
#ifndef PYR_CLI_LIVE_H
#define PYR_CLI_LIVE_H

#include "pyrometer/err.h"

struct pyr_live;

/* Takes over the controlling terminal, whatever the standard streams are. */
int pyr_live_open(struct pyr_live **out, struct pyr_err *err);
void pyr_live_close(struct pyr_live *live); /* gives the terminal back; NULL is allowed */

int pyr_live_fd(const struct pyr_live *live); /* readable when a key was pressed */
int pyr_live_key(struct pyr_live *live);      /* that key, or -1; does not block */
unsigned pyr_live_rows(const struct pyr_live *live);

/* A title in the first line, text below, cut to the size of the terminal. */
void pyr_live_show(struct pyr_live *live, const char *title, const char *text);

#endif
