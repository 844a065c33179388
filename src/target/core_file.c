/* The headers and notes of a core file. It may be cut short, damaged or made to harm: every number is checked. */
#include "target/core_file.h"

#include "base/alloc.h"
#include "base/intern.h"
#include "target/private.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <unistd.h>

#define NOTES_MAX ((uint64_t)64 << 20) /* bytes of one note segment */

enum { HEADERS_MAX = 1 << 20, HEADERS_AT_ONCE = 256, MAPPED_MAX = 1 << 20, PATH_BYTES_MAX = 4096 };

size_t pyr_core_read_file(int fd, void *to, size_t size, uint64_t offset)
{
    size_t done = 0;
    while (done < size && offset + done <= (uint64_t)INT64_MAX) {
        ssize_t got = pread(fd, (char *)to + done, size - done, (off_t)(offset + done));
        if (got <= 0 && !(got < 0 && errno == EINTR))
            break;
        done += got > 0 ? (size_t)got : 0;
    }
    return done;
}

struct parse {
    struct pyr_core_contents *contents;
    int fd;
    uint64_t file_size;
    struct pyr_intern paths; /* number: that of the name */
};

/* ---- notes ---- */

static int note_status(struct parse *parse, const uint8_t *bytes, size_t size)
{
    struct elf_prstatus status;
    struct pyr_core_facts *facts = &parse->contents->facts;
    if (size < sizeof status)
        return 0;
    memcpy(&status, bytes, sizeof status);
    if (!parse->contents->threads.count) { /* the thread that died comes first */
        facts->signal = status.pr_info.si_signo;
        facts->pid = facts->pid ? facts->pid : status.pr_pid;
    }
    return pyr_vec_push(&parse->contents->threads, &status.pr_pid) ? 0 : PYR_E_NOMEM;
}

static int note_process(struct parse *parse, const uint8_t *bytes, size_t size)
{
    struct elf_prpsinfo info;
    if (size < sizeof info)
        return 0;
    memcpy(&info, bytes, sizeof info);
    size_t length = strnlen(info.pr_psargs, sizeof info.pr_psargs);
    while (length && info.pr_psargs[length - 1] == ' ')
        length--;
    parse->contents->facts.pid = info.pr_pid;
    parse->contents->facts.command = pyr_arena_dup(&parse->contents->arena, info.pr_psargs, length);
    return parse->contents->facts.command ? 0 : PYR_E_NOMEM;
}

static void note_auxiliary(struct parse *parse, const uint8_t *bytes, size_t size)
{
    Elf64_auxv_t entry;
    for (size_t at = 0; size - at >= sizeof entry; at += sizeof entry) {
        memcpy(&entry, bytes + at, sizeof entry);
        if (entry.a_type == AT_ENTRY)
            parse->contents->entry = entry.a_un.a_val;
    }
}

/* The number of a path, which may be new. */
static int64_t name_of(struct parse *parse, const char *path, size_t length)
{
    struct pyr_core_contents *contents = parse->contents;
    int is_new;
    int64_t number = pyr_intern_put(&parse->paths, path, length, &is_new);
    if (number < 0 || !is_new)
        return number;
    char *own = pyr_arena_dup(&contents->arena, path, length);
    struct pyr_core_name name = {.path = own};
    if (!own)
        return PYR_E_NOMEM;
    name.deleted = pyr_cut_deleted(own, length);
    return pyr_vec_push(&contents->names, &name) ? number : PYR_E_NOMEM;
}

/* Count and size of a page; start, end and place in pages of each; then their paths. */
static int note_files(struct parse *parse, const uint8_t *bytes, size_t size)
{
    uint64_t head[2], row[3];
    if (size < sizeof head)
        return 0;
    memcpy(head, bytes, sizeof head);
    if (head[0] > MAPPED_MAX || head[0] > (size - sizeof head) / sizeof row || head[1] > 1 << 24)
        return PYR_E_FORMAT;
    const uint8_t *paths = bytes + sizeof head + head[0] * sizeof row, *end = bytes + size;
    for (uint64_t i = 0; i < head[0]; i++) {
        size_t length = strnlen((const char *)paths, (size_t)(end - paths));
        if (length == (size_t)(end - paths) || length > PATH_BYTES_MAX)
            return PYR_E_FORMAT;
        memcpy(row, bytes + sizeof head + i * sizeof row, sizeof row);
        int64_t file = name_of(parse, (const char *)paths, length);
        if (file < 0)
            return (int)file;
        const struct pyr_core_mapped mapped = {row[0], row[1], row[2] * head[1], (uint32_t)file};
        if (mapped.start < mapped.end && !pyr_vec_push(&parse->contents->mapped, &mapped))
            return PYR_E_NOMEM;
        paths += length + 1;
    }
    return 0;
}

