#include "record/snapshot_writer.h"

#include "base/alloc.h"
#include "record/snapshot_writer_private.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

enum { EDGES_PART = 4096 };                 /* packed at a time */
#define SHAPES_BYTES_MAX ((size_t)64 << 20) /* beyond, new shapes lose kinds and labels */

static pyr_handover_take take_in;

/* What is there already is replaced as a whole: a device must not be. */
static int check_place(const char *path, bool force, struct pyr_err *err)
{
    struct stat status;
    if (stat(path, &status) < 0)
        return 0; /* what else may be wrong with it is found when it is made */
    if (!S_ISREG(status.st_mode))
        return pyr_err_set(err, PYR_E_EXISTS, "%s is there and no regular file; choose another name", path);
    return force ? 0 : pyr_err_set(err, PYR_E_EXISTS, "%s exists; use --force to overwrite it", path);
}

/* 0 or an errno. */
static int make(struct pyr_snapshot_writer **out, const char *path, bool force)
{
    struct pyr_snapshot_writer *writer = pyr_alloc(sizeof *writer);
    if (!writer)
        return ENOMEM;
    *writer = (struct pyr_snapshot_writer){.parts = PYR_VEC(struct pyr_snapshot_writer *),
                                           .path = pyr_strdup(path),
                                           .force = force,
                                           .chunks = PYR_VEC(uint64_t),
                                           .runs = PYR_VEC(struct pyr_snapshot_run),
                                           .types = PYR_VEC(struct pyr_snapshot_type_row),
                                           .roots = PYR_VEC(struct pyr_snapshot_root),
                                           .sites = PYR_VEC(struct pyr_snapshot_site),
                                           .callers = PYR_VEC(uint32_t),
                                           .pools = PYR_VEC(struct pyr_snapshot_pool),
                                           .arenas = PYR_VEC(struct pyr_snapshot_arena)};
    writer->objects.fd = writer->texts.spill.fd = -1;
    pthread_mutex_init(&writer->texts_lock, NULL);
    int problem = writer->path ? pyr_spill_open(&writer->objects, path) : ENOMEM;
    if (!problem)
        problem = pyr_snapshot_texts_open(&writer->texts, path);
    if (problem)
        pyr_snapshot_writer_release(writer);
    else
        *out = writer;
    return problem;
}

int pyr_snapshot_writer_open(struct pyr_snapshot_writer **out, const char *path, bool force, struct pyr_err *err)
{
    int rc = check_place(path, force, err), problem = rc < 0 ? 0 : make(out, path, force);
    if (problem)
        return pyr_err_set(err, problem == ENOMEM ? PYR_E_NOMEM : PYR_E_IO, "cannot write beside %s: %s", path,
                           strerror(problem));
    if (rc == 0)
        (*out)->handover = pyr_handover_start(take_in, *out);
    return rc;
}

/* The tables of texts share what one would have. */
int pyr_snapshot_writer_part(struct pyr_snapshot_writer *writer, struct pyr_snapshot_writer **part)
{
    struct pyr_snapshot_writer *made;
    pyr_handover_stop(writer->handover);
    writer->handover = NULL;
    int problem = make(&made, writer->path, writer->force);
    if (!problem && !pyr_vec_push(&writer->parts, &made)) {
        pyr_snapshot_writer_release(made);
        problem = ENOMEM;
    }
    if (problem)
        return problem == ENOMEM ? PYR_E_NOMEM : PYR_E_IO;
    writer->texts.slots_max /= 2;
    made->texts.slots_max = writer->texts.slots_max;
    *part = made;
    return 0;
}

static int failed(struct pyr_snapshot_writer *writer, int status)
{
    int none = 0;
    atomic_compare_exchange_strong(&writer->status, &none, status);
    return status;
}

static int push(struct pyr_snapshot_writer *writer, struct pyr_vec *rows, const void *row)
{
    if (writer->status)
        return writer->status;
    if (rows->count >= UINT32_MAX - 1)
        return failed(writer, PYR_E_LIMIT);
    return pyr_vec_push(rows, row) ? 0 : failed(writer, PYR_E_NOMEM);
}

