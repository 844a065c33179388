/* The writer's life: open, flush, close. writer_definitions.c and writer_events.c fill its buffers. */
#include "record/writer.h"

#include "base/alloc.h"
#include "record/writer_private.h"

int pyr_writer_fail(struct pyr_writer *writer, int status, const char *what)
{
    if (writer->error.status == 0)
        pyr_err_set(&writer->error, status, "%s while writing %s: the recording holds what was written before", what,
                    writer->output.path);
    return writer->error.status;
}

int pyr_writer_frame(struct pyr_writer *writer, enum pyr_frame_kind kind, const struct pyr_buf *payload)
{
    if (payload->failed)
        return pyr_writer_fail(writer, PYR_E_NOMEM, "out of memory");
    struct pyr_err err = {0};
    int rc = pyr_output_frame(&writer->output, (uint16_t)kind, payload->bytes, payload->size, &err);
    if (rc < 0 && writer->error.status == 0)
        writer->error = err;
    return rc;
}

static int columns_frame(struct pyr_writer *writer, enum pyr_frame_kind kind, struct pyr_buf *columns, unsigned count)
{
    pyr_buf_clear(&writer->scratch);
    pyr_columns_put(&writer->scratch, columns, count);
    int rc = pyr_writer_frame(writer, kind, &writer->scratch);
    for (unsigned i = 0; i < count; i++)
        pyr_buf_clear(&columns[i]);
    return rc;
}

static int definitions_frames(struct pyr_writer *writer)
{
    int rc = 0;
    if (writer->facts.size && (rc = pyr_writer_frame(writer, PYR_FRAME_FACTS, &writer->facts)) < 0)
        return rc;
    pyr_buf_clear(&writer->facts);
    if (writer->definitions.size && (rc = pyr_writer_frame(writer, PYR_FRAME_DEFINITIONS, &writer->definitions)) < 0)
        return rc;
    if (writer->definitions.capacity > 2 * PYR_WRITER_PENDING_MAX)
        pyr_buf_release(&writer->definitions);
    pyr_buf_clear(&writer->definitions);
    if (writer->node_columns[PYR_NODE_PARENTS].size)
        rc = columns_frame(writer, PYR_FRAME_NODES, writer->node_columns, PYR_NODE_COLUMNS);
    return rc;
}

static int quality_frame(struct pyr_writer *writer)
{
    const struct pyr_quality *q = &writer->quality;
    const uint64_t values[] = {q->ticks_glance,   q->ticks_exact,     q->samples_taken,     q->samples_unresolved,
                               q->samples_failed, q->samples_stopped, q->samples_truncated, q->deadlines_missed,
                               q->own_cpu_ns,     q->elapsed_ns,      q->samples_compiled};
    pyr_buf_clear(&writer->scratch);
    pyr_buf_varint(&writer->scratch, sizeof values / sizeof *values);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        pyr_buf_varint(&writer->scratch, values[i]);
    writer->quality_pending = false;
    return pyr_writer_frame(writer, PYR_FRAME_QUALITY, &writer->scratch);
}

static int write_out(struct pyr_writer *writer)
{
    struct pyr_err err = {0};
    int rc = pyr_output_write(&writer->output, &err);
    if (rc < 0 && writer->error.status == 0)
        writer->error = err;
    return rc;
}

int pyr_writer_flush_definitions(struct pyr_writer *writer)
{
    int rc = definitions_frames(writer);
    return rc < 0 ? rc : write_out(writer);
}

size_t pyr_writer_events_size(const struct pyr_writer *writer)
{
    size_t size = 0;
    for (unsigned i = 0; i < PYR_COLUMNS; i++)
        size += writer->columns[i].size;
    return size;
}

static int all_frames(struct pyr_writer *writer)
{
    int rc = definitions_frames(writer);
    if (rc == 0 && writer->columns[PYR_COLUMN_OPS].size)
        rc = columns_frame(writer, PYR_FRAME_EVENTS, writer->columns, PYR_COLUMNS);
    writer->ops_at_cpu = 0;
    if (rc == 0 && writer->quality_pending)
        rc = quality_frame(writer);
    return rc;
}

