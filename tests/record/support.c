#include "support.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[64];

const struct pyr_run_facts model_facts = {.pyrometer = "0.1.0",
                                          .python = "",
                                          .host = "h\xc3\xb6st",
                                          .mode = "wall",
                                          .started_wall_ns = 1700000000123456789,
                                          .rate_hz = 100,
                                          .attached = true,
                                          .opcodes = true,
                                          .command = (const char *const[]){"python3", "-c", "print(1)"},
                                          .command_count = 3};

uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint32_t random_below(uint64_t *state, uint32_t bound)
{
    return (uint32_t)(random_next(state) % bound);
}

const char *test_path(const char *name)
{
    static char path[128];
    if (!directory[0]) {
        snprintf(directory, sizeof directory, "/tmp/pyr-record-XXXXXX");
        assert_non_null(mkdtemp(directory));
    }
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

void test_directory_remove(void)
{
    if (directory[0])
        nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    directory[0] = 0;
}

void model_init(struct model *model, uint64_t seed)
{
    *model = (struct model){.random = seed};
    model->events = PYR_VEC(struct model_event);
    model->samples = PYR_VEC(struct pyr_sample);
    model->nodes = PYR_VEC(struct model_node);
    model->cpu_times = PYR_VEC(struct pyr_cpu_time);
    /* All at once, so that only the writer allocates later. */
    assert_int_equal(pyr_vec_reserve(&model->events, 8192), 0);
    assert_int_equal(pyr_vec_reserve(&model->samples, 131072), 0);
    assert_int_equal(pyr_vec_reserve(&model->nodes, 16384), 0);
    assert_int_equal(pyr_vec_reserve(&model->cpu_times, 131072), 0);
}

void model_release(struct model *model)
{
    pyr_vec_release(&model->events);
    pyr_vec_release(&model->samples);
    pyr_vec_release(&model->nodes);
    pyr_vec_release(&model->cpu_times);
}

static uint32_t below(struct model *model, uint32_t bound)
{
    return random_below(&model->random, bound);
}

#define INSTRUCTION_SETS 2
static char opcode_names[INSTRUCTION_SETS][PYR_INSTRUCTIONS][16];

const char *model_opcode(uint32_t code, uint32_t opcode)
{
    uint32_t set = code % (INSTRUCTION_SETS + 1);
    return set && opcode % 5 ? opcode_names[set - 1][opcode] : NULL;
}

static int add_instructions(struct pyr_writer *writer)
{
    for (uint32_t set = 0; set < INSTRUCTION_SETS; set++) {
        struct pyr_instruction_set instructions = {{0}};
        for (uint32_t i = 1; i < PYR_INSTRUCTIONS; i++) {
            snprintf(opcode_names[set][i], sizeof opcode_names[set][i], "OP_%u", i * (set + 1));
            instructions.names[i] = model_opcode(set + 1, i);
        }
        int64_t number = pyr_writer_instructions(writer, &instructions);
        int64_t again = number < 0 ? number : pyr_writer_instructions(writer, &instructions);
        if (again < 0)
            return (int)again;
        assert_true(number == set && again == set);
    }
    return 0;
}

void model_code(uint32_t number, struct pyr_code_facts *facts, char name[64], uint8_t table[32])
{
    snprintf(name, 64, "Class%u.method_%u", number % 7, number);
    for (unsigned i = 0; i < 32; i++)
        table[i] = (uint8_t)(number * i);
    *facts = (struct pyr_code_facts){.name = name,
                                     .file = number % 3 ? "/srv/app/b.py" : "/srv/app/a.py",
                                     .first_line = number * 10,
                                     .linetable_kind = number % 4,
                                     .linetable = table,
                                     .linetable_size = number % 32,
                                     .instructions = number % (INSTRUCTION_SETS + 1)};
}

static int add_code(struct model *model, struct pyr_writer *writer)
{
    char name[64];
    uint8_t table[32];
    struct pyr_code_facts facts;
    int rc = model->codes ? 0 : add_instructions(writer);
    if (rc < 0)
        return rc;
    model_code(model->codes, &facts, name, table);
    int64_t number = pyr_writer_code(writer, &facts);
    if (number < 0)
        return (int)number;
    assert_int_equal(number, model->codes);
    int64_t again = pyr_writer_code(writer, &facts);
    assert_true(again < 0 || again == number);
    model->codes++;
    return again < 0 ? (int)again : 0;
}

/* Remembers an event before the writer is told, so that an event that only half reached it is known. */
static struct model_event *expect(struct model *model, struct pyr_event event)
{
    struct model_event item = {.event = event, .first_sample = model->samples.count};
    struct model_event *kept = pyr_vec_push(&model->events, &item);
    assert_non_null(kept);
    return kept;
}

static int add_process(struct model *model, struct pyr_writer *writer)
{
    uint32_t n = model->processes;
    struct pyr_process_facts facts = {.pid = 1000 + n,
                                      .parent_pid = n,
                                      .command = "python app.py",
                                      .python = "3.14.10",
                                      .implementation = NULL,
                                      .start_ns = n * 1001};
    expect(model, (struct pyr_event){.kind = PYR_EVENT_PROCESS, .process = n, .time_ns = facts.start_ns});
    int64_t number = pyr_writer_process(writer, &facts);
    if (number < 0)
        return (int)number;
    assert_int_equal(number, n);
    model->process_live[n] = 1;
    model->processes++;
    return 0;
}

static int add_thread(struct model *model, struct pyr_writer *writer)
{
    uint32_t n = model->threads, process = below(model, model->processes);
    struct pyr_thread_facts facts = {
        .process = process, .ident = UINT64_MAX - n, .native_id = n, .name = n % 2 ? "pool" : "", .interpreter = n % 3};
    expect(model, (struct pyr_event){
                      .kind = PYR_EVENT_THREAD, .process = process, .thread = n, .time_ns = model->time_ns[process]});
    int64_t number = pyr_writer_thread(writer, &facts);
    if (number < 0)
        return (int)number;
    assert_int_equal(number, n);
    model->thread_process[n] = process;
    model->thread_live[n] = 1;
    model->threads++;
    return 0;
}

static int64_t random_node(struct model *model, struct pyr_writer *writer)
{
    uint32_t known = (uint32_t)model->nodes.count;
    if (known && below(model, 8))
        return below(model, 4) ? below(model, known < 20 ? known : 20) : below(model, known + 1);
    uint32_t parent = below(model, 3) ? below(model, known + 1) : 0;
    struct model_node node = {parent, below(model, model->codes), (int32_t)below(model, 50) * 2 - 2,
                              below(model, 3) ? below(model, 3) : below(model, 256)};
    if (node.instruction < 0)
        node.instruction = -1;
    int64_t number = pyr_writer_node_at(writer, node.parent, node.code, node.instruction, (uint8_t)node.opcode);
    if (number > known) {
        assert_int_equal(number, known + 1);
        assert_non_null(pyr_vec_push(&model->nodes, &node));
    } else if (number > 0) {
        assert_memory_equal(PYR_VEC_AT(&model->nodes, struct model_node, number - 1), &node, sizeof node);
    }
    return number;
}

static uint64_t advance(struct model *model, uint32_t process)
{
    uint64_t step = below(model, 4) ? below(model, 20000000) : below(model, 900);
    return model->time_ns[process] + step;
}

static uint64_t in_file(uint64_t time_ns)
{
    return time_ns / 1000 * 1000;
}

static int write_samples(struct model *model, struct pyr_writer *writer, struct model_event *tick)
{
    size_t at = (size_t)(tick - PYR_VEC_AT(&model->events, struct model_event, 0));
    for (uint32_t t = 0; t < model->threads; t++) {
        if (model->thread_process[t] != tick->event.process || !model->thread_live[t] || below(model, 2))
            continue;
        int64_t node = random_node(model, writer);
        if (node < 0)
            return (int)node;
        struct pyr_sample sample = {t, (uint32_t)node, (uint8_t)(below(model, 3) ? 1 : below(model, 64))};
        assert_non_null(pyr_vec_push(&model->samples, &sample));
        PYR_VEC_AT(&model->events, struct model_event, at)->event.sample_count++;
        int rc = pyr_writer_sample(writer, sample.thread, sample.node, sample.flags);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int end_a_thread(struct model *model, struct pyr_writer *writer, uint32_t process, uint64_t time_ns)
{
    uint32_t t = model->threads ? below(model, model->threads) : 0;
    if (below(model, 10) || !model->threads || !model->thread_live[t] || model->thread_process[t] != process)
        return 0;
    model->thread_live[t] = 0;
    expect(model,
           (struct pyr_event){.kind = PYR_EVENT_THREAD_END, .process = process, .thread = t, .time_ns = time_ns});
    return pyr_writer_thread_end(writer, t);
}

/* Of some live threads: some for the first time, some for which nothing has changed. */
static int write_cpu_times(struct model *model, struct pyr_writer *writer, uint32_t process, uint64_t time_ns)
{
    struct model_event event = {.first_sample = model->cpu_times.count};
    event.event = (struct pyr_event){.kind = PYR_EVENT_CPU_TIMES, .process = process, .time_ns = time_ns};
    int rc = 0;
    for (uint32_t t = 0; rc == 0 && t < model->threads; t++) {
        if (model->thread_process[t] != process || !model->thread_live[t] || below(model, 2))
            continue;
        struct pyr_cpu_time time = {t, below(model, 3) * 1000ull,
                                    below(model, 2) * (random_next(&model->random) >> 20)};
        time.waited_ns = in_file(time.waited_ns);
        bool changes = time.ran_ns || time.waited_ns;
        model->ran_us[t] += time.ran_ns / 1000;
        model->waited_us[t] += time.waited_ns / 1000;
        rc = pyr_writer_cpu_time(writer, t, model->ran_us[t] * 1000 + 999, model->waited_us[t] * 1000);
        if (!model->cpu_known[t])
            time.ran_ns = time.waited_ns = 0;
        if (changes || !model->cpu_known[t]) {
            assert_non_null(pyr_vec_push(&model->cpu_times, &time));
            event.event.cpu_time_count++;
        }
        model->cpu_known[t] = 1;
    }
    if (event.event.cpu_time_count)
        assert_non_null(pyr_vec_push(&model->events, &event));
    return rc;
}

static int write_tick(struct model *model, struct pyr_writer *writer, uint32_t process)
{
    uint64_t time_ns = advance(model, process);
    enum pyr_tick_kind kind = below(model, 5) ? PYR_TICK_GLANCE : PYR_TICK_EXACT;
    int rc = pyr_writer_tick_begin(writer, process, time_ns, kind);
    if (rc < 0)
        return rc;
    model->time_ns[process] = in_file(time_ns);
    struct model_event *tick = expect(
        model,
        (struct pyr_event){.kind = PYR_EVENT_TICK, .process = process, .time_ns = in_file(time_ns), .tick_kind = kind});
    rc = write_samples(model, writer, tick);
    if (rc == 0)
        rc = end_a_thread(model, writer, process, in_file(time_ns));
    if (rc == 0 && !below(model, 3))
        rc = write_cpu_times(model, writer, process, in_file(time_ns));
    return rc < 0 ? rc : pyr_writer_tick_end(writer);
}

static int write_usage(struct model *model, struct pyr_writer *writer, uint32_t process)
{
    uint64_t time_ns = advance(model, process), rss = random_next(&model->random), cpu = random_next(&model->random);
    model->time_ns[process] = in_file(time_ns);
    expect(
        model,
        (struct pyr_event){
            .kind = PYR_EVENT_USAGE, .process = process, .time_ns = in_file(time_ns), .rss_bytes = rss, .cpu_ns = cpu});
    return pyr_writer_usage(writer, process, time_ns, rss, cpu);
}

static int end_process(struct model *model, struct pyr_writer *writer, uint32_t process)
{
    uint64_t time_ns = advance(model, process), rss = below(model, 1u << 31);
    int status = (int)below(model, 1000) - 1;
    model->process_live[process] = 0;
    model->time_ns[process] = in_file(time_ns);
    expect(model, (struct pyr_event){.kind = PYR_EVENT_PROCESS_END,
                                     .process = process,
                                     .time_ns = in_file(time_ns),
                                     .exit_status = status,
                                     .rss_bytes = rss,
                                     .cpu_ns = 77});
    return pyr_writer_process_end(writer, process, time_ns, status, 77, rss);
}

static int write_one(struct model *model, struct pyr_writer *writer)
{
    if (model->codes == 0 || below(model, 30) == 0)
        return add_code(model, writer);
    if (model->processes == 0 || (model->processes < 8 && below(model, 100) == 0))
        return add_process(model, writer);
    if (model->threads == 0 || (model->threads < 64 && below(model, 20) == 0))
        return add_thread(model, writer);
    uint32_t process = below(model, model->processes);
    if (!model->process_live[process])
        return 0;
    if (below(model, 20) == 0)
        return write_usage(model, writer, process);
    if (process && below(model, 400) == 0)
        return end_process(model, writer, process);
    if (below(model, 60) == 0)
        return pyr_writer_flush(writer, NULL);
    return write_tick(model, writer, process);
}

int model_write(struct model *model, struct pyr_writer *writer, unsigned events)
{
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < events; i++)
        rc = write_one(model, writer);
    return rc;
}

static void check_definitions(const struct model *model, const struct pyr_reader *reader)
{
    assert_true(pyr_reader_codes(reader) <= model->codes + 1);
    for (uint32_t i = 0; i < pyr_reader_codes(reader); i++) {
        char name[64];
        uint8_t table[32];
        struct pyr_code_facts expected;
        const struct pyr_code_facts *code = pyr_reader_code(reader, i);
        model_code(i, &expected, name, table);
        assert_string_equal(code->name, expected.name);
        assert_string_equal(code->file, expected.file);
        assert_int_equal(code->first_line, expected.first_line);
        assert_int_equal(code->linetable_kind, expected.linetable_kind);
        assert_int_equal(code->linetable_size, expected.linetable_size);
        assert_int_equal(code->instructions, expected.instructions);
        assert_memory_equal(code->linetable, table, expected.linetable_size);
    }
    assert_null(pyr_reader_code(reader, pyr_reader_codes(reader)));
    assert_true(pyr_reader_nodes(reader) <= model->nodes.count + 1);
    for (uint32_t i = 1; i < pyr_reader_nodes(reader); i++) {
        const struct model_node *expected = PYR_VEC_AT(&model->nodes, struct model_node, i - 1);
        struct model_node node = {.opcode = expected->opcode};
        assert_int_equal(pyr_reader_node(reader, i, &node.parent, &node.code, &node.instruction), 0);
        assert_memory_equal(&node, expected, sizeof node);
        const char *opcode = pyr_reader_opcode(reader, i), *name = model_opcode(node.code, node.opcode);
        assert_true(!opcode == !name && (!opcode || strcmp(opcode, name) == 0));
    }
}

static void check_new(const struct pyr_reader *reader, const struct pyr_event *event)
{
    if (event->kind == PYR_EVENT_PROCESS) {
        const struct pyr_process_facts *facts = pyr_reader_process(reader, event->process);
        assert_int_equal(facts->pid, 1000 + event->process);
        assert_int_equal(facts->parent_pid, event->process);
        assert_string_equal(facts->command, "python app.py");
        assert_string_equal(facts->python, "3.14.10");
        assert_string_equal(facts->implementation, "");
    } else if (event->kind == PYR_EVENT_THREAD) {
        const struct pyr_thread_facts *facts = pyr_reader_thread(reader, event->thread);
        assert_int_equal(facts->process, event->process);
        assert_true(facts->ident == UINT64_MAX - event->thread);
        assert_int_equal(facts->native_id, event->thread);
        assert_string_equal(facts->name, event->thread % 2 ? "pool" : "");
        assert_int_equal(facts->interpreter, event->thread % 3);
    }
}

static void check_event(const struct model *model, const struct pyr_reader *reader, const struct pyr_event *event,
                        size_t number)
{
    assert_true(number < model->events.count);
    const struct model_event *expected = PYR_VEC_AT(&model->events, struct model_event, number);
    const struct pyr_event *e = &expected->event;
    assert_int_equal(event->kind, e->kind);
    assert_int_equal(event->process, e->process);
    assert_int_equal(event->thread, e->thread);
    assert_int_equal(event->time_ns, e->time_ns);
    assert_int_equal(event->tick_kind, e->tick_kind);
    assert_int_equal(event->exit_status, e->exit_status);
    assert_true(event->cpu_ns == e->cpu_ns && event->rss_bytes == e->rss_bytes);
    assert_int_equal(event->sample_count, e->sample_count);
    for (uint32_t i = 0; i < event->sample_count; i++) {
        const struct pyr_sample *s = PYR_VEC_AT(&model->samples, struct pyr_sample, expected->first_sample + i);
        assert_int_equal(event->samples[i].thread, s->thread);
        assert_int_equal(event->samples[i].node, s->node);
        assert_int_equal(event->samples[i].flags, s->flags);
    }
    assert_int_equal(event->cpu_time_count, e->cpu_time_count);
    for (uint32_t i = 0; i < event->cpu_time_count; i++) {
        const struct pyr_cpu_time *c = PYR_VEC_AT(&model->cpu_times, struct pyr_cpu_time, expected->first_sample + i);
        assert_int_equal(event->cpu_times[i].thread, c->thread);
        assert_true(event->cpu_times[i].ran_ns == c->ran_ns && event->cpu_times[i].waited_ns == c->waited_ns);
    }
    check_new(reader, event);
}

static void check_facts(const struct pyr_run_facts *facts)
{
    assert_string_equal(facts->pyrometer, model_facts.pyrometer);
    assert_string_equal(facts->host, model_facts.host);
    assert_string_equal(facts->mode, model_facts.mode);
    assert_int_equal(facts->started_wall_ns, model_facts.started_wall_ns);
    assert_int_equal(facts->rate_hz, model_facts.rate_hz);
    assert_true(facts->attached && !facts->no_stop && facts->opcodes);
    assert_int_equal(facts->command_count, model_facts.command_count);
    for (uint32_t i = 0; i < facts->command_count; i++)
        assert_string_equal(facts->command[i], model_facts.command[i]);
}

long model_check(const struct model *model, const char *path, bool *complete, char why[200])
{
    struct pyr_reader *reader = NULL;
    struct pyr_err err = {0};
    int rc = pyr_reader_open(&reader, path, &err);
    if (rc < 0) {
        assert_int_equal(rc, PYR_E_FORMAT);
        assert_true(err.text[0]);
        assert_null(reader);
        return -1;
    }
    check_facts(pyr_reader_facts(reader));
    struct pyr_event event;
    long count = 0;
    while ((rc = pyr_reader_next(reader, &event, &err)) > 0)
        check_event(model, reader, &event, (size_t)count++);
    assert_int_equal(rc, 0);
    assert_int_equal(event.kind, PYR_EVENT_END);
    assert_int_equal(pyr_reader_next(reader, &event, &err), 0);
    check_definitions(model, reader);
    const char *text = NULL;
    *complete = pyr_reader_complete(reader, &text);
    snprintf(why, 200, "%s", text ? text : "");
    pyr_reader_close(reader);
    return count;
}
