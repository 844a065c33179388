#include "scenarios.h"

#define RUNS (PYR_ON_CPU | PYR_HAS_GIL)

int64_t scenario_process(struct pyr_writer *writer, uint32_t pid, uint32_t parent, const char *command)
{
    const struct pyr_process_facts facts = {pid, parent, command, "3.12.1", "", 0};
    return pyr_writer_process(writer, &facts);
}

int64_t scenario_thread(struct pyr_writer *writer, uint32_t process, uint64_t native_id, const char *name)
{
    const struct pyr_thread_facts facts = {process, 140000000000000u + native_id, native_id, name, 0};
    return pyr_writer_thread(writer, &facts);
}

int64_t scenario_code(struct pyr_writer *writer, const char *name, const char *file, uint32_t first_line)
{
    static uint8_t table[3 * 64];
    for (size_t i = 0; i < sizeof table; i += 3) {
        table[i] = (uint8_t)(0x80 | (i ? 11 : 10) << 3); /* one line on from the last; columns follow */
        table[i + 1] = 4;
        table[i + 2] = 9;
    }
    const struct pyr_code_facts facts = {name, file, first_line, PYR_LINETABLE_LOCATIONS, table, sizeof table, 0};
    return pyr_writer_code(writer, &facts);
}

int scenario_finish(struct pyr_writer *writer, uint32_t process, uint64_t glance, uint64_t exact)
{
    struct pyr_quality quality = {.ticks_glance = glance, .ticks_exact = exact, .samples_taken = glance + exact};
    quality.deadlines_missed = 3;
    quality.own_cpu_ns = 4000000;
    quality.elapsed_ns = 1010000000;
    pyr_writer_usage(writer, process, 500000000, 20 << 20, 480000000);
    pyr_writer_process_end(writer, process, 1005000000, 0, 930000000, 30 << 20);
    return pyr_writer_quality(writer, &quality);
}

/* One second at 1 kHz, every fifth tick exact:
 *   main    0.50 s parse (line 6), 0.40 s fib below fib below fib (line 12), of which every second glance is torn,
 *           0.05 s collecting in parse, 0.05 s asleep on line 15
 *   worker  from 0.1 s to 0.9 s: asleep in fib but for 0.6 … 0.7, when it waits for the GIL */
static int fill_plain(struct pyr_writer *writer, uint64_t size)
{
    (void)size;
    uint32_t process = (uint32_t)scenario_process(writer, 100, 1, "python app.py");
    uint32_t main_thread = (uint32_t)scenario_thread(writer, process, 100, "MainThread");
    uint32_t module = (uint32_t)scenario_code(writer, "<module>", "sample.py", 1);
    uint32_t parse = (uint32_t)scenario_code(writer, "parse", "sample.py", 4);
    uint32_t fib = (uint32_t)scenario_code(writer, "fib", "sample.py", 9);
    uint32_t root = (uint32_t)pyr_writer_node(writer, PYR_NODE_EMPTY, module, 28);
    uint32_t in_parse = (uint32_t)pyr_writer_node(writer, root, parse, 4);
    uint32_t in_fib = root;
    for (int i = 0; i < 3; i++)
        in_fib = (uint32_t)pyr_writer_node(writer, in_fib, fib, 6);
    uint32_t worker = 0, alone = (uint32_t)pyr_writer_node(writer, PYR_NODE_EMPTY, fib, -1);
    for (unsigned i = 0; i < 1000; i++) {
        bool exact = i % 5 == 0, torn = i >= 500 && i < 900 && i % 2 && !exact;
        pyr_writer_tick_begin(writer, process, i * 1000000ull, exact ? PYR_TICK_EXACT : PYR_TICK_GLANCE);
        uint32_t node = i < 500 ? in_parse : i < 900 ? in_fib : i < 950 ? in_parse : root;
        uint8_t flags = i < 900 ? RUNS : i < 950 ? RUNS | PYR_IN_GC : 0;
        pyr_writer_sample(writer, main_thread, torn ? 0 : node, torn ? RUNS | PYR_UNRESOLVED : flags);
        if (i == 100)
            worker = (uint32_t)scenario_thread(writer, process, 101, "worker");
        if (i == 100 || i == 600 || i == 700)
            pyr_writer_sample(writer, worker, alone, i == 600 ? PYR_WAITS_GIL : 0);
        if (i == 900)
            pyr_writer_thread_end(writer, worker);
        pyr_writer_tick_end(writer);
    }
    return scenario_finish(writer, process, 800, 200);
}

