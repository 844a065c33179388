/* A captured process read back from its file, which may be damaged or made to harm. */
#include "target/image.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/varint.h"
#include "target/private.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

struct section {
    uint64_t device, inode;
    const char *name;
    struct pyr_elf_answer place;
};

struct pyr_image {
    int fd;
    struct pyr_vec segments; /* of struct pyr_image_segment */
    struct pyr_vec sections; /* of struct section */
    struct pyr_arena arena;
};

struct header {
    uint64_t table_offset, table_size, table_hash, file_size;
};

static const struct pyr_image_segment *segment_at(const struct pyr_image *image, uint64_t address)
{
    size_t low = 0, high = image->segments.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct pyr_image_segment *s = PYR_VEC_AT(&image->segments, struct pyr_image_segment, middle);
        if (address < s->address)
            high = middle;
        else if (address - s->address >= s->size)
            low = middle + 1;
        else
            return s;
    }
    return NULL;
}

static ssize_t read_file(int fd, void *to, size_t size, uint64_t offset)
{
    size_t done = 0;
    while (done < size) {
        ssize_t got = pread(fd, (char *)to + done, size - done, (off_t)(offset + done));
        if (got <= 0 && !(got < 0 && errno == EINTR))
            break;
        done += got > 0 ? (size_t)got : 0;
    }
    return (ssize_t)done;
}

static ssize_t image_read_at(const struct pyr_target *target, uint64_t from, void *to, size_t size)
{
    size_t done = 0;
    while (done < size) {
        const struct pyr_image_segment *s = segment_at(target->image, from + done);
        if (!s)
            break;
        uint64_t skip = from + done - s->address;
        size_t part = s->size - skip < size - done ? (size_t)(s->size - skip) : size - done;
        if (s->offset == 0) {
            memset((char *)to + done, 0, part);
        } else {
            size_t got = (size_t)read_file(target->image->fd, (char *)to + done, part, s->offset + skip);
            if (got < part)
                return (ssize_t)(done + got);
        }
        done += part;
    }
    return (ssize_t)done;
}

static ssize_t image_readv(const struct pyr_target *target, const struct iovec *local, size_t locals,
                           const struct iovec *remote, size_t remotes)
{
    return pyr_readv_by_parts(target, local, locals, remote, remotes, image_read_at);
}

static int image_load_maps(struct pyr_target *target, struct pyr_err *err)
{
    (void)target; /* they were loaded when it was opened */
    (void)err;
    return 0;
}

static void image_close(struct pyr_target *target)
{
    struct pyr_image *image = target->image;
    if (!image)
        return;
    if (image->fd >= 0)
        close(image->fd);
    pyr_vec_release(&image->segments);
    pyr_vec_release(&image->sections);
    pyr_arena_release(&image->arena);
    pyr_free(image);
}

const struct pyr_backend pyr_backend_image = {
    .readv = image_readv,
    .load_maps = image_load_maps,
    .close = image_close,
};

int pyr_image_section(const struct pyr_target *target, const struct pyr_module *module, const char *name,
                      struct pyr_elf_answer *answer)
{
    for (size_t i = 0; i < target->image->sections.count; i++) {
        const struct section *section = PYR_VEC_AT(&target->image->sections, struct section, i);
        if (section->inode == module->inode && section->device == module->device && strcmp(section->name, name) == 0) {
            *answer = section->place;
            return 0;
        }
    }
    return PYR_E_NOT_FOUND;
}

