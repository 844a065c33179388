/* Heaps: the agent's file read, whole and damaged; and MEMORY frames, written and read. */
#include "exercise.h"
#include "exercise_heap.h"
#include "support.h"

#include "base/alloc.h"
#include "memory/timeline.h"
#include "record/heap_file.h"
#include "record/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the agent's file ---- */

static void whole_file_is_read(void **state)
{
    (void)state;
    struct pyr_buf file = {0};
    unsigned sites;
    make_heap(&file, 3000, false);
    assert_int_equal(exercise_heap(file.bytes, file.size, NULL, 0, &sites), 0);
    assert_int_equal(sites, 3004);
    pyr_buf_release(&file);
}

struct seen {
    unsigned none, other, in_code;
    struct pyr_memory_site last, c, mapped;
    char name[16], file[16];
};

static int note(void *context, const struct pyr_heap_place *place, const struct pyr_memory_site *figures)
{
    struct seen *seen = context;
    if (place->kind == PYR_MEMORY_C)
        seen->c = *figures;
    if (place->kind == PYR_MEMORY_FILES)
        seen->mapped = *figures;
    if (place->kind != PYR_MEMORY_HEAP)
        return 0;
    seen->none += !place->code && !place->other;
    seen->other += place->other;
    seen->in_code += place->code != NULL;
    seen->last = *figures;
    if (place->code) {
        assert_int_equal(place->code->first_line, 7);
        assert_int_equal(place->code->linetable_size, 8);
        assert_string_equal(place->code->name, "make");
        assert_string_equal(place->code->file, "app.py");
    }
    return 0;
}

static struct seen read_heap(const struct pyr_buf *file, const struct pyr_buf *base)
{
    struct pyr_heap_reader *reader = NULL;
    struct seen seen = {0};
    unsigned sites;
    assert_int_equal(exercise_heap(file->bytes, file->size, base ? base->bytes : NULL, base ? base->size : 0, &sites),
                     0);
    int directory = exercise_heap_directory();
    assert_int_equal(pyr_heap_reader_open(&reader, directory, "x.memory", NULL), 0);
    assert_int_equal(pyr_heap_reader_sites(reader, note, &seen), 0);
    pyr_heap_reader_close(reader);
    return seen;
}

static void figures_and_places_are_those_of_the_file(void **state)
{
    (void)state;
    struct pyr_buf file = {0};
    make_heap(&file, 4, false);
    struct seen seen = read_heap(&file, NULL);
    assert_int_equal(seen.none, 1);
    assert_int_equal(seen.other, 1);
    assert_int_equal(seen.in_code, 4);
    assert_int_equal(seen.last.live_blocks, 6);
    assert_int_equal(seen.last.live_bytes, 600);
    assert_int_equal(seen.last.peak_blocks, 9);
    assert_int_equal(seen.last.peak_bytes, 905); /* site 5 was saved */
    assert_int_equal(seen.last.temporary_blocks, 1);
    assert_int_equal(seen.last.temporary_bytes, 100);
    pyr_buf_release(&file);
    make_heap(&file, 3, false);
    seen = read_heap(&file, NULL);
    assert_int_equal(seen.last.peak_bytes, 600); /* site 4 was not: it is as it was at the peak */
    pyr_buf_release(&file);
}

static void other_memory_is_the_sum_of_both_halves(void **state)
{
    (void)state;
    struct pyr_buf file = {0};
    struct pyr_heap_reader *reader = NULL;
    struct pyr_heap_head head;
    make_heap(&file, 4, false);
    struct seen seen = read_heap(&file, NULL);
    assert_int_equal(seen.c.allocated_blocks, 7);
    assert_int_equal(seen.c.allocated_bytes, 700);
    assert_int_equal(seen.c.live_blocks, 2);
    assert_int_equal(seen.c.live_bytes, 200);
    assert_int_equal(seen.c.peak_bytes, 700); /* its epoch is the domain's */
    assert_int_equal(seen.mapped.live_bytes, 4096);
    assert_int_equal(pyr_heap_reader_open(&reader, exercise_heap_directory(), "x.memory", NULL), 0);
    assert_int_equal(pyr_heap_reader_head(reader, &head), 0);
    assert_true(head.counts_others);
    assert_int_equal(head.peak_bytes[PYR_MEMORY_HEAP], 1000);
    assert_int_equal(head.peak_bytes[PYR_MEMORY_C], 6000); /* threads without the GIL saw more */
    pyr_heap_reader_close(reader);
    pyr_buf_release(&file);
}

