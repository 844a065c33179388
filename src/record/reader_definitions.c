/* Takes in what events refer to. The payloads passed their checksum, but may still be hostile. */
#include "record/reader_private.h"

#include "base/utf8.h"

#include <string.h>

#define COMMAND_COUNT_MAX PYR_COMMAND_BYTES_MAX

int pyr_reader_charge(struct pyr_reader *reader, uint64_t cost)
{
    if (reader->cost + cost > PYR_DEFINITIONS_COST_MAX)
        return PYR_E_LIMIT;
    reader->cost += cost;
    return 0;
}

static const char *keep_text(struct pyr_reader *reader, const uint8_t *bytes, size_t size)
{
    size_t clean = pyr_utf8_clean_size((const char *)bytes, size);
    char *text = pyr_arena_alloc(&reader->arena, clean + 1);
    if (text)
        pyr_utf8_clean(text, (const char *)bytes, size);
    return text;
}

int pyr_reader_take_text(struct pyr_reader *reader, struct pyr_cursor *cursor, const char **out)
{
    uint64_t size = pyr_cursor_varint(cursor);
    const uint8_t *bytes = size <= PYR_STRING_MAX ? pyr_cursor_take(cursor, size) : NULL;
    if (!bytes || cursor->failed)
        return PYR_E_FORMAT;
    int rc = pyr_reader_charge(reader, PYR_COST_STRING + size);
    if (rc < 0)
        return rc;
    *out = keep_text(reader, bytes, (size_t)size);
    return *out ? 0 : PYR_E_NOMEM;
}

static int take_command(struct pyr_reader *reader, struct pyr_cursor *cursor, struct pyr_run_facts *facts)
{
    uint64_t count = pyr_cursor_varint(cursor);
    if (cursor->failed || count > COMMAND_COUNT_MAX || count > pyr_cursor_left(cursor))
        return PYR_E_FORMAT;
    const char **words = pyr_arena_alloc(&reader->arena, ((size_t)count + 1) * sizeof *words);
    if (!words)
        return PYR_E_NOMEM;
    int rc = 0;
    for (uint64_t i = 0; rc == 0 && i < count; i++)
        rc = pyr_reader_take_text(reader, cursor, &words[i]);
    facts->command = words;
    facts->command_count = (uint32_t)count;
    return rc;
}

int pyr_reader_take_facts(struct pyr_reader *reader, const uint8_t *payload, uint32_t size)
{
    struct pyr_cursor cursor = pyr_cursor(payload, size);
    struct pyr_run_facts facts = {0};
    const char **texts[] = {&facts.pyrometer, &facts.python, &facts.host, &facts.mode};
    for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) {
        int rc = pyr_reader_take_text(reader, &cursor, texts[i]);
        if (rc < 0)
            return rc;
    }
    facts.started_wall_ns = pyr_cursor_varint(&cursor);
    facts.rate_hz = pyr_cursor_varint(&cursor);
    uint64_t flags = pyr_cursor_varint(&cursor);
    facts.attached = flags & PYR_FLAG_ATTACHED;
    facts.no_stop = flags & PYR_FLAG_NO_STOP;
    facts.memory = flags & PYR_FLAG_MEMORY;
    facts.opcodes = flags & PYR_FLAG_OPCODES;
    int rc = take_command(reader, &cursor, &facts);
    if (rc < 0)
        return rc;
    reader->facts = facts;
    reader->has_facts = true;
    return 0;
}

int pyr_reader_take_quality(struct pyr_reader *reader, const uint8_t *payload, uint32_t size)
{
    struct pyr_quality q = {0};
    uint64_t *values[] = {&q.ticks_glance,   &q.ticks_exact,     &q.samples_taken,     &q.samples_unresolved,
                          &q.samples_failed, &q.samples_stopped, &q.samples_truncated, &q.deadlines_missed,
                          &q.own_cpu_ns,     &q.elapsed_ns,      &q.samples_compiled};
    struct pyr_cursor cursor = pyr_cursor(payload, size);
    uint64_t count = pyr_cursor_varint(&cursor);
    for (uint64_t i = 0; i < count && i < sizeof values / sizeof *values; i++)
        *values[i] = pyr_cursor_varint(&cursor);
    if (cursor.failed)
        return PYR_E_FORMAT;
    reader->quality = q;
    return 0;
}

