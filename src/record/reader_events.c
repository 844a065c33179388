/* HOT: pyr_reader_take_event handles tens of millions of samples in a second; it allocates only when a tick is larger
 * than all before it, and a thread's table of recent nodes once. */
#include "record/reader_private.h"

static bool columns_failed(const struct pyr_reader *reader)
{
    for (unsigned i = 0; i < PYR_COLUMNS; i++)
        if (reader->columns[i].failed)
            return true;
    return false;
}

static bool columns_have_left(const struct pyr_reader *reader)
{
    for (unsigned i = 0; i < PYR_COLUMNS; i++)
        if (pyr_cursor_left(&reader->columns[i]))
            return true;
    return false;
}

/* The process that the event is of, and its time. */
static int take_op(struct pyr_reader *reader, uint8_t op, struct pyr_event *event)
{
    if (op & PYR_OP_SWITCH) {
        uint64_t number = pyr_take_varint(&reader->columns[PYR_COLUMN_REST]);
        reader->last_process = number < UINT32_MAX ? (uint32_t)number : UINT32_MAX;
    }
    if (reader->last_process >= reader->announced_processes)
        return PYR_E_FORMAT;
    struct pyr_reader_process *process = pyr_reader_process_at(reader, reader->last_process);
    uint64_t delta_us = pyr_take_varint(&reader->columns[PYR_COLUMN_TIMES]);
    if (process->ended || delta_us > UINT64_MAX / PYR_TIME_UNIT_NS - process->last_us)
        return PYR_E_FORMAT;
    process->last_us += delta_us;
    event->process = reader->last_process;
    event->time_ns = process->last_us * PYR_TIME_UNIT_NS;
    return 0;
}

/* The next live thread of the process named in the THREADS column. */
static struct pyr_reader_thread *take_thread(struct pyr_reader *reader, uint32_t process, uint32_t *number)
{
    struct pyr_reader_process *p = pyr_reader_process_at(reader, process);
    uint64_t delta = (uint64_t)pyr_unzigzag(pyr_take_varint(&reader->columns[PYR_COLUMN_THREADS]));
    uint64_t thread = p->last_thread + delta; /* wraps for what is hostile only, and is then out of range */
    if (thread >= reader->announced_threads)
        return NULL;
    struct pyr_reader_thread *t = pyr_reader_thread_at(reader, (uint32_t)thread);
    if (t->facts.process != process || t->ended)
        return NULL;
    p->last_thread = (uint32_t)thread;
    *number = (uint32_t)thread;
    return t;
}

static int take_far(struct pyr_reader *reader, struct pyr_recent *recent, uint32_t *node)
{
    uint64_t delta = (uint64_t)pyr_unzigzag(pyr_take_varint(&reader->columns[PYR_COLUMN_FAR]));
    uint64_t number = reader->far_highest + delta;
    if (number == PYR_NODE_EMPTY || number >= reader->nodes.count)
        return PYR_E_FORMAT;
    *node = (uint32_t)number;
    if (*node > reader->far_highest)
        reader->far_highest = *node;
    pyr_recent_put(recent, *node);
    return 0;
}

static int take_node(struct pyr_reader *reader, struct pyr_reader_thread *t, uint32_t thread, uint32_t *node)
{
    uint8_t symbol = pyr_take_u8(&reader->columns[PYR_COLUMN_NODES]);
    if (symbol == PYR_SYMBOL_SAME) {
        *node = t->last_node;
        return 0;
    }
    if (symbol == PYR_SYMBOL_EMPTY) {
        *node = PYR_NODE_EMPTY;
        return 0;
    }
    struct pyr_recent *recent = pyr_recent_of(&reader->recents, thread, &t->recent);
    if (!recent)
        return PYR_E_NOMEM;
    if (symbol == PYR_SYMBOL_FAR)
        return take_far(reader, recent, node);
    if (symbol < PYR_SYMBOL_RECENT)
        return PYR_E_FORMAT;
    *node = pyr_recent_get(recent, symbol - (unsigned)PYR_SYMBOL_RECENT);
    return *node ? 0 : PYR_E_FORMAT;
}

