#include "target/proc.h"

#include "base/alloc.h"
#include "target/target.h"

#include <string.h>

#define ENVIRONMENT_MAX (1u << 20)

static bool has(const char *variable, const char *name, const char *part)
{
    size_t length = strlen(name);
    if (strncmp(variable, name, length) != 0 || variable[length] != '=' || !variable[length + 1])
        return false;
    return !part || strstr(variable + length + 1, part) != NULL;
}

bool pyr_process_started_with(pid_t pid, const char *name, const char *part)
{
    char *text = pyr_alloc(ENVIRONMENT_MAX);
    ssize_t size = text ? pyr_proc_read(pid, "environ", text, ENVIRONMENT_MAX) : -1;
    bool found = false;
    for (ssize_t at = 0; at < size && !found; at += (ssize_t)strlen(text + at) + 1)
        found = has(text + at, name, part);
    pyr_free(text);
    return found;
}
