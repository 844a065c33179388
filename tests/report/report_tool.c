/* make SCENARIO PATH [SIZE] makes a recording; report PATH FORMAT [KEY=VALUE…] reports it, through the public API. */
#include "pyrometer/pyrometer.h"
#include "scenarios.h"

#include <stdlib.h>
#include <string.h>

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
                                        .memory = strcmp(name, "memory") == 0,
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

int main(int argc, char **argv)
{
    if (argc >= 4 && strcmp(argv[1], "make") == 0)
        return make(argv[2], argv[3], argc > 4 ? strtoull(argv[4], NULL, 10) : 0);
    if (argc >= 4 && strcmp(argv[1], "report") == 0)
        return report(argc, argv);
    return 2;
}
