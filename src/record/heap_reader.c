#include "record/heap_reader.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/map.h"
#include "base/vec.h"
#include "record/heap_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of each at most so many, whatever the file says. */
#define SITES_MAX ((uint32_t)PYR_SITES_MAX)
#define STRING_MAX 65536u
#define LINETABLE_MAX (8u << 20)
#define TEXTS_READ_MAX ((uint64_t)512 << 20) /* of one file in all */
#define BASES_MAX 64u                        /* a fork of a fork of … */
#define SITES_AT_ONCE 512u
#define DIRECT_MAX (1u << 20)

/* A file, and which texts are in it: those from text_base to text_end. */
struct source {
    int fd;
    uint64_t texts_at, text_base, text_end;
};

struct pyr_heap_reader {
    int directory;          /* its own */
    struct pyr_vec sources; /* of struct source: this file, the one it is based on, and so on */
    struct pyr_arena arena;
    struct pyr_map strings;   /* offset to const char * */
    struct pyr_map codes;     /* offset to number in code_list + 1; 0: it cannot be read */
    struct pyr_vec code_list; /* of const struct pyr_code_facts * */
    uint64_t texts_read;
    uint8_t linetable_kind;
};

static bool read_at(int fd, void *to, size_t size, uint64_t offset)
{
    for (size_t done = 0; done < size;) {
        if (offset + done > (uint64_t)INT64_MAX)
            return false;
        ssize_t got = pread(fd, (char *)to + done, size - done, (off_t)(offset + done));
        if (got <= 0 && !(got < 0 && errno == EINTR))
            return false;
        done += got > 0 ? (size_t)got : 0;
    }
    return true;
}

/* ---- the first page ---- */

static int read_header(int fd, struct pyr_heap_file *file)
{
    if (!read_at(fd, file, sizeof *file, 0))
        return PYR_E_IO;
    static const uint8_t nothing[sizeof file->magic];
    if (memcmp(file->magic, nothing, sizeof nothing) == 0)
        return PYR_E_AGAIN; /* the magic is written last */
    if (memcmp(file->magic, PYR_HEAP_FILE_MAGIC, sizeof file->magic) != 0 || file->version != PYR_HEAP_FILE_VERSION ||
        file->site_size != sizeof(struct pyr_heap_site) || file->direct_size != sizeof(struct pyr_heap_direct))
        return PYR_E_FORMAT;
    file->python[sizeof file->python - 1] = file->text_base_name[sizeof file->text_base_name - 1] = 0;
    return 0;
}

/* A regular file by a plain name: no link, pipe or device. */
static int open_plain(int directory, const char *name, struct pyr_err *err)
{
    struct stat status;
    if (!*name || strchr(name, '/'))
        return pyr_err_set(err, PYR_E_FORMAT, "'%.60s' is no name of a file", name);
    int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return pyr_err_set(err, PYR_E_IO, "%s cannot be opened: %s", name, strerror(errno));
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
        return fd;
    close(fd);
    return pyr_err_set(err, PYR_E_FORMAT, "%s is not a regular file", name);
}

static int refuse(const char *name, int status, struct pyr_err *err)
{
    return pyr_err_set(err, status, "%s %s", name,
                       status == PYR_E_IO      ? "cannot be read"
                       : status == PYR_E_AGAIN ? "is not complete yet"
                                               : "is not a file of this version's agent");
}

int pyr_heap_reader_open(struct pyr_heap_reader **out, int directory, const char *name, struct pyr_err *err)
{
    struct pyr_heap_file file;
    int fd = open_plain(directory, name, err);
    if (fd < 0)
        return fd;
    int rc = read_header(fd, &file);
    struct pyr_heap_reader *reader = rc < 0 ? NULL : pyr_alloc(sizeof *reader);
    if (rc == 0 && reader) {
        reader->sources = PYR_VEC(struct source);
        reader->code_list = PYR_VEC(const struct pyr_code_facts *);
        reader->directory = fcntl(directory, F_DUPFD_CLOEXEC, 0);
        const struct source own = {.fd = fd};
        if (reader->directory >= 0 && pyr_vec_push(&reader->sources, &own)) {
            *out = reader;
            return 0;
        }
        pyr_heap_reader_close(reader);
    }
    close(fd);
    return rc < 0 ? refuse(name, rc, err) : pyr_err_set(err, PYR_E_NOMEM, "out of memory or of file descriptors");
}

