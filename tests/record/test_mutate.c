/* Recordings whose frames are whole but say something else than was written: what is behind the checksum is reached.
 * The same as tests/fuzz/fuzz_reader.c does with more time, from fixed seeds. */
#include "exercise.h"
#include "support.h"

#include "record/recent.h"
#include "record/wire.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <cmocka.h>

#define FRAMES_MAX 64

/* A recording taken apart. */
struct parts {
    uint8_t header[PYR_WIRE_HEADER_SIZE];
    struct {
        uint16_t kind;
        struct pyr_buf raw;
    } frames[FRAMES_MAX];
    unsigned count;
};

static void take_apart(struct parts *parts, const uint8_t *bytes, size_t size)
{
    memcpy(parts->header, bytes, sizeof parts->header);
    for (size_t at = sizeof parts->header; at < size && parts->count < FRAMES_MAX;) {
        struct pyr_frame_header header = pyr_frame_header_get(bytes + at);
        struct pyr_buf *raw = &parts->frames[parts->count].raw;
        parts->frames[parts->count++].kind = header.kind;
        assert_int_equal(pyr_buf_reserve(raw, header.raw_size + 1), 0);
        raw->size = header.raw_size;
        const uint8_t *stored = bytes + at + PYR_FRAME_HEADER_SIZE;
        if (header.flags & PYR_FRAME_ZSTD)
            assert_int_equal(ZSTD_decompress(raw->bytes, raw->size, stored, header.stored_size), header.raw_size);
        else
            memcpy(raw->bytes, stored, header.stored_size);
        at += PYR_FRAME_HEADER_SIZE + header.stored_size;
    }
}

static void make(struct parts *parts, uint64_t seed, unsigned events)
{
    struct model model;
    struct pyr_writer *writer = NULL;
    model_init(&model, seed);
    assert_int_equal(pyr_writer_open(&writer, test_path("parts"), true, &model_facts, NULL), 0);
    assert_int_equal(model_write(&model, writer, events), 0);
    assert_int_equal(pyr_writer_quality(writer, &(struct pyr_quality){.own_cpu_ns = 5}), 0);
    assert_int_equal(pyr_writer_close(writer, NULL), 0);
    model_release(&model);
    int fd = open(test_path("parts"), O_RDONLY);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    uint8_t *bytes = malloc((size_t)st.st_size);
    assert_int_equal(read(fd, bytes, (size_t)st.st_size), st.st_size);
    close(fd);
    *parts = (struct parts){0};
    take_apart(parts, bytes, (size_t)st.st_size);
    free(bytes);
}

static void drop(struct parts *parts)
{
    for (unsigned i = 0; i < parts->count; i++)
        pyr_buf_release(&parts->frames[i].raw);
}

/* Changes 1 to 4 bytes, to what parsers stumble over or to anything. */
static void mutate_bytes(uint8_t *bytes, size_t size, uint64_t *random)
{
    static const uint8_t nasty[] = {0, 1, 2, 3, 0x7f, 0x80, 0xff, 0xfe};
    for (uint32_t n = size ? 1 + random_below(random, 4) : 0; n; n--) {
        size_t at = random_below(random, 3) ? random_below(random, (uint32_t)size)
                                            : random_below(random, size < 40 ? (uint32_t)size : 40);
        switch (random_below(random, 4)) {
        case 0:
            bytes[at] = nasty[random_below(random, sizeof nasty)];
            break;
        case 1:
            bytes[at] = (uint8_t)(bytes[at] + (random_below(random, 2) ? 1 : -1));
            break;
        case 2:
            bytes[at] ^= (uint8_t)(1u << random_below(random, 8));
            break;
        default:
            bytes[at] = (uint8_t)random_next(random);
        }
    }
}

/* Puts the file together with one frame changed, shortened, left out, moved or doubled. */
static void assemble(const struct parts *parts, struct pyr_buf *file, uint64_t *random)
{
    unsigned victim = random_below(random, parts->count), way = random_below(random, 16);
    pyr_buf_clear(file);
    pyr_buf_append(file, parts->header, sizeof parts->header);
    for (unsigned i = 0; i < parts->count; i++) {
        const struct pyr_buf *raw = &parts->frames[i].raw;
        uint16_t kind = parts->frames[i].kind;
        if (i != victim) {
            append_frame(file, kind, 0, raw->bytes, raw->size);
            continue;
        }
        uint8_t *changed = malloc(raw->size + 1);
        size_t size = raw->size;
        memcpy(changed, raw->bytes, size);
        if (way > 3)
            mutate_bytes(changed, size, random);
        else if (way == 0)
            size = random_below(random, (uint32_t)size + 1);
        else if (way == 1)
            kind = (uint16_t)random_below(random, 8);
        if (way != 2)
            append_frame(file, kind, 0, changed, size);
        if (way == 3)
            append_frame(file, kind, 0, changed, size);
        free(changed);
    }
}

