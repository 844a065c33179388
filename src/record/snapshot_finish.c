/* From what the writer collected to the file: space is reserved first (a full disk is told, not met as a signal), then
 * the mapped file is filled by several threads, each with chunks of objects of its own. */
#include "base/alloc.h"
#include "base/parallel.h"
#include "record/snapshot_reader.h"
#include "record/snapshot_writer_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#define SECTIONS (PYR_SECTION_KINDS - 1)

struct finish {
    struct pyr_snapshot_writer *writer;
    const struct pyr_snapshot_facts *facts;
    struct pyr_err *err;
    struct pyr_snapshot **written; /* NULL: it is not wanted */
    char *temporary;
    int fd;
    uint8_t *map;
    uint64_t size;
    struct pyr_snapshot_section sections[SECTIONS];
    uint64_t objects, edges; /* of all parts */
    size_t chunks;
    struct pyr_vec parts; /* of struct part: the writer's own first */
    uint64_t dangling[PYR_PARALLEL_MAX];
};

struct part {
    const struct pyr_snapshot_writer *writer;
    const uint8_t *spilled;
    size_t first_chunk;
};

static int fail(struct finish *finish, int problem)
{
    int status = problem == ENOMEM ? PYR_E_NOMEM : problem == EEXIST ? PYR_E_EXISTS : PYR_E_IO;
    return pyr_err_set(finish->err, status, "cannot write %s: %s", finish->writer->path, strerror(problem));
}

static void *rows_of(const struct finish *finish, enum pyr_snapshot_section_kind kind)
{
    return finish->map + finish->sections[kind - 1].at;
}

/* ---- where everything goes ---- */

static uint64_t text_bytes(const struct finish *finish)
{
    uint64_t size = 0;
    for (size_t i = 0; i < finish->parts.count; i++)
        size += PYR_VEC_AT(&finish->parts, struct part, i)->writer->texts.spill.size;
    return size;
}

static uint64_t count_of(const struct finish *finish, enum pyr_snapshot_section_kind kind)
{
    const struct pyr_snapshot_writer *writer = finish->writer;
    switch (kind) {
    case PYR_SECTION_FACTS:
        return 1;
    case PYR_SECTION_SITES:
        return writer->sites.count ? finish->objects : 0;
    case PYR_SECTION_EDGES_AT:
        return finish->objects + 1;
    case PYR_SECTION_EDGES:
        return finish->edges;
    case PYR_SECTION_FORM_ROWS:
        return pyr_intern_count(&writer->forms);
    case PYR_SECTION_SHAPE_ROWS:
        return pyr_intern_count(&writer->shapes);
    case PYR_SECTION_RUN_ROWS:
        return writer->run_count;
    case PYR_SECTION_TYPE_ROWS:
        return writer->types.count;
    case PYR_SECTION_ROOT_ROWS:
        return writer->roots.count;
    case PYR_SECTION_SITE_ROWS:
        return writer->sites.count;
    case PYR_SECTION_CALLERS:
        return writer->has_callers ? writer->sites.count : 0;
    case PYR_SECTION_POOL_ROWS:
        return writer->pools.count;
    case PYR_SECTION_ARENA_ROWS:
        return writer->arenas.count;
    case PYR_SECTION_TEXT_BYTES:
        return text_bytes(finish);
    default:
        return finish->objects;
    }
}

static void lay_out(struct finish *finish)
{
    static const uint32_t item_sizes[] = {
#define ITEM_SIZE(number, name, type) sizeof(type),
        PYR_SNAPSHOT_SECTIONS(ITEM_SIZE)
#undef ITEM_SIZE
    };
    uint64_t at = sizeof(struct pyr_snapshot_head) + sizeof finish->sections;
    for (uint32_t i = 0; i < SECTIONS; i++) {
        at = (at + PYR_SNAPSHOT_ALIGN - 1) / PYR_SNAPSHOT_ALIGN * PYR_SNAPSHOT_ALIGN;
        finish->sections[i] = (struct pyr_snapshot_section){
            .kind = i + 1, .item_size = item_sizes[i], .at = at, .count = count_of(finish, i + 1)};
        at += finish->sections[i].count * item_sizes[i];
    }
    finish->size = at;
}

