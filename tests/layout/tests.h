#ifndef PYR_TESTS_LAYOUT_TESTS_H
#define PYR_TESTS_LAYOUT_TESTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "layout/private.h"

int run_probe_tests(void);

#endif
