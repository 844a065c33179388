#include "report/source.h"

#include "base/utf8.h"

#include "base/alloc.h"
#include "report/report.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOURCE_MAX (16u << 20)
#define TAB_WIDTH 4

static int read_all(int fd, char *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t got = read(fd, bytes + done, size - done);
        if (got <= 0)
            return PYR_E_IO;
        done += (size_t)got;
    }
    return 0;
}

/* Looks before it opens: opening a device or a pipe can have effects. */
static int open_regular(const char *path, struct stat *facts)
{
    if (stat(path, facts) < 0 || !S_ISREG(facts->st_mode))
        return -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0 && (fstat(fd, facts) < 0 || !S_ISREG(facts->st_mode) || facts->st_size > (off_t)SOURCE_MAX)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* The byte that Python had as a lone surrogate, since it was not UTF-8, and that a recording has as \udcXX; or 0. */
static unsigned char undecoded_byte(const char *text)
{
    if (strncmp(text, "\\udc", 4) != 0 || strspn(text + 4, "0123456789abcdef") < 2)
        return 0;
    const char digits[] = {text[4], text[5], 0};
    unsigned long byte = strtoul(digits, NULL, 16);
    return byte >= 0x80 ? (unsigned char)byte : 0;
}

static int open_undecoded(const char *path, struct stat *facts)
{
    char bytes[PATH_MAX];
    size_t size = 0;
    if (!strstr(path, "\\udc"))
        return -1;
    for (; *path && size + 1 < sizeof bytes; size++) {
        unsigned char byte = undecoded_byte(path);
        bytes[size] = byte ? (char)byte : *path;
        path += byte ? strlen("\\udcff") : 1;
    }
    bytes[size] = 0;
    return *path ? -1 : open_regular(bytes, facts);
}

static int find_lines(struct pyr_source *source)
{
    for (size_t at = 0; at < source->size;) {
        uint32_t start = (uint32_t)at;
        if (!pyr_vec_push(&source->starts, &start))
            return PYR_E_NOMEM;
        const char *end = memchr(source->bytes + at, '\n', source->size - at);
        at = end ? (size_t)(end - source->bytes) + 1 : source->size;
    }
    return 0;
}

static int load(struct pyr_source *source, const char *path)
{
    struct stat facts;
    int fd = open_regular(path, &facts);
    if (fd < 0)
        fd = open_undecoded(path, &facts);
    if (fd < 0)
        return PYR_E_NOT_FOUND;
    source->size = (size_t)facts.st_size;
    source->changed_ns = (uint64_t)facts.st_mtim.tv_sec * 1000000000u + (uint64_t)facts.st_mtim.tv_nsec;
    source->bytes = pyr_alloc(source->size + 1);
    int rc = source->bytes ? read_all(fd, source->bytes, source->size) : PYR_E_NOMEM;
    close(fd);
    return rc < 0 ? rc : find_lines(source);
}

int pyr_source_open(struct pyr_source *source, const char *path)
{
    if (!source->path || strcmp(source->path, path) != 0) {
        pyr_source_release(source);
        source->starts = PYR_VEC(uint32_t);
        if (load(source, path) < 0)
            pyr_source_release(source);
        source->path = path;
    }
    return source->bytes ? 0 : PYR_E_NOT_FOUND;
}

void pyr_source_release(struct pyr_source *source)
{
    pyr_free(source->bytes);
    if (source->starts.item_size)
        pyr_vec_release(&source->starts);
    *source = (struct pyr_source){0};
}

uint32_t pyr_source_lines(const struct pyr_source *source)
{
    return (uint32_t)source->starts.count;
}

/* Puts what is left of the line after its indentation; invisible characters become '?'. */
static void put_text(const char *text, size_t size, unsigned width, FILE *out)
{
    for (unsigned column = 0; size; column++) {
        if (column + 1 >= width) {
            fputs("…", out);
            return;
        }
        size_t length = pyr_utf8_length(text, size);
        unsigned char first = (unsigned char)*text;
        if (first == '\t')
            fputc(' ', out);
        else if (length == 0 || first < 0x20 || first == 0x7f || (length == 2 && first == 0xc2 && !(text[1] & 0x20)))
            fputc('?', out);
        else
            fwrite(text, 1, length, out);
        length = length ? length : 1;
        text += length;
        size -= length;
    }
}

struct span {
    size_t at, end;
};

/* A line's bytes, without the space and the line break at its end. */
static bool find_line(const struct pyr_source *source, uint32_t line, struct span *span)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    if (line == 0 || line > source->starts.count)
        return false;
    size_t at = *PYR_VEC_AT(&source->starts, uint32_t, line - 1);
    size_t end = line < source->starts.count ? *PYR_VEC_AT(&source->starts, uint32_t, line) : source->size;
    if (at == 0 && end >= 3 && memcmp(source->bytes, byte_order_mark, 3) == 0)
        at = 3;
    while (end > at && strchr("\r\n\t\f ", source->bytes[end - 1]))
        end--;
    *span = (struct span){at, end};
    return true;
}