static void close_sources(struct pyr_heap_reader *reader, size_t kept)
{
    for (size_t i = kept; i < reader->sources.count; i++)
        close(PYR_VEC_AT(&reader->sources, struct source, i)->fd);
    if (reader->sources.count > kept)
        reader->sources.count = kept;
}

void pyr_heap_reader_close(struct pyr_heap_reader *reader)
{
    if (!reader)
        return;
    close_sources(reader, 0);
    if (reader->directory >= 0)
        close(reader->directory);
    pyr_vec_release(&reader->sources);
    pyr_vec_release(&reader->code_list);
    pyr_map_release(&reader->strings);
    pyr_map_release(&reader->codes);
    pyr_arena_release(&reader->arena);
    pyr_free(reader);
}

static int own_fd(const struct pyr_heap_reader *reader)
{
    return PYR_VEC_AT(&reader->sources, struct source, 0)->fd;
}

/* Words of one moment may be beside words of the next: a difference may come out below zero. */
static uint64_t less(uint64_t whole, uint64_t part)
{
    return whole > part ? whole - part : 0;
}

static uint64_t peak_of(const struct pyr_heap_file *file, enum pyr_heap_domain domain)
{
    const struct pyr_heap_domain_total *total = &file->domains[domain];
    return total->peak_bytes > total->loose_peak_bytes ? total->peak_bytes : total->loose_peak_bytes;
}

static struct pyr_gc_sum sum_of(const struct pyr_heap_collections *sums)
{
    return (struct pyr_gc_sum){.count = sums->count,
                               .pause_ns = sums->pause_ns,
                               .longest_ns = sums->longest_ns,
                               .collected = sums->collected,
                               .uncollectable = sums->uncollectable,
                               .vain_count = sums->vain_count,
                               .vain_ns = sums->vain_ns};
}

int pyr_heap_reader_head(struct pyr_heap_reader *reader, struct pyr_heap_head *head)
{
    struct pyr_heap_file file;
    int rc = read_header(own_fd(reader), &file);
    if (rc < 0)
        return rc;
    *head = (struct pyr_heap_head){
        .pid = file.pid,
        .parent_pid = file.parent_pid,
        .interpreter = file.interpreter,
        .started_ns = file.started_ns,
        .ended = file.state == PYR_HEAP_ENDED,
        .ended_ns = file.state == PYR_HEAP_ENDED ? file.ended_ns : 0,
        .stacks = file.stacks != 0,
        .begun_late = file.late != 0,
        .at_main_end = file.live_record != PYR_TEXT_NONE,
        .started_clock_ns = file.started_clock_ns,
        .forked_only = !file.pid || (file.text_base_name[0] && file.state != PYR_HEAP_ENDED &&
                                     file.site_count <= file.forked_site_count),
        .counts_others = file.direct_count > 0,
        .peak_bytes = {[PYR_MEMORY_HEAP] = file.peak_bytes,
                       [PYR_MEMORY_C] = peak_of(&file, PYR_DOMAIN_C),
                       [PYR_MEMORY_FILES] = peak_of(&file, PYR_DOMAIN_FILE)},
        .peak_arena_bytes = file.peak_arena_bytes,
        .lost_allocations = file.lost_sites,
        .children_inside = file.children_inside,
        .replaced = file.replaced != 0,
        .other_gils = file.other_gils != 0,
        .uncounted_blocks = file.uncounted_blocks,
        .site_count = file.site_count < SITES_MAX ? file.site_count : SITES_MAX,
    };
    head->collections_noted = file.collections_noted != 0;
    head->pause_count = file.pause_count;
    for (unsigned i = 0; i < PYR_GC_GENERATIONS; i++)
        head->collections[i] = sum_of(&file.collections[i]);
    head->has_thresholds = file.automatic != PYR_HEAP_UNKNOWN;
    head->enabled = file.automatic == PYR_HEAP_ENABLED;
    memcpy(head->thresholds, file.thresholds, sizeof head->thresholds);
    head->arenas_at = file.arenas_at;
    head->large_at = file.large_at;
    head->tables_at = file.tables_at;
    memcpy(head->python, file.python, sizeof head->python);
    memcpy(head->base_name, file.text_base_name, sizeof head->base_name);
    return 0;
}

