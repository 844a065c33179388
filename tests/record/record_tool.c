/* Makes random recordings and prints what the reader says, so that a second reader, made from FORMAT.md alone, can be
 * compared with it: `record_tool make PATH SEED EVENTS`, `record_tool many PATH`, `record_tool print PATH`. */
#include "support.h"

#include "record/recent.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void print_event(const struct pyr_event *e)
{
    switch (e->kind) {
    case PYR_EVENT_TICK:
        printf("tick %u %" PRIu64 " %d", e->process, e->time_ns, (int)e->tick_kind);
        for (uint32_t i = 0; i < e->sample_count; i++)
            printf(" %u:%u:%u", e->samples[i].thread, e->samples[i].node, e->samples[i].flags);
        puts("");
        break;
    case PYR_EVENT_CPU_TIMES:
        printf("cpu_times %u %" PRIu64, e->process, e->time_ns);
        for (uint32_t i = 0; i < e->cpu_time_count; i++)
            printf(" %u:%" PRIu64 ":%" PRIu64, e->cpu_times[i].thread, e->cpu_times[i].ran_ns,
                   e->cpu_times[i].waited_ns);
        puts("");
        break;
    case PYR_EVENT_USAGE:
        printf("usage %u %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", e->process, e->time_ns, e->rss_bytes, e->cpu_ns);
        break;
    case PYR_EVENT_PROCESS_END:
        printf("process_end %u %" PRIu64 " %d %" PRIu64 " %" PRIu64 "\n", e->process, e->time_ns, e->exit_status,
               e->cpu_ns, e->rss_bytes);
        break;
    case PYR_EVENT_PROCESS:
        printf("process %u\n", e->process);
        break;
    default:
        printf("%s %u\n", e->kind == PYR_EVENT_THREAD ? "thread" : "thread_end", e->thread);
    }
}

static void print_definitions(const struct pyr_reader *reader)
{
    for (uint32_t i = 0; i < pyr_reader_codes(reader); i++) {
        const struct pyr_code_facts *code = pyr_reader_code(reader, i);
        printf("code %s %s %u %u ", code->name, code->file, code->first_line, code->linetable_kind);
        for (uint32_t k = 0; k < code->linetable_size; k++)
            printf("%02x", code->linetable[k]);
        puts("");
    }
    for (uint32_t i = 0; i < pyr_reader_processes(reader); i++) {
        const struct pyr_process_facts *p = pyr_reader_process(reader, i);
        printf("process %u %u %s %s %s %" PRIu64 "\n", p->pid, p->parent_pid, p->command, p->python, p->implementation,
               p->start_ns);
    }
    for (uint32_t i = 0; i < pyr_reader_threads(reader); i++) {
        const struct pyr_thread_facts *t = pyr_reader_thread(reader, i);
        printf("thread %u %" PRIu64 " %" PRIu64 " %s %" PRIu64 "\n", t->process, t->ident, t->native_id, t->name,
               t->interpreter);
    }
    for (uint32_t i = 1; i < pyr_reader_nodes(reader); i++) {
        uint32_t parent = 0, code = 0;
        int32_t instruction = 0;
        pyr_reader_node(reader, i, &parent, &code, &instruction);
        const char *opcode = pyr_reader_opcode(reader, i);
        printf("node %u %u %d %s\n", parent, code, instruction, opcode ? opcode : "-");
    }
}

static int print_all(const char *path)
{
    struct pyr_reader *reader = NULL;
    struct pyr_err err = {0};
    struct pyr_event event;
    int rc = pyr_reader_open(&reader, path, &err);
    while (rc == 0 && (rc = pyr_reader_next(reader, &event, &err)) > 0) {
        print_event(&event);
        rc = 0;
    }
    if (rc < 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    const struct pyr_run_facts *f = pyr_reader_facts(reader);
    printf("facts %s %s %s %s %" PRIu64 " %" PRIu64 " %d %d %d", f->pyrometer, f->python, f->host, f->mode,
           f->started_wall_ns, f->rate_hz, f->attached, f->no_stop, f->opcodes);
    for (uint32_t i = 0; i < f->command_count; i++)
        printf(" %s", f->command[i]);
    puts("");
    print_definitions(reader);
    printf("quality %" PRIu64 " %" PRIu64 "\n", pyr_reader_quality(reader)->ticks_glance,
           pyr_reader_quality(reader)->elapsed_ns);
    puts(pyr_reader_complete(reader, NULL) ? "complete" : "incomplete");
    pyr_reader_close(reader);
    return 0;
}

/* More threads than tables of recent nodes, so that tables change hands. */
static void write_many(struct pyr_writer *writer)
{
    uint64_t random = 7;
    pyr_writer_process(writer, &(struct pyr_process_facts){.pid = 1});
    pyr_writer_code(writer, &(struct pyr_code_facts){.name = "f"});
    for (uint32_t t = 0; t < PYR_RECENT_POOL + 500; t++)
        pyr_writer_thread(writer, &(struct pyr_thread_facts){.process = 0});
    for (int32_t i = 0; i < 2000; i++)
        pyr_writer_node(writer, 0, 0, i);
    for (uint32_t tick = 0; tick < 12; tick++) {
        pyr_writer_tick_begin(writer, 0, tick * 10000000, PYR_TICK_GLANCE);
        for (uint32_t i = 0; i < 3000; i++) {
            uint32_t thread = random_below(&random, 2) ? i : (i + 1700) % (PYR_RECENT_POOL + 500);
            pyr_writer_sample(writer, thread, random_below(&random, random_below(&random, 9) ? 6 : 2001), 1);
        }
        pyr_writer_tick_end(writer);
    }
}

static int make(const char *path, uint64_t seed, unsigned events)
{
    struct pyr_writer *writer = NULL;
    struct pyr_err err = {0};
    struct model model;
    if (pyr_writer_open(&writer, path, true, &model_facts, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    model_init(&model, seed);
    if (events)
        model_write(&model, writer, events);
    else
        write_many(writer);
    model_release(&model);
    pyr_writer_quality(writer, &(struct pyr_quality){.ticks_glance = 300, .elapsed_ns = UINT64_MAX});
    return pyr_writer_close(writer, &err) < 0;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "make") == 0)
        return make(argv[2], strtoull(argv[3], NULL, 10), (unsigned)strtoul(argv[4], NULL, 10));
    if (argc == 3 && strcmp(argv[1], "many") == 0)
        return make(argv[2], 0, 0);
    if (argc == 3 && strcmp(argv[1], "print") == 0)
        return print_all(argv[2]);
    return 2;
}