pyr_snapshot_text pyr_snapshot_writer_text(struct pyr_snapshot_writer *writer, const void *text, size_t size)
{
    if (!writer->handover)
        return pyr_snapshot_texts_put(&writer->texts, text, size);
    pthread_mutex_lock(&writer->texts_lock);
    pyr_snapshot_text number = pyr_snapshot_texts_put(&writer->texts, text, size);
    pthread_mutex_unlock(&writer->texts_lock);
    return number;
}

/* ---- what many objects share ---- */

static bool is_pair(const struct pyr_snapshot_edge *edge, size_t left)
{
    return left > 1 && (edge[0].kind & 15) == PYR_EDGE_KEY && (edge[1].kind & 15) == PYR_EDGE_VALUE && !edge[0].label &&
           !edge[1].label;
}

static bool is_same_run(const struct pyr_snapshot_run *a, const struct pyr_snapshot_run *b)
{
    return a->kind == b->kind && a->second == b->second && a->label == b->label;
}

/* Of the edge there, and the next one if they are a pair. */
static struct pyr_snapshot_run run_at(const struct pyr_snapshot_edge *edge, size_t left)
{
    return (struct pyr_snapshot_run){.count = 1,
                                     .label = edge->label,
                                     .kind = (uint16_t)edge->kind,
                                     .second = is_pair(edge, left) ? (uint16_t)edge[1].kind : PYR_RUN_SINGLE};
}

/* A hash that is cheaper than a good one, and good enough for what is only asked first. Of fields: as bytes they could
 * not be had from the processor before all that was written of them is in its cache. */
static uint64_t mix(uint64_t hash, uint64_t word)
{
    return (hash ^ word ^ word >> 31) * 0x9e3779b97f4a7c15;
}

static size_t place_of(uint64_t hash)
{
    return hash >> 40 & (PYR_SNAPSHOT_RECENT - 1);
}

static bool add_run(struct pyr_snapshot_writer *writer, const struct pyr_snapshot_run *run, uint64_t *hash)
{
    uint64_t kinds = run->kind | (uint64_t)run->second << 16;
    *hash = mix(*hash, (run->count | (uint64_t)run->label << 32) + (kinds << 20));
    return pyr_vec_push(&writer->runs, run);
}

static int make_runs(struct pyr_snapshot_writer *writer, const struct pyr_snapshot_edge *edges, size_t count,
                     uint64_t *hash)
{
    struct pyr_snapshot_run last = {0};
    writer->runs.count = 0;
    for (size_t i = 0; i < count;) {
        struct pyr_snapshot_run run = run_at(&edges[i], count - i);
        i += run.second == PYR_RUN_SINGLE ? 1 : 2;
        if (last.count && is_same_run(&last, &run)) {
            last.count++;
            continue;
        }
        if (last.count && !add_run(writer, &last, hash))
            return PYR_E_NOMEM;
        last = run;
    }
    return !last.count || add_run(writer, &last, hash) ? 0 : PYR_E_NOMEM;
}

static int64_t shape_of(struct pyr_snapshot_writer *writer, const struct pyr_snapshot_edge *edges, size_t count)
{
    uint64_t hash = 0;
    if (make_runs(writer, edges, count, &hash) < 0)
        return PYR_E_NOMEM;
    int is_new;
    size_t size = writer->runs.count * sizeof(struct pyr_snapshot_run);
    if (writer->runs.count > 1 &&
        writer->runs.count + writer->run_count > SHAPES_BYTES_MAX / sizeof(struct pyr_snapshot_run)) {
        struct pyr_snapshot_run plain = {.count = (uint32_t)count, .second = PYR_RUN_SINGLE};
        return pyr_intern_put(&writer->shapes, &plain, sizeof plain, NULL);
    }
    uint32_t *recent = &writer->recent_shapes[place_of(hash)];
    const struct pyr_interned *known = *recent ? pyr_intern_get(&writer->shapes, *recent - 1) : NULL;
    if (known && known->size == size && (!size || memcmp(known->bytes, writer->runs.items, size) == 0))
        return *recent - 1;
    int64_t shape = pyr_intern_put(&writer->shapes, writer->runs.items ? writer->runs.items : "", size, &is_new);
    if (shape >= 0 && is_new)
        writer->run_count += writer->runs.count;
    if (shape >= 0)
        *recent = (uint32_t)shape + 1;
    return shape;
}