/* ---- texts ---- */

static bool add_source(struct pyr_heap_reader *reader, int fd, const struct pyr_heap_file *file, uint64_t end)
{
    const struct source source = {fd, file->texts_at, file->text_base, file->text_bytes < end ? file->text_bytes : end};
    return pyr_vec_push(&reader->sources, &source) != NULL;
}

/* The files that the texts are spread over; what cannot be opened is left out. */
static void open_sources(struct pyr_heap_reader *reader, const struct pyr_heap_file *own)
{
    struct pyr_heap_file file = *own;
    struct source *first = PYR_VEC_AT(&reader->sources, struct source, 0);
    *first = (struct source){first->fd, file.texts_at, file.text_base, file.text_bytes};
    while (file.text_base && reader->sources.count < BASES_MAX) {
        uint64_t end = file.text_base;
        char name[sizeof file.text_base_name];
        memcpy(name, file.text_base_name, sizeof name);
        int fd = open_plain(reader->directory, name, NULL);
        if (fd < 0)
            return;
        if (read_header(fd, &file) < 0 || file.text_base >= end || !add_source(reader, fd, &file, end)) {
            close(fd);
            return;
        }
    }
}

/* The record at an offset: its contents follow its head at *at of the returned source. */
static const struct source *find_text(struct pyr_heap_reader *reader, uint32_t offset, uint32_t kind, uint64_t *at,
                                      uint32_t *size)
{
    for (size_t i = 0; i < reader->sources.count; i++) {
        const struct source *source = PYR_VEC_AT(&reader->sources, struct source, i);
        struct pyr_heap_text text;
        if (offset < source->text_base || offset >= source->text_end || source->texts_at > (uint64_t)INT64_MAX)
            continue;
        if (!read_at(source->fd, &text, sizeof text, source->texts_at + offset) || text.kind != kind ||
            text.size > source->text_end - offset)
            return NULL;
        *at = source->texts_at + offset + sizeof text;
        *size = text.size;
        return source;
    }
    return NULL;
}

/* Reads into the arena; NULL also when this file has given more text than any should. */
static void *read_text(struct pyr_heap_reader *reader, const struct source *source, uint64_t at, uint32_t size)
{
    reader->texts_read += size;
    char *bytes = reader->texts_read > TEXTS_READ_MAX ? NULL : pyr_arena_alloc(&reader->arena, (size_t)size + 1);
    return bytes && read_at(source->fd, bytes, size, at) ? bytes : NULL;
}

static const char *string_at(struct pyr_heap_reader *reader, uint32_t offset)
{
    const uint64_t *known = pyr_map_find(&reader->strings, offset);
    if (known)
        return (const char *)(uintptr_t)*known;
    uint64_t at;
    uint32_t size;
    const struct source *source = find_text(reader, offset, PYR_HEAP_TEXT_STRING, &at, &size);
    const char *string = source ? read_text(reader, source, at, size < STRING_MAX ? size : STRING_MAX) : NULL;
    if (string)
        pyr_map_put(&reader->strings, offset, (uintptr_t)string);
    return string;
}

static const struct pyr_code_facts *read_code(struct pyr_heap_reader *reader, uint32_t offset)
{
    uint64_t at;
    uint32_t size;
    struct pyr_heap_code code;
    const struct source *source = find_text(reader, offset, PYR_HEAP_TEXT_CODE, &at, &size);
    if (!source || size < sizeof code || !read_at(source->fd, &code, sizeof code, at))
        return NULL;
    uint32_t table_size = code.linetable_size;
    if (table_size > size - sizeof code || table_size > LINETABLE_MAX)
        return NULL;
    const struct source copy = *source; /* a string may be in another file */
    struct pyr_code_facts facts = {.name = string_at(reader, code.name),
                                   .file = string_at(reader, code.file),
                                   .first_line = code.first_line > 0 ? (uint32_t)code.first_line : 0,
                                   .linetable_kind = table_size ? reader->linetable_kind : PYR_LINETABLE_NONE,
                                   .linetable = read_text(reader, &copy, at + sizeof code, table_size),
                                   .linetable_size = table_size};
    if (!facts.name || !facts.file || !facts.linetable)
        return NULL;
    return pyr_arena_dup(&reader->arena, &facts, sizeof facts);
}

