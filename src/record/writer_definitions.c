/* What events refer to: strings, codes, processes, threads, nodes. */
#include "record/writer_private.h"

#include <string.h>
#include <xxhash.h>

/* Longer text is cut before a character, not inside one. */
static size_t bounded_length(const char *text)
{
    size_t size = strnlen(text, PYR_STRING_MAX + 1);
    if (size <= PYR_STRING_MAX)
        return size;
    size = PYR_STRING_MAX;
    while (size > PYR_STRING_MAX - 4 && ((unsigned char)text[size] & 0xc0) == 0x80)
        size--;
    return size;
}

static void put_text(struct pyr_buf *buf, const char *text)
{
    text = text ? text : "";
    size_t size = bounded_length(text);
    pyr_buf_varint(buf, size);
    pyr_buf_append(buf, text, size);
}

static uint32_t command_that_fits(const struct pyr_run_facts *facts)
{
    size_t size = 0;
    uint32_t count = 0;
    for (; facts->command && count < facts->command_count && facts->command[count]; count++) {
        size += bounded_length(facts->command[count]) + PYR_VARINT_MAX;
        if (size > PYR_COMMAND_BYTES_MAX)
            break;
    }
    return count;
}

int pyr_writer_facts(struct pyr_writer *writer, const struct pyr_run_facts *facts)
{
    if (writer->error.status)
        return writer->error.status;
    struct pyr_buf *buf = &writer->facts;
    pyr_buf_clear(buf);
    put_text(buf, facts->pyrometer);
    put_text(buf, facts->python);
    put_text(buf, facts->host);
    put_text(buf, facts->mode);
    pyr_buf_varint(buf, facts->started_wall_ns);
    pyr_buf_varint(buf, facts->rate_hz);
    pyr_buf_varint(buf, (facts->attached ? PYR_FLAG_ATTACHED : 0) | (facts->no_stop ? PYR_FLAG_NO_STOP : 0) |
                            (facts->memory ? PYR_FLAG_MEMORY : 0) | (facts->opcodes ? PYR_FLAG_OPCODES : 0));
    uint32_t count = command_that_fits(facts);
    pyr_buf_varint(buf, count);
    for (uint32_t i = 0; i < count; i++)
        put_text(buf, facts->command[i]);
    return buf->failed ? pyr_writer_fail(writer, PYR_E_NOMEM, "out of memory") : 0;
}

int pyr_writer_quality(struct pyr_writer *writer, const struct pyr_quality *quality)
{
    if (writer->error.status)
        return writer->error.status;
    writer->quality = *quality;
    writer->quality_pending = true;
    return 0;
}

int pyr_writer_charge(struct pyr_writer *writer, uint64_t cost)
{
    if (writer->definitions_cost + cost > PYR_DEFINITIONS_COST_MAX)
        return PYR_E_LIMIT;
    writer->definitions_cost += cost;
    return 0;
}

int pyr_writer_charge_kept(struct pyr_writer *writer, struct pyr_map *met, uint64_t key, uint64_t new_cost,
                           uint64_t cost)
{
    bool known = pyr_map_find(met, key) != NULL;
    if (!known && met->count >= PYR_MEMORY_HEAPS_MAX)
        return PYR_E_LIMIT;
    int rc = pyr_writer_charge(writer, (known ? 0 : new_cost) + cost);
    if (rc == 0 && pyr_map_put(met, key, 1) < 0)
        rc = pyr_writer_fail(writer, PYR_E_NOMEM, "out of memory");
    return rc;
}

/* Appends tag, size and body, and writes out when much has come together. */
static int define(struct pyr_writer *writer, enum pyr_definition_tag tag, const void *body, size_t size)
{
    struct pyr_buf *buf = &writer->definitions;
    pyr_buf_varint(buf, tag);
    pyr_buf_varint(buf, size);
    pyr_buf_append(buf, body, size);
    if (buf->failed)
        return pyr_writer_fail(writer, PYR_E_NOMEM, "out of memory");
    return buf->size >= PYR_WRITER_PENDING_MAX ? pyr_writer_flush_definitions(writer) : 0;
}

static int64_t string_number(struct pyr_writer *writer, const char *text)
{
    text = text ? text : "";
    size_t size = bounded_length(text);
    if (writer->definitions_cost + PYR_COST_STRING + size > PYR_DEFINITIONS_COST_MAX)
        return PYR_E_LIMIT;
    int is_new = 0;
    int64_t number = pyr_intern_put(&writer->strings, text, size, &is_new);
    if (number < 0)
        return pyr_writer_fail(writer, (int)number, "out of memory");
    if (!is_new)
        return number;
    pyr_writer_charge(writer, PYR_COST_STRING + size);
    int rc = define(writer, PYR_DEFINE_STRING, text, size);
    return rc < 0 ? rc : number;
}

