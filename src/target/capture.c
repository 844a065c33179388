/* Saving the memory of a process to a file, for tests that read it without the process. */
#include "base/alloc.h"
#include "base/buf.h"
#include "target/image.h"
#include "target/private.h"
#include "target/task.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#define BYTES_MAX ((uint64_t)8 << 30)
#define MAPPED_MAX ((uint64_t)64 << 30) /* some runtimes map terabytes that they never touch */

enum { PAGE = 4096, CHUNK = 1 << 20, READ_ONLY_MAX = 64 << 20, PASSES_MAX = 100 };

/* Which mappings are saved first while the budget for read-only ones lasts. */
enum worth { WORTH_ALWAYS, WORTH_PYTHON_DATA, WORTH_OTHER_DATA, WORTH_PYTHON_CODE, WORTH_OTHER_CODE, WORTH_NOTHING };

struct capture {
    struct pyr_target *target;
    int fd;
    uint64_t at, writable_left, read_only_left;
    struct pyr_vec held;     /* of pid_t */
    struct pyr_vec segments; /* of struct pyr_image_segment */
    uint8_t *chunk;
    struct pyr_buf sections;
    uint32_t section_count;
    const struct pyr_module *module; /* whose sections are being listed */
    struct pyr_err *err;
};

/* ---- stopping the process ---- */

static bool is_held(const struct capture *capture, pid_t tid)
{
    for (size_t i = 0; i < capture->held.count; i++)
        if (*PYR_VEC_AT(&capture->held, pid_t, i) == tid)
            return true;
    return false;
}

static int hold_new_threads(struct capture *capture, const struct pyr_vec *tids, bool *any)
{
    for (size_t i = 0; i < tids->count; i++) {
        pid_t tid = *PYR_VEC_AT(tids, pid_t, i);
        if (is_held(capture, tid))
            continue;
        if (pyr_vec_reserve(&capture->held, capture->held.count + 1) < 0)
            return pyr_err_set(capture->err, PYR_E_NOMEM, "out of memory");
        int status = pyr_task_hold(tid, capture->err);
        if (status == PYR_E_GONE)
            continue;
        if (status < 0)
            return status;
        pyr_vec_push(&capture->held, &tid);
        *any = true;
    }
    return 0;
}

/* Threads that run may start others while the first are being held. */
static int hold_process(struct capture *capture)
{
    pid_t pid = pyr_target_pid(capture->target);
    for (int pass = 0; pass < PASSES_MAX; pass++) {
        struct pyr_vec tids = PYR_VEC(pid_t);
        bool any = false;
        int status = pyr_task_list(pid, &tids);
        if (status < 0)
            pyr_err_set(capture->err, status, "cannot list the threads of process %d: %s", (int)pid,
                        pyr_status_text(status));
        else
            status = hold_new_threads(capture, &tids, &any);
        pyr_vec_release(&tids);
        if (status < 0 || !any)
            return status;
    }
    return pyr_err_set(capture->err, PYR_E_LIMIT, "process %d starts threads faster than they can be stopped",
                       (int)pid);
}

static void release_process(struct capture *capture)
{
    for (size_t i = 0; i < capture->held.count; i++)
        pyr_task_release(*PYR_VEC_AT(&capture->held, pid_t, i));
    pyr_vec_release(&capture->held);
}

/* ---- the bytes ---- */

static int write_at(struct capture *capture, const void *bytes, size_t size, uint64_t offset)
{
    for (size_t done = 0; done < size;) {
        ssize_t put = pwrite(capture->fd, (const char *)bytes + done, size - done, (off_t)(offset + done));
        if (put < 0 && errno != EINTR)
            return pyr_err_set(capture->err, PYR_E_IO, "cannot write the image: %s", strerror(errno));
        done += put > 0 ? (size_t)put : 0;
    }
    return 0;
}

static bool is_zero(const uint8_t *page)
{
    return page[0] == 0 && memcmp(page, page + 1, PAGE - 1) == 0;
}

static int save_run(struct capture *capture, uint64_t address, const uint8_t *bytes, size_t size, bool zero)
{
    struct pyr_image_segment *last =
        capture->segments.count ? PYR_VEC_AT(&capture->segments, struct pyr_image_segment, capture->segments.count - 1)
                                : NULL;
    if (last && last->address + last->size == address && (last->offset == 0) == zero) {
        last->size += size;
    } else {
        struct pyr_image_segment segment = {address, size, zero ? 0 : capture->at};
        if (!pyr_vec_push(&capture->segments, &segment))
            return pyr_err_set(capture->err, PYR_E_NOMEM, "out of memory");
    }
    if (zero)
        return 0;
    if (capture->at > BYTES_MAX - size)
        return pyr_err_set(capture->err, PYR_E_LIMIT,
                           "the process has more than 8 GiB of memory: too much for an image");
    int status = write_at(capture, bytes, size, capture->at);
    capture->at += size;
    return status;
}

