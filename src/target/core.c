#include "target/core.h"

#include "base/alloc.h"
#include "base/utf8.h"
#include "target/core_file.h"
#include "target/private.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 4096, FILES_OPEN_MAX = 256, NOT_OPENED = -1, NOT_USABLE = -2 };

struct pyr_core {
    int fd;
    int root; /* directory below which mapped files are */
    struct pyr_core_contents contents;
    unsigned open_files;
    int *files;       /* descriptors, as contents.names; NOT_OPENED, NOT_USABLE */
    char lacks[1024]; /* a file that is not there, or another one; fit to be shown */
};

/* ---- what is in the core itself ---- */

static const struct pyr_core_segment *segment_at(const struct pyr_core *core, uint64_t address)
{
    size_t low = 0, high = core->contents.segments.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct pyr_core_segment *s = PYR_VEC_AT(&core->contents.segments, struct pyr_core_segment, middle);
        if (address < s->address)
            high = middle;
        else if (address - s->address >= s->memory_size)
            low = middle + 1;
        else
            return s;
    }
    return NULL;
}

static const struct pyr_core_mapped *mapped_at(const struct pyr_core *core, uint64_t address)
{
    size_t low = 0, high = core->contents.mapped.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct pyr_core_mapped *m = PYR_VEC_AT(&core->contents.mapped, struct pyr_core_mapped, middle);
        if (address < m->start)
            high = middle;
        else if (address >= m->end)
            low = middle + 1;
        else
            return m;
    }
    return NULL;
}

/* As much of a part of a segment as was written. */
static size_t read_written(const struct pyr_core *core, const struct pyr_core_segment *segment, uint64_t from, void *to,
                           size_t size)
{
    uint64_t skip = from - segment->address;
    if (skip >= segment->file_size)
        return 0;
    if (size > segment->file_size - skip)
        size = (size_t)(segment->file_size - skip);
    return pyr_core_read_file(core->fd, to, size, segment->offset + skip);
}

/* ---- mapped files ---- */

/* Opening a device may do something: the file is looked at before. */
static int open_regular(int root, const char *path)
{
    struct stat file;
    char by_number[32];
    int place = pyr_open_below(root, path, O_PATH);
    int fd = -1;
    if (place >= 0 && fstat(place, &file) == 0 && S_ISREG(file.st_mode)) {
        snprintf(by_number, sizeof by_number, "/proc/self/fd/%d", place);
        fd = open(by_number, O_RDONLY | O_CLOEXEC);
    }
    if (place >= 0)
        close(place);
    return fd;
}

/* The first page that the process had of a file, where it was written: a program's has its build id. */
static bool is_same_file(const struct pyr_core *core, const struct pyr_core_name *name, int fd)
{
    uint8_t memory[PAGE], file[PAGE];
    const struct pyr_core_segment *segment = name->first ? segment_at(core, name->first) : NULL;
    if (!segment || (segment->flags & PF_W) || read_written(core, segment, name->first, memory, PAGE) != PAGE)
        return true;
    size_t got = pyr_core_read_file(fd, file, PAGE, 0);
    memset(file + got, 0, PAGE - got);
    return memcmp(memory, file, PAGE) == 0;
}

static void close_files(struct pyr_core *core)
{
    for (size_t i = 0; core->files && i < core->contents.names.count; i++) {
        if (core->files[i] < 0)
            continue;
        close(core->files[i]);
        core->files[i] = NOT_OPENED;
    }
    core->open_files = 0;
}

/* A path may be anything. */
static void put_shown(char *shown, size_t size, const char *path)
{
    size_t used = 0, length;
    for (const char *at = path; *at && used + 4 < size; at += length) {
        length = pyr_utf8_length(at, strnlen(at, 4));
        if (length == 0 || (uint8_t)*at < 0x20 || *at == 0x7f || ((uint8_t)*at == 0xc2 && (uint8_t)at[1] < 0xa0)) {
            shown[used++] = '?';
            length = length ? length : 1;
            continue;
        }
        memcpy(shown + used, at, length);
        used += length;
    }
    shown[used] = '\0';
}