/* The number of the code at this offset + 1; 0 if it cannot be read. Negative: out of memory. */
static int64_t code_at(struct pyr_heap_reader *reader, uint32_t offset)
{
    const uint64_t *known = pyr_map_find(&reader->codes, offset);
    if (known)
        return (int64_t)*known;
    const struct pyr_code_facts *facts = read_code(reader, offset);
    if (facts && !pyr_vec_push(&reader->code_list, &facts))
        return PYR_E_NOMEM;
    uint64_t number = facts ? reader->code_list.count : 0;
    return pyr_map_put(&reader->codes, offset, number) < 0 ? PYR_E_NOMEM : (int64_t)number;
}

/* ---- sites ---- */

static int place_of(struct pyr_heap_reader *reader, uint32_t number, const struct pyr_heap_site *site,
                    struct pyr_heap_place *place)
{
    *place = (struct pyr_heap_place){.number = number, .instruction = -1};
    place->caller = site->caller < number ? site->caller : PYR_SITE_NO_FRAME;
    if (number == PYR_SITE_NO_FRAME)
        return 0;
    int64_t code = number == PYR_SITE_OTHER ? 0 : code_at(reader, site->code);
    if (code < 0)
        return (int)code;
    place->other = code == 0;
    if (code == 0)
        return 0;
    place->code_number = (uint32_t)code - 1;
    place->code = *PYR_VEC_AT(&reader->code_list, const struct pyr_code_facts *, place->code_number);
    if (site->instruction <= INT32_MAX)
        place->instruction = (int32_t)site->instruction;
    return 0;
}

static struct pyr_memory_site figures_of(const struct pyr_heap_site *site, const struct pyr_heap_peak *peak)
{
    struct pyr_memory_site figures = {
        .allocated_blocks = site->allocated_blocks,
        .allocated_bytes = site->allocated_bytes,
        .live_blocks = less(site->allocated_blocks, site->freed_blocks + site->temporary_blocks),
        .live_bytes = less(site->allocated_bytes, site->freed_bytes + site->temporary_bytes),
        .temporary_blocks = site->temporary_blocks,
        .temporary_bytes = site->temporary_bytes,
    };
    figures.peak_blocks = site->saved ? peak->blocks : figures.live_blocks;
    figures.peak_bytes = site->saved ? peak->bytes : figures.live_bytes;
    return figures;
}

static uint32_t bounded_count(const struct pyr_heap_file *file)
{
    return file->site_count < SITES_MAX ? file->site_count : SITES_MAX;
}

/* Some sites from number first on, of count in all. Returns how many; negative: they cannot be read. */
static int64_t read_sites(const struct pyr_heap_reader *reader, const struct pyr_heap_file *file, uint32_t first,
                          uint32_t count, struct pyr_heap_site sites[static SITES_AT_ONCE])
{
    uint32_t some = count - first < SITES_AT_ONCE ? count - first : SITES_AT_ONCE;
    uint64_t at = file->sites_at + (uint64_t)first * sizeof *sites;
    if (at < file->sites_at || !read_at(own_fd(reader), sites, some * sizeof *sites, at))
        return PYR_E_IO;
    return some;
}

/* What as many held at the peak. */
static bool read_peaks(const struct pyr_heap_reader *reader, const struct pyr_heap_file *file, uint32_t first,
                       uint32_t some, struct pyr_heap_peak peaks[static SITES_AT_ONCE])
{
    uint64_t at = file->peaks_at + (uint64_t)first * sizeof *peaks;
    return at >= file->peaks_at && read_at(own_fd(reader), peaks, some * sizeof *peaks, at);
}

/* ---- what is not of the private heap ---- */

