/* What waking up costs here: a bare clock_nanosleep loop, with nothing done at the tick.
 * usage: floor RATE_HZ SECONDS; prints {"ticks", "cpu_us_per_tick", "late"}. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define NS_PER_S 1000000000ull

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void sleep_until(uint64_t when_ns)
{
    struct timespec when = {(time_t)(when_ns / NS_PER_S), (long)(when_ns % NS_PER_S)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) == EINTR)
        continue;
}

static int run(uint64_t interval_ns, uint64_t duration_ns)
{
    uint64_t start_ns = clock_ns(CLOCK_MONOTONIC), cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    uint64_t due_ns = start_ns, now_ns = start_ns, ticks = 0, late = 0;
    while (now_ns - start_ns < duration_ns) {
        due_ns += interval_ns;
        sleep_until(due_ns);
        now_ns = clock_ns(CLOCK_MONOTONIC);
        ticks++;
        if (now_ns > due_ns + interval_ns) {
            late += (now_ns - due_ns) / interval_ns;
            due_ns += (now_ns - due_ns) / interval_ns * interval_ns;
        }
    }
    cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns;
    printf("{\"ticks\": %llu, \"cpu_us_per_tick\": %.3f, \"cpu_share\": %.5f, \"late\": %llu}\n",
           (unsigned long long)ticks, (double)cpu_ns / 1e3 / (double)ticks,
           (double)cpu_ns / (double)(now_ns - start_ns), (unsigned long long)late);
    return 0;
}

int main(int argc, char **argv)
{
    double rate_hz = argc == 3 ? strtod(argv[1], NULL) : 0, seconds = argc == 3 ? strtod(argv[2], NULL) : 0;
    if (!(rate_hz >= 0.1 && rate_hz <= 1e6 && seconds > 0 && seconds <= 3600)) {
        fprintf(stderr, "usage: floor RATE_HZ SECONDS\n");
        return 2;
    }
    return run((uint64_t)(1e9 / rate_hz), (uint64_t)(seconds * 1e9));
}
