#include "vector.h"

#include "system.h"

#include <errno.h>

enum { PAGE = 4096 };

struct pyr_tables pyr_tables;

/* Vectors may grow in several threads at once; no two are the same one. */
static void note(const void *former, const void *at, size_t bytes)
{
    for (unsigned i = 0; i < PYR_TABLES_MAX; i++) {
        uint64_t expected = (uintptr_t)former;
        if (!__atomic_compare_exchange_n(&pyr_tables.tables[i].at, &expected, (uintptr_t)at, false, __ATOMIC_RELAXED,
                                         __ATOMIC_RELAXED))
            continue;
        pyr_tables.tables[i].bytes = bytes;
        return;
    }
}

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
    note(vector->at, got, wanted);
    vector->at = got;
    vector->bytes = wanted;
    return true;
}

void pyr_vector_release(struct pyr_vector *vector)
{
    if (vector->at) {
        note(vector->at, NULL, 0);
        pyr_system_munmap(vector->at, vector->bytes);
    }
    *vector = (struct pyr_vector){0};
}
