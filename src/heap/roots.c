/* What holds objects from outside of the graph: modules, frames, threads, interpreters, the data of modules. */
#include "heap/private.h"
#include "heap/sweep.h"

#include "pyobj/frame.h"
#include "pyobj/interp.h"
#include "pyobj/thread_names.h"
#include "pyobj/type.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    FRAMES_MAX = 1 << 17,
    FRAME_HEADER_MAX = 256,
    STATE_MAX = 1 << 22, /* bytes of an interpreter's or a thread's state */
    DATA_MAX = 1 << 27,  /* bytes of one module's data */
    INTERNED_LOOKED_AT = 64,
    STATIC_DICT_WITHIN = 6,      /* words: a static type, two or three flags, its dict, its subclasses */
    COUNT_OF_STATIC = 999999000, /* reference counts from which on an object lies still, before there were immortals */
};

static void give_root(struct walk *walk, unsigned kind, pyr_snapshot_text holder, pyr_snapshot_text name, uint64_t at)
{
    struct pyr_snapshot_root root = {.kind = kind, .holder = holder, .name = name, .object = at};
    if (!at || !walk_guess(walk, at))
        return;
    int rc = pyr_snapshot_writer_root(walk->writer, &root);
    if (rc < 0 && walk->status == 0)
        walk->status = rc;
}

