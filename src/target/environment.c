/* What a process was started with, and what it has mapped, as its text files tell. */
#include "target/proc.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "pyrometer/err.h"
#include "target/target.h"

#include <string.h>

#define ENVIRONMENT_MAX (1u << 20)
#define MAPS_MAX (64u << 20)

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

int pyr_process_has_mapped(pid_t pid, const char *name)
{
    struct pyr_buf text = {0};
    int rc = pyr_proc_read_all(pid, "maps", MAPS_MAX, &text);
    if (rc == 0 && text.size == 0)
        rc = PYR_E_GONE; /* it has ended, and was not reaped */
    const char *at = rc < 0 ? NULL : (const char *)text.bytes, *end = rc < 0 ? NULL : at + text.size;
    size_t length = strlen(name);
    while (rc == 0 && at && (at = memmem(at, (size_t)(end - at), name, length))) {
        bool begins = at > (const char *)text.bytes && at[-1] == '/';
        at += length;
        rc = begins && (at == end || *at == '\n' || *at == ' ');
    }
    pyr_buf_release(&text);
    return rc;
}