static int define_string(struct pyr_reader *reader, struct pyr_cursor *body)
{
    size_t size = pyr_cursor_left(body);
    if (size > PYR_STRING_MAX)
        return PYR_E_FORMAT;
    int rc = pyr_reader_charge(reader, PYR_COST_STRING + size);
    if (rc < 0)
        return rc;
    const char *text = keep_text(reader, body->at, size);
    return text && pyr_vec_push(&reader->strings, &text) ? 0 : PYR_E_NOMEM;
}

/* A string by its number. */
static const char *take_string(const struct pyr_reader *reader, struct pyr_cursor *body)
{
    uint64_t number = pyr_cursor_varint(body);
    if (number >= reader->strings.count) {
        body->failed = true;
        return "";
    }
    return *PYR_VEC_AT(&reader->strings, const char *, number);
}

static int define_code(struct pyr_reader *reader, struct pyr_cursor *body)
{
    int rc = pyr_reader_charge(reader, PYR_COST_CODE + pyr_cursor_left(body));
    if (rc < 0)
        return rc;
    struct pyr_code_facts facts = {0};
    facts.name = take_string(reader, body);
    facts.file = take_string(reader, body);
    facts.first_line = pyr_cursor_varint32(body);
    facts.linetable_kind = pyr_cursor_u8(body);
    uint64_t size = pyr_cursor_varint(body);
    const uint8_t *table = pyr_cursor_take(body, size);
    if (pyr_cursor_left(body))
        facts.instructions = pyr_cursor_varint32(body);
    if (body->failed || !table || size > PYR_LINETABLE_MAX || facts.instructions > reader->sets.count)
        return PYR_E_FORMAT;
    facts.linetable_size = (uint32_t)size;
    facts.linetable = pyr_arena_dup(&reader->arena, table, (size_t)size);
    struct pyr_code_facts *kept = pyr_arena_dup(&reader->arena, &facts, sizeof facts);
    return facts.linetable && kept && pyr_vec_push(&reader->codes, &kept) ? 0 : PYR_E_NOMEM;
}

static int define_instructions(struct pyr_reader *reader, struct pyr_cursor *body)
{
    int rc = pyr_reader_charge(reader, PYR_COST_INSTRUCTIONS);
    if (rc < 0)
        return rc;
    struct pyr_instruction_set set = {{0}};
    while (pyr_cursor_left(body)) {
        uint8_t opcode = pyr_cursor_u8(body);
        set.names[opcode] = take_string(reader, body);
        if (body->failed || !opcode)
            return PYR_E_FORMAT;
    }
    struct pyr_instruction_set *kept = pyr_arena_dup(&reader->arena, &set, sizeof set);
    return kept && pyr_vec_push(&reader->sets, &kept) ? 0 : PYR_E_NOMEM;
}

static int define_process(struct pyr_reader *reader, struct pyr_cursor *body)
{
    int rc = pyr_reader_charge(reader, PYR_COST_PROCESS);
    if (rc < 0)
        return rc;
    struct pyr_reader_process process = {0};
    process.facts.pid = pyr_cursor_varint32(body);
    process.facts.parent_pid = pyr_cursor_varint32(body);
    process.facts.command = take_string(reader, body);
    process.facts.python = take_string(reader, body);
    process.facts.implementation = take_string(reader, body);
    process.facts.start_ns = pyr_cursor_varint(body);
    if (body->failed)
        return PYR_E_FORMAT;
    struct pyr_reader_process *kept = pyr_arena_dup(&reader->arena, &process, sizeof process);
    return kept && pyr_vec_push(&reader->processes, &kept) ? 0 : PYR_E_NOMEM;
}

static int define_thread(struct pyr_reader *reader, struct pyr_cursor *body)
{
    int rc = pyr_reader_charge(reader, PYR_COST_THREAD);
    if (rc < 0)
        return rc;
    struct pyr_reader_thread thread = {.recent = UINT32_MAX};
    thread.facts.process = pyr_cursor_varint32(body);
    thread.facts.ident = pyr_cursor_varint(body);
    thread.facts.native_id = pyr_cursor_varint(body);
    thread.facts.name = take_string(reader, body);
    thread.facts.interpreter = pyr_cursor_varint(body);
    if (body->failed || thread.facts.process >= reader->processes.count)
        return PYR_E_FORMAT;
    struct pyr_reader_thread *kept = pyr_arena_dup(&reader->arena, &thread, sizeof thread);
    return kept && pyr_vec_push(&reader->threads, &kept) ? 0 : PYR_E_NOMEM;
}

