#include "base/alloc.h"
#include "scenarios.h"

#include <string.h>

#define HUGE_NAME (64u << 10)

/* Names that no format may be broken by. */
int scenario_hostile(struct pyr_writer *writer, uint64_t size)
{
    (void)size;
    char *huge = pyr_alloc(HUGE_NAME + 1);
    if (!huge)
        return PYR_E_NOMEM;
    memset(huge, 'x', HUGE_NAME);
    const char *const names[] = {
        "new\nline",       "semi;colon", "quote\"back\\slash", "bad\xff\xc3(utf8\xed\xa0\x80", "",
        "\x1b[31mred\x07", "100 200",    "</script><b>&amp;",  "caf\xc3\xa9 \xf0\x9f\x90\x8d", huge};
    const char *const files[] = {"a\nb.py", "/dev/zero", "dir;with/semi.py", "\xff\xfe.py", "",
                                 "/",       "x y 5",     "<string>",         "\xc3\xa9.py", huge};
    uint32_t process = (uint32_t)scenario_process(writer, 100, 1, "evil\";\n command\x1b[2J");
    uint32_t thread = (uint32_t)scenario_thread(writer, process, 100, "name;\n\"quoted\" \xff");
    uint32_t node = PYR_NODE_EMPTY;
    for (unsigned i = 0; i < 100; i++) {
        uint32_t code = (uint32_t)scenario_code(writer, names[i % 10], files[i / 10], i % 3 ? i : UINT32_MAX);
        node = (uint32_t)pyr_writer_node(writer, i % 10 ? node : PYR_NODE_EMPTY, code, i % 4 ? INT32_MAX : 2);
        pyr_writer_tick_begin(writer, process, i * 1000000ull, i % 2 ? PYR_TICK_EXACT : PYR_TICK_GLANCE);
        pyr_writer_sample(writer, thread, node, (uint8_t)(i * 7));
        pyr_writer_tick_end(writer);
    }
    pyr_free(huge);
    return scenario_finish(writer, process, 50, 50);
}

/* One stack of `size` frames, of two functions in turn, seen at its end and in its middle. */
int scenario_deep(struct pyr_writer *writer, uint64_t size)
{
    uint32_t process = (uint32_t)scenario_process(writer, 100, 1, "python deep.py");
    uint32_t thread = (uint32_t)scenario_thread(writer, process, 100, "MainThread");
    uint32_t codes[2] = {(uint32_t)scenario_code(writer, "down", "deep.py", 1),
                         (uint32_t)scenario_code(writer, "up", "deep.py", 10)};
    uint32_t node = PYR_NODE_EMPTY, middle = PYR_NODE_EMPTY;
    for (uint64_t i = 0; i < size; i++) {
        node = (uint32_t)pyr_writer_node(writer, node, codes[i % 2], 2);
        middle = i == size / 2 ? node : middle;
    }
    for (unsigned i = 0; i < 100; i++) {
        pyr_writer_tick_begin(writer, process, i * 1000000ull, PYR_TICK_EXACT);
        if (i == 0 || i == 50)
            pyr_writer_sample(writer, thread, i ? middle : node, PYR_ON_CPU | PYR_HAS_GIL);
        pyr_writer_tick_end(writer);
    }
    return scenario_finish(writer, process, 0, 100);
}

/* `size` samples of two threads that change at every tick, among a thousand stacks. */
int scenario_big(struct pyr_writer *writer, uint64_t size)
{
    uint32_t process = (uint32_t)scenario_process(writer, 100, 1, "python big.py");
    uint32_t threads[2] = {(uint32_t)scenario_thread(writer, process, 100, "MainThread"),
                           (uint32_t)scenario_thread(writer, process, 101, "worker")};
    uint32_t code = (uint32_t)scenario_code(writer, "work", "big.py", 1);
    uint32_t nodes[1000];
    for (unsigned i = 0; i < 1000; i++)
        nodes[i] = (uint32_t)pyr_writer_node(writer, i < 10 ? PYR_NODE_EMPTY : nodes[i / 10], code, (int32_t)i * 2);
    uint32_t at = 1;
    for (uint64_t i = 0; i < size / 2; i++) {
        pyr_writer_tick_begin(writer, process, i * 1000000ull, i % 7 ? PYR_TICK_GLANCE : PYR_TICK_EXACT);
        for (unsigned t = 0; t < 2; t++) {
            at = at * 1664525u + 1013904223u;
            bool torn = i % 7 && at >> 16 & 1;
            pyr_writer_sample(writer, threads[t], torn ? 0 : nodes[(at >> 17) % 1000],
                              torn ? PYR_ON_CPU | PYR_UNRESOLVED : PYR_ON_CPU);
        }
        if (pyr_writer_tick_end(writer) < 0)
            return PYR_E_IO;
    }
    return scenario_finish(writer, process, size, 0);
}
