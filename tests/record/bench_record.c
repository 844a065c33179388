/* How many bytes and how much time a recording takes: a server with many threads, of which some are busy.
 *   bench_record [threads busy stacks ticks flush_ticks mode path]
 * mode 0: the same busy threads always; 1: other ones every tick; 2: requests (sequences of stacks that repeat). */
#include "record/reader.h"
#include "record/writer.h"

#include "base/clock.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH 20
#define STACKS_MAX 4096

static uint64_t random_state = 1;

static uint64_t random_next(void)
{
    uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint32_t below(uint32_t bound)
{
    return (uint32_t)(((random_next() >> 32) * bound) >> 32);
}

struct plan {
    uint32_t threads, busy, stacks, ticks, flush_ticks, mode;
    const char *path;
};

static double cumulative[STACKS_MAX];

/* Zipf with exponent 1: the most frequent stack is `stacks` times as frequent as the rarest. */
static void prepare_frequencies(uint32_t stacks)
{
    double sum = 0;
    for (uint32_t i = 0; i < stacks; i++)
        cumulative[i] = sum += 1.0 / (i + 1);
    for (uint32_t i = 0; i < stacks; i++)
        cumulative[i] /= sum;
}

static uint32_t draw_stack(uint32_t stacks)
{
    double x = (double)(random_next() >> 11) / 9007199254740992.0;
    uint32_t low = 0, high = stacks - 1;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (cumulative[middle] < x)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A stack is given to the writer frame by frame, as a sampler does when the leaf has moved. */
static uint32_t stack_node(struct pyr_writer *writer, uint32_t thread, uint32_t stack)
{
    uint64_t seed = thread * 7919u + stack;
    int64_t node = 0;
    for (uint32_t depth = 0; depth < DEPTH; depth++) {
        uint32_t spread = depth < 5 ? thread : depth < 12 ? stack % 7 : (uint32_t)(seed * (depth + 3) >> 2);
        node = pyr_writer_node(writer, (uint32_t)node, (depth * 31 + spread) % 1000, (int32_t)(spread % 40) * 2);
    }
    return (uint32_t)node;
}

static void open_all(const struct plan *plan, struct pyr_writer **writer)
{
    struct pyr_err err = {0};
    struct pyr_run_facts facts = {.pyrometer = "bench", .mode = "wall"};
    if (pyr_writer_open(writer, plan->path, true, &facts, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    pyr_writer_process(*writer, &(struct pyr_process_facts){.pid = 1});
    for (uint32_t i = 0; i < plan->threads; i++)
        pyr_writer_thread(*writer, &(struct pyr_thread_facts){.process = 0, .ident = i, .name = "worker"});
    uint8_t table[60];
    for (uint32_t i = 0; i < 1000; i++) {
        char name[32];
        snprintf(name, sizeof name, "function_%u", i);
        for (unsigned k = 0; k < sizeof table; k++)
            table[k] = (uint8_t)random_next();
        pyr_writer_code(*writer, &(struct pyr_code_facts){.name = name,
                                                          .file = "/srv/app/server.py",
                                                          .first_line = i,
                                                          .linetable_kind = 3,
                                                          .linetable = table,
                                                          .linetable_size = 60});
    }
}

/* Nodes of all stacks, found once: the measured loop is then the writer's own cost. */
static uint32_t *prepare_nodes(const struct plan *plan, struct pyr_writer *writer)
{
    uint32_t *nodes = calloc((size_t)plan->threads * plan->stacks, sizeof *nodes);
    for (uint32_t n = 0; n < plan->threads * plan->stacks * 8; n++) { /* numbered in order of appearance */
        uint32_t thread = below(plan->threads), stack = draw_stack(plan->stacks);
        if (!nodes[thread * plan->stacks + stack])
            nodes[thread * plan->stacks + stack] = stack_node(writer, thread, stack);
    }
    for (uint32_t i = 0; i < plan->threads * plan->stacks; i++)
        if (!nodes[i])
            nodes[i] = stack_node(writer, i / plan->stacks, i % plan->stacks);
    return nodes;
}

static uint32_t choose_stack(const struct plan *plan, uint32_t thread, uint32_t tick)
{
    if (plan->mode != 2)
        return draw_stack(plan->stacks);
    uint32_t request = (tick / 6 * 2654435761u >> 8) % 20 + thread % 3; /* six ticks long, one of twenty kinds */
    return (request * 13 + tick % 6 + (below(5) == 0)) % plan->stacks;
}

static void write_ticks(const struct plan *plan, struct pyr_writer *writer, const uint32_t *nodes)
{
    uint64_t time_ns = 0;
    for (uint32_t tick = 0; tick < plan->ticks; tick++) {
        time_ns += 9000000 + below(2000000); /* 100/s with jitter */
        pyr_writer_tick_begin(writer, 0, time_ns, tick % 50 ? PYR_TICK_GLANCE : PYR_TICK_EXACT);
        uint32_t first = plan->mode == 1 ? below(plan->threads - plan->busy + 1) : 0;
        for (uint32_t i = 0; i < plan->busy; i++) {
            uint32_t thread = plan->mode == 1 ? first + i : i * (plan->threads / plan->busy);
            uint32_t stack = choose_stack(plan, thread, tick);
            uint8_t flags = below(10) ? PYR_ON_CPU : 0;
            flags |= i == tick % plan->busy ? PYR_HAS_GIL : PYR_WAITS_GIL;
            pyr_writer_sample(writer, thread, nodes[thread * plan->stacks + stack], flags);
        }
        pyr_writer_tick_end(writer);
        if (plan->flush_ticks && tick % plan->flush_ticks == 0)
            pyr_writer_flush(writer, NULL);
    }
}

static void write_all(const struct plan *plan)
{
    struct pyr_writer *writer;
    struct pyr_err err = {0};
    open_all(plan, &writer);
    uint32_t *nodes = prepare_nodes(plan, writer);
    pyr_writer_flush(writer, NULL);
    uint64_t before = pyr_writer_bytes(writer);
    uint64_t cpu_ns = pyr_process_cpu_ns();
    write_ticks(plan, writer, nodes);
    pyr_writer_flush(writer, NULL);
    cpu_ns = pyr_process_cpu_ns() - cpu_ns;
    uint64_t bytes = pyr_writer_bytes(writer) - before;
    double samples = (double)plan->ticks * plan->busy;
    printf("definitions %.0f KB; %.2f bytes per sample, a day at 100 ticks/s: %.1f MB; %.0f ns per sample\n",
           (double)before / 1e3, (double)bytes / samples, (double)bytes / plan->ticks * 8.64e6 / 1e6,
           (double)cpu_ns / samples);
    cpu_ns = pyr_process_cpu_ns();
    for (int i = 0; i < 100000; i++)
        stack_node(writer, below(plan->threads), draw_stack(plan->stacks));
    printf("node look-up %.0f ns\n", (double)(pyr_process_cpu_ns() - cpu_ns) / 1e5 / DEPTH);
    free(nodes);
    if (pyr_writer_close(writer, &err) < 0)
        fprintf(stderr, "%s\n", err.text);
}

static void read_all(const struct plan *plan)
{
    struct pyr_reader *reader;
    struct pyr_err err = {0};
    struct pyr_event event;
    uint64_t samples = 0, cpu_ns = pyr_process_cpu_ns();
    if (pyr_reader_open(&reader, plan->path, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    while (pyr_reader_next(reader, &event, NULL) > 0)
        samples += event.sample_count;
    cpu_ns = pyr_process_cpu_ns() - cpu_ns;
    printf("read %llu samples, %.1f ns per sample\n", (unsigned long long)samples, (double)cpu_ns / (double)samples);
    pyr_reader_close(reader);
}

int main(int argc, char **argv)
{
    struct plan plan = {50, 5, 300, 432000, 1000, 0, "/tmp/pyr-bench-record.pyro"};
    uint32_t *numbers[] = {&plan.threads, &plan.busy, &plan.stacks, &plan.ticks, &plan.flush_ticks, &plan.mode};
    for (int i = 1; i < argc && i <= 6; i++)
        *numbers[i - 1] = (uint32_t)strtoul(argv[i], NULL, 10);
    if (argc > 7)
        plan.path = argv[7];
    if (!plan.busy || plan.busy > plan.threads || !plan.stacks || plan.stacks > STACKS_MAX)
        return 2;
    prepare_frequencies(plan.stacks);
    write_all(&plan);
    read_all(&plan);
    remove(plan.path);
    return 0;
}