static int parse_header(const uint8_t *bytes, uint64_t file_size, struct header *header, struct pyr_err *err)
{
    struct pyr_cursor cursor = pyr_cursor(bytes, PYR_IMAGE_HEADER_SIZE);
    const uint8_t *magic = pyr_cursor_take(&cursor, 8);
    if (!magic || memcmp(magic, PYR_IMAGE_MAGIC, 8) != 0)
        return pyr_err_set(err, PYR_E_FORMAT, "the file is not the image of a process");
    uint32_t version = pyr_cursor_u32(&cursor), machine = pyr_cursor_u32(&cursor);
    header->table_offset = pyr_cursor_u64(&cursor);
    header->table_size = pyr_cursor_u64(&cursor);
    header->table_hash = pyr_cursor_u64(&cursor);
    header->file_size = pyr_cursor_u64(&cursor);
    if (pyr_cursor_u64(&cursor) != XXH64(bytes, PYR_IMAGE_HEADER_SIZE - 8, 0))
        return pyr_err_set(err, PYR_E_FORMAT, "the header of the image is damaged");
    if (version != PYR_IMAGE_VERSION || machine != pyr_machine())
        return pyr_err_set(err, PYR_E_UNSUPPORTED,
                           "the image has version %u for ELF machine %u: this program reads version %u for %u", version,
                           machine, PYR_IMAGE_VERSION, pyr_machine());
    if (header->file_size != file_size || header->table_offset < PYR_IMAGE_HEADER_SIZE ||
        header->table_offset > file_size || header->table_size > file_size - header->table_offset ||
        header->table_size > PYR_IMAGE_TABLE_MAX)
        return pyr_err_set(err, PYR_E_FORMAT, "the image is cut short or damaged");
    return 0;
}

static const char *take_text(struct pyr_cursor *cursor, struct pyr_arena *arena)
{
    uint32_t size = pyr_cursor_u32(cursor);
    const uint8_t *bytes = pyr_cursor_take(cursor, size);
    return bytes ? pyr_arena_dup(arena, bytes, size) : NULL;
}

static int take_mapping(struct pyr_cursor *cursor, struct pyr_target *target)
{
    struct pyr_mapping m = {.start = pyr_cursor_u64(cursor)};
    m.end = pyr_cursor_u64(cursor);
    m.file_offset = pyr_cursor_u64(cursor);
    m.device = pyr_cursor_u64(cursor);
    m.inode = pyr_cursor_u64(cursor);
    uint32_t flags = pyr_cursor_u32(cursor);
    m.readable = flags & PYR_IMAGE_READABLE;
    m.writable = flags & PYR_IMAGE_WRITABLE;
    m.executable = flags & PYR_IMAGE_EXECUTABLE;
    m.deleted = flags & PYR_IMAGE_DELETED;
    m.path = take_text(cursor, &target->maps_arena);
    uint64_t last = target->maps.count ? PYR_VEC_AT(&target->maps, struct pyr_mapping, target->maps.count - 1)->end : 0;
    if (cursor->failed || m.start >= m.end || m.start < last)
        return PYR_E_FORMAT;
    return m.path && pyr_vec_push(&target->maps, &m) ? 0 : PYR_E_NOMEM;
}

static int take_segment(struct pyr_cursor *cursor, struct pyr_image *image, const struct header *header)
{
    struct pyr_image_segment s = {.address = pyr_cursor_u64(cursor)};
    s.size = pyr_cursor_u64(cursor);
    s.offset = pyr_cursor_u64(cursor);
    const struct pyr_image_segment *last =
        image->segments.count ? PYR_VEC_AT(&image->segments, struct pyr_image_segment, image->segments.count - 1)
                              : NULL;
    if (cursor->failed || s.size == 0 || s.address > UINT64_MAX - s.size ||
        (last && s.address < last->address + last->size))
        return PYR_E_FORMAT;
    if (s.offset && (s.offset < PYR_IMAGE_HEADER_SIZE || s.offset > header->table_offset ||
                     s.size > header->table_offset - s.offset))
        return PYR_E_FORMAT;
    return pyr_vec_push(&image->segments, &s) ? 0 : PYR_E_NOMEM;
}