static int take_note(struct parse *parse, uint32_t type, const uint8_t *bytes, size_t size)
{
    switch (type) {
    case NT_PRSTATUS:
        return note_status(parse, bytes, size);
    case NT_PRPSINFO:
        return note_process(parse, bytes, size);
    case NT_AUXV:
        return note_auxiliary(parse, bytes, size), 0;
    case NT_FILE:
        return parse->contents->mapped.count ? 0 : note_files(parse, bytes, size);
    default:
        return 0;
    }
}

static uint64_t padded(uint64_t size)
{
    return (size + 3) & ~(uint64_t)3;
}

static int take_notes(struct parse *parse, const uint8_t *bytes, uint64_t size)
{
    int rc = 0;
    for (uint64_t at = 0; rc == 0 && size - at >= sizeof(Elf64_Nhdr);) {
        Elf64_Nhdr note;
        memcpy(&note, bytes + at, sizeof note);
        uint64_t contents = at + sizeof note + padded(note.n_namesz);
        if (contents > size || note.n_descsz > size - contents)
            break; /* cut short */
        bool of_linux = note.n_namesz == 5 && memcmp(bytes + at + sizeof note, "CORE", 5) == 0;
        if (of_linux)
            rc = take_note(parse, note.n_type, bytes + contents, note.n_descsz);
        at = contents + padded(note.n_descsz);
        if (at > size)
            break;
    }
    return rc;
}

static int read_notes(struct parse *parse, const Elf64_Phdr *header)
{
    uint64_t size = header->p_filesz < NOTES_MAX ? header->p_filesz : NOTES_MAX;
    if (header->p_offset >= parse->file_size)
        return 0;
    if (size > parse->file_size - header->p_offset)
        size = parse->file_size - header->p_offset;
    uint8_t *bytes = pyr_alloc((size_t)size + 1);
    if (!bytes)
        return PYR_E_NOMEM;
    int rc = take_notes(parse, bytes, pyr_core_read_file(parse->fd, bytes, (size_t)size, header->p_offset));
    pyr_free(bytes);
    return rc;
}

/* ---- segments ---- */

static int take_segment(struct parse *parse, const Elf64_Phdr *header)
{
    struct pyr_core_segment segment = {.address = header->p_vaddr,
                                       .memory_size = header->p_memsz,
                                       .offset = header->p_offset,
                                       .file_size = header->p_filesz,
                                       .flags = header->p_flags};
    if (segment.memory_size < segment.file_size)
        segment.memory_size = segment.file_size;
    if (segment.memory_size == 0 || segment.memory_size > UINT64_MAX - segment.address)
        return 0;
    uint64_t there = segment.offset < parse->file_size ? parse->file_size - segment.offset : 0;
    if (segment.file_size > there) {
        parse->contents->facts.missing_bytes += segment.file_size - there;
        segment.file_size = there;
    }
    return pyr_vec_push(&parse->contents->segments, &segment) ? 0 : PYR_E_NOMEM;
}

static int read_headers(struct parse *parse, const Elf64_Ehdr *file, uint64_t count)
{
    Elf64_Phdr headers[HEADERS_AT_ONCE];
    int rc = 0;
    for (uint64_t first = 0; rc == 0 && first < count;) {
        uint64_t some = count - first < HEADERS_AT_ONCE ? count - first : HEADERS_AT_ONCE;
        size_t got =
            pyr_core_read_file(parse->fd, headers, some * sizeof *headers, file->e_phoff + first * sizeof *headers) /
            sizeof *headers;
        for (size_t i = 0; rc == 0 && i < got; i++)
            if (headers[i].p_type == PT_LOAD)
                rc = take_segment(parse, &headers[i]);
            else if (headers[i].p_type == PT_NOTE)
                rc = read_notes(parse, &headers[i]);
        if (got < some)
            return rc < 0 ? rc : PYR_E_FORMAT;
        first += some;
    }
    return rc;
}

/* More headers than a field of 16 bits can count are counted by the first section's. */
static uint64_t count_headers(const struct parse *parse, const Elf64_Ehdr *file)
{
    Elf64_Shdr section;
    if (file->e_phnum != PN_XNUM)
        return file->e_phnum;
    return pyr_core_read_file(parse->fd, &section, sizeof section, file->e_shoff) == sizeof section ? section.sh_info
                                                                                                    : 0;
}

static int by_address(const void *a, const void *b)
{
    const struct pyr_core_segment *x = a, *y = b;
    return x->address < y->address ? -1 : x->address > y->address;
}

static int by_start(const void *a, const void *b)
{
    const struct pyr_core_mapped *x = a, *y = b;
    return x->start < y->start ? -1 : x->start > y->start;
}

static void sort_segments(struct pyr_vec *all)
{
    struct pyr_core_segment *segments = all->items;
    size_t kept = 0;
    if (all->count)
        qsort(segments, all->count, sizeof *segments, by_address);
    for (size_t i = 0; i < all->count; i++)
        if (!kept || segments[i].address >= segments[kept - 1].address + segments[kept - 1].memory_size)
            segments[kept++] = segments[i];
    all->count = kept; /* of what lies over something else the first is kept */
}