/* Its descriptor, borrowed; negative if it cannot be used. */
static int file_of(struct pyr_core *core, uint32_t number)
{
    const struct pyr_core_name *name = PYR_VEC_AT(&core->contents.names, struct pyr_core_name, number);
    if (core->files[number] == NOT_OPENED) {
        if (core->open_files >= FILES_OPEN_MAX)
            close_files(core);
        int fd = *name->path == '/' ? open_regular(core->root, name->path) : -1;
        if (fd >= 0 && !is_same_file(core, name, fd)) {
            close(fd);
            fd = -1;
        }
        core->files[number] = fd < 0 ? NOT_USABLE : fd;
        core->open_files += fd >= 0;
        if (fd < 0 && !core->lacks[0])
            put_shown(core->lacks, sizeof core->lacks, name->path);
    }
    return core->files[number];
}

static size_t read_mapped(struct pyr_core *core, uint64_t from, void *to, size_t size)
{
    const struct pyr_core_mapped *m = mapped_at(core, from);
    int fd = m ? file_of(core, m->file) : -1;
    if (fd < 0 || m->offset > UINT64_MAX - (from - m->start))
        return 0;
    if (size > m->end - from)
        size = (size_t)(m->end - from);
    size_t got = pyr_core_read_file(fd, to, size, m->offset + (from - m->start));
    size_t whole = (got + PAGE - 1) & ~(size_t)(PAGE - 1); /* behind the end of a file its last page is zero */
    if (whole > size)
        whole = size;
    memset((char *)to + got, 0, whole - got);
    return whole;
}

/* ---- the target ---- */

static ssize_t core_read_at(const struct pyr_target *target, uint64_t from, void *to, size_t size)
{
    size_t done = 0;
    while (done < size) {
        const struct pyr_core_segment *segment = segment_at(target->core, from + done);
        if (!segment)
            break;
        size_t part = size - done;
        if (part > segment->memory_size - (from + done - segment->address))
            part = (size_t)(segment->memory_size - (from + done - segment->address));
        size_t got = read_written(target->core, segment, from + done, (char *)to + done, part);
        if (!got && from + done - segment->address >= segment->file_size)
            got = read_mapped(target->core, from + done, (char *)to + done, part);
        if (!got)
            break;
        done += got;
    }
    return (ssize_t)done;
}

static ssize_t core_readv(const struct pyr_target *target, const struct iovec *local, size_t locals,
                          const struct iovec *remote, size_t remotes)
{
    return pyr_readv_by_parts(target, local, locals, remote, remotes, core_read_at);
}

static int core_load_maps(struct pyr_target *target, struct pyr_err *err)
{
    (void)target; /* they were loaded when it was opened */
    (void)err;
    return 0;
}

static void core_close(struct pyr_target *target)
{
    struct pyr_core *core = target->core;
    if (!core)
        return;
    close_files(core);
    if (core->fd >= 0)
        close(core->fd);
    if (core->root >= 0)
        close(core->root);
    pyr_free(core->files);
    pyr_core_contents_release(&core->contents);
    pyr_free(core);
}

static const struct pyr_backend backend_core = {
    .readv = core_readv,
    .load_maps = core_load_maps,
    .close = core_close,
};

int pyr_core_open_file(const struct pyr_target *target, const struct pyr_module *module)
{
    int fd = module->inode && module->inode <= target->core->contents.names.count
                 ? file_of(target->core, (uint32_t)(module->inode - 1))
                 : -1;
    return fd < 0 ? PYR_E_NOT_FOUND : fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

/* ---- opening ---- */

static int add_mapping(struct pyr_target *target, const struct pyr_core_segment *segment, uint64_t start, uint64_t end,
                       const struct pyr_core_mapped *mapped)
{
    struct pyr_mapping mapping = {.start = start,
                                  .end = end,
                                  .readable = segment->flags & PF_R,
                                  .writable = segment->flags & PF_W,
                                  .executable = segment->flags & PF_X,
                                  .path = ""};
    if (mapped) {
        const struct pyr_core_name *name =
            PYR_VEC_AT(&target->core->contents.names, struct pyr_core_name, mapped->file);
        mapping.path = name->path;
        mapping.deleted = name->deleted;
        mapping.inode = (uint64_t)mapped->file + 1; /* which it had is not told */
        mapping.file_offset = mapped->offset + (start - mapped->start);
    }
    return pyr_vec_push(&target->maps, &mapping) ? 0 : PYR_E_NOMEM;
}

/* A segment, cut where mapped files begin and end. */
static int add_mappings(struct pyr_target *target, const struct pyr_core_segment *segment, size_t *next)
{
    const struct pyr_vec *all = &target->core->contents.mapped;
    uint64_t at = segment->address, end = at + segment->memory_size;
    int rc = 0;
    while (rc == 0 && at < end) {
        const struct pyr_core_mapped *m = *next < all->count ? PYR_VEC_AT(all, struct pyr_core_mapped, *next) : NULL;
        uint64_t stop = m && m->start < end ? m->start : end;
        if (m && m->end <= at) {
            ++*next;
        } else if (at < stop) {
            rc = add_mapping(target, segment, at, stop, NULL);
            at = stop;
        } else {
            stop = m->end < end ? m->end : end;
            rc = add_mapping(target, segment, at, stop, m);
            at = stop;
        }
    }
    return rc;
}

static int load_maps(struct pyr_target *target)
{
    struct pyr_core *core = target->core;
    size_t next = 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < core->contents.segments.count; i++)
        rc = add_mappings(target, PYR_VEC_AT(&core->contents.segments, struct pyr_core_segment, i), &next);
    const struct pyr_core_mapped *program = mapped_at(core, core->contents.entry);
    if (program) {
        target->exe_inode = (uint64_t)program->file + 1;
        target->exe_path = PYR_VEC_AT(&core->contents.names, struct pyr_core_name, program->file)->path;
    }
    return rc;
}

