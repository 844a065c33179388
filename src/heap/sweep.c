#include "heap/sweep.h"

#include "base/alloc.h"
#include "base/parallel.h"
#include "heap/visitor.h"
#include "target/core.h"

#include <stdlib.h>

enum {
    WORD_BYTES = 64 << PYR_MIRROR_ALIGN_SHIFT, /* of memory, of which a word of marks tells */
    PROGRESS_EVERY = 1 << 16,
};

/* ---- what was found ---- */

static void fail(struct sweep *sweep, int status)
{
    int none = 0;
    atomic_compare_exchange_strong(&sweep->status, &none, status);
}

static void queue(struct walk *walk, uint64_t chunk)
{
    struct sweep *sweep = walk->sweep;
    pthread_mutex_lock(&sweep->lock);
    walk->no_memory |= !pyr_vec_push(&sweep->next, &chunk);
    pthread_cond_signal(&sweep->changed);
    pthread_mutex_unlock(&sweep->lock);
}

static uint8_t *waiting_at(const struct pyr_mirror_region *region, uint64_t at)
{
    return &region->waiting[(at - region->start) >> PYR_MIRROR_CHUNK_SHIFT];
}

static uint64_t chunk_of(const struct pyr_mirror_region *region, uint64_t at)
{
    return region->start + ((at - region->start) >> PYR_MIRROR_CHUNK_SHIFT << PYR_MIRROR_CHUNK_SHIFT);
}

void sweep_found(struct walk *walk, struct pyr_mirror_region *region, uint64_t at)
{
    uint8_t *waiting = waiting_at(region, at);
    if (!pyr_mirror_mark(region, PYR_MARK_FOUND, at))
        return;
    /* After the mark: who takes the chunk now has seen the mark, or leaves the chunk waiting (give_chunk). */
    if (!__atomic_load_n(waiting, __ATOMIC_SEQ_CST) && !__atomic_exchange_n(waiting, 1, __ATOMIC_SEQ_CST))
        queue(walk, chunk_of(region, at));
}

bool sweep_found_tracked(struct walk *walk, struct pyr_mirror_region *region, uint64_t at, unsigned list)
{
    unsigned code = list ^ PYR_MARK_USUAL;
    if (!pyr_mirror_mark(region, PYR_MARK_TRACKED, at))
        return false;
    if (code & 1)
        pyr_mirror_mark(region, PYR_MARK_LOW, at);
    if (code & 2)
        pyr_mirror_mark(region, PYR_MARK_HIGH, at);
    sweep_found(walk, region, at);
    return true;
}

static unsigned list_of(const struct pyr_mirror_region *region, uint64_t at)
{
    if (!pyr_mirror_has(region, PYR_MARK_TRACKED, at))
        return PYR_SNAPSHOT_UNTRACKED;
    return ((unsigned)pyr_mirror_has(region, PYR_MARK_LOW, at) | (unsigned)pyr_mirror_has(region, PYR_MARK_HIGH, at)
                                                                     << 1) ^
           PYR_MARK_USUAL;
}

/* ---- one chunk ---- */

static int give(struct walk *walk, uint64_t at, unsigned list)
{
    const struct type *type = walk_type_of(walk, at);
    int rc = 0;
    if (list == PYR_SNAPSHOT_UNTRACKED && type && type->is_gc)
        list = collector_follow(walk, at);
    if (!type || !traverse_put_off(walk, at, type, list))
        rc = walk_give(walk, at, type, list);
    else if (traverse_is_full(walk))
        rc = traverse_give(walk);
    return rc < 0            ? rc
           : walk->no_memory ? PYR_E_NOMEM
                             : atomic_load_explicit(&walk->sweep->status, memory_order_relaxed);
}

/* Marked at once: an object is given once, whatever it is found to be. */
static uint64_t take_next(struct pyr_mirror_region *region, size_t word)
{
    uint64_t given = __atomic_load_n(&region->marks[PYR_MARK_GIVEN][word], __ATOMIC_RELAXED);
    uint64_t left = __atomic_load_n(&region->marks[PYR_MARK_FOUND][word], __ATOMIC_SEQ_CST) & ~given;
    __atomic_store_n(&region->marks[PYR_MARK_GIVEN][word], given | (left & -left), __ATOMIC_RELAXED);
    return left & -left;
}

/* Once over the words of marks. How many objects there were, or a negative status. */
static int64_t give_words(struct walk *walk, struct pyr_mirror_region *region, size_t from, size_t to)
{
    int64_t count = 0;
    for (size_t word = from; word < to; word++)
        for (uint64_t bit; (bit = take_next(region, word)); count++) {
            uint64_t at =
                region->start + word * WORD_BYTES + ((uint64_t)__builtin_ctzll(bit) << PYR_MIRROR_ALIGN_SHIFT);
            int rc = give(walk, at, list_of(region, at));
            if (rc < 0)
                return rc;
        }
    return count;
}

