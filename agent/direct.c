/* HOT: with the GIL no lock and no atomic; without it atomics, and no lock but where figures are new. */
#include "direct.h"

#include "share.h"
#include "sites.h"
#include "span.h"
#include "system.h"

#include <pthread.h>

bool pyr_direct_counts;

static pthread_mutex_t growing = PTHREAD_MUTEX_INITIALIZER;

/* What threads without the GIL have counted is in the totals when it is more than so much, of each of them. In the
 * heap's it is at once: there is little of it. */
enum { LOOSE_MAX = 4 << 10 };

static _Thread_local int64_t loose[PYR_DOMAINS];
static int64_t pending[PYR_DOMAINS];
static uint64_t own_headroom[PYR_DOMAINS]; /* as the heap's; that of PYR_DOMAIN_RAW is the heap's */

/* By site the number of its first figures, 0: none. A fork copies it. */
static uint32_t *first_of;

static struct pyr_heap_direct *figures_at(uint32_t number)
{
    return (struct pyr_heap_direct *)(void *)pyr_main_heap.direct_window.at + number;
}

/* ---- which figures ---- */

uint32_t pyr_direct_find(uint32_t site, enum pyr_heap_domain domain)
{
    uint32_t number = __atomic_load_n(&first_of[site], __ATOMIC_ACQUIRE);
    while (number && figures_at(number)->domain != domain)
        number = figures_at(number)->next;
    return number;
}

enum pyr_heap_domain pyr_direct_domain(uint32_t number)
{
    return figures_at(number)->domain;
}

/* Under the lock. 0: no room. */
static uint32_t add(uint32_t site, enum pyr_heap_domain domain)
{
    uint32_t number = pyr_main_heap.file->direct_count;
    size_t size = sizeof(struct pyr_heap_direct);
    if (number >= PYR_DIRECT_MAX || !pyr_window_reserve(&pyr_main_heap.direct_window, (number + 1) * size))
        return 0;
    figures_at(number)->site = site;
    figures_at(number)->domain = domain;
    figures_at(number)->next = first_of[site];
    __atomic_store_n(&first_of[site], number, __ATOMIC_RELEASE);
    __atomic_store_n(&pyr_main_heap.file->direct_count, number + 1, __ATOMIC_RELEASE);
    return number;
}

static __attribute__((noinline)) uint32_t find_or_add(uint32_t site, enum pyr_heap_domain domain)
{
    uint32_t number = 0;
    if (!pyr_inside_agent) {
        pyr_inside_agent = 1;
        pthread_mutex_lock(&growing);
        number = pyr_direct_find(site, domain);
        if (!number)
            number = add(site, domain);
        pthread_mutex_unlock(&growing);
        pyr_inside_agent = 0;
    }
    return number ? number : pyr_direct_find(PYR_SITE_OTHER, domain);
}

uint32_t pyr_direct_of(uint32_t site, enum pyr_heap_domain domain)
{
    uint32_t number = pyr_direct_find(site, domain);
    return PYR_LIKELY(number) ? number : find_or_add(site, domain);
}