static uint32_t direct_count(const struct pyr_heap_file *file)
{
    return file->direct_count < DIRECT_MAX ? file->direct_count : DIRECT_MAX;
}

/* As read_sites. */
static int64_t read_direct(const struct pyr_heap_reader *reader, const struct pyr_heap_file *file, uint32_t first,
                           struct pyr_heap_direct direct[static SITES_AT_ONCE])
{
    uint32_t count = direct_count(file), some = count - first < SITES_AT_ONCE ? count - first : SITES_AT_ONCE;
    uint64_t at = file->direct_at + (uint64_t)first * sizeof *direct;
    if (at < file->direct_at || !read_at(own_fd(reader), direct, some * sizeof *direct, at))
        return PYR_E_IO;
    return some;
}

/* What threads without the GIL have counted may be below zero alone. */
static struct pyr_memory_site direct_figures(const struct pyr_heap_file *file, const struct pyr_heap_direct *direct)
{
    struct pyr_memory_site figures = {
        .allocated_blocks = direct->allocated_blocks + direct->loose_allocated_blocks,
        .allocated_bytes = direct->allocated_bytes + direct->loose_allocated_bytes,
    };
    figures.live_blocks = less(figures.allocated_blocks, direct->freed_blocks + direct->loose_freed_blocks);
    figures.live_bytes = less(figures.allocated_bytes, direct->freed_bytes + direct->loose_freed_bytes);
    bool saved = direct->epoch == file->domains[direct->domain].epoch;
    figures.peak_blocks = saved ? direct->peak_blocks : figures.live_blocks;
    figures.peak_bytes = saved ? direct->peak_bytes : figures.live_bytes;
    return figures;
}

/* What each domain holds now. */
static int direct_live(const struct pyr_heap_reader *reader, const struct pyr_heap_file *file,
                       uint64_t live_bytes[static PYR_DOMAINS])
{
    struct pyr_heap_direct direct[SITES_AT_ONCE];
    for (uint32_t first = 0; first < direct_count(file);) {
        int64_t some = read_direct(reader, file, first, direct);
        if (some < 0)
            return (int)some;
        for (int64_t i = 0; i < some; i++)
            if (direct[i].domain < PYR_DOMAINS)
                live_bytes[direct[i].domain] += direct_figures(file, &direct[i]).live_bytes;
        first += (uint32_t)some;
    }
    return 0;
}

int pyr_heap_reader_live(struct pyr_heap_reader *reader, uint64_t *live_bytes)
{
    struct pyr_heap_file file;
    struct pyr_heap_site sites[SITES_AT_ONCE];
    uint64_t allocated = 0, freed = 0, direct[PYR_DOMAINS] = {0};
    int rc = read_header(own_fd(reader), &file);
    for (uint32_t first = 0, count = rc < 0 ? 0 : bounded_count(&file); first < count;) {
        int64_t some = read_sites(reader, &file, first, count, sites);
        if (some < 0)
            return (int)some;
        for (int64_t i = 0; i < some; i++) {
            allocated += sites[i].allocated_bytes;
            freed += sites[i].freed_bytes + sites[i].temporary_bytes;
        }
        first += (uint32_t)some;
    }
    if (rc == 0)
        rc = direct_live(reader, &file, direct);
    if (rc == 0)
        *live_bytes = less(allocated, freed) + direct[PYR_DOMAIN_RAW];
    return rc;
}

int pyr_heap_reader_others(struct pyr_heap_reader *reader, uint64_t *raw_bytes, uint64_t *c_bytes)
{
    struct pyr_heap_file file;
    uint64_t direct[PYR_DOMAINS] = {0};
    int rc = read_header(own_fd(reader), &file);
    if (rc == 0)
        rc = direct_live(reader, &file, direct);
    if (rc < 0)
        return rc;
    *raw_bytes = direct[PYR_DOMAIN_RAW];
    *c_bytes = direct[PYR_DOMAIN_C];
    return 0;
}

/* What was live when the main module had ended, by a record: some from number first on. Those that came later held
 * nothing. */
