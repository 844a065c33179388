#include "record/snapshot_reader.h"

#include "base/alloc.h"
#include "record/snapshot_check.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

/* ---- head and sections ---- */

static int damaged(struct pyr_err *err, const char *name, const char *what)
{
    return pyr_err_set(err, PYR_E_FORMAT, "%s is damaged: %s", name, what);
}

static int check_head(const struct pyr_snapshot *snapshot, const char *name, struct pyr_err *err)
{
    const struct pyr_snapshot_head *head = (const void *)snapshot->map;
    if (snapshot->map_size < sizeof *head || memcmp(head->magic, PYR_SNAPSHOT_MAGIC, sizeof head->magic) != 0)
        return pyr_err_set(err, PYR_E_FORMAT, "%s is not a heap snapshot", name);
    if (head->oldest_reader > PYR_SNAPSHOT_VERSION || !head->version ||
        head->features & ~(uint32_t)PYR_SNAPSHOT_FEATURES_KNOWN)
        return pyr_err_set(err, PYR_E_UNSUPPORTED, "%s was made by a later pyrometer (format %u); use that one", name,
                           head->version);
    if (head->file_size != snapshot->map_size)
        return damaged(err, name, "it is not as long as it was when it was made");
    size_t size = head->sections * sizeof(struct pyr_snapshot_section);
    if (head->sections > PYR_SNAPSHOT_SECTIONS_MAX || size > snapshot->map_size - sizeof *head ||
        XXH3_64bits(head + 1, size) != head->checksum)
        return damaged(err, name, "its table of sections has a wrong checksum");
    return 0;
}

static const struct pyr_snapshot_section *find_section(const struct pyr_snapshot *snapshot,
                                                       enum pyr_snapshot_section_kind kind, uint32_t item_size)
{
    const struct pyr_snapshot_head *head = (const void *)snapshot->map;
    const struct pyr_snapshot_section *sections = (const void *)(head + 1);
    for (uint32_t i = 0; i < head->sections; i++) {
        const struct pyr_snapshot_section *section = &sections[i];
        if (section->kind == (uint32_t)kind && section->item_size == item_size &&
            section->at % PYR_SNAPSHOT_ALIGN == 0 && section->at <= snapshot->map_size &&
            section->count <= (snapshot->map_size - section->at) / item_size)
            return section;
    }
    return NULL;
}

/* Where a section's items are; false if it is missing or has not as many items as it must. */
static bool take(const struct pyr_snapshot *snapshot, enum pyr_snapshot_section_kind kind, uint32_t item_size,
                 const void *pointer, uint64_t count)
{
    const struct pyr_snapshot_section *section = find_section(snapshot, kind, item_size);
    if (!section || section->count != count)
        return false;
    memcpy((void *)pointer, &(const void *){snapshot->map + section->at}, sizeof(void *));
    return true;
}

static bool take_rows(const struct pyr_snapshot *snapshot, enum pyr_snapshot_section_kind kind, uint32_t item_size,
                      const void *pointer, uint32_t *count)
{
    const struct pyr_snapshot_section *section = find_section(snapshot, kind, item_size);
    if (!section || section->count > UINT32_MAX - 1)
        return false;
    *count = (uint32_t)section->count;
    return take(snapshot, kind, item_size, pointer, section->count);
}

#define TAKE(kind, field, count) take(s, PYR_SECTION_##kind, sizeof *s->field, &s->field, count)
#define TAKE_ROWS(kind, field, count) take_rows(s, PYR_SECTION_##kind, sizeof *s->field, &s->field, count)

static bool take_all(struct pyr_snapshot *s)
{
    const struct pyr_snapshot_section *sites = find_section(s, PYR_SECTION_SITES, sizeof *s->site);
    const struct pyr_snapshot_section *texts = find_section(s, PYR_SECTION_TEXT_BYTES, 1);
    if (!TAKE(FACTS, facts, 1) || !TAKE_ROWS(ADDRESSES, address, &s->objects) || !TAKE(FORMS, form, s->objects) ||
        !TAKE(REFERENCES, references, s->objects) || !TAKE(CONTENTS, content, s->objects) ||
        !TAKE(TEXTS, text, s->objects) || !TAKE(EDGES_AT, edges_at, (uint64_t)s->objects + 1) ||
        !TAKE_ROWS(EDGES, edge, &s->edges) || !TAKE_ROWS(FORM_ROWS, form_rows, &s->forms) ||
        !TAKE_ROWS(SHAPE_ROWS, shape_rows, &s->shapes) || !TAKE_ROWS(RUN_ROWS, run_rows, &s->runs) ||
        !TAKE_ROWS(TYPE_ROWS, type_rows, &s->types) || !TAKE_ROWS(ROOT_ROWS, root_rows, &s->roots) ||
        !TAKE_ROWS(SITE_ROWS, site_rows, &s->sites) || !TAKE_ROWS(POOL_ROWS, pool_rows, &s->pools) ||
        !TAKE_ROWS(ARENA_ROWS, arena_rows, &s->arenas) || !sites || !texts)
        return false;
    s->text_size = texts->count;
    const struct pyr_snapshot_section *callers = find_section(s, PYR_SECTION_CALLERS, sizeof *s->caller);
    if (callers && callers->count && !TAKE(CALLERS, caller, s->sites))
        return false;
    return TAKE(TEXT_BYTES, text_bytes, texts->count) && (!sites->count || TAKE(SITES, site, s->objects));
}

/* ---- opening ---- */