int64_t pyr_snapshot_writer_type_row(struct pyr_snapshot_writer *writer, uint64_t address)
{
    const uint64_t *known = pyr_map_find(&writer->type_rows, address);
    if (known)
        return (int64_t)*known;
    struct pyr_snapshot_type_row row = {.address = address, .object = PYR_SNAPSHOT_NONE};
    if (writer->types.count >= UINT32_MAX - 1)
        return PYR_E_LIMIT;
    if (!pyr_vec_push(&writer->types, &row))
        return PYR_E_NOMEM;
    int64_t number = (int64_t)writer->types.count - 1;
    return pyr_map_put(&writer->type_rows, address, (uint64_t)number) < 0 ? PYR_E_NOMEM : number;
}

static uint64_t hash_of(const struct pyr_snapshot_form *form)
{
    uint64_t few = form->type | (uint64_t)form->shape << 24 | (uint64_t)form->generation << 48;
    return mix(few + ((uint64_t)form->flags << 56), form->size + 0xd6e8feb86659fd93 * form->length) ^
           0xa0761d6478bd642f * form->capacity;
}

static bool is_same_form(const struct pyr_snapshot_form *a, const struct pyr_snapshot_form *b)
{
    return a->size == b->size && a->length == b->length && a->capacity == b->capacity && a->type == b->type &&
           a->shape == b->shape && a->generation == b->generation && a->flags == b->flags;
}

static int64_t form_of(struct pyr_snapshot_writer *writer, const struct pyr_snapshot_object *object,
                       const struct pyr_snapshot_edge *edges, size_t count)
{
    int64_t shape = shape_of(writer, edges, count);
    int64_t type = shape < 0 ? shape : pyr_snapshot_writer_type_row(writer, object->type);
    if (type < 0)
        return type;
    struct pyr_snapshot_form form = {.size = object->size,
                                     .length = object->length,
                                     .capacity = object->capacity,
                                     .type = (uint32_t)type,
                                     .shape = (uint32_t)shape,
                                     .generation = object->generation,
                                     .flags = object->flags};
    size_t place = place_of(hash_of(&form));
    if (writer->recent_forms[place].used && is_same_form(&writer->recent_forms[place].form, &form))
        return writer->recent_forms[place].number;
    int64_t number = pyr_intern_put(&writer->forms, &form, sizeof form, NULL);
    if (number >= 0) {
        writer->recent_forms[place].form = form;
        writer->recent_forms[place].number = (uint32_t)number;
        writer->recent_forms[place].used = true;
    }
    return number;
}

/* ---- objects ---- */

static pyr_snapshot_text text_of(struct pyr_snapshot_writer *writer, const struct pyr_snapshot_object *object)
{
    return object->new_text_size ? pyr_snapshot_writer_text(writer, object->new_text, object->new_text_size)
                                 : object->text;
}

static int spill_edges(struct pyr_spill *spill, uint64_t from, const struct pyr_snapshot_edge *edges, size_t count)
{
    for (size_t done = 0; done < count; done += EDGES_PART) {
        size_t part = count - done < EDGES_PART ? count - done : EDGES_PART;
        uint8_t *room = pyr_spill_room(spill, part * PYR_VARINT_MAX), *at = room;
        if (!room)
            return PYR_E_NOMEM;
        for (size_t i = done; i < done + part; i++)
            at = pyr_pack_number(at, pyr_pack_distance(edges[i].to, from));
        pyr_spill_filled(spill, (size_t)(at - room));
    }
    return 0;
}

static int spill_object(struct pyr_snapshot_writer *writer, const struct pyr_snapshot_object *object, uint32_t form,
                        const struct pyr_snapshot_edge *edges, size_t count)
{
    const struct pyr_packed_object packed = {.address = object->address,
                                             .content = object->content,
                                             .form = form,
                                             .references = object->references,
                                             .site = object->site,
                                             .text = text_of(writer, object)};
    if (writer->written++ % PYR_SNAPSHOT_CHUNK == 0) { /* what can be read without what was before it */
        writer->before = (struct pyr_packed_before){0};
        if (!pyr_vec_push(&writer->chunks, &writer->objects.size))
            return PYR_E_NOMEM;
    }
    uint8_t *room = pyr_spill_room(&writer->objects, PYR_PACKED_OBJECT_MAX);
    if (!room)
        return PYR_E_NOMEM;
    pyr_spill_filled(&writer->objects, (size_t)(pyr_pack_object(room, &packed, &writer->before) - room));
    writer->edges += count;
    return spill_edges(&writer->objects, object->address, edges, count);
}