static void changed_frames_are_survived(void **state)
{
    (void)state;
    unsigned long refused = 0, whole = 0, events = 0;
    for (uint64_t seed = 0; seed < 12; seed++) {
        struct parts parts;
        struct pyr_buf file = {0};
        uint64_t random = seed * 1000;
        make(&parts, seed + 100, seed < 6 ? 60 : 600);
        for (unsigned i = 0; i < 1000; i++) {
            assemble(&parts, &file, &random);
            struct exercise_result result = exercise_reader(file.bytes, file.size);
            assert_true(result.status == 0 || result.status == PYR_E_FORMAT || result.status == PYR_E_LIMIT);
            refused += result.status < 0;
            whole += result.status == 0;
            events += result.events;
        }
        pyr_buf_release(&file);
        drop(&parts);
    }
    /* The mutations must neither miss what is checked nor break everything at once. */
    assert_true(refused > 2000 && whole > 1000 && events > 40000);
}

static void begin_file(struct pyr_buf *file)
{
    uint8_t header[PYR_WIRE_HEADER_SIZE];
    pyr_wire_header_put(header, 0);
    pyr_buf_append(file, header, sizeof header);
    append_frame(file, PYR_FRAME_FACTS, 0, (const uint8_t *)"\0\0\0\0\0\0\0\0", 8);
}

static void append_packed(struct pyr_buf *file, uint16_t kind, const uint8_t *raw, size_t size)
{
    size_t room = ZSTD_compressBound(size), at = file->size;
    uint8_t *packed = malloc(room), header_bytes[PYR_FRAME_HEADER_SIZE];
    size_t stored = ZSTD_compress(packed, room, raw, size, 1);
    struct pyr_frame_header header = {
        .kind = kind, .flags = PYR_FRAME_ZSTD, .stored_size = (uint32_t)stored, .raw_size = (uint32_t)size};
    pyr_frame_header_put(header_bytes, &header);
    pyr_buf_append(file, header_bytes, sizeof header_bytes);
    pyr_buf_append(file, packed, stored);
    header.checksum = pyr_frame_checksum(file->bytes + at, stored);
    pyr_frame_header_put(file->bytes + at, &header);
    free(packed);
}

/* Frames that unpack to sixteen million bytes of definitions each: some hundred kilobytes of file would become many
 * gigabytes of memory. */
static void bombs_meet_the_limit(void **state)
{
    (void)state;
    struct pyr_buf file = {0}, bomb = {0}, columns[PYR_NODE_COLUMNS] = {{0}};
    begin_file(&file);
    append_frame(&file, PYR_FRAME_DEFINITIONS, 0, (const uint8_t *)"\1\1f\2\5\0\0\0\0\0", 10);
    for (size_t i = 0; i < 4000000; i++)
        for (unsigned c = 0; c < PYR_NODE_COLUMNS; c++)
            pyr_buf_u8(&columns[c], c == 0);
    pyr_columns_put(&bomb, columns, PYR_NODE_COLUMNS);
    for (unsigned i = 0; i < 20; i++)
        append_packed(&file, PYR_FRAME_NODES, bomb.bytes, bomb.size);
    assert_true(file.size < 100000);
    struct exercise_result result = exercise_reader(file.bytes, file.size);
    assert_int_equal(result.status, PYR_E_LIMIT);
    for (unsigned c = 0; c < PYR_NODE_COLUMNS; c++)
        pyr_buf_release(&columns[c]);
    pyr_buf_release(&bomb);
    pyr_buf_release(&file);
}

/* One tick that says it has more samples than a frame can hold; sizes of columns that overflow when summed. */
static void impossible_counts_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
    } payloads[] = {
        {"\x03\2\1\5\2\0\0\xff\xff\xff\xff\x0f", 12},         /* samples that are not there */
        {"\x05\3\1\5\0\1\2\4\0\0\xff\xff\xff\xff\x0f\0", 16}, /* the same, behind a new thread */
        {"\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00", 22},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10},
        {"\x01\x01\x07", 3},     /* an op that does not exist */
        {"\x01\x02\x02\x02", 4}, /* a process that was not defined */
        {"\x02\x00\x01\x00", 4}, /* a time without an event */
        {"", 0},
    };
    for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++) {
        struct pyr_buf file = {0};
        begin_file(&file);
        append_frame(&file, PYR_FRAME_DEFINITIONS, 0, (const uint8_t *)"\1\0\3\6\1\0\0\0\0\0\4\5\0\0\0\0\0", 17);
        append_frame(&file, PYR_FRAME_EVENTS, 0, (const uint8_t *)payloads[i].bytes, payloads[i].size);
        assert_int_equal(exercise_reader(file.bytes, file.size).status, PYR_E_FORMAT);
        pyr_buf_release(&file);
    }
}

