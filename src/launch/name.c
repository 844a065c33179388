#include "pyrometer/launch.h"

#include "base/alloc.h"
#include "target/system.h"

#include <stdio.h>
#include <string.h>

/* What a file's name should not hold becomes an underscore. */
static void tame(char *name)
{
    for (; *name; name++)
        if ((unsigned char)*name <= ' ' || *name == '/' || *name == 127)
            *name = '_';
}

char *pyr_recording_name(const char *name, pid_t pid)
{
    char title[72];
    snprintf(title, sizeof title, "%.64s", name ? name : "");
    if (!name && pyr_system_process_title(pid, title, sizeof title) < 0)
        snprintf(title, sizeof title, "process");
    tame(title);
    size_t size = strlen(title) + 48;
    char *file = pyr_alloc(size);
    if (file)
        snprintf(file, size, "pyrometer-%s-%ld.pyro", title, (long)pid);
    return file;
}