static void texts_may_be_in_the_file_of_the_parent(void **state)
{
    (void)state;
    struct pyr_buf child = {0}, parent = {0};
    make_heap(&child, 4, true);
    make_heap(&parent, 4, false);
    assert_int_equal(read_heap(&child, &parent).in_code, 4);
    struct seen alone = read_heap(&child, NULL);
    assert_int_equal(alone.in_code, 0);
    assert_int_equal(alone.other, 5);
    assert_int_equal(read_heap(&child, &child).in_code, 0); /* based on one that is based on itself */
    pyr_buf_release(&child);
    pyr_buf_release(&parent);
}

static void cut_anywhere_it_breaks_no_promise(void **state)
{
    (void)state;
    struct pyr_buf file = {0};
    unsigned sites;
    make_heap(&file, 4, false);
    for (size_t size = 0; size < file.size; size += size < 400 || size > 4000 ? 1 : 100)
        exercise_heap(file.bytes, size, NULL, 0, &sites);
    pyr_buf_release(&file);
}

static void changed_anywhere_it_breaks_no_promise(void **state)
{
    (void)state;
    static const uint64_t odd[] = {0, 1, 7, UINT32_MAX, UINT64_MAX, INT64_MAX, 1u << 31, 4096};
    struct pyr_buf file = {0};
    unsigned sites;
    for (size_t at = 8; at + 8 <= 5200; at += at < 700 ? 4 : 8) {
        for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
            pyr_buf_clear(&file);
            make_heap(&file, 4, at % 3 == 0);
            if (at + 8 > file.size)
                break;
            memcpy(file.bytes + at, &odd[i], at < 700 ? 4 : 8);
            exercise_heap(file.bytes, file.size, file.bytes, file.size, &sites);
        }
        if (at == 700)
            at = PYR_HEAP_FILE_HEADER - 8;
    }
    pyr_buf_release(&file);
}

static void what_is_no_such_file_is_refused(void **state)
{
    (void)state;
    struct pyr_buf file = {0};
    unsigned sites;
    make_heap(&file, 1, false);
    memset(file.bytes, 0, 8);
    assert_int_equal(exercise_heap(file.bytes, file.size, NULL, 0, &sites), PYR_E_AGAIN);
    memset(file.bytes, 'x', 8);
    assert_int_equal(exercise_heap(file.bytes, file.size, NULL, 0, &sites), PYR_E_FORMAT);
    assert_int_equal(exercise_heap(file.bytes, 5, NULL, 0, &sites), PYR_E_IO);
    assert_int_equal(pyr_heap_reader_open(&(struct pyr_heap_reader *){NULL}, exercise_heap_directory(), "../x", NULL),
                     PYR_E_FORMAT);
    pyr_buf_release(&file);
}

/* ---- frames ---- */

enum { SITES = 2 * PYR_MEMORY_PART_SITES + 5, POINTS = 300 };

static struct pyr_memory_site site_of(uint32_t i, uint32_t nodes)
{
    uint64_t n = i;
    return (struct pyr_memory_site){.node = (uint32_t)(n * 7919 % (nodes + 1)),
                                    .allocated_blocks = n + 1,
                                    .allocated_bytes = n * n * 1000,
                                    .live_blocks = n / 2,
                                    .live_bytes = n * 3,
                                    .peak_blocks = n / 3,
                                    .peak_bytes = UINT64_MAX - n,
                                    .temporary_blocks = n / 5,
                                    .temporary_bytes = n * 7};
}

static struct pyr_writer *open_writer(uint32_t nodes)
{
    struct pyr_writer *writer = NULL;
    struct pyr_run_facts facts = model_facts;
    facts.memory = true;
    assert_int_equal(pyr_writer_open(&writer, test_path("heaps"), true, &facts, NULL), 0);
    const struct pyr_process_facts process = {.pid = 5, .command = "c", .python = "3", .implementation = ""};
    const struct pyr_code_facts code = {.name = "f", .file = "f.py"};
    assert_int_equal(pyr_writer_process(writer, &process), 0);
    assert_int_equal(pyr_writer_process(writer, &process), 1);
    assert_int_equal(pyr_writer_code(writer, &code), 0);
    for (uint32_t i = 0; i < nodes; i++)
        assert_int_equal(pyr_writer_node(writer, 0, 0, (int32_t)i), i + 1);
    return writer;
}