static pyr_snapshot_text text(struct walk *walk, const char *chars)
{
    return *chars ? pyr_snapshot_writer_text(walk->writer, chars, strlen(chars)) : 0;
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* ---- modules ---- */

static void module_root(struct walk *walk, uint64_t key, uint64_t value, bool is_str, size_t index, void *context)
{
    const struct type *type = walk_type_of(walk, key);
    (void)is_str, (void)index, (void)context;
    if (value)
        give_root(walk, PYR_ROOT_MODULE, type && type->flags & PYR_TYPE_UNICODE ? walk_str(walk, key) : 0, 0, value);
}

static void modules(struct walk *walk, uint64_t interp)
{
    uint64_t dict = walk_word(walk, interp + (uint64_t)walk->layout->interp_modules);
    uint64_t keys = dict ? walk_word(walk, dict + (uint64_t)walk->layout->dict_keys) : 0;
    give_root(walk, PYR_ROOT_INTERPRETER, text(walk, "sys"), text(walk, "modules"), dict);
    if (keys)
        dict_keys_each(walk, keys, 0, module_root, NULL);
}

/* ---- frames ---- */

/* "function (file:line)": the line on which the function begins. */
static pyr_snapshot_text frame_name(struct walk *walk, uint64_t code)
{
    const struct pyr_layout *layout = walk->layout;
    struct pyr_buf name = {0};
    char line[16];
    pyr_snapshot_text result = 0;
    int32_t field = PYR_HAS(layout, code_qualname) ? layout->code_qualname : layout->code_name;
    walk_append_str(walk, walk_word(walk, code + (uint64_t)field), &name);
    pyr_buf_append(&name, " (", 2);
    walk_append_str(walk, walk_word(walk, code + (uint64_t)layout->code_filename), &name);
    snprintf(line, sizeof line, ":%d)", walk_int(walk, code + (uint64_t)layout->code_firstlineno));
    pyr_buf_append(&name, line, strlen(line));
    if (!name.failed)
        result = pyr_snapshot_writer_text(walk->writer, name.bytes, name.size);
    pyr_buf_release(&name);
    return result;
}

static void frame_slots(struct walk *walk, uint64_t frame, uint64_t code, pyr_snapshot_text holder)
{
    const struct pyr_layout *layout = walk->layout;
    uint64_t variables, stack;
    code_shape(walk, code, &variables, &stack);
    for (uint64_t i = 0; i < variables + stack; i++) {
        uint64_t value = walk_word(walk, frame + (uint64_t)layout->frame_localsplus + i * 8);
        if (layout->frame_ref_mask && (value & layout->frame_ref_mask) == layout->frame_ref_mask)
            continue;
        give_root(walk, PYR_ROOT_FRAME, holder, i < variables ? code_variable(walk, code, i) : 0,
                  value & ~layout->frame_ref_mask);
    }
}

static void frame_roots(struct walk *walk, uint64_t frame, const struct pyr_frame *decoded)
{
    const struct pyr_layout *layout = walk->layout;
    uint64_t code = decoded->code.v;
    const struct type *type = code ? walk_type_of(walk, code) : NULL;
    if (!decoded->is_python || !type || strcmp(type->name, "code") != 0)
        return;
    pyr_snapshot_text holder = frame_name(walk, code);
    give_root(walk, PYR_ROOT_FRAME, holder, 0, code);
    if (layout->frame_kind == PYR_FRAME_OBJECT)
        give_root(walk, PYR_ROOT_FRAME, holder, 0, frame);
    else
        give_root(walk, PYR_ROOT_FRAME, holder, walk->names.function,
                  walk_word(walk, frame + (uint64_t)layout->frame_func) & ~layout->frame_ref_mask);
    if (PYR_HAS(layout, frame_frame_obj))
        give_root(walk, PYR_ROOT_FRAME, holder, walk->names.frame,
                  walk_word(walk, frame + (uint64_t)layout->frame_frame_obj));
    give_root(walk, PYR_ROOT_FRAME, holder, walk->names.locals,
              walk_word(walk, frame + (uint64_t)layout->frame_locals));
    frame_slots(walk, frame, code, holder);
}

static void frames(struct walk *walk, uint64_t thread)
{
    const struct pyr_layout *layout = walk->layout;
    uint64_t at;
    if (PYR_HAS(layout, tstate_cframe)) {
        uint64_t cframe = walk_word(walk, thread + (uint64_t)layout->tstate_cframe);
        at = cframe ? walk_word(walk, cframe + (uint64_t)layout->cframe_current_frame) : 0;
    } else {
        at = walk_word(walk, thread + (uint64_t)layout->tstate_frame);
    }
    for (int n = 0; at && n < FRAMES_MAX; n++) {
        struct pyr_frame frame;
        uint32_t size = pyr_frame_header_size(layout);
        const uint8_t *bytes = walk_bytes(walk, at, size);
        if (!bytes)
            return;
        pyr_frame_decode(layout, bytes, &frame);
        frame_roots(walk, at, &frame);
        at = frame.previous.v;
    }
}

/* ---- threads and interpreters ---- */

struct field {
    int32_t offset;
    const char *name;
};

/* The fields that have names, then every other word. */
static void state_roots(struct walk *walk, unsigned kind, pyr_snapshot_text holder, uint64_t at, uint64_t size,
                        const struct field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (fields[i].offset != PYR_ABSENT)
            give_root(walk, kind, holder, text(walk, fields[i].name), walk_word(walk, at + (uint64_t)fields[i].offset));
    for (uint64_t offset = 0; size <= STATE_MAX && offset + 8 <= size; offset += 8) {
        bool named = false;
        for (size_t i = 0; i < count; i++)
            named |= fields[i].offset == (int32_t)offset;
        if (!named)
            give_root(walk, kind, holder, 0, walk_word(walk, at + offset));
    }
}

/* The Thread objects of one interpreter, by ident; none where threading is not imported. */
struct threading {
    uint64_t interp;
    struct pyr_map threads;
};

static void read_threading(struct walk *walk, pyr_addr interp, struct threading *threading)
{
    pyr_addr active;
    if (threading->interp == interp.v)
        return;
    pyr_map_release(&threading->threads);
    *threading = (struct threading){.interp = interp.v};
    if (pyr_threading_active(walk->view, interp, &active) == 0)
        pyr_threading_by_ident(walk->view, active, &threading->threads);
}

static void append_thread_name(struct walk *walk, const struct threading *threading, uint64_t ident,
                               struct pyr_buf *holder)
{
    struct pyr_buf name = {0};
    const uint64_t *at = pyr_map_find(&threading->threads, ident);
    if (at && pyr_threading_name(walk->view, (pyr_addr){*at}, &name) == 0) {
        pyr_buf_append(holder, " \"", 2);
        pyr_buf_append(holder, name.bytes, name.size);
        pyr_buf_append(holder, "\"", 1);
    }
    pyr_buf_release(&name);
}

static pyr_snapshot_text thread_holder(struct walk *walk, const struct pyr_thread_state *thread,
                                       struct threading *threading)
{
    struct pyr_buf holder = {0};
    char number[48];
    pyr_snapshot_text result = 0;
    if (thread->native_id)
        snprintf(number, sizeof number, "thread %d", (int)thread->native_id);
    else
        snprintf(number, sizeof number, "thread 0x%llx", (unsigned long long)thread->ident);
    pyr_buf_append(&holder, number, strlen(number));
    read_threading(walk, thread->interp, threading);
    append_thread_name(walk, threading, thread->ident, &holder);
    if (!holder.failed)
        result = pyr_snapshot_writer_text(walk->writer, holder.bytes, holder.size);
    pyr_buf_release(&holder);
    return result;
}

static void thread_roots(struct walk *walk, const struct pyr_thread_state *thread, struct threading *threading)
{
    const struct pyr_layout *layout = walk->layout;
    const struct field fields[] = {
        {layout->tstate_dict, "dict"},
        {layout->tstate_context, "context"},
        {layout->tstate_async_exc, "async_exc"},
        {layout->tstate_current_exception, "exception"},
        {layout->tstate_c_profileobj, "profile"},
        {layout->tstate_c_traceobj, "trace"},
    };
    uint64_t size = layout->tstate_size;
    state_roots(walk, PYR_ROOT_THREAD, thread_holder(walk, thread, threading), thread->at.v, size, fields,
                sizeof fields / sizeof *fields);
    frames(walk, thread->at.v);
}

static void interp_roots(struct walk *walk, const struct pyr_interp *interp)
{
    const struct pyr_layout *layout = walk->layout;
    const struct field fields[] = {
        {layout->interp_builtins, "builtins"},
        {layout->interp_sysdict, "sys"},
        {layout->interp_importlib, "importlib"},
        {layout->interp_import_func, "__import__"},
        {layout->interp_codec_search_path, "codec_search_path"},
        {layout->interp_codec_search_cache, "codec_search_cache"},
        {layout->interp_codec_error_registry, "codec_error_registry"},
        {layout->interp_dict, "dict"},
    };
    char name[48];
    snprintf(name, sizeof name, "interpreter %lld", (long long)interp->id);
    modules(walk, interp->at.v);
    state_roots(walk, PYR_ROOT_INTERPRETER, text(walk, name), interp->at.v, layout->interp_size, fields,
                sizeof fields / sizeof *fields);
}

/* ---- data of modules ---- */

static bool may_be_address(uint64_t word)
{
    return word >= 1 << 16 && word % 8 == 0 && word >> 48 == 0;
}

typedef void visit_word(struct walk *walk, const struct pyr_mirror_region *region, uint64_t at, uint64_t word);

static void each_word(struct walk *walk, visit_word *visit)
{
    for (size_t i = 0; i < walk->mirror.count; i++) {
        const struct pyr_mirror_region *region = &walk->mirror.regions[i];
        if (!region->is_module || !region->writable || region->end - region->start > DATA_MAX)
            continue;
        for (uint64_t at = region->start; at + 8 <= region->end; at += 8) {
            uint64_t word = walk_word(walk, at);
            if (may_be_address(word))
                visit(walk, region, at, word);
        }
    }
}

/* An object inside the data has its type in its second word; types and what never dies are found by it. */
static void find_static(struct walk *walk, const struct pyr_mirror_region *region, uint64_t at, uint64_t word)
{
    if (at - 8 >= region->start && at - 8 < at) {
        uint32_t count = (uint32_t)walk_word(walk, at - 8);
        if (word == walk->type_type ? count != 0 : (int32_t)count < 0 || count >= COUNT_OF_STATIC) {
            const struct type *type = walk_type_of(walk, at - 8);
            if (type && (!type->is_metatype || walk_type(walk, at - 8)))
                walk_guess(walk, at - 8);
        }
    }
    walk_guess(walk, word);
}

static int compare_ranges(const void *a, const void *b)
{
    const struct range *x = a, *y = b;
    return x->start < y->start ? -1 : x->start > y->start;
}

static bool in_static_object(const struct walk *walk, uint64_t at)
{
    const struct range *ranges = walk->statics.items;
    size_t low = 0, high = walk->statics.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (at >= ranges[middle].end)
            low = middle + 1;
        else if (at < ranges[middle].start)
            high = middle;
        else
            return true;
    }
    return false;
}

