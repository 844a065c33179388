#include "exercise.h"

#include "pyrometer/heap.h"
#include "record/snapshot_reader.h"
#include "record/snapshot_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

/* ---- a heap ---- */

static const uint64_t base = 0x7f1234560000;

static uint64_t at(unsigned n)
{
    return base + (uint64_t)n * 64;
}

static void put_edges(struct pyr_snapshot_writer *writer, unsigned n, struct pyr_snapshot_edge *edges)
{
    for (unsigned k = 0; k < PYR_EDGE_KINDS; k++)
        edges[k] = (struct pyr_snapshot_edge){.to = at((n * 7 + k * 3) % 40),
                                              .kind = k | (k % 5 == 0 ? PYR_EDGE_HIDDEN : 0),
                                              .label = k % 3 == 0 ? pyr_snapshot_writer_text(writer, "label", 5) : 0};
    edges[3].to = 0x10; /* what is no object */
    edges[PYR_EDGE_KEY].label = edges[PYR_EDGE_VALUE].label = 0;
}

static void put_object(struct pyr_snapshot_writer *writer, unsigned n)
{
    struct pyr_snapshot_edge edges[PYR_EDGE_KINDS];
    char text[16];
    int size = snprintf(text, sizeof text, "text %u", n);
    put_edges(writer, n, edges);
    struct pyr_snapshot_object object = {.address = at(n),
                                         .type = at(n % 4),
                                         .size = 56 + n * 8,
                                         .length = n % 6 ? n % 12 : PYR_SNAPSHOT_NO_COUNT,
                                         .capacity = n % 3 ? 16 : PYR_SNAPSHOT_NO_COUNT,
                                         .content = n % 4 ? n % 4 : 0,
                                         .references = n % 11 == 0 ? 100 : 1,
                                         .site = n % 3,
                                         .text = n % 2 ? pyr_snapshot_writer_text(writer, text, (size_t)size) : 0,
                                         .new_text = text,
                                         .new_text_size = n % 2 ? 0 : (uint32_t)size,
                                         .generation = n % 5 == 4 ? PYR_SNAPSHOT_UNTRACKED : (uint8_t)(n % 5),
                                         .flags = (uint8_t)(n * 37)};
    pyr_snapshot_writer_object(writer, &object, edges, n % (PYR_EDGE_KINDS + 1));
}

static void put_rows(struct pyr_snapshot_writer *writer)
{
    static const char *const names[] = {"dict", "list", "float", "tuple"};
    for (unsigned i = 0; i < 4; i++)
        pyr_snapshot_writer_type(
            writer, &(struct pyr_snapshot_type){.address = at(i),
                                                .module = pyr_snapshot_writer_text(writer, "builtins", 8),
                                                .name = pyr_snapshot_writer_text(writer, names[i], strlen(names[i])),
                                                .instance_dict = i == 3});
    for (uint32_t kind = 0; kind < PYR_ROOT_KINDS; kind++)
        pyr_snapshot_writer_root(
            writer, &(struct pyr_snapshot_root){
                        .kind = kind, .holder = pyr_snapshot_writer_text(writer, "app", 3), .object = at(kind * 5)});
    for (uint32_t line = 1; line < 3; line++)
        pyr_snapshot_writer_site(
            writer, &(struct pyr_snapshot_site){.file = pyr_snapshot_writer_text(writer, "app.py", 6), .line = line},
            line - 1);
    pyr_snapshot_writer_arena(writer, &(struct pyr_snapshot_arena){.address = base, .size = 1 << 20, .pools = 2});
    for (uint32_t i = 0; i < 2; i++)
        pyr_snapshot_writer_pool(writer, &(struct pyr_snapshot_pool){.size = 16384, .block_size = 64, .used = 9});
}

static void read_back(const char *path, struct pyr_buf *file)
{
    uint8_t bytes[4096];
    size_t size;
    FILE *stream = fopen(path, "rb");
    while (stream && (size = fread(bytes, 1, sizeof bytes, stream)) > 0)
        pyr_buf_append(file, bytes, size);
    if (stream)
        fclose(stream);
}