static off_t file_size(void)
{
    struct stat status;
    assert_int_equal(stat(test_path("heaps"), &status), 0);
    return status.st_size;
}

static struct pyr_reader *read_all(void)
{
    struct pyr_reader *reader = NULL;
    struct pyr_event event;
    assert_int_equal(pyr_reader_open(&reader, test_path("heaps"), NULL), 0);
    assert_true(pyr_reader_facts(reader)->memory);
    while (pyr_reader_next(reader, &event, NULL) > 0)
        continue;
    return reader;
}

static void a_heap_comes_back(void **state)
{
    (void)state;
    const uint32_t nodes = 1000;
    struct pyr_writer *writer = open_writer(nodes);
    struct pyr_memory_site *sites = pyr_alloc(SITES * sizeof *sites);
    struct pyr_memory_point points[POINTS];
    for (uint32_t i = 0; i < SITES; i++)
        sites[i] = site_of(i, nodes);
    for (uint32_t i = 0; i < POINTS; i++)
        points[i] = (struct pyr_memory_point){i % 2 ? UINT64_MAX : i, i * 4096u};
    struct pyr_memory_facts facts = {.process = 1,
                                     .interpreter = 2,
                                     .at_main_end = true,
                                     .time_ns = 7000,
                                     .allocated_blocks = 8,
                                     .allocated_bytes = 9,
                                     .live_blocks = 10,
                                     .live_bytes = 11,
                                     .peak_bytes = 12,
                                     .peak_ns = 13000,
                                     .arena_bytes = 14,
                                     .lost_allocations = 15,
                                     .temporary_within = 64,
                                     .why = "",
                                     .start_ns = 16000,
                                     .step_ns = 17000,
                                     .points = points,
                                     .point_count = POINTS,
                                     .sites = sites,
                                     .site_count = SITES};
    struct pyr_memory_facts before = facts, none = {.process = 0, .why = "because"};
    before.site_count = 3;
    assert_int_equal(pyr_writer_memory(writer, &before), 0);
    assert_int_equal(pyr_writer_memory(writer, &none), 0);
    assert_int_equal(pyr_writer_memory(writer, &facts), 0);
    struct pyr_memory_facts c = facts;
    c.kind = PYR_MEMORY_C;
    c.site_count = 7;
    c.peak_bytes = 77;
    assert_int_equal(pyr_writer_memory(writer, &c), 0);
    c.kind = PYR_MEMORY_KINDS;
    assert_int_equal(pyr_writer_memory(writer, &c), PYR_E_MISUSE);
    facts.process = 2;
    assert_int_equal(pyr_writer_memory(writer, &facts), PYR_E_MISUSE);
    assert_int_equal(pyr_writer_close(writer, NULL), 0);

    struct pyr_reader *reader = read_all();
    assert_true(pyr_reader_complete(reader, NULL));
    assert_int_equal(pyr_reader_heaps(reader), 2);
    const struct pyr_memory_facts *heap = pyr_reader_heap(reader, 0);
    assert_int_equal(heap->process, 1);
    assert_int_equal(heap->interpreter, 2);
    assert_true(heap->at_main_end && !heap->cut);
    assert_int_equal(heap->time_ns, 7000);
    assert_int_equal(heap->allocated_blocks + heap->allocated_bytes + heap->live_blocks + heap->live_bytes, 38);
    assert_int_equal(heap->peak_bytes + heap->peak_ns + heap->arena_bytes + heap->lost_allocations, 13041);
    assert_int_equal(heap->start_ns + heap->step_ns, 33000);
    assert_int_equal(heap->temporary_within, 64);
    assert_int_equal(pyr_reader_heap(reader, 1)->temporary_within, 0);
    assert_int_equal(heap->point_count, POINTS);
    assert_memory_equal(heap->points, points, sizeof points);
    assert_int_equal(heap->site_count, SITES);
    assert_memory_equal(heap->sites, sites, SITES * sizeof *sites);
    assert_string_equal(pyr_reader_heap(reader, 1)->why, "because");
    const struct pyr_memory_facts *other = pyr_reader_other_memory(reader, 0);
    assert_int_equal(other->kind, PYR_MEMORY_C);
    assert_int_equal(other->process, 1);
    assert_int_equal(other->peak_bytes, 77);
    assert_int_equal(other->site_count, 7);
    for (uint32_t i = 0; i < 7; i++)
        sites[i].temporary_blocks = sites[i].temporary_bytes = 0; /* of the heap only */
    assert_memory_equal(other->sites, sites, 7 * sizeof *sites);
    assert_null(pyr_reader_other_memory(reader, 1));
    pyr_reader_close(reader);
    pyr_free(sites);
}