/* Half a second of 400 glances and 100 exact ticks, and one of 200 that were exact alone. */
static int fill_restless(struct pyr_writer *writer, uint64_t size)
{
    (void)size;
    uint32_t process = (uint32_t)scenario_process(writer, 100, 1, "python app.py");
    uint32_t thread = (uint32_t)scenario_thread(writer, process, 100, "MainThread");
    uint32_t work = (uint32_t)scenario_code(writer, "work", "sample.py", 4);
    uint32_t node = (uint32_t)pyr_writer_node(writer, PYR_NODE_EMPTY, work, 0);
    for (unsigned i = 0; i < 700; i++) {
        bool only = i >= 500;
        uint64_t ns = only ? 500000000 + (i - 500) * 2500000ull : i * 1000000ull;
        pyr_writer_tick_begin(writer, process, ns, only ? PYR_TICK_ONLY : i % 5 ? PYR_TICK_GLANCE : PYR_TICK_EXACT);
        pyr_writer_sample(writer, thread, node, RUNS);
        pyr_writer_tick_end(writer);
    }
    return scenario_finish(writer, process, 400, 300);
}

/* The second tick comes 1.4 s after the first, as where thousands of threads are met; then 500 every millisecond. */
static int fill_late_start(struct pyr_writer *writer, uint64_t size)
{
    (void)size;
    uint32_t process = (uint32_t)scenario_process(writer, 100, 1, "python app.py");
    uint32_t thread = (uint32_t)scenario_thread(writer, process, 100, "MainThread");
    uint32_t work = (uint32_t)scenario_code(writer, "work", "sample.py", 4);
    uint32_t node = (uint32_t)pyr_writer_node(writer, PYR_NODE_EMPTY, work, 0);
    for (unsigned i = 0; i <= 501; i++) {
        pyr_writer_tick_begin(writer, process, i ? 1400000000 + (i - 1) * 1000000ull : 0, PYR_TICK_EXACT);
        pyr_writer_sample(writer, thread, node, RUNS);
        pyr_writer_tick_end(writer);
    }
    return scenario_finish(writer, process, 0, 502);
}

/* Glances only: half of the time cannot be told. */
static int fill_no_stop(struct pyr_writer *writer, uint64_t size)
{
    (void)size;
    uint32_t process = (uint32_t)scenario_process(writer, 100, 1, "python app.py");
    uint32_t thread = (uint32_t)scenario_thread(writer, process, 100, "MainThread");
    uint32_t code = (uint32_t)scenario_code(writer, "work", "gone.py", 1);
    uint32_t node = (uint32_t)pyr_writer_node(writer, PYR_NODE_EMPTY, code, 2);
    for (unsigned i = 0; i < 1000; i++) {
        pyr_writer_tick_begin(writer, process, i * 1000000ull, PYR_TICK_GLANCE);
        pyr_writer_sample(writer, thread, i % 2 ? 0 : node, i % 2 ? RUNS | PYR_UNRESOLVED : RUNS);
        pyr_writer_tick_end(writer);
    }
    return scenario_finish(writer, process, 1000, 0);
}

/* Two processes that share their code; the child is sampled half as often, for half as long. */
static int fill_processes(struct pyr_writer *writer, uint64_t size)
{
    (void)size;
    uint32_t parent = (uint32_t)scenario_process(writer, 100, 1, "python parent.py");
    uint32_t child = (uint32_t)scenario_process(writer, 200, 100, "python child.py");
    uint32_t threads[2] = {(uint32_t)scenario_thread(writer, parent, 100, "MainThread"),
                           (uint32_t)scenario_thread(writer, child, 200, "MainThread")};
    uint32_t first = (uint32_t)scenario_code(writer, "work", "sample.py", 4);
    uint32_t second = (uint32_t)scenario_code(writer, "work", "sample.py", 4);
    uint32_t nodes[2] = {(uint32_t)pyr_writer_node(writer, PYR_NODE_EMPTY, first, 0),
                         (uint32_t)pyr_writer_node(writer, PYR_NODE_EMPTY, second, 2)};
    for (unsigned i = 0; i < 1000; i++)
        for (unsigned p = 0; p < 2; p++) {
            if (p && (i >= 500 || i % 2))
                continue;
            pyr_writer_tick_begin(writer, p ? child : parent, i * 1000000ull, PYR_TICK_EXACT);
            if (i == 0)
                pyr_writer_sample(writer, threads[p], nodes[p], RUNS);
            pyr_writer_tick_end(writer);
        }
    pyr_writer_process_end(writer, child, 500000000, 9, 400000000, 10 << 20); /* by SIGKILL */
    return scenario_finish(writer, parent, 0, 1250);
}