static int make_file(struct finish *finish)
{
    size_t size = strlen(finish->writer->path) + 8;
    char *name = pyr_alloc(size);
    if (!name)
        return fail(finish, ENOMEM);
    snprintf(name, size, "%s.XXXXXX", finish->writer->path);
    finish->fd = mkostemp(name, O_CLOEXEC);
    if (finish->fd < 0) {
        pyr_free(name);
        return fail(finish, errno);
    }
    finish->temporary = name;
    mode_t mask = umask(0);
    umask(mask);
    fchmod(finish->fd, 0666 & ~mask);
    int problem = posix_fallocate(finish->fd, 0, (off_t)finish->size);
    if (problem)
        return fail(finish, problem);
    void *map = mmap(NULL, finish->size, PROT_READ | PROT_WRITE, MAP_SHARED, finish->fd, 0);
    if (map == MAP_FAILED)
        return fail(finish, errno);
    finish->map = map;
    return 0;
}

/* ---- objects and edges ---- */

static const struct pyr_snapshot_form *form_at(const struct finish *finish, uint32_t form)
{
    return (const void *)pyr_intern_get(&finish->writer->forms, form)->bytes;
}

static uint32_t edges_of(const struct finish *finish, uint32_t form)
{
    const struct pyr_snapshot_shape *shapes = rows_of(finish, PYR_SECTION_SHAPE_ROWS);
    const struct pyr_snapshot_form *forms = rows_of(finish, PYR_SECTION_FORM_ROWS);
    return shapes[forms[form].shape].edges;
}

/* Objects that wait in a spill file, one after the other. */
struct chunk {
    const struct pyr_snapshot_writer *writer;
    const uint8_t *at;
    size_t left;
    struct pyr_packed_before before;
};

static struct chunk chunk_at(const struct finish *finish, size_t number)
{
    size_t i = finish->parts.count;
    const struct part *part;
    do
        part = PYR_VEC_AT(&finish->parts, struct part, --i);
    while (part->first_chunk > number);
    number -= part->first_chunk;
    uint64_t before = (uint64_t)number * PYR_SNAPSHOT_CHUNK, left = part->writer->written - before;
    return (struct chunk){.writer = part->writer,
                          .at = part->spilled + *PYR_VEC_AT(&part->writer->chunks, uint64_t, number),
                          .left = left < PYR_SNAPSHOT_CHUNK ? (size_t)left : PYR_SNAPSHOT_CHUNK};
}

/* With the numbers of the whole file. */
static struct pyr_packed_object next_object(struct chunk *chunk)
{
    struct pyr_packed_object object = pyr_unpack_object(&chunk->at, &chunk->before);
    object.text = pyr_snapshot_joined_text(chunk->writer, object.text);
    if (chunk->writer->joined_forms)
        object.form = chunk->writer->joined_forms[object.form];
    chunk->left--;
    return object;
}

static void fill_objects(void *context, unsigned part, size_t from, size_t to)
{
    (void)part;
    struct finish *finish = context;
    const struct pyr_snapshot_writer *writer = finish->writer;
    uint64_t *addresses = rows_of(finish, PYR_SECTION_ADDRESSES), *contents = rows_of(finish, PYR_SECTION_CONTENTS);
    uint32_t *forms = rows_of(finish, PYR_SECTION_FORMS), *references = rows_of(finish, PYR_SECTION_REFERENCES);
    uint32_t *texts = rows_of(finish, PYR_SECTION_TEXTS), *edges_at = rows_of(finish, PYR_SECTION_EDGES_AT);
    uint32_t *sites = writer->sites.count ? rows_of(finish, PYR_SECTION_SITES) : NULL;
    struct pyr_snapshot_index_near near = {0};
    for (; from < to; from++)
        for (struct chunk chunk = chunk_at(finish, from); chunk.left;) {
            struct pyr_packed_object object = next_object(&chunk);
            uint32_t i = pyr_snapshot_index_find(&writer->index, &near, object.address);
            addresses[i] = object.address;
            contents[i] = object.content;
            forms[i] = object.form;
            references[i] = object.references;
            texts[i] = object.text;
            edges_at[i] = edges_of(finish, object.form);
            if (sites)
                sites[i] = object.site <= writer->sites.count ? object.site : 0;
            chunk.at = pyr_unpack_skip(chunk.at, edges_at[i]);
        }
}

