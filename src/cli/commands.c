#include "cmd.h"

#include "suggest.h"

#include <string.h>

const struct pyr_cmd *const pyr_cmds[] = {
    &pyr_cmd_run,  &pyr_cmd_attach, &pyr_cmd_top,    &pyr_cmd_dump, &pyr_cmd_report,
    &pyr_cmd_heap, &pyr_cmd_diff,   &pyr_cmd_doctor, NULL,
};

const struct pyr_cmd *pyr_cmd_find(const char *name)
{
    for (const struct pyr_cmd *const *cmd = pyr_cmds; *cmd; cmd++)
        if (!strcmp((*cmd)->name, name))
            return *cmd;
    return NULL;
}

const char *pyr_cmd_nearest(const char *name)
{
    const char *nearest = NULL;
    size_t best = SIZE_MAX;
    for (const struct pyr_cmd *const *cmd = pyr_cmds; *cmd; cmd++)
        if (pyr_suggest(name, (*cmd)->name, &best))
            nearest = (*cmd)->name;
    return nearest;
}
