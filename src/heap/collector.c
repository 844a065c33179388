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
    YOUNG_LAST = 11, /* 3.15: the last so many of the young, and of each of the older ones … */
    OLD_LAST = 3,
    LAST_SIZE = 64, /* … with the time, then what was counted until then */
    LAST_COUNTS = 16,
    LAST_INDEX_SIZE = 8, /* behind them: which is the newest */
    LONG = 1 << 15,      /* of lists as long as this it is not asked which is longer */
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
    *collector = (struct collector){.state = state, .left = UINT32_MAX};
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

/* How far one thread has come in a list. */
struct way {
    uint64_t last, stop; /* what it marked last; what it did not mark: the head, what is no object, or the other's */
    uint64_t count;
};

struct marking {
    const struct collector *collector;
    unsigned left; /* the list that is not marked; else more than there are */
    struct way forward[GENERATIONS + 1], backward[GENERATIONS + 1];
};

static bool mark_one(struct walk *walk, uint64_t node, unsigned list)
{
    uint64_t at = node + HEAD_SIZE;
    struct pyr_mirror_region *region = at % 8 ? NULL : pyr_mirror_region(&walk->mirror, at);
    return region && !pyr_mirror_has(region, PYR_MARK_TRACKED, at) && walk_type_of(walk, at) &&
           sweep_found_tracked(walk, region, at, list);
}

/* link: where a node has the address of the next one, 0, or that of the one before, 8. */
static void mark_list(struct walk *walk, uint64_t head, unsigned link, unsigned list, struct way *way)
{
    uint64_t node = head ? link_at(walk, head + link) : 0;
    way->last = head;
    for (; node && node != head && mark_one(walk, node, list); node = link_at(walk, node + link)) {
        way->last = node;
        way->count++;
    }
    way->stop = node;
}

static void mark_forward(struct walk *walk, void *context)
{
    struct marking *marking = context;
    for (unsigned i = 0; i <= GENERATIONS; i++)
        if (i != marking->left)
            mark_list(walk, marking->collector->heads[i], 0, i, &marking->forward[i]);
}

static void mark_backward(struct walk *walk, void *context)
{
    struct marking *marking = context;
    for (unsigned i = GENERATIONS + 1; i-- > 0;)
        if (i != marking->left)
            mark_list(walk, marking->collector->heads[i], 8, i, &marking->backward[i]);
}

/* One came to the end, or they met. */
static bool is_whole(uint64_t head, const struct way *forward, const struct way *backward, bool helped)
{
    return forward->stop == head ||
           (helped && (backward->stop == head || (forward->stop == backward->last && backward->stop == forward->last)));
}

/* ---- the longest list, which is not gone through ---- */

/* That which goes on when the others have ended, or is long as others are. */
static unsigned longest_list(struct walk *walk, const struct collector *collector)
{
    uint64_t nodes[GENERATIONS + 1];
    unsigned left = GENERATIONS + 1, last = GENERATIONS - 1;
    memcpy(nodes, collector->heads, sizeof nodes);
    for (unsigned n = 0; n < LONG && left > 1; n++) {
        left = 0;
        for (unsigned i = 0; i <= GENERATIONS; i++) {
            nodes[i] = nodes[i] ? link_at(walk, nodes[i]) : 0;
            nodes[i] = nodes[i] == collector->heads[i] ? 0 : nodes[i];
            left += nodes[i] != 0;
            last = nodes[i] ? i : last;
        }
    }
    return last;
}

/* Whether it was not known that there is an object. */
static bool find_node(struct walk *walk, uint64_t node)
{
    uint64_t at = node + HEAD_SIZE;
    struct pyr_mirror_region *region = at % 8 ? NULL : pyr_mirror_region(&walk->mirror, at);
    if (region && pyr_mirror_has(region, PYR_MARK_FOUND, at))
        return false;
    if (!region || !walk_type_of(walk, at)) {
        walk->facts->torn++;
        return false;
    }
    sweep_found(walk, region, at);
    return true;
}