static int take_samples(struct pyr_reader *reader, struct pyr_event *event, uint32_t count)
{
    struct pyr_sample *samples = reader->samples.items;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t thread = 0, node = 0;
        struct pyr_reader_thread *t = take_thread(reader, event->process, &thread);
        int rc = t ? take_node(reader, t, thread, &node) : PYR_E_FORMAT;
        if (rc < 0)
            return rc;
        t->last_node = node;
        t->last_flags ^= pyr_take_u8(&reader->columns[PYR_COLUMN_FLAGS]);
        samples[i] = (struct pyr_sample){.thread = thread, .node = node, .flags = t->last_flags};
    }
    event->samples = samples;
    event->sample_count = count;
    return 0;
}

static int take_tick(struct pyr_reader *reader, uint8_t op, struct pyr_event *event)
{
    event->kind = PYR_EVENT_TICK;
    event->tick_kind = (op >> PYR_OP_KIND_SHIFT) & PYR_OP_KIND_MASK;
    int rc = take_op(reader, op, event);
    if (rc < 0)
        return rc;
    uint64_t count = pyr_take_varint(&reader->columns[PYR_COLUMN_COUNTS]);
    if (count > PYR_TICK_SAMPLES_MAX || count > pyr_cursor_left(&reader->columns[PYR_COLUMN_NODES]))
        return PYR_E_FORMAT;
    if (pyr_vec_reserve(&reader->samples, (size_t)count) < 0)
        return PYR_E_NOMEM;
    return take_samples(reader, event, (uint32_t)count);
}

static int take_thread_end(struct pyr_reader *reader, struct pyr_event *event)
{
    event->kind = PYR_EVENT_THREAD_END;
    event->process = reader->last_process;
    if (event->process >= reader->announced_processes)
        return PYR_E_FORMAT;
    struct pyr_reader_thread *t = take_thread(reader, event->process, &event->thread);
    if (!t)
        return PYR_E_FORMAT;
    t->ended = true;
    event->time_ns = pyr_reader_process_at(reader, event->process)->last_us * PYR_TIME_UNIT_NS;
    return 0;
}

static int take_new_process(struct pyr_reader *reader, struct pyr_event *event)
{
    if (reader->announced_processes >= reader->processes.count)
        return PYR_E_FORMAT;
    event->kind = PYR_EVENT_PROCESS;
    event->process = reader->announced_processes++;
    event->time_ns = pyr_reader_process_at(reader, event->process)->facts.start_ns;
    return 0;
}

static int take_new_thread(struct pyr_reader *reader, struct pyr_event *event)
{
    if (reader->announced_threads >= reader->threads.count)
        return PYR_E_FORMAT;
    event->kind = PYR_EVENT_THREAD;
    event->thread = reader->announced_threads;
    event->process = pyr_reader_thread_at(reader, event->thread)->facts.process;
    if (event->process >= reader->announced_processes)
        return PYR_E_FORMAT;
    reader->announced_threads++;
    event->time_ns = pyr_reader_process_at(reader, event->process)->last_us * PYR_TIME_UNIT_NS;
    return 0;
}

static int take_process_end(struct pyr_reader *reader, uint8_t op, struct pyr_event *event)
{
    event->kind = PYR_EVENT_PROCESS_END;
    int rc = take_op(reader, op, event);
    if (rc < 0)
        return rc;
    int64_t status = pyr_unzigzag(pyr_take_varint(&reader->columns[PYR_COLUMN_REST]));
    if (status < INT32_MIN || status > INT32_MAX)
        return PYR_E_FORMAT;
    event->exit_status = (int)status;
    event->cpu_ns = pyr_take_varint(&reader->columns[PYR_COLUMN_REST]);
    event->rss_bytes = pyr_take_varint(&reader->columns[PYR_COLUMN_REST]);
    pyr_reader_process_at(reader, event->process)->ended = true;
    return 0;
}

static int take_usage(struct pyr_reader *reader, uint8_t op, struct pyr_event *event)
{
    event->kind = PYR_EVENT_USAGE;
    int rc = take_op(reader, op, event);
    if (rc < 0)
        return rc;
    event->rss_bytes = pyr_take_varint(&reader->columns[PYR_COLUMN_REST]);
    event->cpu_ns = pyr_take_varint(&reader->columns[PYR_COLUMN_REST]);
    return 0;
}