static void a_heap_whose_last_parts_are_missing_says_so(void **state)
{
    (void)state;
    struct pyr_writer *writer = open_writer(1);
    struct pyr_memory_site *sites = pyr_alloc(SITES * sizeof *sites);
    const struct pyr_memory_facts facts = {.why = "", .sites = sites, .site_count = SITES};
    assert_int_equal(pyr_writer_memory(writer, &facts), 0);
    assert_int_equal(pyr_writer_close(writer, NULL), 0);
    assert_int_equal(truncate(test_path("heaps"), file_size() - 60), 0);
    struct pyr_reader *reader = read_all();
    assert_int_equal(pyr_reader_heaps(reader), 1);
    assert_true(pyr_reader_heap(reader, 0)->cut);
    assert_int_equal(pyr_reader_heap(reader, 0)->site_count, 2 * PYR_MEMORY_PART_SITES);
    pyr_reader_close(reader);
    pyr_free(sites);
}

/* Calls exercise_reader with every byte of the first MEMORY frame's payload changed, and the payload cut everywhere. */
static void damage_memory_frame(uint8_t *file, size_t size)
{
    static const uint8_t odd[] = {0, 1, 2, 0x7f, 0x80, 0xff};
    size_t at = PYR_WIRE_HEADER_SIZE;
    struct pyr_frame_header header = pyr_frame_header_get(file + at);
    while (header.kind != PYR_FRAME_MEMORY && header.kind != PYR_FRAME_OTHER_MEMORY) {
        at += PYR_FRAME_HEADER_SIZE + header.stored_size;
        assert_true(at + PYR_FRAME_HEADER_SIZE <= size);
        header = pyr_frame_header_get(file + at);
    }
    assert_false(header.flags & PYR_FRAME_ZSTD);
    const uint8_t *payload = file + at + PYR_FRAME_HEADER_SIZE;
    for (size_t i = 0; i < header.raw_size * (sizeof odd + 1); i++) {
        struct pyr_buf changed = {0};
        uint8_t bytes[512];
        size_t place = i % header.raw_size, how = i / header.raw_size;
        memcpy(bytes, payload, header.raw_size);
        if (how < sizeof odd)
            bytes[place] = odd[how];
        pyr_buf_append(&changed, file, at);
        append_frame(&changed, header.kind, PYR_FRAME_SKIPPABLE, bytes, how < sizeof odd ? header.raw_size : place);
        exercise_reader(changed.bytes, changed.size);
        pyr_buf_release(&changed);
    }
}

static void damage_one(enum pyr_memory_kind kind)
{
    struct pyr_writer *writer = open_writer(3);
    const struct pyr_memory_site sites[] = {site_of(1, 3)};
    const struct pyr_memory_point points[] = {{1, 2}, {300, 4}};
    const struct pyr_memory_facts facts = {
        .kind = kind, .process = 1, .why = "x", .points = points, .point_count = 2, .sites = sites, .site_count = 1};
    uint8_t file[4096];
    assert_int_equal(pyr_writer_memory(writer, &facts), 0);
    assert_int_equal(pyr_writer_close(writer, NULL), 0);
    FILE *stream = fopen(test_path("heaps"), "rb");
    assert_non_null(stream);
    size_t size = fread(file, 1, sizeof file, stream);
    fclose(stream);
    assert_in_range(size, 100, sizeof file - 1);
    damage_memory_frame(file, size);
}

static void a_damaged_heap_breaks_no_promise(void **state)
{
    (void)state;
    damage_one(PYR_MEMORY_HEAP);
    damage_one(PYR_MEMORY_C);
}

