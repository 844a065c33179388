/* Shared inside src/doctor: each check adds one row or more. */
#ifndef PYR_DOCTOR_CHECKS_H
#define PYR_DOCTOR_CHECKS_H

#include "pyrometer/doctor.h"

/* Adds a row and returns it to be filled; NULL when out of memory. Valid until the next. */
struct pyr_check *pyr_checks_add(struct pyr_checks *checks, const char *name);

/* 0 or PYR_E_NOMEM. */
int pyr_check_kernel(struct pyr_checks *checks);
int pyr_check_permission(struct pyr_checks *checks);
int pyr_check_reading(struct pyr_checks *checks);
int pyr_check_stopping(struct pyr_checks *checks);
int pyr_check_schedstat(struct pyr_checks *checks);
int pyr_check_slices(struct pyr_checks *checks);
int pyr_check_timer(struct pyr_checks *checks);
int pyr_check_pythons(struct pyr_checks *checks);

#endif
