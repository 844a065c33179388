#include "sample/nest.h"

#include "base/alloc.h"
#include "pyobj/frame.h"

#include <string.h>

void pyr_nest_release(struct pyr_nest *nest)
{
    pyr_free(nest->states);
    *nest = (struct pyr_nest){0};
}

struct pyr_nested *pyr_nest_find(const struct pyr_nest *nest, uint64_t at)
{
    for (unsigned i = 0; i < nest->count; i++)
        if (nest->states[i].state.at.v == at)
            return &nest->states[i];
    return NULL;
}

/* ---- which there are ---- */

void pyr_nest_begin(struct pyr_nest *nest)
{
    for (unsigned i = 0; i < nest->count; i++)
        nest->states[i].marked = false;
    nest->outdated = false;
}

static int make_room(struct pyr_nest *nest)
{
    if (nest->count < nest->capacity)
        return 0;
    unsigned capacity = nest->capacity ? nest->capacity * 2 : 1;
    struct pyr_nested *states = pyr_realloc(nest->states, capacity * sizeof *states);
    if (!states)
        return PYR_E_NOMEM;
    nest->states = states;
    nest->capacity = capacity;
    return 0;
}

int pyr_nest_add(struct pyr_nest *nest, const struct pyr_thread_state *state)
{
    struct pyr_nested *known = pyr_nest_find(nest, state->at.v);
    if (known && known->state.unique_id == state->unique_id) {
        known->marked = true;
        return 0;
    }
    if (nest->count == PYR_NEST_MAX)
        return PYR_E_LIMIT;
    int rc = make_room(nest);
    if (rc == 0)
        nest->states[nest->count++] = (struct pyr_nested){.state = *state, .marked = true};
    nest->outdated = nest->changed = true;
    return rc;
}

bool pyr_nest_end(struct pyr_nest *nest)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < nest->count; i++)
        if (nest->states[i].marked)
            nest->states[kept++] = nest->states[i];
    bool changed = nest->outdated || kept != nest->count;
    nest->count = kept;
    nest->outdated = false;
    return changed;
}

/* ---- where the innermost frames are ---- */

static void word_piece(uint64_t *to, uint64_t from, struct iovec *local, struct iovec *remote)
{
    *local = (struct iovec){to, sizeof *to};
    *remote = (struct iovec){(void *)(uintptr_t)from, sizeof *to};
}

/* The words of a thread state that are wanted: its id, whose it is, where the innermost frame is, and what lies on the
 * C stack. They are near enough to each other for one piece. */
struct span {
    int32_t frame, start;
    uint32_t size;
};

static struct span span_of(const struct pyr_layout *layout)
{
    int32_t frame = PYR_HAS(layout, tstate_cframe) ? layout->tstate_cframe : layout->tstate_frame;
    const int32_t words[] = {layout->tstate_unique_id, layout->tstate_thread_id, layout->tstate_native_thread_id,
                             layout->tstate_on_stack, layout->tstate_executor};
    int32_t start = frame, last = frame;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (words[i] == PYR_ABSENT)
            continue;
        start = words[i] < start ? words[i] : start;
        last = words[i] > last ? words[i] : last;
    }
    return (struct span){.frame = frame, .start = start, .size = (uint32_t)(last - start) + 8};
}

unsigned pyr_anchor_pieces(const struct pyr_thread_state *state, const struct pyr_layout *layout,
                           struct pyr_anchor *anchor, struct iovec *local, struct iovec *remote)
{
    struct span span = span_of(layout);
    uint64_t tstate = state->at.v;
    unsigned n = 0;
    if (span.size <= sizeof anchor->span) {
        local[n] = (struct iovec){anchor->span, span.size};
        remote[n++] = (struct iovec){(void *)(uintptr_t)(tstate + (uint64_t)span.start), span.size};
    } else {
        word_piece(&anchor->unique_id, tstate + (uint64_t)layout->tstate_unique_id, &local[n], &remote[n]);
        n++;
        word_piece(&anchor->words[0], tstate + (uint64_t)span.frame, &local[n], &remote[n]);
        n++;
    }
    if (PYR_HAS(layout, tstate_cframe) && anchor->cframe) {
        word_piece(&anchor->words[1], anchor->cframe + (uint64_t)layout->cframe_current_frame, &local[n], &remote[n]);
        n++;
    }
    return n;
}