static void put_varint(uint8_t *table, uint32_t *size, uint32_t value)
{
    for (; value >= 0x40; value >>= 6)
        table[(*size)++] = (uint8_t)(0x40 | (value & 0x3f));
    table[(*size)++] = (uint8_t)value;
}

static const struct {
    unsigned step, lines, column, end_column, ticks;
} expressions[] = {{1, 0, 12, 24, 400},  {0, 0, 27, 39, 360}, {0, 0, 42, 57, 60},
                   {0, 0, 900, 905, 60}, {1, 1, 11, 33, 40},  {0, 1, 19, 33, 80}};
enum { EXPRESSIONS = sizeof expressions / sizeof *expressions };

/* A function of expressions.py: an instruction of one code unit for each of its expressions. */
static uint32_t expressions_code(struct pyr_writer *writer, const char *name, uint32_t instructions)
{
    enum { LONG_FORM = 0x80 | 14 << 3 };
    uint8_t table[EXPRESSIONS * 8];
    uint32_t used = 0;
    for (unsigned i = 0; i < EXPRESSIONS; i++) {
        table[used++] = LONG_FORM; /* of one code unit */
        put_varint(table, &used, expressions[i].step << 1);
        put_varint(table, &used, expressions[i].lines);
        put_varint(table, &used, expressions[i].column + 1);
        put_varint(table, &used, expressions[i].end_column + 1);
    }
    const struct pyr_code_facts facts = {name, "expressions.py", 1, PYR_LINETABLE_LOCATIONS, table, used, instructions};
    return (uint32_t)pyr_writer_code(writer, &facts);
}

/* One second in six expressions of expressions.py, 1 kHz, all exact: two that are much alike and a light one on a line
 * with letters beyond ASCII, one behind the end of that line, and two that end on the next line. */
static int fill_expressions(struct pyr_writer *writer, uint64_t size)
{
    (void)size;
    uint32_t process = (uint32_t)scenario_process(writer, 100, 1, "python expressions.py");
    uint32_t thread = (uint32_t)scenario_thread(writer, process, 100, "MainThread");
    uint32_t code = expressions_code(writer, "work", 0);
    uint64_t now_ns = 0;
    for (unsigned i = 0; i < EXPRESSIONS; i++) {
        uint32_t node = (uint32_t)pyr_writer_node(writer, PYR_NODE_EMPTY, code, (int32_t)(2 * i));
        for (unsigned k = 0; k < expressions[i].ticks; k++, now_ns += 1000000) {
            pyr_writer_tick_begin(writer, process, now_ns, PYR_TICK_EXACT);
            pyr_writer_sample(writer, thread, node, RUNS);
            pyr_writer_tick_end(writer);
        }
    }
    return scenario_finish(writer, process, 0, 1000);
}

/* One second in instructions of expressions.py, likewise: one before and after it was specialised, one whose name the
 * recording does not tell, one that calls a function on the same line, and names that a terminal must not see. */