static int save_chunk(struct capture *capture, uint64_t address, const uint8_t *bytes, size_t size)
{
    int status = 0;
    for (size_t from = 0, to; from < size && status == 0; from = to) {
        bool zero = is_zero(bytes + from);
        for (to = from + PAGE; to < size && is_zero(bytes + to) == zero; to += PAGE)
            ;
        status = save_run(capture, address + from, bytes + from, to - from, zero);
    }
    return status;
}

/* Pages that cannot be read (behind the end of a file, of a device) are left out. */
static int save_pages(struct capture *capture, uint64_t address, size_t size)
{
    int status = 0;
    for (size_t at = 0; at < size && status == 0; at += PAGE)
        if (pyr_target_read(capture->target, PYR_ADDR(address + at), capture->chunk, PAGE) == 0)
            status = save_chunk(capture, address + at, capture->chunk, PAGE);
    return status;
}

static int save_mapping(struct capture *capture, const struct pyr_mapping *mapping)
{
    int status = 0;
    for (uint64_t at = mapping->start; at < mapping->end && status == 0; at += CHUNK) {
        size_t size = mapping->end - at < CHUNK ? (size_t)(mapping->end - at) : CHUNK;
        if (pyr_target_read(capture->target, PYR_ADDR(at), capture->chunk, size) == 0)
            status = save_chunk(capture, at, capture->chunk, size);
        else
            status = save_pages(capture, at, size);
    }
    return status;
}

static const struct pyr_module *module_of(const struct pyr_target *target, const struct pyr_mapping *mapping)
{
    for (size_t i = 0; i < target->modules.count; i++) {
        const struct pyr_module *module = *PYR_VEC_AT(&target->modules, struct pyr_module *, i);
        if (module->inode == mapping->inode && module->device == mapping->device &&
            strcmp(module->path, mapping->path) == 0)
            return module;
    }
    return NULL;
}

static enum worth worth_of(const struct pyr_target *target, const struct pyr_mapping *mapping)
{
    static const char own_of_kernel[] = "[v"; /* [vdso], [vvar], [vsyscall] */
    if (!mapping->readable || strncmp(mapping->path, own_of_kernel, 2) == 0)
        return WORTH_NOTHING;
    if (mapping->writable)
        return WORTH_ALWAYS;
    if (*mapping->path == '\0' || *mapping->path == '[')
        return mapping->executable ? WORTH_OTHER_CODE : WORTH_PYTHON_DATA;
    const struct pyr_module *module = module_of(target, mapping);
    if (!module || !module->has_code)
        return WORTH_NOTHING;
    if (pyr_module_rank(target, module) == PYR_RANK_OTHER)
        return mapping->executable ? WORTH_OTHER_CODE : WORTH_OTHER_DATA;
    return mapping->executable ? WORTH_PYTHON_CODE : WORTH_PYTHON_DATA;
}

static int save_worth(struct capture *capture, enum worth worth)
{
    int status = 0;
    for (size_t i = 0; i < capture->target->maps.count && status == 0; i++) {
        const struct pyr_mapping *mapping = PYR_VEC_AT(&capture->target->maps, struct pyr_mapping, i);
        if (worth_of(capture->target, mapping) != worth)
            continue;
        uint64_t size = mapping->end - mapping->start;
        uint64_t *left = worth == WORTH_ALWAYS ? &capture->writable_left : &capture->read_only_left;
        if (size <= *left) {
            *left -= size;
            status = save_mapping(capture, mapping);
        } else if (worth == WORTH_ALWAYS) {
            status = pyr_err_set(capture->err, PYR_E_LIMIT,
                                 "the process has mapped more than 64 GiB: too much for an image");
        }
    }
    return status;
}

/* ---- the table ---- */

static void put_text(struct pyr_buf *to, const char *text)
{
    size_t size = strlen(text);
    pyr_buf_u32(to, (uint32_t)size);
    pyr_buf_append(to, text, size);
}

static int put_section(void *context, const char *name, const struct pyr_elf_answer *answer)
{
    struct capture *capture = context;
    pyr_buf_u64(&capture->sections, capture->module->device);
    pyr_buf_u64(&capture->sections, capture->module->inode);
    put_text(&capture->sections, name);
    pyr_buf_u64(&capture->sections, answer->value);
    pyr_buf_u64(&capture->sections, answer->size);
    capture->section_count++;
    return 0;
}

/* Section headers are not in memory: their places are kept beside it. */
static void list_sections(struct capture *capture)
{
    struct pyr_target *target = capture->target;
    for (size_t i = 0; i < target->modules.count; i++) {
        const struct pyr_module *module = *PYR_VEC_AT(&target->modules, struct pyr_module *, i);
        int fd = module->has_code ? pyr_module_open_file(target, module) : -1;
        if (fd < 0)
            continue;
        capture->module = module;
        pyr_elf_file_sections(fd, put_section, capture);
        close(fd);
    }
}

static void put_mapping(struct pyr_buf *to, const struct pyr_mapping *mapping)
{
    pyr_buf_u64(to, mapping->start);
    pyr_buf_u64(to, mapping->end);
    pyr_buf_u64(to, mapping->file_offset);
    pyr_buf_u64(to, mapping->device);
    pyr_buf_u64(to, mapping->inode);
    pyr_buf_u32(to, (mapping->readable ? PYR_IMAGE_READABLE : 0) | (mapping->writable ? PYR_IMAGE_WRITABLE : 0) |
                        (mapping->executable ? PYR_IMAGE_EXECUTABLE : 0) | (mapping->deleted ? PYR_IMAGE_DELETED : 0));
    put_text(to, mapping->path);
}

