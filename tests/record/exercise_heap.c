#include "exercise_heap.h"

#include "record/heap_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROMISE(condition)                                                                                             \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__, #condition);                            \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

static char directory_path[64];
static int fd = -1;

static void remove_directory(void)
{
    unlinkat(fd, "x.memory", 0);
    unlinkat(fd, "base.memory", 0);
    rmdir(directory_path);
}

int exercise_heap_directory(void)
{
    if (fd < 0) {
        char path[] = "/tmp/pyrometer-heap-XXXXXX";
        PROMISE(mkdtemp(path) && strlen(path) < sizeof directory_path);
        memcpy(directory_path, path, sizeof path);
        fd = open(path, O_RDONLY | O_DIRECTORY);
        atexit(remove_directory);
    }
    return fd;
}

static void put_file(const char *name, const void *bytes, size_t size)
{
    int file = openat(exercise_heap_directory(), name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    PROMISE(file >= 0 && write(file, bytes, size) == (ssize_t)size);
    close(file);
}

static int check_site(void *context, const struct pyr_heap_place *place, const struct pyr_memory_site *figures)
{
    unsigned *count = context, sum = 0;
    PROMISE(figures->live_blocks <= figures->allocated_blocks && (!place->caller || place->caller < place->number));
    PROMISE(figures->live_bytes <= figures->allocated_bytes && place->instruction >= -1);
    PROMISE(!(place->code && place->other) && place->kind < PYR_MEMORY_KINDS);
    if (place->code) {
        PROMISE(strlen(place->code->name) <= 65536 && strlen(place->code->file) <= 65536);
        for (uint32_t i = 0; i < place->code->linetable_size; i++)
            sum += place->code->linetable[i];
        PROMISE(sum <= 255u * place->code->linetable_size);
    }
    ++*count;
    return 0;
}

/* However many it says that there were, there are not more than the file can hold. */
static void check_collections(struct pyr_heap_reader *reader, size_t size)
{
    struct pyr_heap_collection some[PYR_HEAP_COLLECTIONS_AT_ONCE];
    struct pyr_heap_place place;
    uint64_t next = 0, all = 0;
    int64_t count;
    while ((count = pyr_heap_reader_collections(reader, &next, some)) > 0) {
        for (int64_t i = 0; i < count; i++)
            PROMISE(some[i].generation < PYR_GC_GENERATIONS);
        all += (uint64_t)count;
        PROMISE(all <= PYR_HEAP_PAUSES);
    }
    PROMISE(all * sizeof(struct pyr_heap_pause) <= size);
    int rc = pyr_heap_reader_place(reader, all ? some[0].site : 0, &place);
    PROMISE(rc == PYR_E_IO || (rc == 0 && !(place.code && place.other)));
}

int exercise_heap(const void *file, size_t size, const void *base, size_t base_size, unsigned *sites)
{
    struct pyr_heap_reader *reader = NULL;
    struct pyr_heap_head head = {0};
    struct pyr_err err = {0};
    unsigned again = 0;
    *sites = 0;
    put_file("x.memory", file, size);
    if (base)
        put_file("base.memory", base, base_size);
    else
        unlinkat(exercise_heap_directory(), "base.memory", 0);
    int rc = pyr_heap_reader_open(&reader, exercise_heap_directory(), "x.memory", &err);
    if (rc < 0) {
        PROMISE(!reader && err.status == rc && err.text[0]);
        return rc;
    }
    PROMISE(pyr_heap_reader_head(reader, &head) == 0);
    PROMISE(strlen(head.python) < 64 && strlen(head.base_name) < 64);
    uint64_t live;
    int summed = pyr_heap_reader_live(reader, &live);
    PROMISE(summed == 0 || summed == PYR_E_IO);
    int first = pyr_heap_reader_sites(reader, check_site, sites);
    PROMISE(pyr_heap_reader_sites(reader, check_site, &again) == first && again == *sites);
    check_collections(reader, size);
    pyr_heap_reader_close(reader);
    return 0;
}

/* ---- one made up ---- */

static uint32_t put_text(struct pyr_buf *texts, uint32_t base, uint32_t kind, const void *bytes, uint32_t size)
{
    const struct pyr_heap_text text = {kind, size};
    uint32_t at = base + (uint32_t)texts->size;
    pyr_buf_append(texts, &text, sizeof text);
    pyr_buf_append(texts, bytes, size);
    while (texts->size % 8)
        pyr_buf_u8(texts, 0);
    return at;
}

void make_heap(struct pyr_buf *file, unsigned count, bool base_texts)
{
    struct {
        struct pyr_heap_code code;
        uint8_t table[8];
    } code = {{.first_line = 7, .linetable_size = 8}, {0xd8, 4, 9, 0xd8, 4, 9, 0xd8, 4}};
    struct pyr_buf texts = {0};
    pyr_buf_u64(&texts, 0);
    code.code.file = put_text(&texts, 0, PYR_HEAP_TEXT_STRING, "app.py", 6);
    code.code.name = put_text(&texts, 0, PYR_HEAP_TEXT_STRING, "make", 4);
    uint32_t code_at = put_text(&texts, 0, PYR_HEAP_TEXT_CODE, &code, sizeof code.code + sizeof code.table);
    struct pyr_heap_file head = {
        .version = PYR_HEAP_FILE_VERSION,
        .site_size = sizeof(struct pyr_heap_site),
        .pid = 77,
        .linetable_kind = PYR_LINETABLE_LOCATIONS,
        .site_count = PYR_SITES_RESERVED + count,
        .sites_at = PYR_HEAP_FILE_HEADER,
        .texts_at = PYR_HEAP_FILE_HEADER + (PYR_SITES_RESERVED + count) * sizeof(struct pyr_heap_site),
        .text_bytes = texts.size,
        .text_base = base_texts ? texts.size : 0,
        .text_base_name = "base.memory",
        .peak_bytes = 1000,
        .direct_size = sizeof(struct pyr_heap_direct),
        .direct_count = 3,
        .domains = {[PYR_DOMAIN_C] = {.peak_bytes = 5000, .loose_peak_bytes = 6000, .epoch = 8}},
        .collections_noted = 1,
        .pause_count = HEAP_PAUSES,
    };
    head.pauses_at = head.texts_at + texts.size;
    head.thresholds[0] = 700;
    head.automatic = PYR_HEAP_ENABLED;
    head.collections[2] = (struct pyr_heap_collections){HEAP_PAUSES, 600, 300, 21, 3, 1, 100};
    head.direct_at = head.pauses_at + HEAP_PAUSES * sizeof(struct pyr_heap_pause);
    head.peaks_at = head.direct_at + head.direct_count * sizeof(struct pyr_heap_direct);
    memcpy(head.magic, PYR_HEAP_FILE_MAGIC, sizeof head.magic);
    uint8_t page[PYR_HEAP_FILE_HEADER] = {0};
    memcpy(page, &head, sizeof head);
    pyr_buf_append(file, page, sizeof page);
    for (uint32_t i = 0; i < head.site_count; i++) {
        struct pyr_heap_site site = {.allocated_blocks = 10,
                                     .allocated_bytes = 1000,
                                     .freed_blocks = 3,
                                     .freed_bytes = 300,
                                     .temporary_blocks = 1,
                                     .temporary_bytes = 100,
                                     .saved = i % 2};
        site.code = i < PYR_SITES_RESERVED ? PYR_TEXT_NONE : code_at;
        site.instruction = i < PYR_SITES_RESERVED ? 0 : 2 * (i - PYR_SITES_RESERVED);
        pyr_buf_append(file, &site, sizeof site);
    }
    pyr_buf_append(file, texts.bytes, texts.size);
    for (uint32_t i = 0; i < HEAP_PAUSES; i++) {
        const struct pyr_heap_pause pause = {
            .start_ns = 1000 * i, .pause_ns = 100 * (i + 1), .collected = 7 * i, .generation = 2, .site = i};
        pyr_buf_append(file, &pause, sizeof pause);
    }
    pyr_buf_release(&texts);
    const struct pyr_heap_direct direct[] = {{0},
                                             {.domain = PYR_DOMAIN_C,
                                              .site = PYR_SITES_RESERVED,
                                              .allocated_blocks = 3,
                                              .allocated_bytes = 300,
                                              .freed_blocks = 5,
                                              .freed_bytes = 500,
                                              .loose_allocated_blocks = 4,
                                              .loose_allocated_bytes = 400,
                                              .peak_blocks = 7,
                                              .peak_bytes = 700,
                                              .epoch = 8},
                                             {.domain = PYR_DOMAIN_FILE,
                                              .site = PYR_SITE_NO_FRAME,
                                              .loose_allocated_blocks = 1,
                                              .loose_allocated_bytes = 4096}};
    pyr_buf_append(file, direct, sizeof direct);
    for (uint32_t i = 0; i < head.site_count; i++) {
        const struct pyr_heap_peak peak = {9, 900 + i};
        pyr_buf_append(file, &peak, sizeof peak);
    }
}
