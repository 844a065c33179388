/* Takes frozen copies of a process, for tests: copy_tool PID [times N] [die-at N] [it-dies] [stopped] [hold MS] [read]
 * Prints one line of JSON for each copy. times 0: for ever. read: reads all private memory of each copy through. */
#include "base/clock.h"
#include "target/copy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct settings {
    pid_t pid;
    long times, hold_ms;
    bool read;
    struct pyr_copy_options options;
};

#if defined(__x86_64__)
/* long f(long a) { return 2 * a; } */
static const unsigned char doubles[] = {0x48, 0x8d, 0x04, 0x3f, 0xc3};
#else
static const unsigned char doubles[] = {0};
#endif

static int run_code(struct pyr_copy *copy, long *value, struct pyr_err *err)
{
    struct pyr_copy_call call = {.arguments = {21}};
    struct pyr_copy_outcome outcome = {0};
    int rc = pyr_copy_map(copy, 4096, &call.entry, err);
    if (rc == 0)
        rc = pyr_copy_write(copy, call.entry, doubles, sizeof doubles, err);
    if (rc == 0)
        rc = pyr_copy_call(copy, &call, &outcome, err);
    *value = (long)outcome.value;
    return rc;
}

static size_t read_all(struct pyr_copy *copy)
{
    static char piece[1 << 20];
    const struct pyr_mapping *maps;
    size_t count, total = 0;
    if (pyr_target_maps(pyr_copy_target(copy), true, &maps, &count, NULL) < 0)
        return 0;
    for (size_t i = 0; i < count; i++)
        for (uint64_t at = maps[i].start; maps[i].readable && maps[i].writable && at < maps[i].end;
             at += sizeof piece) {
            size_t size = maps[i].end - at < sizeof piece ? maps[i].end - at : sizeof piece;
            total += pyr_target_read(pyr_copy_target(copy), PYR_ADDR(at), piece, size) == 0 ? size : 0;
        }
    return total;
}

/* Of the memory that it has, what it does not share with the process. */
static size_t bytes_of_its_own(pid_t pid)
{
    char path[64], line[256];
    size_t total = 0, kib;
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "Private_Clean: %zu", &kib) == 1 || sscanf(line, "Private_Dirty: %zu", &kib) == 1)
            total += kib * 1024;
    if (file)
        fclose(file);
    return total;
}

static int take_one(struct pyr_target *target, const struct settings *s)
{
    struct pyr_copy *copy = NULL;
    struct pyr_err err = {0};
    uint64_t begin_ns = pyr_now_ns();
    int rc = pyr_copy_make(&copy, target, &s->options, &err);
    if (rc < 0) {
        printf("{\"status\": %d, \"error\": \"%s\"}\n", rc, err.text);
        return rc;
    }
    uint64_t made_ns = pyr_now_ns() - begin_ns;
    const struct pyr_copy_facts facts = *pyr_copy_facts(copy);
    long value = 0;
    int ran = facts.stopped ? 0 : run_code(copy, &value, &err);
    size_t read_bytes = s->read ? read_all(copy) : 0, own_bytes = s->read ? bytes_of_its_own(facts.pid) : 0;
    usleep((useconds_t)(s->hold_ms * 1000));
    int whole = pyr_copy_check(copy);
    begin_ns = pyr_now_ns();
    pyr_copy_close(copy);
    printf("{\"status\": %d, \"pid\": %d, \"stopped\": %s, \"reason\": \"%s\", \"pause_ns\": %llu, \"fork_ns\": %llu, "
           "\"made_ns\": %llu, \"close_ns\": %llu, \"tries\": %u, \"threads\": %u, \"held\": %u, \"whole\": %d, "
           "\"value\": %ld, \"read\": %zu, \"own\": %zu}\n",
           ran, (int)facts.pid, facts.stopped ? "true" : "false", facts.reason, (unsigned long long)facts.pause_ns,
           (unsigned long long)facts.fork_ns, (unsigned long long)made_ns,
           (unsigned long long)(pyr_now_ns() - begin_ns), facts.tries, facts.threads, facts.held, whole, value,
           read_bytes, own_bytes);
    fflush(stdout);
    return 0;
}

static bool parse(int argc, char **argv, struct settings *s)
{
    *s = (struct settings){.pid = argc > 1 ? (pid_t)strtol(argv[1], NULL, 10) : 0, .times = 1};
    for (int i = 2; i < argc; i++) {
        if (!strcmp(argv[i], "stopped"))
            s->options.or_stopped = true;
        else if (!strcmp(argv[i], "it-dies"))
            s->options.it_dies = true;
        else if (!strcmp(argv[i], "read"))
            s->read = true;
        else if (i + 1 < argc && !strcmp(argv[i], "times"))
            s->times = strtol(argv[++i], NULL, 10);
        else if (i + 1 < argc && !strcmp(argv[i], "hold"))
            s->hold_ms = strtol(argv[++i], NULL, 10);
        else if (i + 1 < argc && !strcmp(argv[i], "die-at"))
            s->options.die_at = (unsigned)strtoul(argv[++i], NULL, 10);
        else if (i + 1 < argc && !strcmp(argv[i], "headroom"))
            s->options.headroom_bytes = strtoull(argv[++i], NULL, 10);
        else if (i + 1 < argc && !strcmp(argv[i], "max"))
            s->options.stopped_max_ns = strtoull(argv[++i], NULL, 10) * 1000000;
        else
            return false;
    }
    return s->pid > 0;
}

int main(int argc, char **argv)
{
    struct settings settings;
    struct pyr_target *target;
    struct pyr_err err = {0};
    if (!parse(argc, argv, &settings))
        return 2;
    if (pyr_target_open(&target, settings.pid, &err) < 0) {
        printf("{\"status\": %d, \"error\": \"%s\"}\n", err.status, err.text);
        return 1;
    }
    int rc = 0;
    for (long i = 0; (settings.times == 0 || i < settings.times) && rc == 0; i++)
        rc = take_one(target, &settings);
    pyr_target_close(target);
    return rc < 0;
}
