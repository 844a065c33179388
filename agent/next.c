#include "next.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

struct pyr_next pyr_next;

#define WEAK __attribute__((weak, visibility("default")))

/* The version that every C library has: up to 2.33 it is in libdl, which may not be there. */
#ifdef __x86_64__
__asm__(".symver dlsym, dlsym@GLIBC_2.2.5");
#elif defined(__aarch64__)
__asm__(".symver dlsym, dlsym@GLIBC_2.17");
#endif
WEAK extern void *dlsym(void *handle, const char *name);
#define NEXT ((void *)-1l) /* RTLD_NEXT */

WEAK extern void *__libc_malloc(size_t size);
WEAK extern void *__libc_calloc(size_t count, size_t size);
WEAK extern void *__libc_realloc(void *block, size_t size);
WEAK extern void __libc_free(void *block);
WEAK extern void *__libc_memalign(size_t alignment, size_t size);

static void *find(const char *name)
{
    return dlsym ? dlsym(NEXT, name) : NULL;
}

static int memalign_into(void **block, size_t alignment, size_t size)
{
    if (alignment % sizeof(void *) || !alignment || (alignment & (alignment - 1)))
        return EINVAL;
    int saved = errno;
    void *got = pyr_next.memalign(alignment, size);
    errno = saved;
    if (!got)
        return ENOMEM;
    *block = got;
    return 0;
}

enum { PAGE = 4096 };

static void *page_aligned(size_t size)
{
    return pyr_next.memalign(PAGE, size);
}

static void *whole_pages(size_t size)
{
    if (size > SIZE_MAX - PAGE) {
        errno = ENOMEM;
        return NULL;
    }
    return pyr_next.memalign(PAGE, (size + PAGE - 1) & ~(size_t)(PAGE - 1));
}

/* dlsym itself may allocate: that is served by what is set first. */
void pyr_next_find(void)
{
    struct pyr_next found = {.malloc = __libc_malloc,
                             .calloc = __libc_calloc,
                             .realloc = __libc_realloc,
                             .free = __libc_free,
                             .memalign = __libc_memalign,
                             .aligned_alloc = __libc_memalign,
                             .posix_memalign = memalign_into,
                             .valloc = page_aligned,
                             .pvalloc = whole_pages};
    pyr_next = found;
    void *functions[] = {find("malloc"),   find("calloc"),        find("realloc"),        find("free"),
                         find("memalign"), find("aligned_alloc"), find("posix_memalign"), find("malloc_usable_size"),
                         find("valloc"),   find("pvalloc")};
    if (!functions[0] || !functions[1] || !functions[2] || !functions[3])
        return;
    found.malloc = (void *(*)(size_t))functions[0];
    found.calloc = (void *(*)(size_t, size_t))functions[1];
    found.realloc = (void *(*)(void *, size_t))functions[2];
    found.free = (void (*)(void *))functions[3];
    if (functions[4])
        found.memalign = (void *(*)(size_t, size_t))functions[4];
    if (functions[5])
        found.aligned_alloc = (void *(*)(size_t, size_t))functions[5];
    if (functions[6])
        found.posix_memalign = (int (*)(void **, size_t, size_t))functions[6];
    found.usable_size = (size_t(*)(void *))functions[7];
    if (functions[8])
        found.valloc = (void *(*)(size_t))functions[8];
    if (functions[9])
        found.pvalloc = (void *(*)(size_t))functions[9];
    pyr_next = found;
}
