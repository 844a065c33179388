/* The reader's life: open, one frame after the other, close; and what it knows. */
#include "record/reader.h"

#include "base/alloc.h"
#include "record/reader_private.h"

#include <inttypes.h>

static const char *what_failed(int status)
{
    switch (status) {
    case PYR_E_NOMEM:
        return "out of memory";
    case PYR_E_LIMIT:
        return "its definitions would need more memory than a reader grants";
    default:
        return "the frame is damaged, or was not written by pyrometer";
    }
}

static int fail(struct pyr_reader *reader, int status, uint64_t offset)
{
    return pyr_err_set(&reader->failure, status, "cannot read %s beyond byte %" PRIu64 ": %s", reader->input.path,
                       offset, what_failed(status));
}

static int unknown_frame(struct pyr_reader *reader, const struct pyr_frame *frame)
{
    if (frame->flags & PYR_FRAME_SKIPPABLE)
        return 0;
    return pyr_err_set(&reader->failure, PYR_E_FORMAT,
                       "cannot read %s beyond byte %" PRIu64 ": the frame there (kind %u) is of a newer pyrometer than "
                       "this one (%s)",
                       reader->input.path, frame->offset, frame->kind, PYR_VERSION);
}

static int take_events_frame(struct pyr_reader *reader, const struct pyr_frame *frame)
{
    reader->events_offset = frame->offset;
    reader->cpu_foreseen = false;
    return pyr_columns_get(frame->payload, frame->size, reader->columns, PYR_COLUMNS) ? 0 : PYR_E_FORMAT;
}

static int take_frame(struct pyr_reader *reader, const struct pyr_frame *frame)
{
    switch (frame->kind) {
    case PYR_FRAME_FACTS:
        return pyr_reader_take_facts(reader, frame->payload, frame->size);
    case PYR_FRAME_DEFINITIONS:
        return pyr_reader_take_definitions(reader, frame->payload, frame->size);
    case PYR_FRAME_NODES:
        return pyr_reader_take_nodes(reader, frame->payload, frame->size);
    case PYR_FRAME_EVENTS:
        return take_events_frame(reader, frame);
    case PYR_FRAME_QUALITY:
        return pyr_reader_take_quality(reader, frame->payload, frame->size);
    case PYR_FRAME_MEMORY:
    case PYR_FRAME_OTHER_MEMORY:
        return pyr_reader_take_memory(reader, frame->kind == PYR_FRAME_OTHER_MEMORY, frame->payload, frame->size);
    case PYR_FRAME_GC:
        return pyr_reader_take_gc(reader, frame->payload, frame->size);
    case PYR_FRAME_RESIDENT:
        return pyr_reader_take_resident(reader, frame->payload, frame->size);
    case PYR_FRAME_END:
        reader->over = reader->complete = true;
        return 0;
    default:
        return unknown_frame(reader, frame);
    }
}

/* Reads and takes in one frame: 1, 0 at the end, or a negative status. */
static int next_frame(struct pyr_reader *reader)
{
    struct pyr_frame frame;
    int rc = pyr_input_frame(&reader->input, &frame, &reader->failure);
    if (rc <= 0) {
        reader->over = rc < 0 || !reader->input.following;
        return rc;
    }
    rc = frame.payload ? take_frame(reader, &frame) : unknown_frame(reader, &frame);
    if (rc < 0 && reader->failure.status == 0)
        fail(reader, rc, frame.offset);
    return rc < 0 ? rc : 1;
}

static int read_to_facts(struct pyr_reader *reader)
{
    while (!reader->has_facts) {
        int rc = next_frame(reader);
        if (rc < 0)
            return rc;
        if (rc == 0)
            return pyr_err_set(&reader->failure, PYR_E_FORMAT, "%s holds no recording: %s", reader->input.path,
                               reader->input.ended);
        /* Nothing may come before the facts but what can be skipped. */
        if (!reader->has_facts && (reader->over || reader->cost || reader->events_offset))
            return fail(reader, PYR_E_FORMAT, PYR_WIRE_HEADER_SIZE);
    }
    return 0;
}

int pyr_reader_open(struct pyr_reader **out, const char *path, struct pyr_err *err)
{
    struct pyr_reader *reader = pyr_alloc(sizeof *reader);
    if (!reader)
        return pyr_err_set(err, PYR_E_NOMEM, "out of memory opening %s", path);
    reader->strings.item_size = sizeof(const char *);
    reader->codes.item_size = sizeof(struct pyr_code_facts *);
    reader->sets.item_size = sizeof(struct pyr_instruction_set *);
    reader->processes.item_size = sizeof(struct pyr_reader_process *);
    reader->threads.item_size = sizeof(struct pyr_reader_thread *);
    reader->nodes.item_size = sizeof(struct pyr_reader_node);
    reader->samples.item_size = sizeof(struct pyr_sample);
    reader->heaps.item_size = reader->others.item_size = sizeof(struct pyr_reader_heap);
    reader->collectors.item_size = sizeof(struct pyr_reader_collector);
    reader->residents.item_size = sizeof(struct pyr_reader_resident);
    reader->cpu_times.item_size = sizeof(struct pyr_cpu_time);
    int rc = pyr_input_open(&reader->input, path, &reader->failure);
    if (rc == 0 && !pyr_vec_push(&reader->nodes, NULL))
        rc = fail(reader, PYR_E_NOMEM, 0);
    if (rc == 0)
        rc = read_to_facts(reader);
    if (rc < 0) {
        if (err)
            *err = reader->failure;
        pyr_reader_close(reader);
        return rc;
    }
    *out = reader;
    return 0;
}

