/* The formats of reports, by name. */
#ifndef PYR_CLI_FORMATS_H
#define PYR_CLI_FORMATS_H

#include "cmd.h"

#include "pyrometer/pyrometer.h"

const struct pyr_report_format *pyr_format_find(const char *name); /* NULL if there is none */

/* Says that there is none, and which may have been meant or which there are; returns the exit status. */
int pyr_format_wrong(const struct pyr_cmd *cmd, const char *name);

/* A line for each, for help. */
void pyr_formats_print(FILE *out);

#endif