unsigned pyr_nest_pieces(struct pyr_nest *nest, const struct pyr_layout *layout, struct iovec *local,
                         struct iovec *remote)
{
    unsigned n = 0;
    for (unsigned i = 0; i < nest->count; i++)
        n += pyr_anchor_pieces(&nest->states[i].state, layout, &nest->states[i].anchor, local + n, remote + n);
    return n;
}

/* Up to 3.11 a thread state has the numbers of the thread that made it, until its own has begun. */
static bool is_its_thread(const struct pyr_nested *nested, const struct pyr_layout *layout, struct span span)
{
    const uint8_t *words = nested->anchor.span;
    if (pyr_word_at(words, layout->tstate_thread_id - span.start) != nested->state.ident)
        return false;
    return !PYR_HAS(layout, tstate_native_thread_id) ||
           (pid_t)pyr_word_at(words, layout->tstate_native_thread_id - span.start) == nested->state.native_id;
}

static int leaf_of(struct pyr_nested *nested, const struct pyr_layout *layout)
{
    struct pyr_anchor *anchor = &nested->anchor;
    struct span span = span_of(layout);
    anchor->on_stack = anchor->executor = 0;
    if (span.size <= sizeof anchor->span) {
        anchor->unique_id = pyr_word_at(anchor->span, layout->tstate_unique_id - span.start);
        anchor->words[0] = pyr_word_at(anchor->span, span.frame - span.start);
        if (!is_its_thread(nested, layout, span))
            return PYR_E_GONE;
        if (PYR_HAS(layout, tstate_on_stack))
            anchor->on_stack = pyr_word_at(anchor->span, layout->tstate_on_stack - span.start);
        if (PYR_HAS(layout, tstate_executor))
            anchor->executor = pyr_word_at(anchor->span, layout->tstate_executor - span.start);
    }
    if (anchor->unique_id != nested->state.unique_id)
        return PYR_E_GONE;
    if (!PYR_HAS(layout, tstate_cframe)) {
        nested->leaf = anchor->words[0];
        return 0;
    }
    if (anchor->words[0] != anchor->cframe) {
        anchor->cframe = anchor->words[0];
        return PYR_E_TORN;
    }
    nested->leaf = anchor->words[1];
    return 0;
}

/* The thread state of a sub-interpreter has the numbers of the thread that made it, and another one may run it. */
static bool runs_elsewhere(const struct pyr_nest *nest, const struct pyr_nested *nested,
                           const struct pyr_layout *layout)
{
    uint64_t at = nested->anchor.on_stack;
    if (!nest->stack_high || !nested->state.interp_id || !at || at - nested->state.at.v < layout->tstate_size)
        return false; /* not known, or it runs nothing */
    return at < nest->stack_low || at >= nest->stack_high;
}

unsigned pyr_nest_stack_pieces(struct pyr_nest *nest, const struct pyr_layout *layout, struct iovec *local,
                               struct iovec *remote)
{
    unsigned n = 0;
    for (unsigned i = 0; PYR_HAS(layout, tstate_on_stack) && i < nest->count; i++) {
        struct pyr_nested *nested = &nest->states[i];
        if (!nested->state.interp_id)
            continue;
        word_piece(&nested->anchor.on_stack, nested->state.at.v + (uint64_t)layout->tstate_on_stack, &local[n],
                   &remote[n]);
        n++;
    }
    return n;
}

void pyr_nest_stack_take(struct pyr_nest *nest, const struct pyr_layout *layout)
{
    for (unsigned i = 0; PYR_HAS(layout, tstate_on_stack) && i < nest->count; i++)
        nest->outdated = nest->outdated || runs_elsewhere(nest, &nest->states[i], layout);
}

static void drop(struct pyr_nest *nest, unsigned i)
{
    nest->count--;
    memmove(&nest->states[i], &nest->states[i + 1], (nest->count - i) * sizeof *nest->states);
    nest->outdated = nest->changed = true;
}

