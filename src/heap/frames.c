/* Frames, generators and code objects. */
#include "heap/private.h"

enum { SLOTS_MAX = 1 << 20, WORD = 8 };

/* References in frames may have tags; with all tag bits set it is an int. */
static uint64_t untagged(const struct walk *walk, uint64_t word)
{
    uint64_t mask = walk->layout->frame_ref_mask;
    return mask && (word & mask) == mask ? 0 : word & ~mask;
}

static uint64_t tuple_count(struct walk *walk, uint64_t code, int32_t field)
{
    uint64_t tuple = field == PYR_ABSENT ? 0 : walk_word(walk, code + (uint64_t)field);
    uint64_t count = tuple ? walk_word(walk, tuple + (uint64_t)walk->layout->varobject_size) : 0;
    return count < SLOTS_MAX ? count : 0;
}

void code_shape(struct walk *walk, uint64_t code, uint64_t *variables, uint64_t *stack)
{
    const struct pyr_layout *layout = walk->layout;
    int32_t depth = walk_int(walk, code + (uint64_t)layout->code_stacksize);
    *stack = depth > 0 && depth < SLOTS_MAX ? (uint64_t)depth : 0;
    if (PYR_HAS(layout, code_localsplusnames)) {
        *variables = tuple_count(walk, code, layout->code_localsplusnames);
        return;
    }
    *variables = tuple_count(walk, code, layout->code_varnames) + tuple_count(walk, code, layout->code_cellvars) +
                 tuple_count(walk, code, layout->code_freevars);
}

pyr_snapshot_text code_variable(struct walk *walk, uint64_t code, uint64_t index)
{
    const struct pyr_layout *layout = walk->layout;
    const int32_t fields[] = {layout->code_localsplusnames, layout->code_varnames, layout->code_cellvars,
                              layout->code_freevars};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        uint64_t count = tuple_count(walk, code, fields[i]);
        if (index < count) {
            uint64_t tuple = walk_word(walk, code + (uint64_t)fields[i]);
            return walk_str(walk, walk_word(walk, tuple + (uint64_t)layout->tuple_items + index * WORD));
        }
        index -= count;
    }
    return 0;
}

static void slots(struct walk *walk, uint64_t at, uint64_t code, uint64_t variables, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        uint64_t value = untagged(walk, walk_word(walk, at + i * WORD));
        if (value && i < variables)
            walk_edge(walk, value, PYR_EDGE_LOCAL, code_variable(walk, code, i));
        else
            walk_edge(walk, value, PYR_EDGE_STACK, 0);
    }
}

/* How many of a frame's slots are in use. −1 of a frame that runs. */
static int64_t slots_in_use(struct walk *walk, uint64_t frame)
{
    const struct pyr_layout *layout = walk->layout;
    if (layout->stacktop_kind == PYR_STACKTOP_INT)
        return walk_int(walk, frame + (uint64_t)layout->frame_stacktop);
    uint64_t end = walk_word(walk, frame + (uint64_t)layout->frame_stacktop);
    if (!end)
        return -1;
    return (int64_t)(end - frame - (uint64_t)layout->frame_localsplus) / WORD;
}

/* A frame of a generator or of a frame object, 3.11+. */
static void own_frame(struct walk *walk, uint64_t frame)
{
    const struct pyr_layout *layout = walk->layout;
    uint64_t code = untagged(walk, walk_word(walk, frame + (uint64_t)layout->frame_code)), variables, stack;
    walk_edge(walk, walk_word(walk, frame + (uint64_t)layout->frame_frame_obj), PYR_EDGE_MEMBER, walk->names.frame);
    walk_edge(walk, walk_word(walk, frame + (uint64_t)layout->frame_locals), PYR_EDGE_MEMBER, walk->names.locals);
    walk_edge(walk, untagged(walk, walk_word(walk, frame + (uint64_t)layout->frame_func)), PYR_EDGE_MEMBER,
              walk->names.function);
    walk_edge(walk, code, PYR_EDGE_MEMBER, walk->names.code);
    code_shape(walk, code, &variables, &stack);
    int64_t used = slots_in_use(walk, frame);
    if (used >= 0 && (uint64_t)used <= variables + stack)
        slots(walk, frame + (uint64_t)layout->frame_localsplus, code, variables, (uint64_t)used);
    else if (used < 0) /* it runs: no one shows its slots, but they are its own */
        slots(walk, frame + (uint64_t)layout->frame_localsplus, code, variables, variables);
}

/* Up to 3.10: the frame is the object. */
static void frame_object(struct walk *walk, uint64_t at, const struct type *base)
{
    const struct pyr_layout *layout = walk->layout;
    uint64_t code = walk_word(walk, at + (uint64_t)layout->frame_code), variables, stack, depth = 0;
    uint64_t locals = at + (uint64_t)layout->frame_localsplus;
    uint64_t values = walk_word(walk, at + (uint64_t)layout->frame_valuestack);
    walk_plain_words(walk, at, base, 24, (uint32_t)layout->frame_gen); /* which it does not own */
    code_shape(walk, code, &variables, &stack);
    if (PYR_HAS(layout, frame_stackdepth)) {
        int32_t count = walk_int(walk, at + (uint64_t)layout->frame_stackdepth);
        depth = count > 0 ? (uint64_t)count : 0;
    } else {
        uint64_t end = walk_word(walk, at + (uint64_t)layout->frame_stackend);
        depth = end > values ? (end - values) / WORD : 0;
    }
    if (values != locals + variables * WORD || depth > stack) {
        walk->torn = true;
        return;
    }
    slots(walk, locals, code, variables, variables + depth);
}