static void held_by_data(struct walk *walk, const struct pyr_mirror_region *region, uint64_t at, uint64_t word)
{
    const struct pyr_mirror_region *to = pyr_mirror_region(&walk->mirror, word);
    if (!to || to->is_module || !pyr_mirror_has(to, PYR_MARK_FOUND, word) || in_static_object(walk, at))
        return;
    give_root(walk, PYR_ROOT_HELD, text(walk, last_part(region->path)), 0, word);
}

static void add_static(struct walk *walk, uint64_t start, uint64_t size)
{
    struct range range = {start, start + size};
    if (!pyr_vec_push(&walk->statics, &range))
        walk->no_memory = true;
}

void walk_static_object(struct walk *walk, uint64_t at, uint64_t size, const char *path)
{
    add_static(walk, at, size < 1 << 16 ? size : 1 << 16);
    give_root(walk, PYR_ROOT_STATIC, text(walk, last_part(path)), 0, at);
}

void walk_immortal(struct walk *walk, uint64_t at)
{
    give_root(walk, PYR_ROOT_STATIC, walk->names.immortal, 0, at);
}

int walk_roots(struct walk *walk, const struct pyr_vec *interps)
{
    struct pyr_vec threads = PYR_VEC(struct pyr_thread_state);
    struct threading threading = {0};
    for (size_t i = 0; i < interps->count; i++)
        interp_roots(walk, PYR_VEC_AT(interps, struct pyr_interp, i));
    int rc = pyr_thread_states_read(walk->view, interps, &threads);
    for (size_t i = 0; i < threads.count && rc != PYR_E_NOMEM; i++)
        thread_roots(walk, PYR_VEC_AT(&threads, struct pyr_thread_state, i), &threading);
    pyr_map_release(&threading.threads);
    pyr_vec_release(&threads);
    if (rc == PYR_E_NOMEM)
        return rc;
    each_word(walk, find_static);
    rc = sweep_give_all(walk);
    for (size_t i = 0; i < interps->count; i++)
        add_static(walk, PYR_VEC_AT(interps, struct pyr_interp, i)->at.v, walk->layout->interp_size);
    if (walk->statics.count)
        qsort(walk->statics.items, walk->statics.count, sizeof(struct range), compare_ranges);
    if (rc == 0)
        each_word(walk, held_by_data);
    return rc < 0 ? rc : walk->status;
}