static void sum_edges(struct finish *finish)
{
    uint32_t *edges_at = rows_of(finish, PYR_SECTION_EDGES_AT), sum = 0;
    for (uint64_t i = 0; i <= finish->objects; i++) {
        uint32_t own = edges_at[i];
        edges_at[i] = sum;
        sum += own;
    }
}

static void fill_edges(void *context, unsigned part, size_t from, size_t to)
{
    struct finish *finish = context;
    const struct pyr_snapshot_index *index = &finish->writer->index;
    const uint32_t *edges_at = rows_of(finish, PYR_SECTION_EDGES_AT);
    uint32_t *edges = rows_of(finish, PYR_SECTION_EDGES);
    uint64_t dangling = 0;
    struct pyr_snapshot_index_near near = {0};
    for (; from < to; from++)
        for (struct chunk chunk = chunk_at(finish, from); chunk.left;) {
            uint64_t address = next_object(&chunk).address;
            uint32_t i = pyr_snapshot_index_find(index, &near, address);
            for (uint32_t e = edges_at[i]; e < edges_at[i + 1]; e++) {
                uint64_t to_address = pyr_unpack_distance(pyr_unpack_number(&chunk.at), address);
                edges[e] = pyr_snapshot_index_find(index, &near, to_address);
                dangling += edges[e] == PYR_SNAPSHOT_NONE;
            }
        }
    finish->dangling[part] = dangling;
}

/* ---- the tables ---- */

static void fill_shapes(struct finish *finish)
{
    const struct pyr_intern *known = &finish->writer->shapes;
    struct pyr_snapshot_shape *shapes = rows_of(finish, PYR_SECTION_SHAPE_ROWS);
    struct pyr_snapshot_run *runs = rows_of(finish, PYR_SECTION_RUN_ROWS);
    uint32_t used = 0;
    for (uint32_t i = 0; i < pyr_intern_count(known); i++) {
        const struct pyr_interned *item = pyr_intern_get(known, i);
        uint32_t count = (uint32_t)(item->size / sizeof *runs);
        shapes[i] = (struct pyr_snapshot_shape){.first_run = used, .runs = count};
        if (count)
            memcpy(&runs[used], item->bytes, item->size);
        for (uint32_t r = used; r < used + count; r++)
            shapes[i].edges += runs[r].count * (runs[r].second == PYR_RUN_SINGLE ? 1 : 2);
        used += count;
    }
}

static void fill_forms(struct finish *finish)
{
    struct pyr_snapshot_form *forms = rows_of(finish, PYR_SECTION_FORM_ROWS);
    for (uint32_t i = 0; i < pyr_intern_count(&finish->writer->forms); i++)
        forms[i] = *form_at(finish, i);
}

static void fill_types(struct finish *finish)
{
    struct pyr_snapshot_type_row *rows = rows_of(finish, PYR_SECTION_TYPE_ROWS);
    for (size_t i = 0; i < finish->writer->types.count; i++) {
        rows[i] = *PYR_VEC_AT(&finish->writer->types, struct pyr_snapshot_type_row, i);
        rows[i].object = pyr_snapshot_index_find(&finish->writer->index, NULL, rows[i].address);
    }
}

/* Roots of what is no object are left out. */
static void fill_roots(struct finish *finish)
{
    struct pyr_snapshot_root_row *rows = rows_of(finish, PYR_SECTION_ROOT_ROWS);
    uint64_t kept = 0;
    for (size_t i = 0; i < finish->writer->roots.count; i++) {
        const struct pyr_snapshot_root *root = PYR_VEC_AT(&finish->writer->roots, struct pyr_snapshot_root, i);
        uint32_t object = pyr_snapshot_index_find(&finish->writer->index, NULL, root->object);
        if (object == PYR_SNAPSHOT_NONE || root->kind >= PYR_ROOT_KINDS)
            finish->dangling[0]++;
        else
            rows[kept++] = (struct pyr_snapshot_root_row){
                .kind = root->kind, .holder = root->holder, .name = root->name, .object = object};
    }
    finish->sections[PYR_SECTION_ROOT_ROWS - 1].count = kept;
}

static void fill_rows(struct finish *finish, enum pyr_snapshot_section_kind kind, const struct pyr_vec *rows)
{
    if (rows->count)
        memcpy(rows_of(finish, kind), rows->items, rows->count * rows->item_size);
}

