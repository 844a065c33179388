/* follow PATH SECONDS DISCARD writes a recording of so long a run and follows it, second by second; make SCENARIO PATH
 * [SIZE] makes a recording; report PATH FORMAT [KEY=VALUE…] reports it, through the public API. */
#include "pyrometer/pyrometer.h"
#include "scenarios.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

static int make(const char *name, const char *path, uint64_t size)
{
    const struct scenario *scenario = NULL;
    for (unsigned i = 0; i < scenario_count; i++)
        if (strcmp(scenarios[i].name, name) == 0)
            scenario = &scenarios[i];
    if (!scenario)
        return 2;
    const char *const command[] = {"python", "app.py", name};
    const struct pyr_run_facts facts = {.pyrometer = "0",
                                        .python = scenario->python,
                                        .host = "host",
                                        .mode = "wall",
                                        .started_wall_ns = 1763712000000000000u,
                                        .rate_hz = 1000,
                                        .no_stop = scenario->no_stop,
                                        .memory = strstr(name, "memory") || strcmp(name, "gc") == 0,
                                        .opcodes = strcmp(name, "opcodes") == 0,
                                        .command = command,
                                        .command_count = 3};
    struct pyr_writer *writer;
    struct pyr_err err = {0};
    int rc = pyr_writer_open(&writer, path, true, &facts, &err);
    if (rc == 0) {
        int filled = scenario->fill(writer, size);
        rc = pyr_writer_close(writer, &err);
        rc = filled < 0 ? filled : rc;
    }
    if (rc < 0)
        fprintf(stderr, "%d %s\n", rc, err.text);
    return rc < 0;
}

static void set(struct pyr_report_options *options, char *pair)
{
    char *value = strchr(pair, '=');
    if (!value)
        return;
    *value++ = 0;
    if (strcmp(pair, "mode") == 0) {
        options->mode_given = true;
        options->mode = strcmp(value, "cpu") == 0 ? PYR_MODE_CPU : *value == 'g' ? PYR_MODE_GIL : PYR_MODE_WALL;
    } else if (strcmp(pair, "by") == 0) {
        options->by = strcmp(value, "function") == 0 ? PYR_BY_FUNCTION : PYR_BY_LINE;
    } else if (strcmp(pair, "functions") == 0) {
        options->functions = value;
    } else if (strcmp(pair, "weight") == 0) {
        options->weight = *value == 'a'   ? PYR_WEIGH_ALLOCATED
                          : *value == 'l' ? PYR_WEIGH_LIVE
                          : *value == 'p' ? PYR_WEIGH_PEAK
                                          : PYR_WEIGH_TEMPORARY;
    } else if (strcmp(pair, "thread") == 0) {
        options->thread = value;
    } else if (strcmp(pair, "pid") == 0) {
        options->pid = atoll(value);
    } else if (strcmp(pair, "from") == 0) {
        options->from_s = strtod(value, NULL);
    } else if (strcmp(pair, "to") == 0) {
        options->to_s = strtod(value, NULL);
    } else if (strcmp(pair, "limit") == 0) {
        options->limit = (unsigned)strtoul(value, NULL, 10);
    }
    options->no_threads |= strcmp(pair, "no_threads") == 0;
    options->include_idle |= strcmp(pair, "include_idle") == 0;
    options->opcodes |= strcmp(pair, "opcodes") == 0;
    options->colour |= strcmp(pair, "colour") == 0;
}

static int report(int argc, char **argv)
{
    struct pyr_report_options options = {.format = argv[3]};
    struct pyr_err err = {0};
    for (int i = 4; i < argc; i++)
        set(&options, argv[i]);
    int rc = pyr_report(argv[2], &options, stdout, &err);
    if (rc < 0)
        fprintf(stderr, "%d %s\n", rc, err.text);
    return rc < 0;
}

#define FOLLOWED_THREADS 50
#define FOLLOWED_STACKS 200