/* Sets of instructions and nodes that name what is not there, or not enough; and one that is whole. */
static void instructions_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *definitions, *nodes;
        size_t definitions_size, nodes_size;
        int status;
    } cases[] = {
        {"\1\1f\6\2\5\0\2\6\0\0\7\0\0\1", "\4\1\1\1\1\1\0\3\5", 15, 9, 0},
        {"\1\1f\6\2\5\0\2\6\0\0\7\0\0\1", "\4\1\1\1\1\1\0\3\6", 15, 9, 0},         /* no such instruction */
        {"\1\1f\2\5\0\0\7\0\0", "\4\1\1\1\1\1\0\3\5", 10, 9, 0},                   /* no set */
        {"\1\1f\6\2\0\0", "", 7, 0, PYR_E_FORMAT},                                 /* instruction 0 */
        {"\1\1f\6\2\5\1", "", 7, 0, PYR_E_FORMAT},                                 /* a string that is not there */
        {"\1\1f\6\1\5", "", 6, 0, PYR_E_FORMAT},                                   /* cut off */
        {"\1\1f\6\2\5\0\2\6\0\0\7\0\0\2", "", 15, 0, PYR_E_FORMAT},                /* a set that is not there */
        {"\1\1f\2\5\0\0\7\0\0", "\4\2\2\2\1\1\1\0\0\3\3\5", 10, 12, PYR_E_FORMAT}, /* one for two nodes */
        {"\1\1f\2\5\0\0\7\0\0", "\4\1\1\1\2\1\0\3\5\5", 10, 10, PYR_E_FORMAT},     /* two for one */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pyr_buf file = {0};
        begin_file(&file);
        append_frame(&file, PYR_FRAME_DEFINITIONS, 0, (const uint8_t *)cases[i].definitions, cases[i].definitions_size);
        if (cases[i].nodes_size)
            append_frame(&file, PYR_FRAME_NODES, 0, (const uint8_t *)cases[i].nodes, cases[i].nodes_size);
        append_frame(&file, PYR_FRAME_END, 0, (const uint8_t *)"", 0);
        assert_int_equal(exercise_reader(file.bytes, file.size).status, cases[i].status);
        pyr_buf_release(&file);
    }
}

/* Sets by the million would be gigabytes. */
static void many_sets_meet_the_limit(void **state)
{
    (void)state;
    struct pyr_buf file = {0}, sets = {0};
    begin_file(&file);
    for (unsigned i = 0; i < 1000000; i++)
        pyr_buf_append(&sets, "\6\0", 2);
    append_packed(&file, PYR_FRAME_DEFINITIONS, sets.bytes, sets.size);
    assert_int_equal(exercise_reader(file.bytes, file.size).status, PYR_E_LIMIT);
    pyr_buf_release(&sets);
    pyr_buf_release(&file);
}

/* What a newer writer may add without a new version. */
static void additions_are_passed_over(void **state)
{
    (void)state;
    struct pyr_buf file = {0};
    uint8_t header[PYR_WIRE_HEADER_SIZE];
    pyr_wire_header_put(header, 0);
    header[8] = 9;  /* its version; readers of version 1 may read it */
    header[16] = 1; /* an optional feature */
    pyr_wire_header_seal(header);
    pyr_buf_append(&file, header, sizeof header);
    append_frame(&file, PYR_FRAME_FACTS, 0, (const uint8_t *)"\0\0\0\0\0\0\0\0more", 12);
    append_frame(&file, PYR_FRAME_DEFINITIONS, 0,
                 (const uint8_t *)"\1\1f"                 /* string 0 */
                                  "\x63\3new"             /* a definition of an unknown tag */
                                  "\2\10\0\0\7\0\0\0bc"   /* a code with more fields */
                                  "\3\7\1\0\0\0\0\0\x55", /* a process with one more */
                 27);
    append_frame(&file, PYR_FRAME_NODES, 0, (const uint8_t *)"\5\1\1\1\1\2\1\0\3\7zz", 12); /* a fifth column */
    append_frame(&file, PYR_FRAME_QUALITY, 0, (const uint8_t *)"\14\1\2\3\4\5\6\7\10\11\12\13\14", 13);
    append_frame(&file, PYR_FRAME_EVENTS, 0, (const uint8_t *)"\x0a\1\0\0\0\0\0\0\0\0\3\2xyz", 15);
    append_frame(&file, PYR_FRAME_END, 0, (const uint8_t *)"more", 4);
    struct exercise_result result = exercise_reader(file.bytes, file.size);
    assert_int_equal(result.status, 0);
    assert_int_equal(result.events, 1);
    assert_int_equal(result.nodes, 2);
    pyr_buf_release(&file);
}

static int teardown(void **state)
{
    (void)state;
    test_directory_remove();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changed_frames_are_survived),   cmocka_unit_test(bombs_meet_the_limit),
        cmocka_unit_test(impossible_counts_are_refused), cmocka_unit_test(instructions_are_checked),
        cmocka_unit_test(many_sets_meet_the_limit),      cmocka_unit_test(additions_are_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
