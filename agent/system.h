/* The system's calls for memory, past the functions of that name: these count what the program maps (maps.c), and what
 * the agent maps for itself is not the program's. */
#ifndef PYR_AGENT_SYSTEM_H
#define PYR_AGENT_SYSTEM_H

#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static inline void *pyr_system_mmap(void *at, size_t bytes, int protection, int flags, int file, off_t offset)
{
    return (void *)syscall(SYS_mmap, at, bytes, protection, flags, file, offset); /* NOLINT */
}

static inline int pyr_system_munmap(void *at, size_t bytes)
{
    return (int)syscall(SYS_munmap, at, bytes);
}

static inline void *pyr_system_mremap(void *at, size_t bytes, size_t new_bytes, int flags, void *new_at)
{
    return (void *)syscall(SYS_mremap, at, bytes, new_bytes, flags, new_at); /* NOLINT */
}

#endif