static void fill_facts(struct finish *finish)
{
    struct pyr_snapshot_facts *facts = rows_of(finish, PYR_SECTION_FACTS);
    *facts = *finish->facts;
    facts->objects_torn += finish->writer->torn;
    for (unsigned i = 0; i < PYR_PARALLEL_MAX; i++)
        facts->edges_dangling += finish->dangling[i];
}

struct copying {
    uint8_t *to;
    const uint8_t *from;
};

static void copy_part(void *context, unsigned part, size_t from, size_t to)
{
    (void)part;
    const struct copying *copying = context;
    memcpy(copying->to + from, copying->from + from, to - from);
}

static int fill_texts(struct finish *finish)
{
    uint8_t *to = rows_of(finish, PYR_SECTION_TEXT_BYTES);
    for (size_t i = 0; i < finish->parts.count; i++) {
        struct pyr_spill *spill = (struct pyr_spill *)&PYR_VEC_AT(&finish->parts, struct part, i)->writer->texts.spill;
        const void *texts = pyr_spill_map(spill);
        if (!texts)
            return fail(finish, spill->problem);
        pyr_parallel(spill->size, copy_part, &(struct copying){to, texts});
        munmap((void *)texts, spill->size);
        to += spill->size;
    }
    return 0;
}

static int map_spilled(struct finish *finish)
{
    for (size_t i = 0; i < finish->parts.count; i++) {
        struct part *part = PYR_VEC_AT(&finish->parts, struct part, i);
        struct pyr_spill *spill = (struct pyr_spill *)&part->writer->objects;
        part->spilled = pyr_spill_map(spill);
        if (spill->problem)
            return fail(finish, spill->problem);
    }
    return 0;
}

static void unmap_spilled(struct finish *finish)
{
    for (size_t i = 0; i < finish->parts.count; i++) {
        struct part *part = PYR_VEC_AT(&finish->parts, struct part, i);
        if (part->spilled)
            munmap((void *)part->spilled, part->writer->objects.size);
        part->spilled = NULL;
    }
}

static int fill_file(struct finish *finish)
{
    struct pyr_snapshot_writer *writer = finish->writer;
    fill_shapes(finish);
    fill_forms(finish);
    int rc = map_spilled(finish);
    if (rc < 0)
        return rc;
    pyr_parallel(finish->chunks, fill_objects, finish);
    sum_edges(finish);
    pyr_parallel(finish->chunks, fill_edges, finish);
    unmap_spilled(finish);
    fill_types(finish);
    fill_roots(finish);
    fill_rows(finish, PYR_SECTION_SITE_ROWS, &writer->sites);
    if (writer->has_callers)
        fill_rows(finish, PYR_SECTION_CALLERS, &writer->callers);
    fill_rows(finish, PYR_SECTION_POOL_ROWS, &writer->pools);
    fill_rows(finish, PYR_SECTION_ARENA_ROWS, &writer->arenas);
    fill_facts(finish);
    return fill_texts(finish);
}

/* ---- the head, last ---- */

static void sum_sections(void *context, unsigned part, size_t from, size_t to)
{
    (void)part;
    struct finish *finish = context;
    for (size_t i = from; i < to; i++) {
        /* Parts get big and small ones alike: the big ones are neighbours. */
        struct pyr_snapshot_section *section = &finish->sections[i * 5 % SECTIONS];
        section->checksum = XXH3_64bits(finish->map + section->at, section->count * section->item_size);
    }
}

static void fill_head(struct finish *finish)
{
    struct pyr_snapshot_head *head = (struct pyr_snapshot_head *)finish->map;
    pyr_parallel(SECTIONS, sum_sections, finish);
    memcpy(finish->map + sizeof *head, finish->sections, sizeof finish->sections);
    *head = (struct pyr_snapshot_head){.version = PYR_SNAPSHOT_VERSION,
                                       .oldest_reader = PYR_SNAPSHOT_VERSION,
                                       .file_size = finish->size,
                                       .sections = SECTIONS,
                                       .checksum = XXH3_64bits(finish->sections, sizeof finish->sections)};
    memcpy(head->magic, PYR_SNAPSHOT_MAGIC, sizeof head->magic);
}