/* ---- what has to be known before ---- */

struct sameness {
    size_t same, other;
};

static void compare_entry(struct walk *walk, uint64_t key, uint64_t value, bool is_str, size_t index, void *context)
{
    struct sameness *sameness = context;
    (void)walk, (void)is_str;
    if (index < INTERNED_LOOKED_AT)
        *(value == key ? &sameness->same : &sameness->other) += 1;
}

/* The dict of interned strings has each of them as its own key and value. */
static bool is_interned(struct walk *walk, uint64_t at)
{
    struct sameness sameness = {0};
    const struct type *type = walk_type_of(walk, at);
    if (!type || strcmp(type->name, "dict") != 0 || (type->flags & PYR_TYPE_HEAP))
        return false;
    if (walk_word(walk, at + (uint64_t)walk->layout->dict_values) ||
        walk_word(walk, at + (uint64_t)walk->layout->dict_used) < INTERNED_LOOKED_AT)
        return false;
    dict_keys_each(walk, walk_word(walk, at + (uint64_t)walk->layout->dict_keys), 0, compare_entry, &sameness);
    return sameness.same >= INTERNED_LOOKED_AT / 2 && !sameness.other;
}

static void look_for_interned(struct walk *walk, const struct pyr_mirror_region *region, uint64_t at, uint64_t word)
{
    (void)region, (void)at;
    if (!walk->interned && is_interned(walk, word))
        walk->interned = word;
}

/* Static built-in types may keep what differs between interpreters in their states. */
static void static_state(struct walk *walk, uint64_t at, uint64_t word)
{
    const struct type *type = walk_type_of(walk, word);
    if (!type || !type->is_metatype || walk_word(walk, word + (uint64_t)walk->layout->type_dict) ||
        pyr_map_find(&walk->static_dicts, word) || !walk_type(walk, word))
        return;
    for (uint64_t i = 1; i < STATIC_DICT_WITHIN; i++) {
        uint64_t dict = walk_word(walk, at + i * 8);
        const struct type *of = may_be_address(dict) ? walk_type_of(walk, dict) : NULL;
        if (of && strcmp(of->name, "dict") == 0) {
            walk->no_memory |= pyr_map_put(&walk->static_dicts, word, at + i * 8) < 0;
            return;
        }
    }
}

void walk_look_ahead(struct walk *walk, const struct pyr_vec *interps)
{
    for (size_t i = interps->count; i-- > 0;) { /* the main one is the last */
        uint64_t interp = PYR_VEC_AT(interps, struct pyr_interp, i)->at.v;
        for (uint64_t offset = 0; walk->layout->interp_size <= STATE_MAX && offset + 8 <= walk->layout->interp_size;
             offset += 8) {
            uint64_t word = walk_word(walk, interp + offset);
            if (!may_be_address(word))
                continue;
            look_for_interned(walk, NULL, 0, word);
            static_state(walk, interp + offset, word);
        }
    }
    if (!walk->interned)
        each_word(walk, look_for_interned);
}
