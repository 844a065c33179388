/* HOT: with the GIL no lock and no atomic; without it atomics, and no lock but where figures are new. */
#include "direct.h"

#include "share.h"
#include "sites.h"
#include "span.h"
#include "system.h"

#include <errno.h>
#include <pthread.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

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
static uint32_t first_count; /* of how many sites: it grows in place */
enum { FIRST_STEP = 16 << 10, FIRST_WINDOW = 8 };

static struct pyr_heap_direct *figures_at(uint32_t number)
{
    return (struct pyr_heap_direct *)(void *)pyr_main_heap.direct_window.at + number;
}

/* ---- which figures ---- */

uint32_t pyr_direct_find(uint32_t site, enum pyr_heap_domain domain)
{
    if (PYR_UNLIKELY(site >= __atomic_load_n(&first_count, __ATOMIC_ACQUIRE)))
        return 0;
    uint32_t number = __atomic_load_n(&first_of[site], __ATOMIC_ACQUIRE);
    while (number && figures_at(number)->domain != domain)
        number = figures_at(number)->next;
    return number;
}

enum pyr_heap_domain pyr_direct_domain(uint32_t number)
{
    return figures_at(number)->domain;
}

/* Address space is taken as it is needed: all of it at once would count against RLIMIT_AS. */
static bool first_reserve(uint32_t site)
{
    if (site < first_count)
        return true;
    int saved = errno;
    uint32_t wanted = (site / FIRST_STEP + 1) * FIRST_STEP;
    void *end = first_of + first_count;
    size_t bytes = (wanted - first_count) * sizeof *first_of;
    void *got =
        pyr_system_mmap(end, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (got == end)
        __atomic_store_n(&first_count, wanted, __ATOMIC_RELEASE);
    else if (got != MAP_FAILED)
        pyr_system_munmap(got, bytes);
    errno = saved;
    return got == end;
}

/* Under the lock. 0: no room. */
static uint32_t add(uint32_t site, enum pyr_heap_domain domain)
{
    uint32_t number = pyr_main_heap.file->direct_count;
    size_t size = sizeof(struct pyr_heap_direct);
    if (number >= PYR_DIRECT_MAX || !first_reserve(site) ||
        !pyr_window_reserve(&pyr_main_heap.direct_window, (number + 1) * size))
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
    first_of = pyr_region_window(FIRST_WINDOW);
    pyr_main_heap.file->direct_count = 1;
    for (uint32_t site = 0; site < PYR_SITES_RESERVED; site++)
        for (uint32_t domain = 0; domain < PYR_DOMAINS; domain++)
            if (!add(site, domain))
                return false;
    for (uint32_t domain = 0; domain < PYR_DOMAINS; domain++)
        pyr_main_heap.file->domains[domain].epoch = 1;
    return true;
}

/* ---- words that others read meanwhile ---- */

static inline uint64_t seen(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

/* Of the one thread that may change it: no more than a store that is not torn. */
static inline void set(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static inline void bump(uint64_t *word, uint64_t by)
{
    set(word, *word + by);
}

/* False, and unchanged, if it is less. */
static inline bool lower(uint64_t *word, uint64_t by)
{
    uint64_t left;
    if (__builtin_sub_overflow(*word, by, &left))
        return false;
    set(word, left);
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

/* There is less headroom than that: whether there is a new maximum. */
static bool raise_peak(uint32_t domain, uint64_t by)
{
    uint64_t *headroom = headroom_of(domain);
    if (domain == PYR_DOMAIN_RAW) {
        *headroom -= by;
        return pyr_peak_raised(&pyr_main_heap);
    }
    bump(peak_of(domain), by - *headroom);
    set(headroom, 0);
    __atomic_fetch_add(&total_of(domain)->epoch, 1, __ATOMIC_RELAXED);
    return true;
}

static void held_total(uint32_t domain, int64_t change)
{
    if (change < 0)
        bump(headroom_of(domain), (uint64_t)-change);
    else if (!lower(headroom_of(domain), (uint64_t)change))
        raise_peak(domain, (uint64_t)change);
}

/* A maximum that others saw is the peak, and what was saved since then stays. */
static void take_loose_peak(uint32_t domain)
{
    struct pyr_heap_domain_total *total = total_of(domain);
    uint64_t loose_peak = seen(&total->loose_peak_bytes);
    if (domain == PYR_DOMAIN_RAW || loose_peak <= total->peak_bytes)
        return;
    bump(&own_headroom[domain], loose_peak - total->peak_bytes);
    set(&total->peak_bytes, loose_peak);
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
    uint64_t peak = seen(peak_of(domain)), now = peak - seen(headroom_of(domain)) + (uint64_t)all_pending;
    uint64_t highest = seen(&total->loose_peak_bytes);
    if ((int64_t)now <= (int64_t)peak)
        return;
    while (now > highest)
        if (__atomic_compare_exchange_n(&total->loose_peak_bytes, &highest, now, true, __ATOMIC_RELAXED,
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
    set(&at->peak_blocks, seen(&at->allocated_blocks) + seen(&at->loose_allocated_blocks) - seen(&at->freed_blocks) -
                              seen(&at->loose_freed_blocks));
    set(&at->peak_bytes, seen(&at->allocated_bytes) + seen(&at->loose_allocated_bytes) - seen(&at->freed_bytes) -
                             seen(&at->loose_freed_bytes));
    __atomic_store_n(&at->epoch, epoch, __ATOMIC_RELEASE);
}

/* Before it changes for the first time since the domain's maximum. */
static inline void save_once(struct pyr_heap_direct *at)
{
    uint64_t epoch = seen(&total_of(at->domain)->epoch);
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
    if (PYR_LIKELY(lower(headroom_of(at->domain), size)) || !raise_peak(at->domain, size))
        save_once(at);
    if (PYR_UNLIKELY(pyr_span.on) && at->domain == PYR_DOMAIN_C)
        pyr_span_note(&pyr_main_heap);
    bump(&at->allocated_blocks, 1);
    bump(&at->allocated_bytes, size);
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
    bump(headroom_of(at->domain), size);
    bump(&at->freed_blocks, blocks);
    bump(&at->freed_bytes, size);
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
