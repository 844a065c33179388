/* How precisely, and at what cost, this machine wakes a thread up. */
#include "doctor/checks.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TICKS 150
#define TICK_NS 1000000u

static uint64_t thread_cpu_ns(void)
{
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Lateness of each tick, sorted; the CPU that one took. */
static uint64_t measure(uint64_t late_ns[TICKS])
{
    uint64_t cpu = thread_cpu_ns(), due = pyr_now_ns();
    for (int i = 0; i < TICKS; i++) {
        due += TICK_NS;
        pyr_sleep_until_ns(due);
        uint64_t now = pyr_now_ns();
        late_ns[i] = now > due ? now - due : 0;
        if (now > due + TICK_NS)
            due = now;
    }
    cpu = thread_cpu_ns() - cpu;
    qsort(late_ns, TICKS, sizeof *late_ns, compare);
    return cpu / TICKS;
}

int pyr_check_timer(struct pyr_checks *checks)
{
    struct pyr_check *check = pyr_checks_add(checks, "timer");
    struct timespec resolution = {0};
    uint64_t late_ns[TICKS];
    const size_t median = TICKS / 2, tail = TICKS * 95 / 100;
    if (!check)
        return PYR_E_NOMEM;
    clock_getres(CLOCK_MONOTONIC, &resolution);
    double cost_us = (double)measure(late_ns) / 1e3, median_us = (double)late_ns[median] / 1e3;
    double tail_us = (double)late_ns[tail] / 1e3;
    bool coarse = resolution.tv_sec || resolution.tv_nsec > 1000;
    snprintf(check->found, sizeof check->found,
             "resolution %ld ns; a bare 1 ms loop costs %.1f us a tick, is late by %.0f us (median), %.0f us (95 %%)",
             resolution.tv_nsec, cost_us, median_us, tail_us);
    if (coarse || tail_us > 1000) {
        check->level = PYR_CHECK_LIMITED;
        snprintf(check->advice, sizeof check->advice, "%s",
                 coarse ? "without high-resolution timers use a lower rate: --rate 100"
                        : "the machine is busy or throttled: expect missed samples, or use a lower rate");
    }
    return 0;
}
