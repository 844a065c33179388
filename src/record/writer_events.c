/* HOT: between tick_begin and tick_end nothing is allocated once the columns have grown, and no system call is made but
 * by the tick_end that fills the buffer. */
#include "record/writer_private.h"

#define SAMPLE_ROOM (2 * PYR_VARINT_MAX)

static inline bool has_room(struct pyr_buf *buf)
{
    return buf->capacity - buf->size >= SAMPLE_ROOM || pyr_buf_reserve(buf, SAMPLE_ROOM) == 0;
}

/* After this each column can take two integers without failing. */
static bool make_room(struct pyr_writer *writer)
{
    for (unsigned i = 0; i < PYR_COLUMNS; i++)
        if (!has_room(&writer->columns[i]))
            return false;
    return true;
}

static inline void put_byte(struct pyr_writer *writer, enum pyr_event_column column, uint8_t value)
{
    struct pyr_buf *buf = &writer->columns[column];
    buf->bytes[buf->size++] = value;
}

static inline void put_varint(struct pyr_writer *writer, enum pyr_event_column column, uint64_t value)
{
    struct pyr_buf *buf = &writer->columns[column];
    buf->size += pyr_varint_put(buf->bytes + buf->size, value);
}

static struct pyr_writer_process *process_at(struct pyr_writer *writer, uint32_t process)
{
    return PYR_VEC_AT(&writer->processes, struct pyr_writer_process, process);
}

static struct pyr_writer_thread *thread_at(struct pyr_writer *writer, uint32_t thread)
{
    return PYR_VEC_AT(&writer->threads, struct pyr_writer_thread, thread);
}

static void put_thread(struct pyr_writer *writer, uint32_t process, uint32_t thread)
{
    struct pyr_writer_process *p = process_at(writer, process);
    put_varint(writer, PYR_COLUMN_THREADS, pyr_zigzag((int64_t)thread - p->last_thread));
    p->last_thread = thread;
}

/* The op with its process, if that is another than the last, and its time. */
static void put_op(struct pyr_writer *writer, unsigned op, uint32_t process, uint64_t time_us)
{
    struct pyr_writer_process *p = process_at(writer, process);
    if (process != writer->last_process) {
        op |= PYR_OP_SWITCH;
        put_varint(writer, PYR_COLUMN_REST, process);
        writer->last_process = process;
    }
    put_byte(writer, PYR_COLUMN_OPS, (uint8_t)op);
    put_varint(writer, PYR_COLUMN_TIMES, time_us - p->last_us);
    p->last_us = time_us;
}

static int may_begin(struct pyr_writer *writer, uint32_t process)
{
    if (writer->error.status)
        return writer->error.status;
    if (writer->in_tick || process >= writer->processes.count || process_at(writer, process)->ended)
        return PYR_E_MISUSE;
    return make_room(writer) ? 0 : pyr_writer_fail(writer, PYR_E_NOMEM, "out of memory");
}

/* Whole units of absolute time, so that rounding does not add up; and never backwards. */
static uint64_t time_in_units(struct pyr_writer *writer, uint32_t process, uint64_t time_ns)
{
    uint64_t us = time_ns / PYR_TIME_UNIT_NS;
    uint64_t last = process_at(writer, process)->last_us;
    return us < last ? last : us;
}

int pyr_writer_tick_begin(struct pyr_writer *writer, uint32_t process, uint64_t time_ns, enum pyr_tick_kind kind)
{
    int rc = may_begin(writer, process);
    if (rc < 0)
        return rc;
    if ((unsigned)kind > PYR_OP_KIND_MASK)
        return PYR_E_MISUSE;
    writer->in_tick = true;
    writer->tick_process = process;
    writer->tick_samples = 0;
    writer->tick_us = time_in_units(writer, process, time_ns);
    writer->tick_kind = (uint8_t)kind;
    writer->tick_ended.count = 0;
    writer->tick_cpu.count = 0;
    return 0;
}

static struct pyr_writer_thread *thread_in_tick(struct pyr_writer *writer, uint32_t thread)
{
    if (!writer->in_tick || thread >= writer->threads.count)
        return NULL;
    struct pyr_writer_thread *t = thread_at(writer, thread);
    return t->process == writer->tick_process && !t->ended ? t : NULL;
}