static bool is_done(const struct pyr_mirror_region *region, size_t from, size_t to)
{
    for (size_t word = from; word < to; word++)
        if (__atomic_load_n(&region->marks[PYR_MARK_FOUND][word], __ATOMIC_SEQ_CST) &
            ~__atomic_load_n(&region->marks[PYR_MARK_GIVEN][word], __ATOMIC_RELAXED))
            return false;
    return true;
}

/* While its flag is up no other thread takes it. It goes down before the last look: what is found behind that brings it
 * into the queue again. */
static int give_chunk(struct walk *walk, uint64_t chunk)
{
    struct pyr_mirror_region *region = pyr_mirror_region(&walk->mirror, chunk);
    uint64_t end = chunk + (1ull << PYR_MIRROR_CHUNK_SHIFT);
    size_t from = (chunk - region->start) / WORD_BYTES;
    size_t to = ((end < region->end ? end : region->end) - region->start + WORD_BYTES - 1) / WORD_BYTES;
    uint8_t *waiting = waiting_at(region, chunk);
    int64_t count;
    do {
        while ((count = give_words(walk, region, from, to)) > 0)
            atomic_fetch_add(&walk->sweep->objects, (uint64_t)count);
        __atomic_store_n(waiting, 0, __ATOMIC_SEQ_CST);
    } while (count == 0 && !is_done(region, from, to) && !__atomic_exchange_n(waiting, 1, __ATOMIC_SEQ_CST));
    return (int)count;
}

/* ---- all of them ---- */

