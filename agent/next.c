#include "next.h"

#include "system.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

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

static void *system_mremap(void *at, size_t bytes, size_t new_bytes, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    void *new_at = va_arg(rest, void *);
    va_end(rest);
    return pyr_system_mremap(at, bytes, new_bytes, flags, new_at);
}

static const struct {
    const char *name;
    size_t at;
} functions[] = {
#define FUNCTION(name, field)                                                                                          \
    {                                                                                                                  \
        name, offsetof(struct pyr_next, field)                                                                         \
    }
    FUNCTION("malloc", malloc),
    FUNCTION("calloc", calloc),
    FUNCTION("realloc", realloc),
    FUNCTION("free", free),
    FUNCTION("memalign", memalign),
    FUNCTION("aligned_alloc", aligned_alloc),
    FUNCTION("posix_memalign", posix_memalign),
    FUNCTION("valloc", valloc),
    FUNCTION("pvalloc", pvalloc),
    FUNCTION("malloc_usable_size", usable_size),
    FUNCTION("mmap", mmap),
    FUNCTION("munmap", munmap),
    FUNCTION("mremap", mremap),
};

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
                             .pvalloc = whole_pages,
                             .mmap = pyr_system_mmap,
                             .munmap = pyr_system_munmap,
                             .mremap = system_mremap};
    pyr_next = found;
    for (size_t i = 0; dlsym && i < sizeof functions / sizeof *functions; i++) {
        void *function = dlsym(NEXT, functions[i].name);
        if (function)
            memcpy((char *)&found + functions[i].at, &function, sizeof function);
    }
    found.is_c_library = found.malloc == __libc_malloc && found.calloc == __libc_calloc &&
                         found.realloc == __libc_realloc && found.free == __libc_free;
    pyr_next = found;
}
