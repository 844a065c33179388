/* Clocks, in nanoseconds. */
#ifndef PYR_BASE_CLOCK_H
#define PYR_BASE_CLOCK_H

#include <stdint.h>

uint64_t pyr_now_ns(void);              /* CLOCK_MONOTONIC */
uint64_t pyr_wall_ns(void);             /* CLOCK_REALTIME, since 1970 */
uint64_t pyr_process_cpu_ns(void);      /* CPU used by this process */
uint64_t pyr_thread_cpu_ns(void);       /* CPU used by the calling thread */
void pyr_sleep_until_ns(uint64_t when); /* CLOCK_MONOTONIC; returns early on a signal */

#endif