static int compare_addresses(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static bool has_chunks(struct sweep *sweep)
{
    if (sweep->first == sweep->last && sweep->next.count) {
        struct pyr_vec empty = sweep->now;
        sweep->now = sweep->next;
        sweep->next = empty;
        sweep->next.count = 0;
        sweep->first = 0;
        sweep->last = sweep->now.count;
        qsort(sweep->now.items, sweep->now.count, sizeof(uint64_t), compare_addresses);
    }
    return sweep->first < sweep->last;
}

/* One thread from below, the other one from above. */
static bool take_chunk(struct sweep *sweep, bool from_above, uint64_t *chunk)
{
    pthread_mutex_lock(&sweep->lock);
    bool any = !atomic_load(&sweep->status) && has_chunks(sweep);
    if (any)
        *chunk = *PYR_VEC_AT(&sweep->now, uint64_t, from_above ? --sweep->last : sweep->first++);
    pthread_mutex_unlock(&sweep->lock);
    return any;
}

/* Until the other thread has found something. False: there is nothing more. */
static bool await(struct sweep *sweep)
{
    pthread_mutex_lock(&sweep->lock);
    sweep->working--;
    while (sweep->working && !sweep->status && !has_chunks(sweep))
        pthread_cond_wait(&sweep->changed, &sweep->lock);
    bool more = !sweep->status && has_chunks(sweep);
    sweep->working += more;
    pthread_cond_broadcast(&sweep->changed);
    pthread_mutex_unlock(&sweep->lock);
    return more;
}

static int report_progress(struct walk *walk, uint64_t *reported)
{
    const struct pyr_heap_options *options = walk->options;
    uint64_t objects = atomic_load(&walk->sweep->objects);
    if (walk->is_helper || !options || !options->progress || objects - *reported < PROGRESS_EVERY)
        return 0;
    *reported = objects;
    return options->progress(objects, options->context) ? PYR_E_AGAIN : 0;
}

static void work(struct walk *walk, void *context)
{
    (void)context;
    struct sweep *sweep = walk->sweep;
    uint64_t chunk, reported = atomic_load(&sweep->objects);
    int rc = 0;
    do {
        if (take_chunk(sweep, walk->is_helper, &chunk))
            rc = give_chunk(walk, chunk);
        else if (!traverse_is_empty(walk) && !atomic_load(&sweep->status))
            rc = traverse_give(walk);
        else if (!await(sweep))
            return;
        if (rc == 0 && walk->no_memory)
            rc = PYR_E_NOMEM;
        if (rc == 0)
            rc = report_progress(walk, &reported);
    } while (rc == 0);
    fail(sweep, rc);
    await(sweep);
}

/* What it has found out, for what follows. */
static void take_over(struct walk *walk)
{
    struct walk *helper = walk->helper;
    struct pyr_heap_facts *to = walk->facts, *from = helper->facts;
    for (size_t i = 0; i < helper->statics.count; i++)
        walk->no_memory |= !pyr_vec_push(&walk->statics, PYR_VEC_AT(&helper->statics, struct range, i));
    helper->statics.count = 0;
    to->objects += from->objects;
    to->edges += from->edges;
    to->torn += from->torn;
    to->dangling += from->dangling;
    to->conservative += from->conservative;
    to->size_basic += from->size_basic;
    *from = (struct pyr_heap_facts){0};
    walk->followed += helper->followed;
    helper->followed = 0;
    walk->no_memory |= helper->no_memory;
    walk->status = walk->status < 0 ? walk->status : helper->status;
}

/* What the other thread does. */
struct beside {
    struct walk *walk;
    sweep_part *part;
    void *context;
};

static void *run_beside(void *context)
{
    struct beside *beside = context;
    beside->part(beside->walk, beside->context);
    return NULL;
}

bool sweep_both(struct walk *walk, sweep_part *here, sweep_part *there, void *context)
{
    struct beside beside = {.walk = walk->helper, .part = there, .context = context};
    pthread_t thread;
    walk->sweep->working = 2;
    bool helped = walk->helper && pyr_thread_start(&thread, run_beside, &beside);
    if (!helped)
        walk->sweep->working = 1;
    here(walk, context);
    if (helped)
        pthread_join(thread, NULL);
    if (helped)
        take_over(walk);
    return helped;
}

int sweep_give_all(struct walk *walk)
{
    struct sweep *sweep = walk->sweep;
    sweep_both(walk, work, work, NULL);
    return sweep->status < 0 ? sweep->status : walk->no_memory ? PYR_E_NOMEM : 0;
}

/* ---- two walks ---- */

void sweep_open(struct sweep *sweep)
{
    *sweep = (struct sweep){.now = PYR_VEC(uint64_t), .next = PYR_VEC(uint64_t)};
    pthread_mutex_init(&sweep->lock, NULL);
    pthread_mutex_init(&sweep->visitor_lock, NULL);
    pthread_mutex_init(&sweep->sites_lock, NULL);
    pthread_cond_init(&sweep->changed, NULL);
}

void sweep_release(struct sweep *sweep)
{
    visitor_close(sweep->visitor);
    pyr_vec_release(&sweep->now);
    pyr_vec_release(&sweep->next);
    pthread_mutex_destroy(&sweep->lock);
    pthread_mutex_destroy(&sweep->visitor_lock);
    pthread_mutex_destroy(&sweep->sites_lock);
    pthread_cond_destroy(&sweep->changed);
}

/* What is known of the process is the same, what is found out is its own. */
static struct walk *make_helper(const struct walk *walk)
{
    struct walk *helper = pyr_alloc(sizeof *helper);
    if (!helper)
        return NULL;
    *helper = *walk;
    helper->mirror = (struct pyr_mirror){0};
    helper->facts = &helper->own_facts;
    helper->edges = PYR_VEC(struct pyr_snapshot_edge);
    helper->statics = PYR_VEC(struct range);
    helper->types = (struct pyr_map){0};
    memset(helper->recent_types, 0, sizeof helper->recent_types);
    helper->arena = (struct pyr_arena){0};
    helper->traverse = NULL;
    helper->is_helper = true;
    return helper;
}

/* Those of a core file are read by one thread: what it is read from is found on the way. */
bool sweep_wants_help(const struct pyr_target *target)
{
    return !pyr_target_core_facts(target) && pyr_parallel_parts() > 1;
}

void sweep_get_help(struct walk *walk)
{
    struct pyr_snapshot_writer *sites = NULL;
    if (!sweep_wants_help(walk->view.target) || !(walk->helper = make_helper(walk)))
        return;
    struct walk *helper = walk->helper;
    int rc = pyr_mirror_view(&helper->mirror, &walk->mirror);
    if (rc == 0)
        rc = traverse_open(helper);
    if (rc == 0 && walk->sites)
        rc = pyr_snapshot_writer_part(walk->writer, &sites);
    if (rc == 0)
        rc = pyr_snapshot_writer_part(walk->writer, &helper->writer);
    if (rc < 0) {
        sweep_dismiss_help(walk);
        return;
    }
    walk->sites_writer = helper->sites_writer = sites ? sites : walk->writer;
    walk_name_members(helper);
}

void sweep_dismiss_help(struct walk *walk)
{
    struct walk *helper = walk->helper;
    if (!helper)
        return;
    traverse_close(helper);
    pyr_vec_release(&helper->edges);
    pyr_vec_release(&helper->statics);
    pyr_map_release(&helper->types);
    pyr_arena_release(&helper->arena);
    pyr_mirror_release(&helper->mirror);
    pyr_free(helper);
    walk->helper = NULL;
}
