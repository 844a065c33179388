/* When the collector runs by itself. No API tells that without importing gc, which a program would see. Where it is
 * kept differs from patch release to patch release, but what it looks like does not: whether it is enabled, the debug
 * flags, then three generations, each a ring of objects and its threshold; all that somewhere before the list of
 * callbacks. It is looked for when Python has just begun, and so has to be enabled, without flags. */
#include "collector.h"

#include "inside.h"

enum { BEFORE_MAX = 320, SEARCHES_MAX = 8 };

/* In some builds they begin at any multiple of four. */
#define LOOSE __attribute__((packed, aligned(4)))

struct ring {
    uintptr_t next, previous; /* the two lowest bits are flags */
} LOOSE;
struct generation {
    struct ring head;
    int32_t threshold, count;
} LOOSE;
_Static_assert(sizeof(struct generation) == 24, "as in CPython");

static const struct generation *generations; /* NULL: not found yet */
static const int32_t *enabled;
static unsigned searches;

static uintptr_t address(uintptr_t link)
{
    return link & ~(uintptr_t)3;
}

/* Whether what a link leads to can be looked at. */
static const struct ring *follow(uintptr_t link, const struct ring *head)
{
    const struct ring *at = (const struct ring *)address(link); /* NOLINT(performance-no-int-to-ptr) */
    return at == head || (((uintptr_t)at & 7) == 0 && pyr_region_owns(at)) ? at : NULL;
}

static bool is_ring(const struct ring *head)
{
    const struct ring *next = follow(head->next, head), *previous = follow(head->previous, head);
    return next && previous && address(next->previous) == (uintptr_t)head && address(previous->next) == (uintptr_t)head;
}

static bool are_generations(const struct generation *at)
{
    for (unsigned i = 0; i < PYR_GENERATIONS; i++)
        if (!is_ring(&at[i].head) || at[i].threshold < 0)
            return false;
    return true;
}

/* The flags are an int behind `enabled`; where these two are not aligned as the generations are, there is a gap. */
static const int32_t *find_enabled(const struct generation *at)
{
    const int32_t *before = (const int32_t *)(const void *)at;
    if (before[-2] == 1 && before[-1] == 0)
        return before - 2;
    return before[-3] == 1 && before[-2] == 0 ? before - 3 : NULL;
}

/* A ring may have an object on either end that we do not know to be one: then another time. */
static void search(const char *callbacks)
{
    searches++;
    for (const char *at = callbacks - BEFORE_MAX; at + PYR_GENERATIONS * sizeof *generations <= callbacks; at += 4) {
        const struct generation *first = (const struct generation *)(const void *)at;
        if (are_generations(first) && find_enabled(first)) {
            enabled = find_enabled(first);
            generations = first;
            return;
        }
    }
}

void pyr_thresholds_note(struct pyr_heap_file *file, const void *callbacks)
{
    if (!generations && searches < SEARCHES_MAX)
        search(callbacks);
    if (!generations)
        return;
    for (unsigned i = 0; i < PYR_GENERATIONS; i++)
        file->thresholds[i] = (uint32_t)generations[i].threshold;
    file->automatic = *enabled ? PYR_HEAP_ENABLED : PYR_HEAP_DISABLED;
}

void pyr_thresholds_forget(void)
{
    generations = NULL;
    searches = 0;
}