int pyr_writer_flush_all(struct pyr_writer *writer)
{
    int rc = writer->error.status ? writer->error.status : all_frames(writer);
    return rc < 0 ? rc : write_out(writer);
}

int pyr_writer_flush(struct pyr_writer *writer, struct pyr_err *err)
{
    if (writer->in_tick)
        return pyr_err_set(err, PYR_E_MISUSE, "a recording cannot be flushed inside a tick");
    int rc = pyr_writer_flush_all(writer);
    if (rc < 0 && err)
        *err = writer->error;
    return rc;
}

static void release(struct pyr_writer *writer)
{
    pyr_intern_release(&writer->strings);
    pyr_intern_release(&writer->codes);
    pyr_intern_release(&writer->instruction_sets);
    pyr_node_table_release(&writer->nodes);
    pyr_vec_release(&writer->threads);
    pyr_vec_release(&writer->processes);
    pyr_vec_release(&writer->tick_ended);
    pyr_map_release(&writer->heaps);
    pyr_map_release(&writer->collectors);
    pyr_map_release(&writer->residents);
    pyr_vec_release(&writer->tick_cpu);
    pyr_buf_release(&writer->facts);
    pyr_buf_release(&writer->definitions);
    pyr_buf_release(&writer->scratch);
    for (unsigned i = 0; i < PYR_NODE_COLUMNS; i++)
        pyr_buf_release(&writer->node_columns[i]);
    for (unsigned i = 0; i < PYR_COLUMNS; i++)
        pyr_buf_release(&writer->columns[i]);
    pyr_recent_release(&writer->recents);
    pyr_free(writer);
}

int pyr_writer_open(struct pyr_writer **out, const char *path, bool force, const struct pyr_run_facts *facts,
                    struct pyr_err *err)
{
    struct pyr_writer *writer = pyr_alloc(sizeof *writer);
    if (!writer)
        return pyr_err_set(err, PYR_E_NOMEM, "out of memory opening %s", path);
    writer->output.fd = -1;
    writer->threads.item_size = sizeof(struct pyr_writer_thread);
    writer->processes.item_size = sizeof(struct pyr_writer_process);
    writer->tick_ended.item_size = sizeof(uint32_t);
    writer->tick_cpu.item_size = sizeof(struct pyr_cpu_time);
    int rc = pyr_output_open(&writer->output, path, force, err);
    if (rc < 0) {
        release(writer);
        return rc;
    }
    pyr_output_header(&writer->output,
                      (facts->memory ? PYR_FEATURE_MEMORY : 0) | (facts->opcodes ? PYR_FEATURE_OPCODES : 0));
    writer->opcodes = facts->opcodes;
    rc = pyr_writer_facts(writer, facts);
    if (rc == 0)
        rc = pyr_writer_flush_all(writer);
    if (rc < 0) {
        if (err)
            *err = writer->error;
        pyr_output_close(&writer->output, true, NULL);
        release(writer);
        return rc;
    }
    *out = writer;
    return 0;
}

int pyr_writer_close(struct pyr_writer *writer, struct pyr_err *err)
{
    if (!writer)
        return 0;
    struct pyr_buf nothing = {0};
    if (writer->in_tick)
        pyr_writer_tick_end(writer);
    int rc = writer->error.status ? writer->error.status : all_frames(writer);
    if (rc == 0)
        rc = pyr_writer_frame(writer, PYR_FRAME_END, &nothing);
    if (rc == 0)
        rc = write_out(writer);
    if (rc < 0 && err)
        *err = writer->error;
    int closed = pyr_output_close(&writer->output, false, rc < 0 ? NULL : err);
    release(writer);
    return rc < 0 ? rc : closed;
}

uint64_t pyr_writer_bytes(const struct pyr_writer *writer)
{
    return writer->output.written;
}

bool pyr_writer_takes_opcodes(const struct pyr_writer *writer)
{
    return writer->opcodes;
}
