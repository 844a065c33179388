/* The collector's lists. No version tells where in its state they are, and it moves within a minor version: they are
 * known by being rings. */
#include "heap/private.h"
#include "heap/sweep.h"

#define LINK_FLAGS 3ull /* low bits of links that say something else */

enum {
    GENERATIONS = 3,
    GENERATION_SIZE = 24, /* next, previous, threshold, count */
    THRESHOLD = 16,
    COUNT = 20,
    STATE_MAX = 160,    /* how far into the state they may begin */
    PERMANENT_MAX = 32, /* and how far behind the last the permanent one */
    HEAD_SIZE = 16,
    STATS_SIZE = 24, /* collections, collected, uncollectable */
};

static uint64_t link_at(struct walk *walk, uint64_t at)
{
    return walk_word(walk, at) & ~LINK_FLAGS;
}

static bool is_ring(struct walk *walk, uint64_t head)
{
    uint64_t next = link_at(walk, head), previous = link_at(walk, head + 8);
    int32_t threshold = walk_int(walk, head + THRESHOLD);
    return next && previous && link_at(walk, next + 8) == head && link_at(walk, previous) == head && threshold >= 0;
}

/* A head need not be aligned; then the flags' bits are its own. */
static bool is_head(struct walk *walk, uint64_t head)
{
    return head % 4 == 0 && is_ring(walk, head);
}

int collector_find(struct walk *walk, uint64_t interp, struct collector *collector)
{
    const struct pyr_layout *layout = walk->layout;
    uint64_t state = PYR_HAS(layout, interp_gc) ? interp + (uint64_t)layout->interp_gc
                                                : walk->view.python->runtime.v + (uint64_t)layout->runtime_gc;
    *collector = (struct collector){.state = state};
    for (uint64_t offset = 0; offset < STATE_MAX; offset += 4) {
        uint64_t first = state + offset, after = first + GENERATIONS * GENERATION_SIZE;
        if (!is_head(walk, first) || !is_head(walk, first + GENERATION_SIZE) ||
            !is_head(walk, first + 2 * GENERATION_SIZE))
            continue;
        for (unsigned i = 0; i < GENERATIONS; i++)
            collector->heads[i] = first + i * GENERATION_SIZE;
        for (uint64_t more = 0; more <= PERMANENT_MAX && !collector->heads[GENERATIONS]; more += 4)
            if (is_head(walk, after + more))
                collector->heads[GENERATIONS] = after + more;
        return 0;
    }
    return PYR_E_UNSUPPORTED;
}

void collector_mark(struct walk *walk, struct collector *collector)
{
    for (unsigned i = 0; i <= GENERATIONS; i++) {
        uint64_t head = collector->heads[i], node = head ? link_at(walk, head) : 0;
        for (; node && node != head; node = link_at(walk, node)) {
            uint64_t at = node + HEAD_SIZE;
            struct pyr_mirror_region *region = at % 8 ? NULL : pyr_mirror_region(&walk->mirror, at);
            if (!region || pyr_mirror_has(region, PYR_MARK_FOUND, at) || !walk_type_of(walk, at))
                break;
            sweep_found_tracked(walk, region, at, i);
            collector->counts[i]++;
        }
        if (node != head)
            walk->facts->torn++;
    }
}

int collector_each(struct walk *walk, const struct collector *collector, unsigned list,
                   int (*object)(struct walk *walk, uint64_t at, unsigned list))
{
    uint64_t node = collector->heads[list];
    int rc = 0;
    for (uint64_t n = 0; rc == 0 && n < collector->counts[list]; n++) {
        node = link_at(walk, node);
        rc = object(walk, node + HEAD_SIZE, list);
    }
    return rc;
}

void collector_facts(struct walk *walk, const struct collector *collector)
{
    const struct pyr_layout *layout = walk->layout;
    uint64_t permanent = collector->heads[GENERATIONS];
    /* Right behind the lists, if they are there and not elsewhere. */
    uint64_t stats = permanent && layout->gc_stats_size == GENERATIONS * STATS_SIZE ? permanent + GENERATION_SIZE : 0;
    walk->facts->collector_enabled = walk_int(walk, collector->state + (uint64_t)layout->gc_enabled) != 0;
    if (PYR_HAS(layout, interp_gc) && PYR_HAS(layout, interp_gc_collecting))
        walk->facts->collecting |=
            walk_int(walk, collector->state + (uint64_t)(layout->interp_gc_collecting - layout->interp_gc)) != 0;
    else if (PYR_HAS(layout, runtime_gc) && PYR_HAS(layout, runtime_gc_collecting))
        walk->facts->collecting |=
            walk_int(walk, collector->state + (uint64_t)(layout->runtime_gc_collecting - layout->runtime_gc)) != 0;
    for (unsigned i = 0; i < GENERATIONS; i++) {
        struct pyr_snapshot_generation *generation = &walk->facts->generations[i];
        generation->threshold = (uint32_t)walk_int(walk, collector->heads[i] + THRESHOLD);
        generation->count = (uint32_t)walk_int(walk, collector->heads[i] + COUNT);
        generation->objects += collector->counts[i];
        if (!stats)
            continue;
        generation->collections = walk_word(walk, stats + i * STATS_SIZE);
        generation->collected = walk_word(walk, stats + i * STATS_SIZE + 8);
        generation->uncollectable = walk_word(walk, stats + i * STATS_SIZE + 16);
    }
}