int pyr_nest_leaves(struct pyr_nest *nest, const struct pyr_layout *layout)
{
    int result = 0;
    for (unsigned i = 0; i < nest->count; i++) {
        struct pyr_nested *nested = &nest->states[i];
        int rc = leaf_of(nested, layout);
        if (rc == PYR_E_GONE && nest->count == 1)
            return rc;
        if (rc == PYR_E_GONE || (rc == 0 && runs_elsewhere(nest, nested, layout))) {
            drop(nest, i--);
            rc = PYR_E_TORN;
        }
        result = rc < 0 ? rc : result;
    }
    return result;
}

void pyr_nest_forget(struct pyr_nest *nest)
{
    for (unsigned i = 0; i < nest->count; i++)
        nest->states[i].anchor.cframe = 0;
}

/* ---- all frames ---- */

struct pyr_nest_walk pyr_nest_walk_begin(const struct pyr_nest *nest)
{
    return (struct pyr_nest_walk){.left = nest->count, .at = nest->count ? nest->states[nest->count - 1].leaf : 0};
}

/* Where on the C stack the innermost code of a thread state was called from C: 0 where that is not to be seen. */
static uint64_t place_on_stack(const struct pyr_nested *nested, const struct pyr_layout *layout,
                               const struct pyr_chain *chain, unsigned begun)
{
    uint64_t state = nested->state.at.v;
    if (PYR_HAS(layout, tstate_on_stack))
        return nested->anchor.on_stack;
    for (unsigned i = begun; i < chain->depth; i++) {
        uint64_t frame = chain->links[i].frame;
        if (!chain->links[i].code)
            return frame - state < layout->tstate_size ? 0 : frame; /* 3.15+: the outermost lies in the thread state */
    }
    return 0;
}

static bool runs_python(const struct pyr_chain *chain, unsigned begun)
{
    for (unsigned i = begun; i < chain->depth; i++)
        if (chain->links[i].code)
            return true;
    return false;
}

static void put_innermost(struct pyr_nest *nest, unsigned i)
{
    struct pyr_nested moved = nest->states[i];
    for (unsigned j = i; j + 1 < nest->count; j++)
        nest->states[j] = nest->states[j + 1];
    nest->states[nest->count - 1] = moved;
    nest->changed = true;
}

/* Ends the thread state that was walked through; false if it cannot stand where it does. */
static bool step_out(struct pyr_nest *nest, const struct pyr_layout *layout, struct pyr_nest_walk *walk,
                     struct pyr_chain *chain)
{
    unsigned i = walk->left - 1;
    bool in_order = true;
    nest->states[i].runs = runs_python(chain, walk->begun);
    if (!nest->states[i].runs) {
        chain->depth = walk->begun;
    } else {
        uint64_t place = place_on_stack(&nest->states[i], layout, chain, walk->begun);
        in_order = !walk->any || !place || !walk->deepest || place > walk->deepest;
        walk->any = true;
        walk->deepest = place;
        if (!in_order)
            put_innermost(nest, i);
    }
    walk->left = i;
    walk->begun = chain->depth;
    walk->at = i ? nest->states[i - 1].leaf : 0;
    return in_order;
}

int pyr_nest_follow(struct pyr_nest *nest, const struct pyr_window *window, struct pyr_side side,
                    const struct pyr_layout *layout, struct pyr_nest_walk *walk, struct pyr_chain *chain)
{
    while (walk->left) {
        int rc = pyr_window_follow(window, side, layout, &walk->at, chain);
        if (rc < 0 || nest->count == 1 || chain->truncated)
            return rc;
        if (!step_out(nest, layout, walk, chain))
            return PYR_E_TORN;
    }
    return 0;
}

bool pyr_nest_runs_compiled(const struct pyr_nest *nest)
{
    for (unsigned i = nest->count; i-- > 0;)
        if (nest->count == 1 || nest->states[i].runs)
            return nest->states[i].anchor.executor != 0;
    return false;
}

bool pyr_nest_raise(struct pyr_nest *nest, const struct pyr_layout *layout, const struct pyr_nested *nested)
{
    bool seen_on_stack = PYR_HAS(layout, tstate_on_stack) || layout->frame_owner_cstack != 255;
    unsigned i = (unsigned)(nested - nest->states);
    if (seen_on_stack || !nested->leaf)
        return true;
    for (unsigned j = i + 1; j < nest->count; j++) {
        if (!nest->states[j].leaf)
            continue;
        put_innermost(nest, i);
        return false;
    }
    return true;
}