static void put_far(struct pyr_writer *writer, uint32_t node)
{
    put_byte(writer, PYR_COLUMN_NODES, PYR_SYMBOL_FAR);
    put_varint(writer, PYR_COLUMN_FAR, pyr_zigzag((int64_t)node - writer->far_highest));
    if (node > writer->far_highest)
        writer->far_highest = node;
}

static int put_node(struct pyr_writer *writer, struct pyr_writer_thread *t, uint32_t thread, uint32_t node)
{
    if (node == t->last_node) {
        put_byte(writer, PYR_COLUMN_NODES, PYR_SYMBOL_SAME);
        return 0;
    }
    if (node == PYR_NODE_EMPTY) {
        put_byte(writer, PYR_COLUMN_NODES, PYR_SYMBOL_EMPTY);
        return 0;
    }
    struct pyr_recent *recent = pyr_recent_of(&writer->recents, thread, &t->recent);
    if (!recent)
        return PYR_E_NOMEM;
    int slot = pyr_recent_put(recent, node);
    if (slot >= 0)
        put_byte(writer, PYR_COLUMN_NODES, (uint8_t)(PYR_SYMBOL_RECENT + slot));
    else
        put_far(writer, node);
    return 0;
}

int pyr_writer_sample(struct pyr_writer *writer, uint32_t thread, uint32_t node, uint8_t flags)
{
    if (writer->error.status)
        return writer->error.status;
    struct pyr_writer_thread *t = thread_in_tick(writer, thread);
    if (!t || node > writer->nodes.count)
        return PYR_E_MISUSE;
    if (writer->tick_samples >= PYR_TICK_SAMPLES_MAX)
        return PYR_E_LIMIT;
    if (!make_room(writer) || put_node(writer, t, thread, node) < 0)
        return pyr_writer_fail(writer, PYR_E_NOMEM, "out of memory");
    put_thread(writer, writer->tick_process, thread);
    put_byte(writer, PYR_COLUMN_FLAGS, flags ^ t->last_flags);
    t->last_node = node;
    t->last_flags = flags;
    writer->tick_samples++;
    return 0;
}

int pyr_writer_thread_end(struct pyr_writer *writer, uint32_t thread)
{
    if (writer->error.status)
        return writer->error.status;
    struct pyr_writer_thread *t = thread_in_tick(writer, thread);
    if (!t)
        return PYR_E_MISUSE;
    if (writer->tick_ended.count >= PYR_TICK_ENDED_MAX)
        return PYR_E_LIMIT;
    if (!pyr_vec_push(&writer->tick_ended, &thread))
        return pyr_writer_fail(writer, PYR_E_NOMEM, "out of memory");
    t->ended = true;
    return 0;
}

int pyr_writer_cpu_time(struct pyr_writer *writer, uint32_t thread, uint64_t ran_ns, uint64_t waited_ns)
{
    if (writer->error.status)
        return writer->error.status;
    struct pyr_writer_thread *t = thread_in_tick(writer, thread);
    if (!t)
        return PYR_E_MISUSE;
    if (writer->tick_cpu.count >= PYR_TICK_CPU_MAX)
        return PYR_E_LIMIT;
    uint64_t ran_us = ran_ns / PYR_TIME_UNIT_NS, waited_us = waited_ns / PYR_TIME_UNIT_NS;
    struct pyr_cpu_time change = {.thread = thread};
    change.ran_ns = t->cpu_known && ran_us > t->ran_us ? ran_us - t->ran_us : 0;
    change.waited_ns = t->cpu_known && waited_us > t->waited_us ? waited_us - t->waited_us : 0;
    if (t->cpu_known && !change.ran_ns && !change.waited_ns)
        return 0;
    if (!pyr_vec_push(&writer->tick_cpu, &change))
        return pyr_writer_fail(writer, PYR_E_NOMEM, "out of memory");
    t->ran_us = ran_us;
    t->waited_us = waited_us;
    t->cpu_known = true;
    return 0;
}

