/* Whether memory is left for a copy. */
#include "target/copy_private.h"
#include "target/proc.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GROUPS "/sys/fs/cgroup"

enum { SLACK = 16 << 20, LEVELS_MAX = 64 };

static int read_text(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, size - 1);
    if (fd >= 0)
        close(fd);
    if (got <= 0)
        return PYR_E_NOT_FOUND;
    text[got] = 0;
    return 0;
}

static uint64_t kib_field(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    return at ? strtoull(at + strlen(name), NULL, 10) << 10 : 0;
}

static uint64_t system_free(void)
{
    char text[4096];
    if (read_text("/proc/meminfo", text, sizeof text) < 0)
        return UINT64_MAX;
    return kib_field(text, "MemAvailable:") + kib_field(text, "SwapFree:");
}

/* A number in a file of a cgroup; "max" is none. */
static bool group_number(const char *directory, const char *name, uint64_t *value)
{
    char path[PATH_MAX], text[64], *end;
    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path ||
        read_text(path, text, sizeof text) < 0)
        return false;
    *value = strtoull(text, &end, 10);
    return end != text;
}

/* Pages of files are counted, but given up when memory is short. */
static uint64_t group_reclaimable(const char *directory, const char *field)
{
    char path[PATH_MAX], text[8192];
    if (snprintf(path, sizeof path, "%s/memory.stat", directory) >= (int)sizeof path ||
        read_text(path, text, sizeof text) < 0)
        return 0;
    const char *at = strstr(text, field);
    return at ? strtoull(at + strlen(field), NULL, 10) : 0;
}

static const struct version {
    const char *controller, *roots[2], *limit, *used, *files;
} versions[] = {
    {"", {GROUPS, GROUPS "/unified"}, "memory.max", "memory.current", "\ninactive_file "},
    {"memory", {GROUPS "/memory", NULL}, "memory.limit_in_bytes", "memory.usage_in_bytes", "\ntotal_inactive_file "},
};

/* The least that is left in a group and those that it is in. */
static uint64_t groups_free(const struct version *version, const char *root, const char *path)
{
    char directory[PATH_MAX];
    uint64_t least = UINT64_MAX, limit, used;
    size_t root_length = strlen(root);
    if (snprintf(directory, sizeof directory, "%s%s", root, path) >= (int)sizeof directory)
        return least;
    for (int level = 0; level < LEVELS_MAX && strlen(directory) >= root_length; level++) {
        if (group_number(directory, version->limit, &limit) && group_number(directory, version->used, &used)) {
            uint64_t files = group_reclaimable(directory, version->files);
            used -= files < used ? files : used;
            uint64_t left = limit > used ? limit - used : 0;
            least = left < least ? left : least;
        }
        char *slash = strrchr(directory, '/');
        if (!slash)
            break;
        *slash = 0;
    }
    return least;
}

static bool names_controller(const char *list, size_t length, const char *name)
{
    for (const char *at = list, *end = list + length; at <= end;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        size_t size = (size_t)((comma ? comma : end) - at);
        if (size == strlen(name) && strncmp(at, name, size) == 0)
            return true;
        at += size + 1;
    }
    return false;
}

/* One line of /proc/PID/cgroup: number, controllers, path. */
static uint64_t line_free(char *line)
{
    uint64_t least = UINT64_MAX;
    char *list = strchr(line, ':'), *path = list ? strchr(list + 1, ':') : NULL;
    if (!path || path[1] != '/' || strstr(path, "/.."))
        return least;
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        if (!names_controller(list + 1, (size_t)(path - list - 1), versions[i].controller))
            continue;
        for (size_t k = 0; k < 2 && versions[i].roots[k]; k++) {
            uint64_t left = groups_free(&versions[i], versions[i].roots[k], strcmp(path + 1, "/") ? path + 1 : "");
            least = left < least ? left : least;
        }
    }
    return least;
}

static uint64_t cgroup_free(pid_t pid)
{
    char text[8192], *rest = text;
    uint64_t least = UINT64_MAX;
    if (pyr_proc_read(pid, "cgroup", text, sizeof text) <= 0)
        return least;
    for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
        uint64_t left = line_free(line);
        least = left < least ? left : least;
    }
    return least;
}

/* All that it has to itself, which may come to be there twice, and its tables of pages, which are at once. */
static uint64_t worst_case(pid_t pid)
{
    char text[4096];
    uint64_t private = 0, tables = 0;
    if (pyr_proc_read(pid, "status", text, sizeof text) <= 0)
        return 0;
    pyr_proc_status_field(text, "RssAnon:", false, &private);
    pyr_proc_status_field(text, "VmPTE:", false, &tables);
    return ((private + tables) << 10) + SLACK;
}

int pyr_headroom_check(pid_t pid, uint64_t wanted, struct pyr_err *err)
{
    uint64_t system = system_free(), group = cgroup_free(pid), left = group < system ? group : system;
    if (wanted == 0)
        wanted = worst_case(pid);
    if (wanted <= left)
        return 0;
    return pyr_err_set(
        err, PYR_E_LIMIT,
        "a copy of process %d may come to need %llu MiB, and %llu MiB are free %s: free some, or allow it "
        "more",
        (int)pid, (unsigned long long)(wanted >> 20), (unsigned long long)(left >> 20),
        group < system ? "in its cgroup" : "on this system");
}