int pyr_snapshot_open_bytes(struct pyr_snapshot **out, const void *bytes, size_t size, const char *name,
                            struct pyr_err *err)
{
    struct pyr_snapshot *snapshot = pyr_alloc(sizeof *snapshot);
    if (!snapshot)
        return pyr_err_set(err, PYR_E_NOMEM, "out of memory");
    *snapshot = (struct pyr_snapshot){.map = bytes, .map_size = size};
    int rc = check_head(snapshot, name, err);
    if (rc == 0 && !take_all(snapshot))
        rc = damaged(err, name, "a section is missing or does not fit");
    const char *wrong = rc == 0 ? pyr_snapshot_check(snapshot) : NULL;
    if (wrong)
        rc = damaged(err, name, wrong);
    if (rc < 0)
        pyr_free(snapshot);
    else
        *out = snapshot;
    return rc;
}

int pyr_snapshot_open_written(struct pyr_snapshot **out, const void *map, size_t size)
{
    struct pyr_snapshot *snapshot = pyr_alloc(sizeof *snapshot);
    if (!snapshot)
        return PYR_E_NOMEM;
    *snapshot = (struct pyr_snapshot){.map = map, .map_size = size, .mapped = true};
    if (take_all(snapshot)) {
        *out = snapshot;
        return 0;
    }
    pyr_free(snapshot);
    return PYR_E_FORMAT;
}

static int open_plain(const char *path, struct stat *status, struct pyr_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, status) < 0) {
        int problem = errno;
        if (fd >= 0)
            close(fd);
        return pyr_err_set(err, problem == ENOENT ? PYR_E_NOT_FOUND : PYR_E_IO, "cannot open %s: %s", path,
                           strerror(problem));
    }
    if (S_ISREG(status->st_mode) && status->st_size > 0)
        return fd;
    close(fd);
    return pyr_err_set(err, PYR_E_FORMAT, "%s is not a heap snapshot", path);
}

int pyr_snapshot_open(struct pyr_snapshot **out, const char *path, struct pyr_err *err)
{
    struct stat status;
    int fd = open_plain(path, &status, err);
    if (fd < 0)
        return fd;
    size_t size = (size_t)status.st_size;
    void *map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    int problem = errno;
    close(fd);
    if (map == MAP_FAILED)
        return pyr_err_set(err, PYR_E_IO, "cannot map %s: %s", path, strerror(problem));
    int rc = pyr_snapshot_open_bytes(out, map, size, path, err);
    if (rc < 0)
        munmap(map, size);
    else
        (*out)->mapped = true;
    return rc;
}

void pyr_snapshot_close(struct pyr_snapshot *snapshot)
{
    if (snapshot && snapshot->mapped)
        munmap((void *)snapshot->map, snapshot->map_size);
    pyr_free(snapshot);
}

bool pyr_snapshot_is(const char *path)
{
    char magic[sizeof PYR_SNAPSHOT_MAGIC - 1];
    struct stat status;
    int fd = open_plain(path, &status, NULL);
    if (fd < 0)
        return false;
    bool is = pread(fd, magic, sizeof magic, 0) == (ssize_t)sizeof magic &&
              memcmp(magic, PYR_SNAPSHOT_MAGIC, sizeof magic) == 0;
    close(fd);
    return is;
}

/* ---- what is in it ---- */

struct pyr_snapshot_string pyr_snapshot_string(const struct pyr_snapshot *snapshot, pyr_snapshot_text text)
{
    uint64_t at = (uint64_t)text * PYR_SNAPSHOT_TEXT_ALIGN;
    uint16_t size;
    if (!text || at + sizeof size > snapshot->text_size)
        return (struct pyr_snapshot_string){.bytes = ""};
    memcpy(&size, snapshot->text_bytes + at, sizeof size);
    if (size > snapshot->text_size - at - sizeof size)
        return (struct pyr_snapshot_string){.bytes = ""};
    return (struct pyr_snapshot_string){.bytes = (const char *)snapshot->text_bytes + at + sizeof size, .size = size};
}

uint32_t pyr_snapshot_at(const struct pyr_snapshot *snapshot, uint64_t address)
{
    uint32_t low = 0, high = snapshot->objects;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (snapshot->address[middle] < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < snapshot->objects && snapshot->address[low] == address ? low : PYR_SNAPSHOT_NONE;
}

bool pyr_snapshot_next_edge(const struct pyr_snapshot *snapshot, uint32_t object, struct pyr_edge_cursor *cursor)
{
    uint32_t at = snapshot->edges_at[object] + cursor->next;
    if (at >= snapshot->edges_at[object + 1])
        return false;
    const struct pyr_snapshot_shape *shape = &snapshot->shape_rows[pyr_snapshot_form(snapshot, object)->shape];
    const struct pyr_snapshot_run *run = &snapshot->run_rows[shape->first_run + cursor->run];
    while (cursor->in_run >= run->count) { /* a run may be empty in a made-up file; the sum of all is right */
        cursor->in_run = 0;
        cursor->run++;
        run++;
    }
    cursor->key = cursor->second ? cursor->to : PYR_SNAPSHOT_NONE;
    cursor->to = snapshot->edge[at];
    cursor->kind = cursor->second ? run->second : run->kind;
    cursor->label = run->label;
    cursor->number = cursor->next++;
    if ((cursor->kind & PYR_EDGE_KIND_MASK) == PYR_EDGE_ITEM)
        cursor->nth = cursor->items++;
    cursor->second = run->second != PYR_RUN_SINGLE && !cursor->second;
    cursor->in_run += !cursor->second;
    return true;
}