/* What has been written is what will be read: neither mapped nor checked once more. */
static int keep_open(struct finish *finish)
{
    int rc = mprotect(finish->map, finish->size, PROT_READ) < 0 ? PYR_E_NOMEM : 0;
    if (rc == 0)
        rc = pyr_snapshot_open_written(finish->written, finish->map, finish->size);
    if (rc < 0)
        return pyr_err_set(finish->err, rc, "cannot read what was written to %s: %s", finish->writer->path,
                           pyr_status_text(rc));
    finish->map = NULL;
    return 0;
}

/* Under its name, whole or not at all. */
static int publish(struct finish *finish)
{
    int fd = finish->fd;
    finish->fd = -1;
    if (close(fd) < 0 && errno != EINTR)
        return fail(finish, errno);
    const char *path = finish->writer->path;
    if ((finish->writer->force ? rename(finish->temporary, path) : link(finish->temporary, path)) < 0)
        return fail(finish, errno);
    if (finish->writer->force) {
        pyr_free(finish->temporary);
        finish->temporary = NULL;
    }
    return 0;
}

/* Of collecting: what failed is told here. */
static int check_part(struct finish *finish, const struct pyr_snapshot_writer *part)
{
    int problem = part->objects.problem ? part->objects.problem : part->texts.spill.problem;
    if (problem)
        return fail(finish, problem);
    return part->status < 0 ? pyr_err_set(finish->err, part->status, "cannot write %s: %s", finish->writer->path,
                                          pyr_status_text(part->status))
                            : 0;
}

static int add_part(struct finish *finish, struct pyr_snapshot_writer *writer)
{
    struct part part = {.writer = writer, .first_chunk = finish->chunks};
    pyr_snapshot_writer_put_waiting(writer);
    finish->objects += writer->written;
    finish->edges += writer->edges;
    finish->chunks += writer->chunks.count;
    int rc = check_part(finish, writer);
    return rc < 0 ? rc : pyr_vec_push(&finish->parts, &part) ? 0 : fail(finish, ENOMEM);
}

static int join_parts(struct finish *finish)
{
    struct pyr_snapshot_writer *writer = finish->writer;
    int rc = add_part(finish, writer);
    for (size_t i = 0; rc == 0 && i < writer->parts.count; i++)
        rc = add_part(finish, *PYR_VEC_AT(&writer->parts, struct pyr_snapshot_writer *, i));
    if (rc < 0)
        return rc;
    rc = finish->objects > UINT32_MAX - 2 || finish->edges > UINT32_MAX - 2 ? PYR_E_LIMIT
                                                                            : pyr_snapshot_writer_join(writer);
    return rc < 0 ? pyr_err_set(finish->err, rc, "cannot write %s: %s", writer->path, pyr_status_text(rc)) : 0;
}

static int finish_checked(struct finish *finish)
{
    struct pyr_snapshot_writer *writer = finish->writer;
    pyr_handover_stop(writer->handover);
    writer->handover = NULL;
    int rc = join_parts(finish);
    if (rc < 0)
        return rc;
    if (pyr_snapshot_index_number(&writer->index) < 0)
        return fail(finish, ENOMEM);
    lay_out(finish);
    rc = make_file(finish);
    if (rc == 0)
        rc = fill_file(finish);
    if (rc < 0)
        return rc;
    fill_head(finish);
    rc = publish(finish);
    return rc == 0 && finish->written ? keep_open(finish) : rc;
}

int pyr_snapshot_writer_finish(struct pyr_snapshot_writer *writer, const struct pyr_snapshot_facts *facts,
                               struct pyr_err *err)
{
    return pyr_snapshot_writer_finish_open(writer, facts, NULL, err);
}

int pyr_snapshot_writer_finish_open(struct pyr_snapshot_writer *writer, const struct pyr_snapshot_facts *facts,
                                    struct pyr_snapshot **written, struct pyr_err *err)
{
    struct finish finish = {
        .writer = writer, .facts = facts, .err = err, .written = written, .fd = -1, .parts = PYR_VEC(struct part)};
    int rc = finish_checked(&finish);
    unmap_spilled(&finish);
    pyr_vec_release(&finish.parts);
    if (finish.map)
        munmap(finish.map, finish.size);
    if (finish.fd >= 0)
        close(finish.fd);
    if (finish.temporary)
        unlink(finish.temporary);
    pyr_free(finish.temporary);
    pyr_snapshot_writer_release(writer);
    return rc;
}
