#include "detour.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef __x86_64__

/* Writes into code; it stays executable meanwhile, for others may run what is on the same page. */
static bool write_code(uint8_t *at, const uint8_t *bytes, size_t size)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), first = (uintptr_t)at & ~(page - 1);
    size_t length = ((uintptr_t)at + size - first + page - 1) & ~(page - 1);
    void *start = at - ((uintptr_t)at - first);
    if (mprotect(start, length, PROT_READ | PROT_WRITE | PROT_EXEC) != 0)
        return false;
    memcpy(at, bytes, size);
    __builtin___clear_cache((char *)at, (char *)at + size);
    mprotect(start, length, PROT_READ | PROT_EXEC);
    return true;
}

/* jmp *(%rip), and the address behind it */
bool pyr_detour_set(struct pyr_detour *detour, void (*from)(void), void (*to)(void))
{
    uint8_t jump[PYR_DETOUR_BYTES] = {0xff, 0x25, 0, 0, 0, 0};
    if (!from || detour->from)
        return false;
    uint8_t *at = (uint8_t *)(uintptr_t)from; /* NOLINT(performance-no-int-to-ptr) */
    memcpy(jump + 6, &to, sizeof to);
    memcpy(detour->former, at, sizeof detour->former);
    if (!write_code(at, jump, sizeof jump))
        return false;
    detour->from = at;
    return true;
}

void pyr_detour_end(struct pyr_detour *detour)
{
    if (detour->from && write_code(detour->from, detour->former, sizeof detour->former))
        detour->from = NULL;
}

static bool is_in_same_file(const void *one, const void *other)
{
    Dl_info first, second;
    return dladdr(one, &first) && dladdr(other, &second) && first.dli_fbase == second.dli_fbase;
}

/* What may stand before the call: sub $N,%rsp; mov %rdi,N(%rsp). NULL: something else does. */
static const uint8_t *call_at(const uint8_t *at)
{
    static const uint8_t sub[] = {0x48, 0x83, 0xec}, mov[] = {0x48, 0x89, 0x7c, 0x24};
    if (memcmp(at, sub, sizeof sub) == 0)
        at += sizeof sub + 1;
    if (memcmp(at, mov, sizeof mov) == 0)
        at += sizeof mov + 1;
    return *at == 0xe8 ? at : NULL;
}

/* jne to: call REL32 */
void (*pyr_detour_unless(void (*function)(void)))(void)
{
    enum { LOOK = 32, JNE = 0x75, REACH = 32, CALL_BYTES = 5 };
    const uint8_t *at = (const uint8_t *)(uintptr_t)function; /* NOLINT(performance-no-int-to-ptr) */
    for (size_t n = 0; function && n < LOOK; n++) {
        const uint8_t *call = at[n] == JNE && at[n + 1] < REACH ? call_at(at + n + 2 + at[n + 1]) : NULL;
        int32_t distance;
        if (!call)
            continue;
        memcpy(&distance, call + 1, sizeof distance);
        const uint8_t *callee = call + CALL_BYTES + distance;
        return is_in_same_file(at, callee) ? (void (*)(void))(uintptr_t)callee : NULL; /* NOLINT */
    }
    return NULL;
}

#else

bool pyr_detour_set(struct pyr_detour *detour, void (*from)(void), void (*to)(void))
{
    (void)detour;
    (void)from;
    (void)to;
    return false;
}

void pyr_detour_end(struct pyr_detour *detour)
{
    (void)detour;
}

void (*pyr_detour_unless(void (*function)(void)))(void)
{
    (void)function;
    return NULL;
}

#endif
