#include "scenarios.h"

#include <string.h>

static void add(struct pyr_gc_facts *facts, const struct pyr_gc_pause *pause)
{
    struct pyr_gc_sum *sum = &facts->sums[pause->generation];
    bool vain = !pause->collected && !pause->uncollectable;
    sum->count++;
    sum->pause_ns += pause->pause_ns;
    sum->longest_ns = pause->pause_ns > sum->longest_ns ? pause->pause_ns : sum->longest_ns;
    sum->collected += pause->collected;
    sum->uncollectable += pause->uncollectable;
    sum->vain_count += vain;
    sum->vain_ns += vain ? pause->pause_ns : 0;
}

/* Process 100 runs on line 6 for a second, in which samples never meet the collector: it collects for 1 ms every 100 ms
 * (line 6, generation 0, each frees 10, the last ones nothing), for 5 ms at 0.45 s (line 12, generation 1, 2 of 102 not
 * to be freed) and for 40 ms at 0.9 s (no frame, generation 2). Its child 101 collects three times, of which two were
 * read. */
int scenario_gc(struct pyr_writer *writer, uint64_t size)
{
    (void)size;
    uint32_t process = (uint32_t)scenario_process(writer, 100, 1, "python app.py");
    uint32_t child = (uint32_t)scenario_process(writer, 101, 100, "python child.py");
    uint32_t thread = (uint32_t)scenario_thread(writer, process, 100, "MainThread");
    uint32_t parse = (uint32_t)scenario_code(writer, "parse", "sample.py", 4);
    uint32_t fib = (uint32_t)scenario_code(writer, "fib", "sample.py", 9);
    uint32_t in_parse = (uint32_t)pyr_writer_node(writer, PYR_NODE_EMPTY, parse, 4);
    uint32_t in_fib = (uint32_t)pyr_writer_node(writer, PYR_NODE_EMPTY, fib, 6);
    for (unsigned i = 0; i < 1000; i++) {
        pyr_writer_tick_begin(writer, process, i * 1000000ull, PYR_TICK_EXACT);
        if (i == 0)
            pyr_writer_sample(writer, thread, in_parse, PYR_ON_CPU | PYR_HAS_GIL);
        pyr_writer_tick_end(writer);
    }
    struct pyr_gc_pause pauses[10];
    for (uint32_t i = 0; i < 8; i++)
        pauses[i + (i > 3)] = (struct pyr_gc_pause){100000000ull * (i + 1), 1000000, i < 6 ? 10 : 0, 0, 0, in_parse};
    pauses[4] = (struct pyr_gc_pause){450000000, 5000000, 100, 2, 1, in_fib};
    pauses[9] = (struct pyr_gc_pause){900000000, 40000000, 0, 0, 2, PYR_NODE_EMPTY};
    struct pyr_gc_facts facts = {.process = process,
                                 .time_ns = 1005000000,
                                 .has_thresholds = true,
                                 .enabled = true,
                                 .thresholds = {700, 10, 10},
                                 .pauses = pauses,
                                 .pause_count = 10};
    for (uint32_t i = 0; i < 10; i++)
        add(&facts, &pauses[i]);
    pyr_writer_gc(writer, &facts);
    struct pyr_gc_facts other = {.process = child, .time_ns = 1005000000, .pauses = pauses, .pause_count = 2};
    for (uint32_t i = 0; i < 3; i++)
        add(&other, &pauses[i]);
    pyr_writer_gc(writer, &other);
    return scenario_finish(writer, process, 0, 1000);
}

/* What no collector would say. */
int scenario_gc_hostile(struct pyr_writer *writer, uint64_t size)
{
    (void)size;
    uint32_t process = (uint32_t)scenario_process(writer, 100, 1, "python\x1b[2J");
    uint32_t code = (uint32_t)scenario_code(writer, "new\nline", "a\x1b[31mb.py", UINT32_MAX);
    uint32_t node = (uint32_t)pyr_writer_node(writer, PYR_NODE_EMPTY, code, 4);
    struct pyr_gc_pause pauses[4];
    memset(pauses, 0xff, sizeof pauses);
    for (uint32_t i = 0; i < 4; i++) {
        pauses[i].generation = i % 3;
        pauses[i].node = i % 2 ? node : PYR_NODE_EMPTY;
    }
    pauses[2].start_ns = pauses[3].pause_ns = 0;
    struct pyr_gc_facts facts = {.process = process, .has_thresholds = true, .pauses = pauses, .pause_count = 4};
    memset(facts.sums, 0xff, sizeof facts.sums);
    memset(facts.thresholds, 0xff, sizeof facts.thresholds);
    pyr_writer_gc(writer, &facts);
    struct pyr_resident_class class;
    struct pyr_resident_pin pin;
    struct pyr_resident_facts resident;
    memset(&class, 0xff, sizeof class);
    memset(&pin, 0xff, sizeof pin);
    memset(&resident, 0xff, sizeof resident);
    pin.node = node;
    resident.process = process;
    resident.last = true;
    resident.classes = &class;
    resident.pins = &pin;
    resident.class_count = resident.pin_count = 1;
    pyr_writer_resident(writer, &resident);
    const struct pyr_memory_site site = {
        .node = node, .allocated_blocks = 1, .allocated_bytes = 1, .live_blocks = 1, .live_bytes = 1, .peak_blocks = 1};
    const struct pyr_memory_facts heap = {.process = process, .why = "", .sites = &site, .site_count = 1};
    pyr_writer_memory(writer, &heap);
    return 0;
}