static int open_root(struct pyr_core *core, const char *root, struct pyr_err *err)
{
    core->root = open(root ? root : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return core->root < 0 ? pyr_err_set(err, PYR_E_IO, "%s: %s", root, strerror(errno)) : 0;
}

static int load_core(struct pyr_target *target, const char *path, const char *root, struct pyr_err *err)
{
    struct pyr_core *core = target->core = pyr_alloc(sizeof *core);
    struct stat file;
    if (!core)
        return pyr_err_set(err, PYR_E_NOMEM, "out of memory for a core file");
    core->root = -1;
    core->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (core->fd < 0 || fstat(core->fd, &file) < 0)
        return pyr_err_set(err, PYR_E_IO, "%s cannot be opened: %s", path, strerror(errno));
    if (!S_ISREG(file.st_mode))
        return pyr_err_set(err, PYR_E_FORMAT, "%s is not a core file", path);
    int rc = open_root(core, root, err);
    if (rc == 0)
        rc = pyr_core_contents_read(&core->contents, core->fd, (uint64_t)file.st_size, err);
    if (rc < 0)
        return rc;
    core->contents.facts.taken_ns =
        (uint64_t)file.st_mtim.tv_sec * UINT64_C(1000000000) + (uint64_t)file.st_mtim.tv_nsec;
    core->files = pyr_alloc((core->contents.names.count + 1) * sizeof *core->files);
    for (size_t i = 0; core->files && i < core->contents.names.count; i++)
        core->files[i] = NOT_OPENED;
    if (!core->files || load_maps(target) < 0)
        return pyr_err_set(err, PYR_E_NOMEM, "out of memory for a core file");
    return 0;
}

int pyr_target_open_core(struct pyr_target **out, const char *path, const char *root, struct pyr_err *err)
{
    struct pyr_target *target = pyr_alloc(sizeof *target);
    if (!target)
        return pyr_err_set(err, PYR_E_NOMEM, "out of memory for a core file");
    *target = (struct pyr_target){
        .backend = &backend_core,
        .pidfd = -1,
        .mem_fd = -1,
        .maps = PYR_VEC(struct pyr_mapping),
        .modules = PYR_VEC(struct pyr_module *),
        .maps_loaded = true,
    };
    int rc = load_core(target, path, root, err);
    if (rc < 0)
        pyr_target_close(target);
    else
        *out = target;
    return rc;
}

bool pyr_target_is_core(const char *path)
{
    Elf64_Ehdr file;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat status;
    bool is_core = fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
                   pyr_core_read_file(fd, &file, sizeof file, 0) == sizeof file &&
                   memcmp(file.e_ident, ELFMAG, SELFMAG) == 0 && file.e_type == ET_CORE;
    if (fd >= 0)
        close(fd);
    return is_core;
}

const struct pyr_core_facts *pyr_target_core_facts(const struct pyr_target *target)
{
    return target->core ? &target->core->contents.facts : NULL;
}

int pyr_target_core_explain(const struct pyr_target *target, const char *path, const char *root, int status,
                            struct pyr_err *err)
{
    if (status == PYR_E_NOMEM || !target->core || !target->core->lacks[0])
        return status;
    return pyr_err_set(err, status,
                       "%s cannot be read without %s, which the process had mapped, and which is not there%s any "
                       "more, or is another version: say with --root where the files of its system are",
                       path, target->core->lacks, root ? "" : " here");
}