void pyr_source_put(const struct pyr_source *source, uint32_t line, bool indented, unsigned width, FILE *out)
{
    struct span span;
    if (!find_line(source, line, &span))
        return;
    size_t at = span.at, end = span.end;
    unsigned indent = 0;
    for (; at < end && strchr(" \t\f", source->bytes[at]); at++)
        indent += source->bytes[at] == '\t' ? TAB_WIDTH : 1;
    indent = indented ? indent < width ? indent : width : 0;
    if (at < end)
        fprintf(out, "%*s", (int)indent, "");
    put_text(source->bytes + at, end - at, width - indent, out);
}

int32_t pyr_source_characters(const struct pyr_source *source, uint32_t line, int32_t byte)
{
    struct span span;
    int32_t count = 0;
    if (byte < 0 || !find_line(source, line, &span) || (size_t)byte > span.end - span.at)
        return -1;
    for (size_t at = span.at; at < span.at + (size_t)byte; count++) {
        size_t length = pyr_utf8_length(source->bytes + at, span.end - at);
        if (length == 0 || at + length > span.at + (size_t)byte)
            return -1;
        at += length;
    }
    return count;
}

/* How many columns of a terminal a valid character takes. */
static unsigned cells(const char *text, size_t length)
{
    static const struct {
        uint32_t first, last;
    } none[] = {{0x300, 0x36f}, {0x200b, 0x200f}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}}, /* they join the one before */
        two[] = {{0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},   {0xac00, 0xd7a3},
                 {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},
                 {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};
    uint32_t code = (unsigned char)*text & (length > 1 ? 0x7fu >> length : 0x7fu);
    for (size_t i = 1; i < length; i++)
        code = code << 6 | ((unsigned char)text[i] & 0x3f);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (code >= none[i].first && code <= none[i].last)
            return 0;
    for (size_t i = 0; i < sizeof two / sizeof *two; i++)
        if (code >= two[i].first && code <= two[i].last)
            return 2;
    return 1;
}

bool pyr_source_extent(const struct pyr_source *source, uint32_t line, int32_t from, int32_t to, unsigned width,
                       struct pyr_extent *extent)
{
    struct span span;
    if (!find_line(source, line, &span) || pyr_source_characters(source, line, from) < 0 ||
        (to >= 0 && pyr_source_characters(source, line, to) < 0))
        return false;
    size_t start = span.at + (size_t)from, end = to < 0 ? span.end : span.at + (size_t)to;
    struct pyr_extent found = {0};
    unsigned column = 0;
    bool indent = true;
    for (size_t at = span.at; at < end && column + 1 < width;) {
        size_t length = pyr_utf8_length(source->bytes + at, span.end - at);
        indent = indent && strchr(" \t\f", source->bytes[at]);
        unsigned step = indent && source->bytes[at] == '\t' ? TAB_WIDTH : 1;
        *(at < start ? &found.before : &found.marked) += length > 1 ? cells(source->bytes + at, length) : step;
        column += step;
        at += length ? length : 1;
    }
    if (!found.marked)
        return false;
    *extent = found;
    return true;
}