static int take_by_op(struct pyr_reader *reader, uint8_t op, struct pyr_event *event)
{
    switch (op & PYR_OP_MASK) {
    case PYR_OP_TICK:
        return op & 0x80 ? PYR_E_FORMAT : take_tick(reader, op, event);
    case PYR_OP_PROCESS_END:
        return op & ~0xf ? PYR_E_FORMAT : take_process_end(reader, op, event);
    case PYR_OP_USAGE:
        return op & ~0xf ? PYR_E_FORMAT : take_usage(reader, op, event);
    case PYR_OP_THREAD_END:
        return op & ~0x7 ? PYR_E_FORMAT : take_thread_end(reader, event);
    case PYR_OP_PROCESS:
        return op & ~0x7 ? PYR_E_FORMAT : take_new_process(reader, event);
    case PYR_OP_THREAD:
        return op & ~0x7 ? PYR_E_FORMAT : take_new_thread(reader, event);
    default:
        return PYR_E_FORMAT;
    }
}

static int take_cpu_time(struct pyr_reader *reader, uint32_t process, uint32_t *last, struct pyr_cpu_time *time)
{
    struct pyr_cursor *column = &reader->columns[PYR_COLUMN_CPU];
    uint64_t thread = *last + (uint64_t)pyr_unzigzag(pyr_take_varint(column));
    uint64_t ran_us = pyr_take_varint(column), waited_us = pyr_take_varint(column);
    if (thread >= reader->announced_threads || ran_us > PYR_CPU_US_MAX || waited_us > PYR_CPU_US_MAX)
        return PYR_E_FORMAT;
    const struct pyr_reader_thread *t = pyr_reader_thread_at(reader, (uint32_t)thread);
    if (t->facts.process != process || t->ended)
        return PYR_E_FORMAT;
    *last = (uint32_t)thread;
    *time = (struct pyr_cpu_time){*last, ran_us * PYR_TIME_UNIT_NS, waited_us * PYR_TIME_UNIT_NS};
    return 0;
}

/* Of the process of the event before. */
static int take_cpu_times(struct pyr_reader *reader, struct pyr_event *event)
{
    uint64_t count = pyr_take_varint(&reader->columns[PYR_COLUMN_CPU]);
    uint32_t last = 0;
    reader->cpu_foreseen = false;
    if (reader->last_process >= reader->announced_processes || count > PYR_TICK_CPU_MAX ||
        count * 3 > pyr_cursor_left(&reader->columns[PYR_COLUMN_CPU]))
        return PYR_E_FORMAT;
    if (pyr_vec_reserve(&reader->cpu_times, (size_t)count) < 0)
        return PYR_E_NOMEM;
    struct pyr_cpu_time *times = reader->cpu_times.items;
    for (uint64_t i = 0; i < count; i++) {
        int rc = take_cpu_time(reader, reader->last_process, &last, &times[i]);
        if (rc < 0)
            return rc;
    }
    event->kind = PYR_EVENT_CPU_TIMES;
    event->process = reader->last_process;
    event->time_ns = pyr_reader_process_at(reader, event->process)->last_us * PYR_TIME_UNIT_NS;
    event->cpu_times = times;
    event->cpu_time_count = (uint32_t)count;
    return 0;
}

/* True when CPU times come before the next op. */
static bool cpu_times_due(struct pyr_reader *reader)
{
    struct pyr_cursor *column = &reader->columns[PYR_COLUMN_CPU];
    if (!reader->cpu_foreseen && pyr_cursor_left(column)) {
        reader->cpu_ops = pyr_take_varint(column);
        reader->cpu_foreseen = true;
    }
    return reader->cpu_foreseen && reader->cpu_ops == 0;
}

static int take_next(struct pyr_reader *reader, struct pyr_event *event)
{
    struct pyr_cursor *ops = &reader->columns[PYR_COLUMN_OPS];
    if (cpu_times_due(reader))
        return take_cpu_times(reader, event);
    reader->cpu_ops -= reader->cpu_foreseen;
    return take_by_op(reader, *ops->at++, event);
}

int pyr_reader_take_event(struct pyr_reader *reader, struct pyr_event *event)
{
    struct pyr_cursor *ops = &reader->columns[PYR_COLUMN_OPS];
    if (ops->at == ops->end && !cpu_times_due(reader))
        return columns_have_left(reader) || reader->cpu_foreseen ? PYR_E_FORMAT : 0;
    *event = (struct pyr_event){0};
    int rc = take_next(reader, event);
    if (rc == 0 && columns_failed(reader))
        rc = PYR_E_FORMAT;
    return rc < 0 ? rc : 1;
}