static void read_live(struct pyr_heap_reader *reader, uint32_t record, uint32_t first, uint32_t some,
                      struct pyr_heap_live live[static SITES_AT_ONCE])
{
    uint64_t at;
    uint32_t size;
    memset(live, 0, some * sizeof *live);
    const struct source *source = find_text(reader, record, PYR_HEAP_TEXT_LIVE, &at, &size);
    uint32_t count = source ? size / sizeof *live : 0;
    if (first >= count)
        return;
    count = count - first < some ? count - first : some;
    if (!read_at(source->fd, live, count * sizeof *live, at + (uint64_t)first * sizeof *live))
        memset(live, 0, some * sizeof *live);
}

static int visit_sites(struct pyr_heap_reader *reader, const struct pyr_heap_file *file,
                       struct pyr_heap_site sites[static SITES_AT_ONCE], pyr_heap_visit visit, void *context)
{
    for (uint32_t first = 0, count = bounded_count(file); first < count;) {
        int64_t some = read_sites(reader, file, first, count, sites);
        if (some < 0)
            return (int)some;
        struct pyr_heap_peak peaks[SITES_AT_ONCE];
        struct pyr_heap_live live[SITES_AT_ONCE];
        if (!read_peaks(reader, file, first, (uint32_t)some, peaks))
            return PYR_E_IO;
        if (file->live_record != PYR_TEXT_NONE)
            read_live(reader, file->live_record, first, (uint32_t)some, live);
        for (uint32_t i = 0; i < some; i++) {
            struct pyr_heap_place place;
            struct pyr_memory_site figures = figures_of(&sites[i], &peaks[i]);
            if (file->live_record != PYR_TEXT_NONE) {
                figures.live_blocks = live[i].blocks;
                figures.live_bytes = live[i].bytes;
            }
            int rc = sites[i].allocated_blocks || file->stacks ? place_of(reader, first + i, &sites[i], &place) : 1;
            if (rc == 0)
                rc = visit(context, &place, &figures);
            if (rc < 0)
                return rc;
        }
        first += (uint32_t)some;
    }
    return 0;
}

static int visit_direct(struct pyr_heap_reader *reader, const struct pyr_heap_file *file,
                        const struct pyr_heap_direct *direct, const struct pyr_heap_live *live, pyr_heap_visit visit,
                        void *context)
{
    static const enum pyr_memory_kind kinds[] = {
        [PYR_DOMAIN_RAW] = PYR_MEMORY_HEAP, [PYR_DOMAIN_C] = PYR_MEMORY_C, [PYR_DOMAIN_FILE] = PYR_MEMORY_FILES};
    struct pyr_heap_site site;
    struct pyr_heap_place place;
    uint64_t at = file->sites_at + direct->site * (uint64_t)sizeof site;
    if (direct->domain >= PYR_DOMAINS || direct->site >= bounded_count(file))
        return 0;
    struct pyr_memory_site figures = direct_figures(file, direct);
    if (live) {
        figures.live_blocks = live->blocks < figures.allocated_blocks ? live->blocks : figures.allocated_blocks;
        figures.live_bytes = live->bytes < figures.allocated_bytes ? live->bytes : figures.allocated_bytes;
    }
    if (!figures.allocated_blocks)
        return 0;
    if (!read_at(own_fd(reader), &site, sizeof site, at))
        return PYR_E_IO;
    int rc = place_of(reader, direct->site, &site, &place);
    place.kind = kinds[direct->domain];
    return rc < 0 ? rc : visit(context, &place, &figures);
}

static int visit_directs(struct pyr_heap_reader *reader, const struct pyr_heap_file *file, pyr_heap_visit visit,
                         void *context)
{
    struct pyr_heap_direct direct[SITES_AT_ONCE];
    struct pyr_heap_live live[SITES_AT_ONCE];
    bool noted = file->direct_live_record != PYR_TEXT_NONE;
    for (uint32_t first = 0; first < direct_count(file);) {
        int64_t some = read_direct(reader, file, first, direct);
        if (some < 0)
            return (int)some;
        if (noted)
            read_live(reader, file->direct_live_record, first, (uint32_t)some, live);
        for (int64_t i = 0; i < some; i++) {
            int rc = visit_direct(reader, file, &direct[i], noted ? &live[i] : NULL, visit, context);
            if (rc < 0)
                return rc;
        }
        first += (uint32_t)some;
    }
    return 0;
}

