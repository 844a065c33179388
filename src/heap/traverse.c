/* Objects whose types have no reader here, but a traversal of their own, which can be run where the process is a copy:
 * they are put off until there are many, then all are visited in one call. */
#include "base/alloc.h"
#include "heap/private.h"
#include "heap/sweep.h"
#include "heap/visitor.h"
#include "pyobj/type.h"

struct put_off {
    uint64_t at;
    unsigned generation;
};

struct traverse {
    struct pyr_vec visited; /* of uint64_t */
    struct put_off put_off[VISITOR_BATCH];
    struct visitor_item items[VISITOR_BATCH];
    size_t count;
    bool broken; /* no code is run any more */
};

int traverse_open(struct walk *walk)
{
    walk->traverse = walk->options && walk->options->copy ? pyr_alloc(sizeof *walk->traverse) : NULL;
    if (walk->traverse)
        walk->traverse->visited = PYR_VEC(uint64_t);
    return walk->options && walk->options->copy && !walk->traverse ? PYR_E_NOMEM : 0;
}

void traverse_close(struct walk *walk)
{
    if (!walk->traverse)
        return;
    pyr_vec_release(&walk->traverse->visited);
    pyr_free(walk->traverse);
    pyr_map_release(&walk->shown.left);
}

/* Those of built-in types are read: they need no code to be run. */
static bool is_wanted(struct walk *walk, uint64_t at, const struct type *type)
{
    const struct type *solid = type->solid;
    if (!walk->traverse || walk->traverse->broken || !type->is_gc || !solid->traverse || solid->traverse_failed)
        return false;
    if (walk_is_static_type(walk, at, type))
        return false; /* its traversal is not made for that */
    return !*solid->rule->name || (solid->rule->edges == edges_module && module_shows_state(walk, at));
}

bool traverse_put_off(struct walk *walk, uint64_t at, const struct type *type, unsigned generation)
{
    struct traverse *traverse = walk->traverse;
    if (!is_wanted(walk, at, type))
        return false;
    traverse->items[traverse->count] = (struct visitor_item){.object = at, .traverse = type->solid->traverse};
    traverse->put_off[traverse->count++] = (struct put_off){at, generation};
    return true;
}

bool traverse_is_full(const struct walk *walk)
{
    return walk->traverse && walk->traverse->count == VISITOR_BATCH;
}

bool traverse_is_empty(const struct walk *walk)
{
    return !walk->traverse || !walk->traverse->count;
}

/* ---- what an object's traversal has shown, while it is given ---- */

static bool add_shown(struct walk *walk, uint64_t to)
{
    uint64_t *left = pyr_map_find(&walk->shown.left, to);
    if (left)
        return ++*left;
    return pyr_map_put(&walk->shown.left, to, 1) == 0;
}

/* A traversal that shows what is no object is wrong: nothing of it is taken. */
static void begin_shown(struct walk *walk, const uint64_t *items, size_t count)
{
    if (walk->shown.left.mask > 255) /* not to be cleared for each small object */
        pyr_map_release(&walk->shown.left);
    pyr_map_clear(&walk->shown.left);
    walk->shown.items = items;
    walk->shown.count = count;
    walk->shown.known = true;
    for (size_t i = 0; i < count && walk->shown.known; i++) {
        walk->shown.known = walk_reach(walk, items[i]);
        walk->no_memory |= walk->shown.known && !add_shown(walk, items[i]);
    }
}

bool shown_has(const struct walk *walk, uint64_t to)
{
    const uint64_t *left = pyr_map_find(&walk->shown.left, to);
    return left && *left;
}

bool shown_take(struct walk *walk, uint64_t to)
{
    uint64_t *left = pyr_map_find(&walk->shown.left, to);
    if (!left || !*left)
        return false;
    --*left;
    return true;
}

/* ---- a batch ---- */

static void note_failure(struct walk *walk, const struct visitor_item *item)
{
    const struct type *type = walk_type_of(walk, item->object);
    if (item->state == VISITOR_FAILED && type)
        ((struct type *)(uintptr_t)type->solid)->traverse_failed = true;
}

/* Without results what was put off is guessed: only a lack of memory, or of the copy, is an end. */
static int run(struct walk *walk)
{
    struct traverse *traverse = walk->traverse;
    struct sweep *sweep = walk->sweep;
    pthread_mutex_lock(&sweep->visitor_lock);
    int rc = sweep->visitor ? 0 : visitor_open(&sweep->visitor, walk->options->copy, NULL);
    if (rc == 0)
        rc = visitor_run(sweep->visitor, traverse->items, traverse->count, &traverse->visited, NULL);
    pthread_mutex_unlock(&sweep->visitor_lock);
    if (rc == 0)
        return 0;
    traverse->broken = true;
    return rc == PYR_E_NOMEM || rc == PYR_E_GONE ? rc : 0;
}

int traverse_give(struct walk *walk)
{
    struct traverse *traverse = walk->traverse;
    size_t count = traverse->count;
    int rc = run(walk);
    for (size_t i = 0, from = 0; rc == 0 && i < count; from = traverse->items[i++].end) {
        const struct visitor_item *item = &traverse->items[i];
        note_failure(walk, item);
        if (item->state == VISITOR_DONE)
            begin_shown(walk, PYR_VEC_AT(&traverse->visited, uint64_t, from), item->end - from);
        uint64_t at = traverse->put_off[i].at;
        rc = walk_give(walk, at, walk_type_of(walk, at), traverse->put_off[i].generation);
        walk->shown.known = false;
    }
    traverse->count = 0;
    return rc;
}
