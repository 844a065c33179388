/* HOT: no lock and no system call for small blocks. */
#include "block.h"

#include "large.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/auxv.h>

/* ---- the trailer: number of the figures, slack, and a check that says that it is one, of this block ---- */

enum { SLACK_BITS = 32 - PYR_DIRECT_BITS, SLACK_MAX = (1 << SLACK_BITS) - 1 };

static uint64_t secret;

static inline uint64_t checked(const void *block, uint32_t low)
{
    uint64_t mixed = ((uint64_t)(uintptr_t)block << 16 ^ low ^ secret) * 0x9e3779b97f4a7c15u;
    return (mixed & 0xffffffff00000000u) | low;
}

/* Memory that others laid out: not necessarily aligned. */
static inline void trailer_put(void *block, size_t usable, uint64_t trailer)
{
    memcpy((char *)block + usable - PYR_TRAILER_BYTES, &trailer, sizeof trailer);
}

static inline uint64_t trailer_get(const void *block, size_t usable)
{
    uint64_t trailer;
    memcpy(&trailer, (const char *)block + usable - PYR_TRAILER_BYTES, sizeof trailer);
    return trailer;
}

static inline bool has_trailer(size_t usable)
{
    return usable <= PYR_TRAILER_MAX && usable >= PYR_TRAILER_BYTES;
}

static bool is_ours(const void *block, size_t usable, uint64_t *trailer)
{
    *trailer = trailer_get(block, usable);
    return *trailer == checked(block, (uint32_t)*trailer);
}

size_t pyr_block_usable(void *block)
{
    uint64_t trailer;
    size_t usable = pyr_next.usable_size(block);
    return has_trailer(usable) && is_ours(block, usable, &trailer) ? usable - PYR_TRAILER_BYTES : usable;
}

/* ---- the table, by address, in parts so that threads seldom meet ---- */

enum { PARTS = 8, PAGE_SHIFT = 12 };

static struct {
    pthread_mutex_t lock;
    struct pyr_large blocks;
} __attribute__((aligned(64))) parts[PARTS];

static unsigned part_of(const void *block)
{
    return (unsigned)((uintptr_t)block >> PAGE_SHIFT) % PARTS;
}

/* A signal handler's is not counted if its thread is at it already. */
static bool table_add(void *block, struct pyr_block_known known)
{
    if (pyr_inside_agent)
        return false;
    int saved = errno;
    unsigned n = part_of(block);
    pyr_inside_agent = 1;
    pthread_mutex_lock(&parts[n].lock);
    bool added = pyr_large_add(&parts[n].blocks, block, (struct pyr_large_block){known.size, known.number});
    if (!added)
        pyr_count_missed(&pyr_main_heap);
    pthread_mutex_unlock(&parts[n].lock);
    pyr_inside_agent = 0;
    errno = saved;
    return added;
}

static struct pyr_block_known table_take(const void *block)
{
    struct pyr_large_block found;
    if (pyr_inside_agent)
        return (struct pyr_block_known){0};
    unsigned n = part_of(block);
    pyr_inside_agent = 1;
    pthread_mutex_lock(&parts[n].lock);
    bool known = pyr_large_remove(&parts[n].blocks, block, &found);
    pthread_mutex_unlock(&parts[n].lock);
    pyr_inside_agent = 0;
    return known ? (struct pyr_block_known){found.tag, found.size} : (struct pyr_block_known){0};
}

/* ---- both ---- */

static __attribute__((noinline)) bool put_large(void *block, struct pyr_block_known known)
{
    return known.size < (uint64_t)1 << 48 && table_add(block, known);
}

static inline bool put(void *block, struct pyr_block_known known)
{
    size_t usable = pyr_next.usable_size(block), slack = usable - known.size;
    if (PYR_UNLIKELY(!has_trailer(usable)))
        return put_large(block, known);
    if (PYR_UNLIKELY(slack > SLACK_MAX || slack < PYR_TRAILER_BYTES))
        return false;
    trailer_put(block, usable, checked(block, known.number << SLACK_BITS | (uint32_t)slack));
    return true;
}

void *pyr_block_add(void *block, size_t size, enum pyr_heap_domain domain)
{
    if (PYR_UNLIKELY(!block))
        return NULL;
    struct pyr_caller caller = pyr_caller_here();
    uint32_t number = pyr_direct_of(caller.site, domain);
    if (PYR_LIKELY(put(block, (struct pyr_block_known){number, size})))
        pyr_direct_allocated(number, caller.held, size);
    return block;
}

struct pyr_block_known pyr_block_take(void *block)
{
    size_t usable = pyr_next.usable_size(block);
    if (PYR_UNLIKELY(!has_trailer(usable)))
        return table_take(block);
    uint64_t trailer;
    if (!is_ours(block, usable, &trailer))
        return (struct pyr_block_known){0};
    trailer_put(block, usable, 0);
    uint32_t number = (uint32_t)trailer >> SLACK_BITS, slack = (uint32_t)trailer & SLACK_MAX;
    if (number == 0 || number >= __atomic_load_n(&pyr_main_heap.file->direct_count, __ATOMIC_RELAXED) || slack > usable)
        return (struct pyr_block_known){0};
    return (struct pyr_block_known){number, usable - slack};
}

void pyr_block_put_back(void *block, struct pyr_block_known known)
{
    if (known.number)
        put(block, known);
}

void pyr_block_count_freed(struct pyr_block_known known)
{
    if (PYR_LIKELY(known.number))
        pyr_direct_freed(known.number, pyr_caller_holds(), 1, known.size);
}

/* ---- fork ---- */

static bool locked;

void pyr_blocks_before_fork(void)
{
    locked = pyr_direct_counts && !pyr_inside_agent;
    for (unsigned n = 0; locked && n < PARTS; n++)
        pthread_mutex_lock(&parts[n].lock);
}

void pyr_blocks_in_parent(void)
{
    for (unsigned n = 0; locked && n < PARTS; n++)
        pthread_mutex_unlock(&parts[n].lock);
}

void pyr_blocks_in_child(void)
{
    for (unsigned n = 0; n < PARTS; n++)
        pthread_mutex_init(&parts[n].lock, NULL);
}

void pyr_blocks_open(void)
{
    const void *random = (const void *)getauxval(AT_RANDOM); /* NOLINT(performance-no-int-to-ptr) */
    if (random)
        memcpy(&secret, random, sizeof secret);
    pyr_blocks_in_child();
}
