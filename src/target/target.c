#include "base/alloc.h"
#include "target/private.h"

#include <string.h>
#include <unistd.h>

enum { BOUNCE = 16384, PAGE_MIN = 4096 };

void pyr_target_close(struct pyr_target *target)
{
    if (!target)
        return;
    if (target->backend)
        target->backend->close(target);
    pyr_modules_release(target);
    pyr_vec_release(&target->maps);
    pyr_arena_release(&target->maps_arena);
    if (target->pidfd >= 0)
        close(target->pidfd);
    if (target->mem_fd >= 0)
        close(target->mem_fd);
    pyr_free(target);
}

pid_t pyr_target_pid(const struct pyr_target *target)
{
    return target->pid;
}

int pyr_target_pidfd(const struct pyr_target *target)
{
    return target->pidfd;
}

ssize_t pyr_target_readv(const struct pyr_target *target, const struct iovec *local, size_t locals,
                         const struct iovec *remote, size_t remotes)
{
    return target->backend->readv(target, local, locals, remote, remotes);
}

ssize_t pyr_readv_by_parts(const struct pyr_target *target, const struct iovec *local, size_t locals,
                           const struct iovec *remote, size_t remotes,
                           ssize_t (*read_at)(const struct pyr_target *target, uint64_t from, void *to, size_t size))
{
    size_t done = 0, filled = 0;
    for (size_t i = 0; i < remotes; i++) {
        for (size_t piece = 0; piece < remote[i].iov_len;) {
            while (locals && filled == local->iov_len) {
                local++, locals--;
                filled = 0;
            }
            if (locals == 0)
                return (ssize_t)done;
            size_t size = remote[i].iov_len - piece;
            if (size > local->iov_len - filled)
                size = local->iov_len - filled;
            uint64_t from = (uintptr_t)remote[i].iov_base + piece;
            ssize_t got = read_at(target, from, (char *)local->iov_base + filled, size);
            if (got < 0)
                return got;
            done += (size_t)got;
            filled += (size_t)got;
            piece += (size_t)got;
            if ((size_t)got < size)
                return (ssize_t)done;
        }
    }
    return (ssize_t)done;
}

static int read_once(const struct pyr_target *target, pyr_addr from, void *to, size_t size)
{
    struct iovec local = {to, size}, remote = {(void *)(uintptr_t)from.v, size};
    ssize_t got = target->backend->readv(target, &local, 1, &remote, 1);
    if (got < 0)
        return (int)got;
    return (size_t)got == size ? 0 : PYR_E_FAULT;
}

/* A read over several pages may fail in the middle: it goes through a buffer, for the output to stay untouched. */
static int read_bounced(const struct pyr_target *target, pyr_addr from, void *to, size_t size)
{
    char small[BOUNCE];
    char *buffer = size <= sizeof small ? small : pyr_alloc(size);
    if (!buffer)
        return PYR_E_NOMEM;
    int status = read_once(target, from, buffer, size);
    if (status == 0)
        memcpy(to, buffer, size);
    if (buffer != small)
        pyr_free(buffer);
    return status;
}

int pyr_target_read(const struct pyr_target *target, pyr_addr from, void *to, size_t size)
{
    if (size == 0)
        return 0;
    uint64_t last = from.v + (size - 1);
    if (size > PTRDIFF_MAX || last < from.v)
        return PYR_E_FAULT;
    if (from.v / PAGE_MIN == last / PAGE_MIN)
        return read_once(target, from, to, size);
    return read_bounced(target, from, to, size);
}

int pyr_target_read_addr(const struct pyr_target *target, pyr_addr from, pyr_addr *to)
{
    return pyr_target_read(target, from, &to->v, sizeof to->v);
}

int pyr_target_read_u32(const struct pyr_target *target, pyr_addr from, uint32_t *to)
{
    return pyr_target_read(target, from, to, sizeof *to);
}
