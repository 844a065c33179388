#include "window.h"

#include "system.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

enum { PAGE = 4096, STEP = 16 << 10 };

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
    void *got = pyr_system_mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | (at ? MAP_FIXED_NOREPLACE : 0), file,
                                (off_t)offset);
    if (got == MAP_FAILED)
        return false;
    /* Else each page that is new would be read for, with its neighbours, from a file that has none of them. */
    madvise(got, bytes, MADV_RANDOM);
    if ((at && got != at) || !backed(got, bytes)) {
        pyr_system_munmap(got, bytes);
        return false;
    }
    *window = (struct pyr_window){.at = got, .mapped = bytes, .limit = limit};
    return true;
}

bool pyr_window_continue(struct pyr_window *window, int file, uint64_t offset, size_t own, size_t bytes)
{
    size_t end = own + ((bytes + PAGE - 1) & ~(size_t)(PAGE - 1));
    void *got = pyr_system_mmap(window->at + own, end - own, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file,
                                (off_t)(offset + own));
    if (got == MAP_FAILED)
        return false;
    madvise(got, end - own, MADV_RANDOM);
    if (window->mapped > end)
        pyr_system_munmap(window->at + end, window->mapped - end);
    window->own = own;
    window->mapped = end;
    return true;
}

static bool copied(struct pyr_window *window)
{
    void *copy = pyr_system_mmap(NULL, window->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (copy == MAP_FAILED)
        return false;
    memcpy(copy, window->at, window->mapped);
    if (pyr_system_mremap(copy, window->mapped, window->mapped, MREMAP_MAYMOVE | MREMAP_FIXED, window->at) !=
        MAP_FAILED)
        return true;
    pyr_system_munmap(copy, window->mapped);
    return false;
}

/* In the place of what was there: no more address space than before. */
static bool emptied(struct pyr_window *window)
{
    return pyr_system_mmap(window->at, window->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
                           -1, 0) == window->at;
}

bool pyr_window_detach(struct pyr_window *window)
{
    if (!copied(window) && !emptied(window))
        return false;
    window->own = 0;
    return true;
}

bool pyr_window_reserve(struct pyr_window *window, size_t bytes)
{
    if (bytes <= window->mapped)
        return true;
    int saved = errno;
    size_t wanted = (bytes + STEP - 1) & ~(size_t)(STEP - 1);
    char *own = window->at + window->own;
    bool done = wanted <= window->limit &&
                pyr_system_mremap(own, window->mapped - window->own, wanted - window->own, 0, NULL) == own;
    if (done && !backed(window->at + window->mapped, wanted - window->mapped)) {
        pyr_system_mremap(own, wanted - window->own, window->mapped - window->own, 0, NULL);
        done = false;
    }
    if (done)
        window->mapped = wanted;
    errno = saved;
    return done;
}