static int put_object(struct pyr_snapshot_writer *writer, const struct pyr_snapshot_object *object,
                      const struct pyr_snapshot_edge *edges, size_t count)
{
    if (writer->status)
        return writer->status;
    if (writer->written >= UINT32_MAX - 2 || count > UINT32_MAX - 2 - writer->edges)
        return failed(writer, PYR_E_LIMIT);
    int rc = pyr_snapshot_index_add(&writer->index, object->address);
    if (rc == PYR_E_EXISTS || rc == PYR_E_MISUSE) {
        writer->torn++;
        return 0;
    }
    int64_t form = rc < 0 ? rc : form_of(writer, object, edges, count);
    rc = form < 0 ? (int)form : spill_object(writer, object, (uint32_t)form, edges, count);
    return rc < 0 ? failed(writer, rc) : 0;
}

static int put_type(struct pyr_snapshot_writer *writer, const struct pyr_snapshot_type *type)
{
    int64_t number = writer->status ? writer->status : pyr_snapshot_writer_type_row(writer, type->address);
    if (number < 0)
        return failed(writer, (int)number);
    *PYR_VEC_AT(&writer->types, struct pyr_snapshot_type_row, number) =
        (struct pyr_snapshot_type_row){.address = type->address,
                                       .basic_size = type->basic_size,
                                       .item_size = type->item_size,
                                       .object = PYR_SNAPSHOT_NONE,
                                       .module = type->module,
                                       .name = type->name,
                                       .flags = type->flags,
                                       .instance_dict = type->instance_dict};
    return 0;
}

/* ---- from one thread to the other ---- */

/* What comes over: one of these, then its edges, then its new text. */
struct given {
    bool is_type;
    uint32_t edges;
    union {
        struct pyr_snapshot_object object;
        struct pyr_snapshot_type type;
    };
};

static size_t given_size(size_t edges, size_t text)
{
    return (sizeof(struct given) + edges * sizeof(struct pyr_snapshot_edge) + text + 7) & ~(size_t)7;
}

static size_t size_of(const struct given *given)
{
    return given->is_type ? given_size(0, 0) : given_size(given->edges, given->object.new_text_size);
}

static const void *text_in(const struct given *given)
{
    return (const struct pyr_snapshot_edge *)(given + 1) + given->edges;
}

static void expect_texts(struct pyr_snapshot_writer *writer, const uint8_t *bytes, const uint8_t *end)
{
    pthread_mutex_lock(&writer->texts_lock);
    for (const struct given *given; bytes < end; bytes += size_of(given)) {
        given = (const void *)bytes;
        if (!given->is_type && given->object.new_text_size)
            pyr_snapshot_texts_expect(&writer->texts, text_in(given), given->object.new_text_size);
    }
    pthread_mutex_unlock(&writer->texts_lock);
}

static void take_in(void *context, const uint8_t *bytes, size_t size)
{
    struct pyr_snapshot_writer *writer = context;
    const uint8_t *end = bytes + size;
    expect_texts(writer, bytes, end);
    for (const struct given *given; bytes < end; bytes += size_of(given)) {
        given = (const void *)bytes;
        if (given->is_type) {
            put_type(writer, &given->type);
            continue;
        }
        struct pyr_snapshot_object object = given->object;
        object.new_text = text_in(given);
        put_object(writer, &object, (const struct pyr_snapshot_edge *)(given + 1), given->edges);
    }
}

/* ---- within one thread ---- */

/* An object may come later than it was given: until some others were, so that where its text would be known is read
 * meanwhile. */
static int put_later(struct pyr_snapshot_writer *writer, const struct pyr_snapshot_object *object)
{
    struct pyr_snapshot_waiting *waiting = &writer->waiting[writer->waited++ % PYR_SNAPSHOT_WAITING];
    int rc = waiting->object.new_text_size ? put_object(writer, &waiting->object, NULL, 0) : writer->status;
    waiting->object = *object;
    waiting->object.new_text = memcpy(waiting->text, object->new_text, object->new_text_size);
    pyr_snapshot_texts_expect(&writer->texts, waiting->text, object->new_text_size);
    return rc;
}

