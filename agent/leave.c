/* A process that leaves for a root directory or a mount namespace in which the agent's file is not to be seen: what it
 * executes there would have the dynamic linker complain on its standard error. So LD_PRELOAD loses our part of it. The
 * agent is in that process whether it is Python or not; it is chroot(8) and its like that this is for. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

static const char own_name[] = "libpyrometer-agent.so";

/* The part of a list that blanks or colons divide, that is our file; NULL: none is. */
static char *find_own(char *list, size_t *length)
{
    for (char *part = list; *part; part += *length + (part[*length] != 0)) {
        *length = strcspn(part, " :");
        size_t name = sizeof own_name - 1;
        if (*length >= name && memcmp(part + *length - name, own_name, name) == 0)
            return part;
    }
    return NULL;
}

static int is_visible(char *path, size_t length)
{
    char end = path[length];
    path[length] = 0;
    int seen = access(path, R_OK) == 0;
    path[length] = end;
    return seen;
}

/* In place: nothing is allocated, and the variable is where it was. */
static void leave(void)
{
    int saved = errno;
    size_t length;
    char *list = getenv("LD_PRELOAD"), *own = list ? find_own(list, &length) : NULL;
    if (own && !is_visible(own, length)) {
        if (own[length])
            length++; /* what divides it from the next */
        else if (own > list)
            own--, length++;
        memmove(own, own + length, strlen(own + length) + 1);
    }
    errno = saved;
}

EXPORT int chroot(const char *path);
EXPORT int chroot(const char *path)
{
    int rc = (int)syscall(SYS_chroot, path);
    if (rc == 0)
        leave();
    return rc;
}

EXPORT int setns(int file, int type);
EXPORT int setns(int file, int type)
{
    int rc = (int)syscall(SYS_setns, file, type);
    if (rc == 0)
        leave();
    return rc;
}