static int fill_opcodes(struct pyr_writer *writer, uint64_t size)
{
    static const struct pyr_instruction_set set = {
        .names = {[9] = "CALL", [200] = "CALL_BUILTIN_O", [201] = "CALL_PY_EXACT_ARGS", [202] = "LOAD\x1b[31m_\n\xff"}};
    static const struct {
        int32_t instruction;
        uint8_t opcode;
        unsigned inner, ticks;
    } seen[] = {{0, 9, 0, 50},  {0, 200, 0, 350}, {2, 201, 0, 60}, {2, 201, 1, 300}, {4, 0, 0, 60},
                {4, 77, 0, 40}, {8, 202, 0, 50},  {10, 9, 0, 85},  {-1, 0, 0, 5}};
    (void)size;
    uint32_t process = (uint32_t)scenario_process(writer, 100, 1, "python expressions.py");
    uint32_t thread = (uint32_t)scenario_thread(writer, process, 100, "MainThread");
    uint32_t instructions = (uint32_t)pyr_writer_instructions(writer, &set) + 1;
    uint32_t work = expressions_code(writer, "work", instructions);
    uint32_t inner = expressions_code(writer, "work.<locals>.<lambda>", instructions);
    uint64_t now_ns = 0;
    for (unsigned i = 0; i < sizeof seen / sizeof *seen; i++) {
        uint32_t node = (uint32_t)pyr_writer_node_at(writer, PYR_NODE_EMPTY, work, seen[i].instruction, seen[i].opcode);
        if (seen[i].inner)
            node = (uint32_t)pyr_writer_node_at(writer, node, inner, 0, 200);
        for (unsigned k = 0; k < seen[i].ticks; k++, now_ns += 1000000) {
            pyr_writer_tick_begin(writer, process, now_ns, PYR_TICK_EXACT);
            pyr_writer_sample(writer, thread, node, RUNS);
            pyr_writer_tick_end(writer);
        }
    }
    return scenario_finish(writer, process, 0, 1000);
}

static int fill_empty(struct pyr_writer *writer, uint64_t size)
{
    (void)size;
    return scenario_finish(writer, (uint32_t)scenario_process(writer, 100, 1, "sleep 1"), 0, 0);
}

static int fill_nothing(struct pyr_writer *writer, uint64_t size)
{
    (void)writer;
    (void)size;
    return 0;
}

/* What does not add up: 1 KiB more than the parts where it was most, as much less where it was last. */
static void add_resident(struct pyr_writer *writer, uint32_t process, bool last, uint64_t blocks, uint32_t node)
{
    const struct pyr_resident_class classes[] = {
        {.block_size = 48, .pools = 2, .used = 400, .total = 682, .eighths = {[3] = 1, [5] = 1}},
        {.block_size = 512, .pools = 20, .used = 30, .total = 640, .eighths = {[0] = 19, [7] = 1}}};
    const struct pyr_resident_pin pins[] = {{node, 30, 19, 300000}, {node + 1, 3, 3, 3000}, {PYR_NODE_EMPTY, 1, 1, 9}};
    struct pyr_resident_facts facts = {.process = process,
                                       .last = last,
                                       .time_ns = last ? 900000000 : 500000000,
                                       .large_blocks = 4,
                                       .large_bytes = 4 << 20,
                                       .c_bytes = 10000,
                                       .arenas = 1,
                                       .empty_pools = last ? 3 : 0,
                                       .pinned_pools = 22,
                                       .pinned_used_bytes = 15360,
                                       .pinned_free_bytes = 303009,
                                       .pinned_read = last ? 20 : 22,
                                       .classes = classes,
                                       .class_count = 2,
                                       .pins = pins,
                                       .pin_count = 3};
    for (unsigned i = 0; i < PYR_RESIDENT_PARTS; i++)
        facts.parts[i] = i == PYR_RESIDENT_SHARED ? 0 : i == PYR_RESIDENT_BLOCKS ? blocks : (uint64_t)(i + 1) << 20;
    for (unsigned i = 0; i < PYR_RESIDENT_PARTS; i++)
        facts.resident_bytes += facts.parts[i];
    facts.resident_bytes = last ? facts.resident_bytes - 1024 : facts.resident_bytes + 1024;
    pyr_writer_resident(writer, &facts);
}

/* As plain, but for the samples. Of process 100: parse allocates 1000 blocks of 1 KiB on line 6, holds 400 at the peak
 * and leaves 10; fib churns 5000 of 100 bytes on line 12; 3 blocks without a frame. Its child 101 allocates on line 6
 * too, 102 has no figures. All that fib allocates is temporary, and a tenth of what parse does. */