static int by_address(const void *a, const void *b)
{
    const struct pyr_image_segment *left = a, *right = b;
    return left->address < right->address ? -1 : left->address > right->address;
}

static void build_table(struct capture *capture, struct pyr_buf *table)
{
    const struct pyr_target *target = capture->target;
    pyr_buf_u64(table, target->exe_device);
    pyr_buf_u64(table, target->exe_inode);
    put_text(table, target->exe_path ? target->exe_path : "");
    pyr_buf_u32(table, (uint32_t)target->maps.count);
    pyr_buf_u32(table, (uint32_t)capture->segments.count);
    pyr_buf_u32(table, capture->section_count);
    for (size_t i = 0; i < target->maps.count; i++)
        put_mapping(table, PYR_VEC_AT(&target->maps, struct pyr_mapping, i));
    if (capture->segments.count)
        qsort(capture->segments.items, capture->segments.count, sizeof(struct pyr_image_segment), by_address);
    for (size_t i = 0; i < capture->segments.count; i++) {
        const struct pyr_image_segment *segment = PYR_VEC_AT(&capture->segments, struct pyr_image_segment, i);
        pyr_buf_u64(table, segment->address);
        pyr_buf_u64(table, segment->size);
        pyr_buf_u64(table, segment->offset);
    }
    pyr_buf_append(table, capture->sections.bytes, capture->sections.size);
}

static int write_header(struct capture *capture, const struct pyr_buf *table)
{
    struct pyr_buf header = {0};
    pyr_buf_append(&header, PYR_IMAGE_MAGIC, 8);
    pyr_buf_u32(&header, PYR_IMAGE_VERSION);
    pyr_buf_u32(&header, pyr_machine());
    pyr_buf_u64(&header, capture->at);
    pyr_buf_u64(&header, table->size);
    pyr_buf_u64(&header, XXH64(table->bytes, table->size, 0));
    pyr_buf_u64(&header, capture->at + table->size);
    if (!header.failed)
        pyr_buf_u64(&header, XXH64(header.bytes, header.size, 0));
    int status = header.failed ? pyr_err_set(capture->err, PYR_E_NOMEM, "out of memory")
                               : write_at(capture, header.bytes, header.size, 0);
    pyr_buf_release(&header);
    return status;
}

static int write_table(struct capture *capture)
{
    struct pyr_buf table = {0};
    build_table(capture, &table);
    int status = 0;
    if (table.failed || capture->sections.failed)
        status = pyr_err_set(capture->err, PYR_E_NOMEM, "out of memory");
    else if (table.size > PYR_IMAGE_TABLE_MAX)
        status = pyr_err_set(capture->err, PYR_E_LIMIT, "the process has too many mappings for an image");
    if (status == 0)
        status = write_at(capture, table.bytes, table.size, capture->at);
    if (status == 0)
        status = write_header(capture, &table);
    pyr_buf_release(&table);
    return status;
}

static int capture_held(struct capture *capture)
{
    int status = pyr_modules_update(capture->target, capture->err);
    for (int worth = WORTH_ALWAYS; worth < WORTH_NOTHING && status == 0; worth++)
        status = save_worth(capture, (enum worth)worth);
    return status;
}

static int capture_to(struct capture *capture)
{
    capture->chunk = pyr_alloc(CHUNK);
    if (!capture->chunk)
        return pyr_err_set(capture->err, PYR_E_NOMEM, "out of memory");
    int status = hold_process(capture);
    if (status == 0)
        status = capture_held(capture);
    if (status == 0)
        list_sections(capture);
    release_process(capture);
    return status < 0 ? status : write_table(capture);
}

int pyr_target_capture(pid_t pid, const char *path, struct pyr_err *err)
{
    struct capture capture = {
        .at = PYR_IMAGE_HEADER_SIZE,
        .writable_left = MAPPED_MAX,
        .read_only_left = READ_ONLY_MAX,
        .held = PYR_VEC(pid_t),
        .segments = PYR_VEC(struct pyr_image_segment),
        .err = err,
    };
    if (pid == getpid())
        return pyr_err_set(err, PYR_E_MISUSE, "a process cannot capture itself");
    int status = pyr_target_open(&capture.target, pid, err);
    if (status < 0)
        return status;
    capture.fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (capture.fd < 0) {
        status = pyr_err_set(err, PYR_E_IO, "cannot create %s: %s", path, strerror(errno));
    } else {
        status = capture_to(&capture);
        if (close(capture.fd) < 0 && status == 0)
            status = pyr_err_set(err, PYR_E_IO, "cannot write %s: %s", path, strerror(errno));
        if (status < 0)
            unlink(path);
    }
    pyr_free(capture.chunk);
    pyr_vec_release(&capture.segments);
    pyr_buf_release(&capture.sections);
    pyr_target_close(capture.target);
    return status;
}
