#include "launch.h"

#include <sys/resource.h>

static struct rlimit before;
static bool raised;

void pyr_files_raise(void)
{
    struct rlimit limit;
    if (raised || getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    before = limit;
    limit.rlim_cur = limit.rlim_max;
    raised = setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

void pyr_files_restore(void)
{
    if (raised)
        setrlimit(RLIMIT_NOFILE, &before);
}
