#include "vector.h"

#include "system.h"

#include <errno.h>

enum { PAGE = 4096 };

bool pyr_vector_reserve(struct pyr_vector *vector, size_t bytes)
{
    if (bytes <= vector->bytes)
        return true;
    size_t wanted = vector->bytes * 2 > bytes ? vector->bytes * 2 : bytes;
    wanted = (wanted + PAGE - 1) & ~(size_t)(PAGE - 1);
    int saved = errno;
    void *got = vector->at ? pyr_system_mremap(vector->at, vector->bytes, wanted, MREMAP_MAYMOVE, NULL)
                           : pyr_system_mmap(NULL, wanted, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    errno = saved;
    if (got == MAP_FAILED)
        return false;
    vector->at = got;
    vector->bytes = wanted;
    return true;
}

void pyr_vector_release(struct pyr_vector *vector)
{
    if (vector->at)
        pyr_system_munmap(vector->at, vector->bytes);
    *vector = (struct pyr_vector){0};
}