static int take_section(struct pyr_cursor *cursor, struct pyr_image *image)
{
    struct section section = {.device = pyr_cursor_u64(cursor)};
    section.inode = pyr_cursor_u64(cursor);
    section.name = take_text(cursor, &image->arena);
    section.place.value = pyr_cursor_u64(cursor);
    section.place.size = pyr_cursor_u64(cursor);
    if (cursor->failed)
        return PYR_E_FORMAT;
    return section.name && pyr_vec_push(&image->sections, &section) ? 0 : PYR_E_NOMEM;
}

static int parse_table(struct pyr_target *target, const struct header *header, struct pyr_cursor cursor)
{
    target->exe_device = pyr_cursor_u64(&cursor);
    target->exe_inode = pyr_cursor_u64(&cursor);
    target->exe_path = take_text(&cursor, &target->image->arena);
    uint32_t mappings = pyr_cursor_u32(&cursor), segments = pyr_cursor_u32(&cursor), sections = pyr_cursor_u32(&cursor);
    int status = cursor.failed ? PYR_E_FORMAT : target->exe_path ? 0 : PYR_E_NOMEM;
    for (uint32_t i = 0; i < mappings && status == 0; i++)
        status = take_mapping(&cursor, target);
    for (uint32_t i = 0; i < segments && status == 0; i++)
        status = take_segment(&cursor, target->image, header);
    for (uint32_t i = 0; i < sections && status == 0; i++)
        status = take_section(&cursor, target->image);
    return status == 0 && pyr_cursor_left(&cursor) ? PYR_E_FORMAT : status;
}

static int load_table(struct pyr_target *target, const struct header *header, struct pyr_err *err)
{
    uint8_t *table = pyr_alloc((size_t)header->table_size);
    if (!table)
        return pyr_err_set(err, PYR_E_NOMEM, "out of memory for an image");
    int status = PYR_E_FORMAT;
    size_t size = (size_t)header->table_size;
    if ((size_t)read_file(target->image->fd, table, size, header->table_offset) == size &&
        XXH64(table, size, 0) == header->table_hash)
        status = parse_table(target, header, pyr_cursor(table, size));
    pyr_free(table);
    return status < 0 ? pyr_err_set(err, status, "the table of the image cannot be used: %s", pyr_status_text(status))
                      : 0;
}

static int load_image(struct pyr_target *target, const char *path, struct pyr_err *err)
{
    struct pyr_image *image = target->image = pyr_alloc(sizeof *target->image);
    if (!image)
        return pyr_err_set(err, PYR_E_NOMEM, "out of memory for an image");
    image->segments = PYR_VEC(struct pyr_image_segment);
    image->sections = PYR_VEC(struct section);
    image->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat file;
    if (image->fd < 0 || fstat(image->fd, &file) < 0)
        return pyr_err_set(err, PYR_E_IO, "cannot open %s: %s", path, strerror(errno));
    uint8_t bytes[PYR_IMAGE_HEADER_SIZE];
    if (!S_ISREG(file.st_mode) || read_file(image->fd, bytes, sizeof bytes, 0) != sizeof bytes)
        return pyr_err_set(err, PYR_E_FORMAT, "%s is not the image of a process", path);
    struct header header = {0};
    int status = parse_header(bytes, (uint64_t)file.st_size, &header, err);
    return status < 0 ? status : load_table(target, &header, err);
}

int pyr_target_open_image(struct pyr_target **out, const char *path, struct pyr_err *err)
{
    struct pyr_target *target = pyr_alloc(sizeof *target);
    if (!target)
        return pyr_err_set(err, PYR_E_NOMEM, "out of memory for an image");
    *target = (struct pyr_target){
        .backend = &pyr_backend_image,
        .pidfd = -1,
        .mem_fd = -1,
        .maps = PYR_VEC(struct pyr_mapping),
        .modules = PYR_VEC(struct pyr_module *),
    };
    int status = load_image(target, path, err);
    target->maps_loaded = true;
    if (status < 0)
        pyr_target_close(target);
    else
        *out = target;
    return status;
}