void pyr_reader_close(struct pyr_reader *reader)
{
    if (!reader)
        return;
    pyr_input_close(&reader->input);
    pyr_arena_release(&reader->arena);
    pyr_vec_release(&reader->strings);
    pyr_vec_release(&reader->codes);
    pyr_vec_release(&reader->sets);
    pyr_vec_release(&reader->processes);
    pyr_vec_release(&reader->threads);
    pyr_vec_release(&reader->nodes);
    pyr_vec_release(&reader->samples);
    pyr_reader_heaps_release(reader);
    pyr_reader_collectors_release(reader);
    pyr_reader_residents_release(reader);
    pyr_vec_release(&reader->cpu_times);
    pyr_recent_release(&reader->recents);
    pyr_free(reader);
}

void pyr_reader_follow(struct pyr_reader *reader)
{
    reader->input.following = true;
    reader->over = reader->complete;
}

void pyr_reader_discard(const struct pyr_reader *reader)
{
    pyr_input_discard(&reader->input);
}

int pyr_reader_next(struct pyr_reader *reader, struct pyr_event *event, struct pyr_err *err)
{
    int rc = reader->failure.status;
    while (rc == 0) {
        rc = pyr_reader_take_event(reader, event);
        if (rc > 0)
            return 1;
        if (rc < 0)
            fail(reader, rc, reader->events_offset);
        else if (reader->over)
            break;
        else if ((rc = next_frame(reader)) > 0)
            rc = 0;
        else if (rc == 0)
            break;
    }
    *event = (struct pyr_event){.kind = PYR_EVENT_END};
    if (rc < 0 && err)
        *err = reader->failure;
    return rc;
}

const struct pyr_run_facts *pyr_reader_facts(const struct pyr_reader *reader)
{
    return &reader->facts;
}

const struct pyr_quality *pyr_reader_quality(const struct pyr_reader *reader)
{
    return &reader->quality;
}

uint32_t pyr_reader_processes(const struct pyr_reader *reader)
{
    return (uint32_t)reader->processes.count;
}

uint32_t pyr_reader_threads(const struct pyr_reader *reader)
{
    return (uint32_t)reader->threads.count;
}

uint32_t pyr_reader_codes(const struct pyr_reader *reader)
{
    return (uint32_t)reader->codes.count;
}

uint32_t pyr_reader_nodes(const struct pyr_reader *reader)
{
    return (uint32_t)reader->nodes.count;
}

const struct pyr_process_facts *pyr_reader_process(const struct pyr_reader *reader, uint32_t number)
{
    return number < reader->processes.count ? &pyr_reader_process_at(reader, number)->facts : NULL;
}

const struct pyr_thread_facts *pyr_reader_thread(const struct pyr_reader *reader, uint32_t number)
{
    return number < reader->threads.count ? &pyr_reader_thread_at(reader, number)->facts : NULL;
}

const struct pyr_code_facts *pyr_reader_code(const struct pyr_reader *reader, uint32_t number)
{
    return number < reader->codes.count ? *PYR_VEC_AT(&reader->codes, const struct pyr_code_facts *, number) : NULL;
}

int pyr_reader_node(const struct pyr_reader *reader, uint32_t node, uint32_t *parent, uint32_t *code,
                    int32_t *instruction)
{
    if (node == PYR_NODE_EMPTY || node >= reader->nodes.count)
        return PYR_E_NOT_FOUND;
    const struct pyr_reader_node *n = PYR_VEC_AT(&reader->nodes, struct pyr_reader_node, node);
    *parent = n->parent;
    *code = n->code;
    *instruction = n->instruction;
    return 0;
}

const char *pyr_reader_opcode(const struct pyr_reader *reader, uint32_t node)
{
    if (node == PYR_NODE_EMPTY || node >= reader->nodes.count)
        return NULL;
    const struct pyr_reader_node *n = PYR_VEC_AT(&reader->nodes, struct pyr_reader_node, node);
    const struct pyr_code_facts *code = *PYR_VEC_AT(&reader->codes, const struct pyr_code_facts *, n->code);
    if (!code->instructions)
        return NULL;
    return (*PYR_VEC_AT(&reader->sets, const struct pyr_instruction_set *, code->instructions - 1))->names[n->opcode];
}

bool pyr_reader_complete(const struct pyr_reader *reader, const char **why)
{
    if (why)
        *why = reader->complete ? NULL : reader->failure.status ? reader->failure.text : reader->input.ended;
    return reader->complete;
}