static void sort_mapped(struct pyr_core_contents *contents)
{
    struct pyr_core_mapped *mapped = contents->mapped.items;
    size_t kept = 0;
    if (contents->mapped.count)
        qsort(mapped, contents->mapped.count, sizeof *mapped, by_start);
    for (size_t i = 0; i < contents->mapped.count; i++)
        if (!kept || mapped[i].start >= mapped[kept - 1].end)
            mapped[kept++] = mapped[i];
    contents->mapped.count = kept;
    for (size_t i = kept; i-- > 0;)
        if (mapped[i].offset == 0)
            PYR_VEC_AT(&contents->names, struct pyr_core_name, mapped[i].file)->first = mapped[i].start;
}

static bool add_unwritten(struct pyr_vec *segments, uint64_t start, uint64_t end)
{
    const struct pyr_core_segment segment = {.address = start, .memory_size = end - start, .flags = PF_R | PF_X};
    return start >= end || pyr_vec_push(segments, &segment);
}

/* gdb has no headers for what is as in its file. */
static int add_mapped_alone(struct pyr_core_contents *contents)
{
    struct pyr_vec *segments = &contents->segments;
    size_t count = segments->count, next = 0;
    for (size_t i = 0; i < contents->mapped.count; i++) {
        const struct pyr_core_mapped *m = PYR_VEC_AT(&contents->mapped, struct pyr_core_mapped, i);
        uint64_t at = m->start;
        for (; next < count; next++) {
            const struct pyr_core_segment s = *PYR_VEC_AT(segments, struct pyr_core_segment, next);
            if (s.address >= m->end)
                break;
            if (!add_unwritten(segments, at, s.address))
                return PYR_E_NOMEM;
            at = s.address + s.memory_size > at ? s.address + s.memory_size : at;
            if (at > m->end) /* it reaches into the next one */
                break;
        }
        if (!add_unwritten(segments, at, m->end))
            return PYR_E_NOMEM;
    }
    return 0;
}

static int sort_all(struct pyr_core_contents *contents)
{
    sort_segments(&contents->segments);
    sort_mapped(contents);
    int rc = add_mapped_alone(contents);
    sort_segments(&contents->segments);
    return rc;
}

static int check_header(const Elf64_Ehdr *file, struct pyr_err *err)
{
    if (memcmp(file->e_ident, ELFMAG, SELFMAG) != 0 || file->e_type != ET_CORE)
        return pyr_err_set(err, PYR_E_FORMAT, "the file is not a core file");
    if (file->e_ident[EI_CLASS] != ELFCLASS64 || file->e_ident[EI_DATA] != ELFDATA2LSB ||
        file->e_machine != pyr_machine())
        return pyr_err_set(err, PYR_E_UNSUPPORTED,
                           "the core file is of another kind of processor (%s): open it on a machine of its kind",
                           pyr_machine_name(file->e_machine));
    if (file->e_phentsize != sizeof(Elf64_Phdr))
        return pyr_err_set(err, PYR_E_FORMAT, "the header of the core file is damaged");
    return 0;
}

int pyr_core_contents_read(struct pyr_core_contents *contents, int fd, uint64_t file_size, struct pyr_err *err)
{
    struct parse parse = {.contents = contents, .fd = fd, .file_size = file_size};
    Elf64_Ehdr file;
    *contents = (struct pyr_core_contents){.segments = PYR_VEC(struct pyr_core_segment),
                                           .mapped = PYR_VEC(struct pyr_core_mapped),
                                           .names = PYR_VEC(struct pyr_core_name),
                                           .threads = PYR_VEC(pid_t),
                                           .facts.command = ""};
    if (pyr_core_read_file(fd, &file, sizeof file, 0) != sizeof file)
        return pyr_err_set(err, PYR_E_FORMAT, "the file is not a core file");
    int rc = check_header(&file, err);
    if (rc < 0)
        return rc;
    uint64_t count = count_headers(&parse, &file);
    rc = count <= HEADERS_MAX ? read_headers(&parse, &file, count) : PYR_E_FORMAT;
    pyr_intern_release(&parse.paths);
    contents->facts.threads = contents->threads.items;
    contents->facts.thread_count = contents->threads.count;
    if (rc == 0)
        rc = contents->segments.count ? sort_all(contents) : PYR_E_FORMAT;
    if (rc == PYR_E_NOMEM)
        return pyr_err_set(err, rc, "out of memory for the headers of the core file");
    return rc < 0 ? pyr_err_set(err, rc, "the headers of the core file are cut short or damaged") : 0;
}

void pyr_core_contents_release(struct pyr_core_contents *contents)
{
    pyr_vec_release(&contents->segments);
    pyr_vec_release(&contents->mapped);
    pyr_vec_release(&contents->names);
    pyr_vec_release(&contents->threads);
    pyr_arena_release(&contents->arena);
}