/* A second at 100 Hz: every thread moves on with each tick, in each second among other stacks. */
static void write_second(struct pyr_writer *writer, uint64_t second)
{
    for (uint64_t tick = second * 100; tick < second * 100 + 100; tick++) {
        pyr_writer_tick_begin(writer, 0, tick * 10000000, PYR_TICK_EXACT);
        for (uint32_t thread = 0; thread < FOLLOWED_THREADS; thread++) {
            uint32_t x = (uint32_t)(second + tick * 7 + thread * 3) % FOLLOWED_STACKS;
            uint32_t node = 1 + x * x / FOLLOWED_STACKS; /* the first ones by far the most often */
            pyr_writer_sample(writer, thread, node, tick % 2 ? PYR_ON_CPU : 0);
            if (tick % 10 == 0)
                pyr_writer_cpu_time(writer, thread, tick * 5000000, 0);
        }
        pyr_writer_tick_end(writer);
    }
    pyr_writer_flush(writer, NULL);
}

static double cpu_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static long resident_kib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

/* Of each step: its second, CPU milliseconds of following, peak of memory, blocks of the file. In the end both reports.
 */
static int follow_steps(struct pyr_writer *writer, const char *path, uint64_t seconds, bool discard)
{
    const struct pyr_report_options options = {.limit = 20};
    struct pyr_follow *follow;
    struct pyr_err err = {0};
    struct stat status = {0};
    FILE *sink = fopen("/dev/null", "w");
    int rc = sink ? pyr_follow_open(&follow, path, 10, discard, &err) : PYR_E_IO;
    for (uint64_t second = 0; rc == 0 && second < seconds; second++) {
        write_second(writer, second);
        double before = cpu_s();
        rc = pyr_follow_read(follow, &err);
        if (rc == 0)
            rc = pyr_follow_report(follow, &options, false, sink, &err);
        double after = cpu_s();
        stat(path, &status);
        printf("%llu %.3f %ld %lld\n", (unsigned long long)second, (after - before) * 1e3, resident_kib(),
               (long long)status.st_blocks);
    }
    int closed = pyr_writer_close(writer, &err);
    rc = rc < 0 ? rc : closed;
    if (rc == 0)
        rc = pyr_follow_read(follow, &err);
    puts("window");
    if (rc == 0)
        rc = pyr_follow_report(follow, &options, false, stdout, &err);
    puts("all");
    if (rc == 0)
        rc = pyr_follow_report(follow, &options, true, stdout, &err);
    if (rc < 0)
        fprintf(stderr, "%d %s\n", rc, err.text);
    pyr_follow_close(follow);
    return rc < 0;
}

static int follow(const char *path, uint64_t seconds, bool discard)
{
    const struct pyr_run_facts facts = {.pyrometer = "0", .mode = "wall", .rate_hz = 100};
    struct pyr_writer *writer;
    if (pyr_writer_open(&writer, path, true, &facts, NULL) < 0)
        return 1;
    scenario_process(writer, 100, 1, "python app.py");
    for (uint32_t i = 0; i < FOLLOWED_THREADS; i++)
        scenario_thread(writer, 0, 100 + i, "worker");
    for (uint32_t i = 0; i < FOLLOWED_STACKS; i++) {
        char name[16];
        snprintf(name, sizeof name, "f%u", i);
        pyr_writer_node(writer, PYR_NODE_EMPTY, (uint32_t)scenario_code(writer, name, "sample.py", 1 + i), 2);
    }
    return follow_steps(writer, path, seconds, discard);
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "follow") == 0)
        return follow(argv[2], strtoull(argv[3], NULL, 10), argv[4][0] == '1');
    if (argc >= 4 && strcmp(argv[1], "make") == 0)
        return make(argv[2], argv[3], argc > 4 ? strtoull(argv[4], NULL, 10) : 0);
    if (argc >= 4 && strcmp(argv[1], "report") == 0)
        return report(argc, argv);
    return 2;
}