/* Where they belong: behind the tick, and what ended in it, of which there is nothing any more. */
static int put_cpu_times(struct pyr_writer *writer)
{
    size_t ops = writer->columns[PYR_COLUMN_OPS].size, kept = 0;
    uint32_t last = 0;
    for (size_t i = 0; i < writer->tick_cpu.count; i++) {
        struct pyr_cpu_time *change = PYR_VEC_AT(&writer->tick_cpu, struct pyr_cpu_time, i);
        if (!thread_at(writer, change->thread)->ended)
            *PYR_VEC_AT(&writer->tick_cpu, struct pyr_cpu_time, kept++) = *change;
    }
    if (!kept)
        return 0;
    if (!make_room(writer))
        return PYR_E_NOMEM;
    put_varint(writer, PYR_COLUMN_CPU, ops - writer->ops_at_cpu);
    put_varint(writer, PYR_COLUMN_CPU, kept);
    writer->ops_at_cpu = ops;
    for (size_t i = 0; i < kept; i++) {
        const struct pyr_cpu_time *change = PYR_VEC_AT(&writer->tick_cpu, struct pyr_cpu_time, i);
        if (pyr_buf_reserve(&writer->columns[PYR_COLUMN_CPU], 3 * PYR_VARINT_MAX) < 0)
            return PYR_E_NOMEM;
        put_varint(writer, PYR_COLUMN_CPU, pyr_zigzag((int64_t)change->thread - last));
        put_varint(writer, PYR_COLUMN_CPU, change->ran_ns);
        put_varint(writer, PYR_COLUMN_CPU, change->waited_ns);
        last = change->thread;
    }
    return 0;
}

static int put_tick(struct pyr_writer *writer)
{
    if (!make_room(writer))
        return PYR_E_NOMEM;
    put_op(writer, PYR_OP_TICK | ((unsigned)writer->tick_kind << PYR_OP_KIND_SHIFT), writer->tick_process,
           writer->tick_us);
    put_varint(writer, PYR_COLUMN_COUNTS, writer->tick_samples);
    for (size_t i = 0; i < writer->tick_ended.count; i++) {
        if (!make_room(writer))
            return PYR_E_NOMEM;
        put_byte(writer, PYR_COLUMN_OPS, PYR_OP_THREAD_END);
        put_thread(writer, writer->tick_process, *PYR_VEC_AT(&writer->tick_ended, uint32_t, i));
    }
    return 0;
}

static int flush_if_full(struct pyr_writer *writer)
{
    return pyr_writer_events_size(writer) >= PYR_WRITER_PENDING_MAX ? pyr_writer_flush_all(writer) : 0;
}

int pyr_writer_tick_end(struct pyr_writer *writer)
{
    if (writer->error.status)
        return writer->error.status;
    if (!writer->in_tick)
        return PYR_E_MISUSE;
    writer->in_tick = false;
    if (put_tick(writer) < 0 || put_cpu_times(writer) < 0)
        return pyr_writer_fail(writer, PYR_E_NOMEM, "out of memory");
    return flush_if_full(writer);
}

int pyr_writer_process_end(struct pyr_writer *writer, uint32_t process, uint64_t time_ns, int exit_status,
                           uint64_t cpu_ns, uint64_t peak_rss_bytes)
{
    int rc = may_begin(writer, process);
    if (rc < 0)
        return rc;
    put_op(writer, PYR_OP_PROCESS_END, process, time_in_units(writer, process, time_ns));
    if (!make_room(writer))
        return pyr_writer_fail(writer, PYR_E_NOMEM, "out of memory");
    put_varint(writer, PYR_COLUMN_REST, pyr_zigzag(exit_status));
    put_varint(writer, PYR_COLUMN_REST, cpu_ns);
    if (!make_room(writer))
        return pyr_writer_fail(writer, PYR_E_NOMEM, "out of memory");
    put_varint(writer, PYR_COLUMN_REST, peak_rss_bytes);
    process_at(writer, process)->ended = true;
    return flush_if_full(writer);
}

int pyr_writer_usage(struct pyr_writer *writer, uint32_t process, uint64_t time_ns, uint64_t rss_bytes, uint64_t cpu_ns)
{
    int rc = may_begin(writer, process);
    if (rc < 0)
        return rc;
    put_op(writer, PYR_OP_USAGE, process, time_in_units(writer, process, time_ns));
    if (!make_room(writer))
        return pyr_writer_fail(writer, PYR_E_NOMEM, "out of memory");
    put_varint(writer, PYR_COLUMN_REST, rss_bytes);
    put_varint(writer, PYR_COLUMN_REST, cpu_ns);
    return flush_if_full(writer);
}