static int rename_thread(struct pyr_reader *reader, struct pyr_cursor *body)
{
    uint64_t number = pyr_cursor_varint(body);
    const char *name = take_string(reader, body);
    if (body->failed || number >= reader->threads.count)
        return PYR_E_FORMAT;
    (*PYR_VEC_AT(&reader->threads, struct pyr_reader_thread *, number))->facts.name = name;
    return 0;
}

static int define(struct pyr_reader *reader, uint64_t tag, struct pyr_cursor *body)
{
    switch (tag) {
    case PYR_DEFINE_STRING:
        return define_string(reader, body);
    case PYR_DEFINE_CODE:
        return define_code(reader, body);
    case PYR_DEFINE_PROCESS:
        return define_process(reader, body);
    case PYR_DEFINE_THREAD:
        return define_thread(reader, body);
    case PYR_DEFINE_THREAD_NAME:
        return rename_thread(reader, body);
    case PYR_DEFINE_INSTRUCTIONS:
        return define_instructions(reader, body);
    default:
        return 0; /* of a newer writer; nothing that is known refers to it */
    }
}

int pyr_reader_take_definitions(struct pyr_reader *reader, const uint8_t *payload, uint32_t size)
{
    struct pyr_cursor cursor = pyr_cursor(payload, size);
    while (pyr_cursor_left(&cursor)) {
        uint64_t tag = pyr_cursor_varint(&cursor);
        uint64_t body_size = pyr_cursor_varint(&cursor);
        const uint8_t *bytes = pyr_cursor_take(&cursor, body_size);
        if (cursor.failed || !bytes)
            return PYR_E_FORMAT;
        struct pyr_cursor body = pyr_cursor(bytes, (size_t)body_size);
        int rc = define(reader, tag, &body);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* The columns were taken apart: that of opcodes has a byte for each node, or nothing. */
static int take_node(struct pyr_reader *reader, struct pyr_cursor *columns, bool opcodes)
{
    uint64_t number = reader->nodes.count;
    uint64_t up = pyr_take_varint(&columns[PYR_NODE_PARENTS]);
    uint64_t code = pyr_take_varint(&columns[PYR_NODE_CODES]);
    uint64_t instruction = pyr_take_varint(&columns[PYR_NODE_INSTRUCTIONS]);
    uint8_t opcode = opcodes ? pyr_take_u8(&columns[PYR_NODE_OPCODES]) : 0;
    for (unsigned i = 0; i < PYR_NODE_COLUMNS; i++)
        if (columns[i].failed)
            return PYR_E_FORMAT;
    if (up == 0 || up > number || code >= reader->codes.count || instruction > (uint64_t)INT32_MAX + 1 ||
        number >= UINT32_MAX)
        return PYR_E_FORMAT;
    struct pyr_reader_node node = {.parent = (uint32_t)(number - up),
                                   .code = (uint32_t)code & 0xffffff,
                                   .opcode = opcode,
                                   .instruction = (int32_t)((int64_t)instruction - 1)};
    int rc = pyr_reader_charge(reader, PYR_COST_NODE);
    if (rc < 0)
        return rc;
    return pyr_vec_push(&reader->nodes, &node) ? 0 : PYR_E_NOMEM;
}

int pyr_reader_take_nodes(struct pyr_reader *reader, const uint8_t *payload, uint32_t size)
{
    struct pyr_cursor columns[PYR_NODE_COLUMNS];
    if (!pyr_columns_get(payload, size, columns, PYR_NODE_COLUMNS))
        return PYR_E_FORMAT;
    bool opcodes = pyr_cursor_left(&columns[PYR_NODE_OPCODES]) > 0;
    while (pyr_cursor_left(&columns[PYR_NODE_PARENTS])) {
        int rc = take_node(reader, columns, opcodes);
        if (rc < 0)
            return rc;
    }
    for (unsigned i = 0; i < PYR_NODE_COLUMNS; i++)
        if (pyr_cursor_left(&columns[i]))
            return PYR_E_FORMAT;
    return 0;
}