static void old_readers_may_skip_it(void **state)
{
    (void)state;
    struct pyr_writer *writer = open_writer(1);
    const struct pyr_memory_facts facts = {.why = ""}, c = {.kind = PYR_MEMORY_C, .why = ""};
    assert_int_equal(pyr_writer_memory(writer, &c), 0);
    uint8_t file[4096];
    assert_int_equal(pyr_writer_memory(writer, &facts), 0);
    assert_int_equal(pyr_writer_close(writer, NULL), 0);
    FILE *stream = fopen(test_path("heaps"), "rb");
    assert_non_null(stream);
    size_t size = fread(file, 1, sizeof file, stream);
    fclose(stream);
    unsigned frames = 0;
    assert_int_equal(file[12] | file[13] | file[14] | file[15], 0); /* no required feature */
    assert_int_equal(file[16], PYR_FEATURE_MEMORY | PYR_FEATURE_OPCODES);
    for (size_t at = PYR_WIRE_HEADER_SIZE; at + PYR_FRAME_HEADER_SIZE <= size;) {
        struct pyr_frame_header header = pyr_frame_header_get(file + at);
        if (header.kind == PYR_FRAME_MEMORY || header.kind == PYR_FRAME_OTHER_MEMORY) {
            assert_true(header.flags & PYR_FRAME_SKIPPABLE);
            frames++;
        }
        at += PYR_FRAME_HEADER_SIZE + header.stored_size;
    }
    assert_int_equal(frames, 2);
}

/* ---- over time ---- */

static void a_timeline_keeps_its_size_and_its_peaks(void **state)
{
    (void)state;
    static struct pyr_memory_timeline timeline;
    timeline = (struct pyr_memory_timeline){.start_ns = 5, .step_ns = PYR_TIMELINE_STEP_NS};
    const uint64_t day_ns = UINT64_C(86400) * 1000000000, peak_at = day_ns / 3;
    for (uint64_t at = 0; at < day_ns; at += 100000000) {
        bool peak = at / 100000000 == peak_at / 100000000;
        pyr_timeline_add(&timeline, 5 + at, &(struct pyr_memory_point){peak ? 999 : 10, peak ? 5 : 7});
    }
    assert_in_range(timeline.count, PYR_TIMELINE_POINTS / 2, PYR_TIMELINE_POINTS);
    assert_true(timeline.step_ns * timeline.count >= day_ns - timeline.step_ns);
    uint64_t step = (peak_at - peak_at % 100000000) / timeline.step_ns;
    for (uint32_t i = 0; i < timeline.count; i++) {
        assert_int_equal(timeline.points[i].heap_bytes, i == step ? 999 : 10);
        assert_int_equal(timeline.points[i].rss_bytes, 7);
    }
}

static void a_step_without_a_reading_is_as_the_one_before(void **state)
{
    (void)state;
    static struct pyr_memory_timeline timeline;
    timeline = (struct pyr_memory_timeline){.step_ns = 10};
    pyr_timeline_add(&timeline, 0, &(struct pyr_memory_point){1, 2});
    pyr_timeline_add(&timeline, 45, &(struct pyr_memory_point){3, 4});
    assert_int_equal(timeline.count, 5);
    assert_int_equal(timeline.points[3].heap_bytes, 1);
    assert_int_equal(timeline.points[4].heap_bytes, 3);
}

static int remove_all(void **state)
{
    (void)state;
    test_directory_remove();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_file_is_read),
        cmocka_unit_test(figures_and_places_are_those_of_the_file),
        cmocka_unit_test(other_memory_is_the_sum_of_both_halves),
        cmocka_unit_test(texts_may_be_in_the_file_of_the_parent),
        cmocka_unit_test(cut_anywhere_it_breaks_no_promise),
        cmocka_unit_test(changed_anywhere_it_breaks_no_promise),
        cmocka_unit_test(what_is_no_such_file_is_refused),
        cmocka_unit_test(a_heap_comes_back),
        cmocka_unit_test(a_heap_whose_last_parts_are_missing_says_so),
        cmocka_unit_test(a_damaged_heap_breaks_no_promise),
        cmocka_unit_test(old_readers_may_skip_it),
        cmocka_unit_test(a_timeline_keeps_its_size_and_its_peaks),
        cmocka_unit_test(a_step_without_a_reading_is_as_the_one_before),
    };
    return cmocka_run_group_tests(tests, NULL, remove_all);
}
