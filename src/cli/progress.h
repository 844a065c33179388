/* The line that shows, once a second, how a recording comes on: on a terminal only. */
#ifndef PYR_CLI_PROGRESS_H
#define PYR_CLI_PROGRESS_H

#include "pyrometer/pyrometer.h"

void pyr_progress_show(const struct pyr_profile_summary *summary);
void pyr_progress_clear(void);

#endif
