#include "record/snapshot_spill.h"

#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PENDING_MAX ((size_t)1 << 17)

int pyr_spill_open(struct pyr_spill *spill, const char *path)
{
    size_t size = strlen(path) + 8;
    char *name = pyr_alloc(size);
    *spill = (struct pyr_spill){.fd = -1};
    if (!name)
        return ENOMEM;
    snprintf(name, size, "%s.XXXXXX", path);
    spill->fd = mkostemp(name, O_CLOEXEC);
    int problem = spill->fd < 0 ? errno : 0;
    if (!problem)
        unlink(name);
    pyr_free(name);
    return problem;
}

int pyr_spill_flush(struct pyr_spill *spill)
{
    for (size_t done = 0; !spill->problem && done < spill->pending.size;) {
        ssize_t n = write(spill->fd, spill->pending.bytes + done, spill->pending.size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            spill->problem = n < 0 ? errno : EIO;
        else
            done += (size_t)n;
    }
    pyr_buf_clear(&spill->pending);
    return spill->problem;
}

void pyr_spill_append(struct pyr_spill *spill, const void *bytes, size_t size)
{
    pyr_buf_append(&spill->pending, bytes, size);
    if (spill->pending.failed && !spill->problem)
        spill->problem = ENOMEM;
    spill->size += size;
    if (spill->pending.size >= PENDING_MAX)
        pyr_spill_flush(spill);
}

uint8_t *pyr_spill_room(struct pyr_spill *spill, size_t size)
{
    if (pyr_buf_reserve(&spill->pending, size) == 0)
        return spill->pending.bytes + spill->pending.size;
    spill->problem = spill->problem ? spill->problem : ENOMEM;
    return NULL;
}

void pyr_spill_filled(struct pyr_spill *spill, size_t size)
{
    spill->pending.size += size;
    spill->size += size;
    if (spill->pending.size >= PENDING_MAX)
        pyr_spill_flush(spill);
}

const void *pyr_spill_map(struct pyr_spill *spill)
{
    if (pyr_spill_flush(spill) || !spill->size)
        return NULL;
    void *bytes = mmap(NULL, spill->size, PROT_READ, MAP_SHARED, spill->fd, 0);
    if (bytes == MAP_FAILED) {
        spill->problem = errno;
        return NULL;
    }
    madvise(bytes, spill->size, MADV_SEQUENTIAL);
    return bytes;
}

void pyr_spill_release(struct pyr_spill *spill)
{
    if (spill->fd >= 0)
        close(spill->fd);
    pyr_buf_release(&spill->pending);
    *spill = (struct pyr_spill){.fd = -1};
}
