/* What works on this machine, what does not, and what to do about it. */
#ifndef PYROMETER_DOCTOR_H
#define PYROMETER_DOCTOR_H

#include "pyrometer/err.h"

#include <stdbool.h>
#include <stddef.h>

enum pyr_check_level { PYR_CHECK_OK, PYR_CHECK_LIMITED, PYR_CHECK_MISSING };

struct pyr_check {
    char name[32];
    enum pyr_check_level level;
    bool essential;   /* without it nothing works */
    char found[320];  /* one line */
    char advice[240]; /* one line; "" if there is nothing to do */
};

struct pyr_checks {
    struct pyr_check *items;
    size_t count, capacity;
};

/* Runs all checks; takes less than a second or so, and starts the Pythons found to ask for their versions. Fails only
 * when out of memory. Zeroed checks can be released. */
int pyr_doctor(struct pyr_checks *checks, struct pyr_err *err);
void pyr_checks_release(struct pyr_checks *checks);

const char *pyr_check_level_name(enum pyr_check_level level); /* "ok", "limited", "missing" */

#endif