int64_t pyr_writer_process(struct pyr_writer *writer, const struct pyr_process_facts *facts)
{
    if (writer->error.status)
        return writer->error.status;
    int64_t command = string_number(writer, facts->command);
    int64_t python = command < 0 ? command : string_number(writer, facts->python);
    int64_t implementation = python < 0 ? python : string_number(writer, facts->implementation);
    if (implementation < 0 || pyr_writer_charge(writer, PYR_COST_PROCESS) < 0)
        return implementation < 0 ? implementation : PYR_E_LIMIT;
    struct pyr_buf *body = &writer->scratch;
    pyr_buf_clear(body);
    pyr_buf_varint(body, facts->pid);
    pyr_buf_varint(body, facts->parent_pid);
    pyr_buf_varint(body, (uint64_t)command);
    pyr_buf_varint(body, (uint64_t)python);
    pyr_buf_varint(body, (uint64_t)implementation);
    pyr_buf_varint(body, facts->start_ns);
    struct pyr_writer_process process = {.last_us = 0};
    if (!pyr_vec_push(&writer->processes, &process))
        return pyr_writer_fail(writer, PYR_E_NOMEM, "out of memory");
    pyr_buf_u8(&writer->columns[PYR_COLUMN_OPS], PYR_OP_PROCESS);
    if (body->failed || writer->columns[PYR_COLUMN_OPS].failed)
        return pyr_writer_fail(writer, PYR_E_NOMEM, "out of memory");
    int rc = define(writer, PYR_DEFINE_PROCESS, body->bytes, body->size);
    return rc < 0 ? rc : (int64_t)writer->processes.count - 1;
}

int64_t pyr_writer_thread(struct pyr_writer *writer, const struct pyr_thread_facts *facts)
{
    if (writer->error.status)
        return writer->error.status;
    if (facts->process >= writer->processes.count)
        return PYR_E_MISUSE;
    int64_t name = string_number(writer, facts->name);
    if (name < 0 || pyr_writer_charge(writer, PYR_COST_THREAD) < 0)
        return name < 0 ? name : PYR_E_LIMIT;
    struct pyr_buf *body = &writer->scratch;
    pyr_buf_clear(body);
    pyr_buf_varint(body, facts->process);
    pyr_buf_varint(body, facts->ident);
    pyr_buf_varint(body, facts->native_id);
    pyr_buf_varint(body, (uint64_t)name);
    pyr_buf_varint(body, facts->interpreter);
    struct pyr_writer_thread thread = {.process = facts->process, .recent = UINT32_MAX};
    if (!pyr_vec_push(&writer->threads, &thread))
        return pyr_writer_fail(writer, PYR_E_NOMEM, "out of memory");
    pyr_buf_u8(&writer->columns[PYR_COLUMN_OPS], PYR_OP_THREAD);
    if (body->failed || writer->columns[PYR_COLUMN_OPS].failed)
        return pyr_writer_fail(writer, PYR_E_NOMEM, "out of memory");
    int rc = define(writer, PYR_DEFINE_THREAD, body->bytes, body->size);
    return rc < 0 ? rc : (int64_t)writer->threads.count - 1;
}

int pyr_writer_thread_name(struct pyr_writer *writer, uint32_t thread, const char *name)
{
    if (writer->error.status)
        return writer->error.status;
    if (thread >= writer->threads.count)
        return PYR_E_MISUSE;
    int64_t number = string_number(writer, name);
    if (number < 0)
        return (int)number;
    struct pyr_buf *body = &writer->scratch;
    pyr_buf_clear(body);
    pyr_buf_varint(body, thread);
    pyr_buf_varint(body, (uint64_t)number);
    return body->failed ? pyr_writer_fail(writer, PYR_E_NOMEM, "out of memory")
                        : define(writer, PYR_DEFINE_THREAD_NAME, body->bytes, body->size);
}

static void put_code(struct pyr_buf *body, const struct pyr_code_facts *facts, uint64_t name, uint64_t file)
{
    bool keeps = facts->linetable && facts->linetable_size <= PYR_LINETABLE_MAX;
    pyr_buf_clear(body);
    pyr_buf_varint(body, name);
    pyr_buf_varint(body, file);
    pyr_buf_varint(body, facts->first_line);
    pyr_buf_u8(body, keeps ? facts->linetable_kind : PYR_LINETABLE_NONE);
    pyr_buf_varint(body, keeps ? facts->linetable_size : 0);
    if (keeps)
        pyr_buf_append(body, facts->linetable, facts->linetable_size);
    if (facts->instructions)
        pyr_buf_varint(body, facts->instructions);
}