bool pyr_direct_open(void)
{
    first_of = pyr_system_mmap(NULL, PYR_SITES_MAX * sizeof *first_of, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (first_of == MAP_FAILED)
        return false;
    pyr_main_heap.file->direct_count = 1;
    for (uint32_t site = 0; site < PYR_SITES_RESERVED; site++)
        for (uint32_t domain = 0; domain < PYR_DOMAINS; domain++)
            if (!add(site, domain))
                return false;
    for (uint32_t domain = 0; domain < PYR_DOMAINS; domain++)
        pyr_main_heap.file->domains[domain].epoch = 1;
    return true;
}

/* ---- totals and peaks ---- */

static struct pyr_heap_domain_total *total_of(uint32_t domain)
{
    return &pyr_main_heap.file->domains[domain];
}

static uint64_t *headroom_of(uint32_t domain)
{
    return domain == PYR_DOMAIN_RAW ? &pyr_main_heap.headroom : &own_headroom[domain];
}

static uint64_t *peak_of(uint32_t domain)
{
    return domain == PYR_DOMAIN_RAW ? &pyr_main_heap.file->peak_bytes : &total_of(domain)->peak_bytes;
}

/* The headroom has gone below zero, or would: whether there is a new maximum. */
static bool raise_peak(uint32_t domain)
{
    if (domain == PYR_DOMAIN_RAW)
        return pyr_peak_raised(&pyr_main_heap);
    *peak_of(domain) -= *headroom_of(domain);
    *headroom_of(domain) = 0;
    __atomic_fetch_add(&total_of(domain)->epoch, 1, __ATOMIC_RELAXED);
    return true;
}

static void held_total(uint32_t domain, int64_t change)
{
    uint64_t *headroom = headroom_of(domain);
    if (change < 0)
        *headroom += (uint64_t)-change;
    else if (__builtin_sub_overflow(*headroom, (uint64_t)change, headroom))
        raise_peak(domain);
}

/* A maximum that others saw is the peak, and what was saved since then stays. */
static void take_loose_peak(uint32_t domain)
{
    struct pyr_heap_domain_total *total = total_of(domain);
    if (domain == PYR_DOMAIN_RAW || total->loose_peak_bytes <= total->peak_bytes)
        return;
    own_headroom[domain] += total->loose_peak_bytes - total->peak_bytes;
    total->peak_bytes = total->loose_peak_bytes;
}

static __attribute__((noinline)) void gather(uint32_t domain)
{
    int64_t change = __atomic_exchange_n(&pending[domain], 0, __ATOMIC_RELAXED) + loose[domain];
    loose[domain] = 0;
    take_loose_peak(domain);
    held_total(domain, change);
}

static bool is_pending(uint32_t domain)
{
    return __atomic_load_n(&pending[domain], __ATOMIC_RELAXED) || loose[domain];
}

void pyr_direct_gather(void)
{
    if (PYR_UNLIKELY(is_pending(PYR_DOMAIN_RAW)))
        gather(PYR_DOMAIN_RAW);
}

void pyr_direct_gather_c(void)
{
    if (pyr_direct_counts && is_pending(PYR_DOMAIN_C))
        gather(PYR_DOMAIN_C);
}

uint64_t pyr_direct_live(enum pyr_heap_domain domain)
{
    return pyr_direct_counts ? *peak_of(domain) - *headroom_of(domain) : 0;
}

int64_t pyr_direct_take_raw(void)
{
    int64_t *raw = &pending[PYR_DOMAIN_RAW];
    return __atomic_load_n(raw, __ATOMIC_RELAXED) ? __atomic_exchange_n(raw, 0, __ATOMIC_RELAXED) : 0;
}

/* Without the GIL the maximum is what was last gathered and what is pending. */
static void see_loose_peak(uint32_t domain, int64_t all_pending)
{
    struct pyr_heap_domain_total *total = total_of(domain);
    uint64_t peak = __atomic_load_n(peak_of(domain), __ATOMIC_RELAXED);
    uint64_t now = peak - __atomic_load_n(headroom_of(domain), __ATOMIC_RELAXED) + (uint64_t)all_pending;
    uint64_t seen = __atomic_load_n(&total->loose_peak_bytes, __ATOMIC_RELAXED);
    if ((int64_t)now <= (int64_t)peak)
        return;
    while (now > seen)
        if (__atomic_compare_exchange_n(&total->loose_peak_bytes, &seen, now, true, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED)) {
            __atomic_fetch_add(&total->epoch, 1, __ATOMIC_RELAXED);
            return;
        }
}

static void loose_total(uint32_t domain, int64_t change)
{
    if (domain == PYR_DOMAIN_RAW) {
        __atomic_fetch_add(&pending[domain], change, __ATOMIC_RELAXED);
        return;
    }
    loose[domain] += change;
    if (loose[domain] > -LOOSE_MAX && loose[domain] < LOOSE_MAX)
        return;
    int64_t all = __atomic_add_fetch(&pending[domain], loose[domain], __ATOMIC_RELAXED);
    loose[domain] = 0;
    see_loose_peak(domain, all);
}

/* ---- figures ---- */

static void save(struct pyr_heap_direct *at, uint64_t epoch)
{
    at->peak_blocks = at->allocated_blocks + at->loose_allocated_blocks - at->freed_blocks - at->loose_freed_blocks;
    at->peak_bytes = at->allocated_bytes + at->loose_allocated_bytes - at->freed_bytes - at->loose_freed_bytes;
    __atomic_store_n(&at->epoch, epoch, __ATOMIC_RELEASE);
}

/* Before it changes for the first time since the domain's maximum. */
static inline void save_once(struct pyr_heap_direct *at)
{
    uint64_t epoch = total_of(at->domain)->epoch;
    if (PYR_UNLIKELY(__atomic_load_n(&at->epoch, __ATOMIC_RELAXED) != epoch))
        save(at, epoch);
}

void pyr_direct_allocated(uint32_t number, bool held, size_t size)
{
    struct pyr_heap_direct *at = figures_at(number);
    if (PYR_UNLIKELY(!held)) {
        save_once(at);
        __atomic_fetch_add(&at->loose_allocated_blocks, 1, __ATOMIC_RELAXED);
        __atomic_fetch_add(&at->loose_allocated_bytes, size, __ATOMIC_RELAXED);
        loose_total(at->domain, (int64_t)size);
        return;
    }
    if (PYR_UNLIKELY(is_pending(at->domain)))
        gather(at->domain);
    uint64_t *headroom = headroom_of(at->domain);
    if (PYR_LIKELY(!__builtin_sub_overflow(*headroom, size, headroom)) || !raise_peak(at->domain))
        save_once(at);
    if (PYR_UNLIKELY(pyr_span.on) && at->domain == PYR_DOMAIN_C)
        pyr_span_note(&pyr_main_heap);
    PYR_IN_PLACE();
    at->allocated_blocks++;
    at->allocated_bytes += size;
}

void pyr_direct_freed(uint32_t number, bool held, unsigned blocks, size_t size)
{
    struct pyr_heap_direct *at = figures_at(number);
    save_once(at);
    if (PYR_UNLIKELY(!held)) {
        __atomic_fetch_add(&at->loose_freed_blocks, blocks, __ATOMIC_RELAXED);
        __atomic_fetch_add(&at->loose_freed_bytes, size, __ATOMIC_RELAXED);
        loose_total(at->domain, -(int64_t)size);
        return;
    }
    *headroom_of(at->domain) += size;
    PYR_IN_PLACE();
    at->freed_blocks += blocks;
    at->freed_bytes += size;
}

void pyr_direct_note_live(void)
{
    uint32_t count = pyr_main_heap.file->direct_count;
    struct pyr_heap_live *live = pyr_text_live_begin(&pyr_main_heap, count);
    if (!live)
        return;
    for (uint32_t i = 0; i < count; i++) {
        const struct pyr_heap_direct *at = figures_at(i);
        live[i] = (struct pyr_heap_live){
            at->allocated_blocks + at->loose_allocated_blocks - at->freed_blocks - at->loose_freed_blocks,
            at->allocated_bytes + at->loose_allocated_bytes - at->freed_bytes - at->loose_freed_bytes};
    }
    pyr_text_live_end(&pyr_main_heap, count, &pyr_main_heap.file->direct_live_record);
}

/* ---- fork ---- */

/* A signal handler may fork while its thread is inside: then the lock is its own. */
static bool locked;

void pyr_direct_before_fork(void)
{
    locked = pyr_direct_counts && !pyr_inside_agent;
    if (!locked)
        return;
    pyr_learn_begin();
    pthread_mutex_lock(&growing);
}

void pyr_direct_in_parent(void)
{
    if (!locked)
        return;
    pthread_mutex_unlock(&growing);
    pyr_learn_end();
}

void pyr_direct_in_child(void)
{
    pthread_mutex_init(&growing, NULL);
    pyr_learn_forked();
}