void edges_frame(struct walk *walk, uint64_t at, const struct type *base)
{
    const struct pyr_layout *layout = walk->layout;
    if (!PYR_HAS(layout, frameobject_frame)) {
        frame_object(walk, at, base);
        return;
    }
    uint64_t frame = walk_word(walk, at + (uint64_t)layout->frameobject_frame);
    uint64_t first = (uint64_t)layout->frameobject_frame;
    walk_plain_words(walk, at, base, 16, (uint32_t)first);
    walk_plain_words(walk, at, base, (uint32_t)first + WORD, (uint32_t)layout->frameobject_data);
    const uint8_t *owner = walk_bytes(walk, frame + (uint64_t)layout->frame_owner, 1);
    if (owner && *owner == layout->frame_owner_frame_object)
        own_frame(walk, frame);
}

/* The state of a generator whose frame is gone is the highest that there is. */
static bool has_frame(struct walk *walk, uint64_t at)
{
    const struct pyr_layout *layout = walk->layout;
    const uint8_t *state = walk_bytes(walk, at + (uint64_t)layout->generator_state, 1);
    return state && (int8_t)*state < (int8_t)layout->generator_cleared;
}

/* Before its frame: names, the exception at hand, then who made it or who ends it, then flags. Of a generator that word
 * is never set, and a coroutine does not show it. */
static void generator_words(struct walk *walk, uint64_t at, const struct type *base)
{
    uint32_t flags = (uint32_t)walk->layout->generator_state & ~7u, origin = flags - WORD;
    walk_plain_words(walk, at, base, 16, origin);
    if (strcmp(base->name, "async_generator") == 0)
        walk_plain_words(walk, at, base, origin, flags);
    else if (strcmp(base->name, "coroutine") == 0)
        walk_maybe_edge(walk, walk_word(walk, at + origin), PYR_EDGE_MEMBER | PYR_EDGE_HIDDEN, 0);
}

/* Whether it runs may be a single byte, behind which is whatever was in memory before: what follows is its code then.
 */
static bool is_code(struct walk *walk, uint64_t at)
{
    const struct type *type = at ? walk_type_of(walk, at) : NULL;
    return type && strcmp(type->name, "code") == 0;
}

void edges_generator(struct walk *walk, uint64_t at, const struct type *base)
{
    const struct pyr_layout *layout = walk->layout;
    if (layout->frame_kind == PYR_FRAME_OBJECT) {
        const uint32_t second = 24;
        walk_plain_words(walk, at, base, 16, second);
        walk_plain_words(walk, at, base, is_code(walk, walk_word(walk, at + second)) ? second : second + WORD,
                         base->basic_size < 256 ? (uint32_t)base->basic_size : 256);
        return;
    }
    generator_words(walk, at, base);
    if (has_frame(walk, at))
        own_frame(walk, at + (uint64_t)layout->generator_frame);
    else if (layout->frame_refs_tagged) /* it keeps its code */
        walk_edge(walk, untagged(walk, walk_word(walk, at + (uint64_t)(layout->generator_frame + layout->frame_code))),
                  PYR_EDGE_MEMBER, walk->names.code);
}

/* The collector knows nothing of code objects: all that it has is hidden. */
void edges_code(struct walk *walk, uint64_t at, const struct type *base)
{
    const struct pyr_layout *layout = walk->layout;
    const uint32_t weak_list = (uint32_t)layout->code_weakreflist;
    /* 3.11 has its bytes behind it; else there are numbers and pointers of others, and words that are never set. */
    const uint32_t end = weak_list + (PYR_HAS(layout, code_adaptive) && !PYR_HAS(layout, code_cached) ? 2 : 0) * WORD;
    for (uint32_t offset = 16; offset + WORD <= end; offset += WORD) {
        if (offset == weak_list || (int64_t)offset == layout->code_cell2arg)
            continue;
        uint64_t word = walk_word(walk, at + offset);
        if (word && word % 8 == 0)
            walk_maybe_edge(walk, word, PYR_EDGE_MEMBER | PYR_EDGE_HIDDEN, type_label(base, offset));
    }
    uint64_t cached = PYR_HAS(layout, code_cached) ? walk_word(walk, at + (uint64_t)layout->code_cached) : 0;
    for (uint64_t i = 0; cached && i < 4; i++) /* its bytes, and three tuples of names */
        walk_maybe_edge(walk, walk_word(walk, cached + i * WORD), PYR_EDGE_OTHER | PYR_EDGE_HIDDEN, 0);
}
