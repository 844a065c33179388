#include "window.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

enum { PAGE = 4096, STEP = 64 << 10 };

/* A full file system answers the first touch of a page with SIGBUS. The kernel writing there for us gets EFAULT. */
static bool backed(char *at, size_t bytes)
{
    for (size_t n = 0; n < bytes; n += PAGE) {
        if (syscall(SYS_clock_gettime, CLOCK_MONOTONIC, at + n) < 0)
            return false;
        ((uint64_t *)(at + n))[0] = ((uint64_t *)(at + n))[1] = 0;
    }
    return true;
}

bool pyr_window_open(struct pyr_window *window, void *at, int file, uint64_t offset, size_t limit, size_t bytes)
{
    bytes = (bytes + PAGE - 1) & ~(size_t)(PAGE - 1);
    void *got = mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | (at ? MAP_FIXED_NOREPLACE : 0), file,
                     (off_t)offset);
    if (got == MAP_FAILED)
        return false;
    if ((at && got != at) || !backed(got, bytes)) {
        munmap(got, bytes);
        return false;
    }
    *window = (struct pyr_window){.at = got, .mapped = bytes, .limit = limit};
    return true;
}

bool pyr_window_reserve(struct pyr_window *window, size_t bytes)
{
    if (bytes <= window->mapped)
        return true;
    int saved = errno;
    size_t wanted = (bytes + STEP - 1) & ~(size_t)(STEP - 1);
    bool done = wanted <= window->limit && mremap(window->at, window->mapped, wanted, 0) == window->at;
    if (done && !backed(window->at + window->mapped, wanted - window->mapped)) {
        mremap(window->at, wanted, window->mapped, 0);
        done = false;
    }
    if (done)
        window->mapped = wanted;
    errno = saved;
    return done;
}
