/* Preloaded before the agent, which maps memory for itself through syscall(2)'s function alone: the mapping of number
 * PYR_FAIL_AT fails for want of memory; with PYR_FAIL_REST all later ones, too. Says HIT when it comes to it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static int is_to_fail(void)
{
    static long left = -1;
    const char *at = getenv("PYR_FAIL_AT");
    if (left < 0)
        left = at ? atol(at) : 0;
    if (left == 0 || --left > 0)
        return 0;
    if (getenv("PYR_FAIL_REST"))
        left = 1;
    return 1;
}

long syscall(long number, ...)
{
    static long (*next)(long, ...);
    static int said;
    long words[6];
    va_list rest;
    va_start(rest, number);
    for (int i = 0; i < 6; i++)
        words[i] = va_arg(rest, long);
    va_end(rest);
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "syscall");
    if ((number == SYS_mmap || number == SYS_mremap) && is_to_fail()) {
        if (!said++)
            (void)!write(2, "HIT\n", 4);
        errno = ENOMEM;
        return -1;
    }
    return next(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}