static int fill_heaps(struct pyr_writer *writer, uint32_t temporary_within)
{
    uint32_t process = (uint32_t)scenario_process(writer, 100, 1, "python app.py");
    uint32_t child = (uint32_t)scenario_process(writer, 101, 100, "python app.py");
    uint32_t without = (uint32_t)scenario_process(writer, 102, 100, "python -X dev");
    uint32_t parse = (uint32_t)scenario_code(writer, "parse", "sample.py", 4);
    uint32_t fib = (uint32_t)scenario_code(writer, "fib", "sample.py", 9);
    uint32_t in_parse = (uint32_t)pyr_writer_node(writer, PYR_NODE_EMPTY, parse, 4);
    uint32_t same_line = (uint32_t)pyr_writer_node(writer, PYR_NODE_EMPTY, parse, 5);
    uint32_t in_fib = (uint32_t)pyr_writer_node(writer, PYR_NODE_EMPTY, fib, 6);
    const struct pyr_memory_site sites[] = {{PYR_NODE_EMPTY, 3, 300, 3, 300, 2, 200, 0, 0},
                                            {in_parse, 900, 900 << 10, 10, 10 << 10, 400, 400 << 10, 0, 0},
                                            {same_line, 100, 100 << 10, 0, 0, 0, 0, 100, 100 << 10},
                                            {in_fib, 5000, 500000, 0, 0, 0, 0, 5000, 500000}};
    struct pyr_memory_point points[100];
    for (uint64_t i = 0; i < 100; i++)
        points[i] = (struct pyr_memory_point){i < 50 ? (i + 1) * 8196 : (100 - i) * 4096, (10 << 20) + i * 65536};
    const struct pyr_memory_facts heap = {.process = process,
                                          .at_main_end = true,
                                          .time_ns = 1000000000,
                                          .allocated_blocks = 6003,
                                          .allocated_bytes = 1524300,
                                          .live_blocks = 13,
                                          .live_bytes = 10540,
                                          .peak_bytes = 409800,
                                          .peak_ns = 500000000,
                                          .arena_bytes = 1 << 20,
                                          .temporary_within = temporary_within,
                                          .why = "",
                                          .start_ns = 2000000,
                                          .step_ns = 10000000,
                                          .points = points,
                                          .point_count = 100,
                                          .sites = sites,
                                          .site_count = 4};
    const struct pyr_memory_facts small = {.process = child,
                                           .at_main_end = true,
                                           .time_ns = 900000000,
                                           .allocated_blocks = 7,
                                           .allocated_bytes = 7000,
                                           .live_blocks = 7,
                                           .live_bytes = 7000,
                                           .peak_bytes = 7000,
                                           .peak_ns = 800000000,
                                           .temporary_within = temporary_within,
                                           .why = "",
                                           .start_ns = 700000000,
                                           .step_ns = 20000000,
                                           .points = points,
                                           .point_count = 3,
                                           .sites =
                                               &(struct pyr_memory_site){in_parse, 7, 7000, 7, 7000, 7, 7000, 0, 0},
                                           .site_count = 1};
    const struct pyr_memory_facts none = {.process = without, .why = "PYTHONMALLOC chooses its allocator"};
    pyr_writer_memory(writer, &heap);
    pyr_writer_memory(writer, &small);
    pyr_writer_memory(writer, &none);
    add_resident(writer, process, false, 400 << 10, in_parse);
    add_resident(writer, process, true, 100 << 10, in_parse);
    return scenario_finish(writer, process, 0, 0);
}

static int fill_memory(struct pyr_writer *writer, uint64_t size)
{
    (void)size;
    return fill_heaps(writer, 64);
}

/* Of a pyrometer that did not count what was temporary. */
static int fill_older_memory(struct pyr_writer *writer, uint64_t size)
{
    (void)size;
    return fill_heaps(writer, 0);
}

/* clang-format off */
const struct scenario scenarios[] = {
    {"plain", "3.12.1", false, fill_plain},
    {"no_stop", "3.12.1", true, fill_no_stop},
    {"restless", "3.12.1", false, fill_restless},
    {"late_start", "3.12.1", false, fill_late_start},
    {"processes", "3.12.1", false, fill_processes},
    {"expressions", "3.12.1", false, fill_expressions},
    {"opcodes", "3.12.1", false, fill_opcodes},
    {"empty", "", false, fill_empty},
    {"nothing", "", false, fill_nothing},
    {"hostile", "3.\x1b[31m\xff", false, scenario_hostile},
    {"deep", "3.12.1", false, scenario_deep},
    {"big", "3.12.1", false, scenario_big},
    {"memory", "3.12.1", false, fill_memory},
    {"older_memory", "3.12.1", false, fill_older_memory},
    {"gc", "3.12.1", false, scenario_gc},
    {"gc_hostile", "3.12.1", false, scenario_gc_hostile},
};
/* clang-format on */
const unsigned scenario_count = sizeof scenarios / sizeof *scenarios;