void pyr_snapshot_writer_put_waiting(struct pyr_snapshot_writer *writer)
{
    for (size_t i = 0; i < PYR_SNAPSHOT_WAITING; i++) {
        struct pyr_snapshot_waiting *waiting = &writer->waiting[i];
        if (waiting->object.new_text_size)
            put_object(writer, &waiting->object, NULL, 0);
        waiting->object.new_text_size = 0;
    }
}

int pyr_snapshot_writer_object(struct pyr_snapshot_writer *writer, const struct pyr_snapshot_object *object,
                               const struct pyr_snapshot_edge *edges, size_t count)
{
    size_t size = count < PYR_HANDOVER_CHUNK ? given_size(count, object->new_text_size) : SIZE_MAX;
    if (!writer->handover)
        return object->new_text_size && object->new_text_size <= PYR_SNAPSHOT_TEXT_MAX && !count
                   ? put_later(writer, object)
                   : put_object(writer, object, edges, count);
    if (size > PYR_HANDOVER_CHUNK) { /* nothing is gained by copying large ones */
        pyr_handover_wait(writer->handover);
        return put_object(writer, object, edges, count);
    }
    struct given *given = (void *)pyr_handover_room(writer->handover, size);
    *given = (struct given){.edges = (uint32_t)count, .object = *object};
    if (count)
        memcpy(given + 1, edges, count * sizeof *edges);
    if (object->new_text_size)
        memcpy((uint8_t *)(given + 1) + count * sizeof *edges, object->new_text, object->new_text_size);
    return writer->status;
}

int pyr_snapshot_writer_type(struct pyr_snapshot_writer *writer, const struct pyr_snapshot_type *type)
{
    if (!writer->handover)
        return put_type(writer, type);
    struct given *given = (void *)pyr_handover_room(writer->handover, given_size(0, 0));
    *given = (struct given){.is_type = true, .type = *type};
    return writer->status;
}

int pyr_snapshot_writer_root(struct pyr_snapshot_writer *writer, const struct pyr_snapshot_root *root)
{
    return push(writer, &writer->roots, root);
}

int pyr_snapshot_writer_site(struct pyr_snapshot_writer *writer, const struct pyr_snapshot_site *site, uint32_t caller)
{
    if (caller > writer->sites.count)
        caller = 0;
    writer->has_callers |= caller != 0;
    int rc = push(writer, &writer->callers, &caller);
    return rc < 0 ? rc : push(writer, &writer->sites, site);
}

int pyr_snapshot_writer_pool(struct pyr_snapshot_writer *writer, const struct pyr_snapshot_pool *pool)
{
    return push(writer, &writer->pools, pool);
}

int pyr_snapshot_writer_arena(struct pyr_snapshot_writer *writer, const struct pyr_snapshot_arena *arena)
{
    return push(writer, &writer->arenas, arena);
}

/* ---- the end ---- */

void pyr_snapshot_writer_release(struct pyr_snapshot_writer *writer)
{
    pyr_handover_stop(writer->handover);
    for (size_t i = 0; i < writer->parts.count; i++)
        pyr_snapshot_writer_release(*PYR_VEC_AT(&writer->parts, struct pyr_snapshot_writer *, i));
    pyr_vec_release(&writer->parts);
    pyr_free(writer->joined_forms);
    pthread_mutex_destroy(&writer->texts_lock);
    pyr_spill_release(&writer->objects);
    pyr_vec_release(&writer->chunks);
    pyr_snapshot_index_release(&writer->index);
    pyr_snapshot_texts_release(&writer->texts);
    pyr_intern_release(&writer->forms);
    pyr_intern_release(&writer->shapes);
    pyr_vec_release(&writer->runs);
    pyr_map_release(&writer->type_rows);
    pyr_vec_release(&writer->types);
    pyr_vec_release(&writer->roots);
    pyr_vec_release(&writer->sites);
    pyr_vec_release(&writer->callers);
    pyr_vec_release(&writer->pools);
    pyr_vec_release(&writer->arenas);
    pyr_free(writer->path);
    pyr_free(writer);
}

void pyr_snapshot_writer_discard(struct pyr_snapshot_writer *writer)
{
    if (writer)
        pyr_snapshot_writer_release(writer);
}