/* Those behind it or before it as far as they lie in the same chunk of memory, which is at hand; and one more. */
static void find_neighbours(struct walk *walk, uint64_t node, unsigned link)
{
    uint64_t chunk = node >> PYR_MIRROR_CHUNK_SHIFT;
    do
        node = link_at(walk, node + link);
    while (node != walk->sweep->list_head && find_node(walk, node) && node >> PYR_MIRROR_CHUNK_SHIFT == chunk);
}

void collector_leave(struct walk *walk, struct collector *collector)
{
    unsigned list = longest_list(walk, collector);
    uint64_t head = collector->heads[list];
    collector->left = list;
    walk->sweep->list = list;
    walk->sweep->list_head = head;
    if (link_at(walk, head) != head) {
        find_node(walk, link_at(walk, head));
        find_node(walk, link_at(walk, head + 8));
    }
}

bool collector_is_linked(struct walk *walk, uint64_t at)
{
    uint64_t node = at - HEAD_SIZE, next = link_at(walk, node);
    return next && link_at(walk, next + 8) == node;
}

unsigned collector_follow(struct walk *walk, uint64_t at)
{
    if (!walk->sweep->list_head || !collector_is_linked(walk, at))
        return PYR_SNAPSHOT_UNTRACKED;
    find_neighbours(walk, at - HEAD_SIZE, 0);
    find_neighbours(walk, at - HEAD_SIZE, 8);
    walk->followed++;
    return walk->sweep->list;
}

void collector_mark(struct walk *walk, struct collector *collector)
{
    struct marking marking = {.collector = collector, .left = collector->left};
    bool helped = sweep_both(walk, mark_forward, mark_backward, &marking);
    for (unsigned i = 0; i <= GENERATIONS; i++) {
        if (i == marking.left)
            continue;
        collector->counts[i] += marking.forward[i].count + marking.backward[i].count;
        if (!is_whole(collector->heads[i], &marking.forward[i], &marking.backward[i], helped))
            walk->facts->torn++;
    }
}

/* Of an incremental collector the two lists of the old are one generation: its objects go from one to the other. */
unsigned collector_generation(const struct walk *walk, unsigned list)
{
    return walk->layout->gc_is_incremental && list == 1 ? 2 : list;
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

/* Of 3.15: the newest of the last collections, which has the counts. 0 if there is none. */
static uint64_t newest_counts(struct walk *walk, uint64_t rings, unsigned generation)
{
    uint64_t ring = rings, last = YOUNG_LAST;
    for (unsigned i = 0; i < generation; i++, last = OLD_LAST)
        ring += last * LAST_SIZE + LAST_INDEX_SIZE;
    const uint8_t *index = walk_bytes(walk, ring + last * LAST_SIZE, 1);
    return index && *index < last ? ring + *index * LAST_SIZE + LAST_COUNTS : 0;
}

/* Where the counts of a generation are: right behind the lists, or where a word there says. 0: not known. */
static uint64_t counts_of(struct walk *walk, const struct collector *collector, unsigned generation)
{
    uint64_t permanent = collector->heads[GENERATIONS], stats = permanent + GENERATION_SIZE;
    if (!permanent)
        return 0;
    if (walk->layout->gc_stats_size == GENERATIONS * STATS_SIZE)
        return stats + generation * STATS_SIZE;
    uint64_t rings = walk->layout->gc_stats_size == sizeof(uint64_t) ? walk_word(walk, stats) : 0;
    return rings ? newest_counts(walk, rings, generation) : 0;
}

/* The permanent list is no generation. */
void collector_count_followed(struct walk *walk)
{
    if (walk->sweep->list_head && walk->sweep->list < GENERATIONS)
        walk->facts->generations[collector_generation(walk, walk->sweep->list)].objects += walk->followed;
}

void collector_facts(struct walk *walk, const struct collector *collector)
{
    const struct pyr_layout *layout = walk->layout;
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
        walk->facts->generations[collector_generation(walk, i)].objects += collector->counts[i];
        uint64_t counts = counts_of(walk, collector, i);
        if (!counts)
            continue;
        generation->collections = walk_word(walk, counts);
        generation->collected = walk_word(walk, counts + 8);
        generation->uncollectable = walk_word(walk, counts + 16);
    }
}