void make_snapshot(struct pyr_buf *file)
{
    char path[] = "/tmp/exercise.XXXXXX";
    struct pyr_snapshot_writer *writer;
    struct pyr_snapshot_facts facts = {.pid = 5, .taken_ns = 1u << 30};
    int fd = mkstemp(path);
    close(fd);
    if (fd < 0 || pyr_snapshot_writer_open(&writer, path, true, NULL) < 0)
        abort();
    for (unsigned n = 0; n < 40; n++)
        put_object(writer, n);
    put_rows(writer);
    if (pyr_snapshot_writer_finish(writer, &facts, NULL) < 0)
        abort();
    read_back(path, file);
    unlink(path);
}

/* ---- and what reads it ---- */

void repair_sums(uint8_t *bytes, size_t size)
{
    struct pyr_snapshot_head head;
    if (size < sizeof head)
        return;
    memcpy(&head, bytes, sizeof head);
    size_t sections = head.sections > PYR_SNAPSHOT_SECTIONS_MAX ? 0 : head.sections;
    if (sections * sizeof(struct pyr_snapshot_section) > size - sizeof head)
        return;
    for (size_t i = 0; i < sections; i++) {
        uint8_t *row = bytes + sizeof head + i * sizeof(struct pyr_snapshot_section);
        struct pyr_snapshot_section section;
        memcpy(&section, row, sizeof section);
        if (section.at > size || !section.item_size || section.count > (size - section.at) / section.item_size)
            continue;
        section.checksum = XXH3_64bits(bytes + section.at, section.count * section.item_size);
        memcpy(row, &section, sizeof section);
    }
    head.file_size = size;
    head.checksum = XXH3_64bits(bytes + sizeof head, sections * sizeof(struct pyr_snapshot_section));
    memcpy(bytes, &head, sizeof head);
}

static const struct pyr_heap_report_options questions[] = {
    {.view = PYR_HEAP_OVERVIEW},
    {.view = PYR_HEAP_CENSUS},
    {.view = PYR_HEAP_SUSPECTS},
    {.view = PYR_HEAP_TOP},
    {.view = PYR_HEAP_DOMINATORS},
    {.view = PYR_HEAP_CYCLES},
    {.view = PYR_HEAP_DUPLICATES},
    {.view = PYR_HEAP_CONTAINERS},
    {.view = PYR_HEAP_ARENAS},
    {.view = PYR_HEAP_GC},
    {.view = PYR_HEAP_DOT},
    {.view = PYR_HEAP_JSON},
    {.view = PYR_HEAP_QUERY,
     .what = "select name, owner, site from * where site like '*a*' or type > text order by text desc, gen"},
    {.view = PYR_HEAP_QUERY,
     .json = true,
     .what = "select count(), sum(retained * len), avg(address), max(site), min(function) from * group by type, owner, "
             "file, line, refs, capacity / len order by type"},
    {.view = PYR_HEAP_PATHS, .what = "dict"},
    {.view = PYR_HEAP_DOT, .what = "0x7f1234560040"},
    {.view = PYR_HEAP_PATHS, .what = "0x7f1234560080"},
    {.view = PYR_HEAP_DOMINATORS, .what = "0x7f1234560000"},
};

static void ask_everything(const char *path)
{
    FILE *out = fopen("/dev/null", "w");
    for (size_t i = 0; out && i < sizeof questions / sizeof *questions; i++)
        pyr_heap_report(path, &questions[i], out, NULL);
    if (out) {
        pyr_heap_diff(path, path, &questions[0], out, NULL);
        fclose(out);
    }
}

int exercise_snapshot(const uint8_t *bytes, size_t size)
{
    char path[64];
    struct pyr_snapshot *snapshot = NULL;
    int fd = memfd_create("snapshot", MFD_CLOEXEC);
    if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int rc = pyr_snapshot_open(&snapshot, path, NULL);
    pyr_snapshot_close(snapshot);
    if (rc == 0)
        ask_everything(path);
    close(fd);
    return rc;
}