/* The number of the definition whose body is in scratch, by its 128-bit hash; defines it if it is new. */
static int64_t define_once(struct pyr_writer *writer, struct pyr_intern *known, enum pyr_definition_tag tag,
                           uint64_t cost)
{
    const struct pyr_buf *body = &writer->scratch;
    if (writer->definitions_cost + cost > PYR_DEFINITIONS_COST_MAX)
        return PYR_E_LIMIT;
    XXH128_hash_t hash = XXH3_128bits(body->bytes, body->size);
    int is_new = 0;
    int64_t number = pyr_intern_put(known, &hash, sizeof hash, &is_new);
    if (number < 0)
        return pyr_writer_fail(writer, (int)number, "out of memory");
    if (!is_new)
        return number;
    pyr_writer_charge(writer, cost);
    int rc = define(writer, tag, body->bytes, body->size);
    return rc < 0 ? rc : number;
}

int64_t pyr_writer_code(struct pyr_writer *writer, const struct pyr_code_facts *facts)
{
    if (writer->error.status)
        return writer->error.status;
    int64_t name = string_number(writer, facts->name);
    int64_t file = name < 0 ? name : string_number(writer, facts->file);
    if (file < 0)
        return file;
    struct pyr_buf *body = &writer->scratch;
    put_code(body, facts, (uint64_t)name, (uint64_t)file);
    if (body->failed)
        return pyr_writer_fail(writer, PYR_E_NOMEM, "out of memory");
    return define_once(writer, &writer->codes, PYR_DEFINE_CODE, PYR_COST_CODE + body->size);
}

int64_t pyr_writer_instructions(struct pyr_writer *writer, const struct pyr_instruction_set *set)
{
    if (writer->error.status)
        return writer->error.status;
    uint32_t numbers[PYR_INSTRUCTIONS] = {0};
    for (unsigned i = 1; i < PYR_INSTRUCTIONS; i++) {
        int64_t number = set->names[i] ? string_number(writer, set->names[i]) : 0;
        if (number < 0)
            return number;
        numbers[i] = (uint32_t)number;
    }
    struct pyr_buf *body = &writer->scratch;
    pyr_buf_clear(body);
    for (unsigned i = 1; i < PYR_INSTRUCTIONS; i++) {
        if (!set->names[i])
            continue;
        pyr_buf_u8(body, (uint8_t)i);
        pyr_buf_varint(body, numbers[i]);
    }
    if (body->failed)
        return pyr_writer_fail(writer, PYR_E_NOMEM, "out of memory");
    return define_once(writer, &writer->instruction_sets, PYR_DEFINE_INSTRUCTIONS, PYR_COST_INSTRUCTIONS);
}

/* A node is known by its parent, its instruction and, in one word, its code and its opcode. */
#define CODE_BITS 24
_Static_assert(PYR_DEFINITIONS_COST_MAX / PYR_COST_CODE <= UINT64_C(1) << CODE_BITS, "numbers of codes are too long");

static int define_node(struct pyr_writer *writer, uint32_t number, uint32_t parent, uint32_t code, int32_t instruction,
                       uint8_t opcode)
{
    struct pyr_buf *columns = writer->node_columns;
    pyr_buf_varint(&columns[PYR_NODE_PARENTS], number - parent);
    pyr_buf_varint(&columns[PYR_NODE_CODES], code);
    pyr_buf_varint(&columns[PYR_NODE_INSTRUCTIONS], (uint64_t)((int64_t)instruction + 1));
    if (writer->opcodes)
        pyr_buf_u8(&columns[PYR_NODE_OPCODES], opcode);
    size_t size = 0;
    for (unsigned i = 0; i < PYR_NODE_COLUMNS; i++) {
        if (columns[i].failed)
            return pyr_writer_fail(writer, PYR_E_NOMEM, "out of memory");
        size += columns[i].size;
    }
    return size >= PYR_WRITER_PENDING_MAX ? pyr_writer_flush_definitions(writer) : 0;
}

int64_t pyr_writer_node(struct pyr_writer *writer, uint32_t parent, uint32_t code, int32_t instruction)
{
    return pyr_writer_node_at(writer, parent, code, instruction, 0);
}

int64_t pyr_writer_node_at(struct pyr_writer *writer, uint32_t parent, uint32_t code, int32_t instruction,
                           uint8_t opcode)
{
    if (writer->error.status)
        return writer->error.status;
    if (parent > writer->nodes.count || code >= pyr_intern_count(&writer->codes) || (opcode && !writer->opcodes))
        return PYR_E_MISUSE;
    if (instruction < 0)
        instruction = -1;
    uint32_t what = code | (uint32_t)opcode << CODE_BITS;
    struct pyr_node_slot *slot = pyr_node_find(&writer->nodes, parent, what, instruction);
    if (!slot)
        return pyr_writer_fail(writer, PYR_E_NOMEM, "out of memory");
    if (slot->number)
        return slot->number;
    if (writer->nodes.count >= UINT32_MAX - 1 || pyr_writer_charge(writer, PYR_COST_NODE) < 0)
        return PYR_E_LIMIT;
    uint32_t number = pyr_node_take(&writer->nodes, slot, parent, what, instruction);
    int rc = define_node(writer, number, parent, code, instruction, opcode);
    return rc < 0 ? rc : (int64_t)number;
}