static void prepare_places(struct pyr_heap_reader *reader, const struct pyr_heap_file *file)
{
    reader->linetable_kind = (uint8_t)(file->linetable_kind <= PYR_LINETABLE_LOCATIONS ? file->linetable_kind : 0);
    open_sources(reader, file);
}

int pyr_heap_reader_sites(struct pyr_heap_reader *reader, pyr_heap_visit visit, void *context)
{
    struct pyr_heap_file file;
    int rc = read_header(own_fd(reader), &file);
    if (rc < 0)
        return rc;
    struct pyr_heap_site sites[SITES_AT_ONCE];
    prepare_places(reader, &file);
    rc = visit_sites(reader, &file, sites, visit, context);
    if (rc == 0)
        rc = visit_directs(reader, &file, visit, context);
    close_sources(reader, 1);
    return rc;
}

int pyr_heap_reader_place(struct pyr_heap_reader *reader, uint32_t number, struct pyr_heap_place *place)
{
    struct pyr_heap_file file;
    struct pyr_heap_site sites[SITES_AT_ONCE] = {0};
    int rc = read_header(own_fd(reader), &file);
    if (rc < 0)
        return rc;
    *place = (struct pyr_heap_place){.instruction = -1, .other = true};
    if (number >= bounded_count(&file))
        return 0;
    int64_t some = read_sites(reader, &file, number, number + 1, sites);
    if (some < 0)
        return (int)some;
    prepare_places(reader, &file);
    rc = place_of(reader, number, sites, place);
    close_sources(reader, 1);
    return rc;
}

/* ---- collections ---- */

_Static_assert((int)PYR_GENERATIONS == (int)PYR_GC_GENERATIONS, "what the agent counts is what is recorded");

/* Of those that end before `count`, the oldest whose record nobody writes over now. */
static uint64_t oldest(uint64_t count)
{
    return count >= PYR_HEAP_PAUSES ? count - PYR_HEAP_PAUSES + 1 : 0;
}

static struct pyr_heap_collection collection_of(const struct pyr_heap_pause *pause)
{
    return (struct pyr_heap_collection){
        .start_ns = pause->start_ns,
        .pause_ns = pause->pause_ns,
        .collected = pause->collected,
        .uncollectable = pause->uncollectable,
        .generation = pause->generation < PYR_GC_GENERATIONS ? pause->generation : PYR_GC_GENERATIONS - 1,
        .site = pause->site,
    };
}

int64_t pyr_heap_reader_collections(struct pyr_heap_reader *reader, uint64_t *next,
                                    struct pyr_heap_collection out[static PYR_HEAP_COLLECTIONS_AT_ONCE])
{
    struct pyr_heap_file file, after;
    struct pyr_heap_pause pauses[PYR_HEAP_COLLECTIONS_AT_ONCE];
    int rc = read_header(own_fd(reader), &file);
    if (rc < 0)
        return rc;
    uint64_t first = *next < oldest(file.pause_count) ? oldest(file.pause_count) : *next;
    if (first >= file.pause_count)
        return 0;
    uint64_t slot = first % PYR_HEAP_PAUSES, some = file.pause_count - first;
    some = some < PYR_HEAP_PAUSES - slot ? some : PYR_HEAP_PAUSES - slot;
    some = some < PYR_HEAP_COLLECTIONS_AT_ONCE ? some : PYR_HEAP_COLLECTIONS_AT_ONCE;
    if (file.pauses_at > (uint64_t)INT64_MAX ||
        !read_at(own_fd(reader), pauses, some * sizeof *pauses, file.pauses_at + slot * sizeof *pauses))
        return PYR_E_IO;
    /* What was written over meanwhile may be torn. */
    if ((rc = read_header(own_fd(reader), &after)) < 0)
        return rc;
    uint64_t whole = oldest(after.pause_count) > first ? oldest(after.pause_count) : first;
    int64_t count = 0;
    for (uint64_t n = whole; n < first + some; n++)
        out[count++] = collection_of(&pauses[n - first]);
    *next = whole > first + some ? whole : first + some;
    return count;
}
