/* Takes in GC frames. The payloads passed their checksum, but may still be hostile. */
#include "record/reader_private.h"

static struct pyr_reader_collector *collector_at(const struct pyr_reader *reader, size_t number)
{
    return PYR_VEC_AT(&reader->collectors, struct pyr_reader_collector, number);
}

static int take_head(const struct pyr_reader *reader, struct pyr_cursor *head, struct pyr_gc_facts *facts)
{
    facts->process = pyr_cursor_varint32(head);
    facts->interpreter = pyr_cursor_varint32(head);
    facts->time_ns = pyr_cursor_varint(head);
    uint64_t flags = pyr_cursor_varint(head);
    facts->has_thresholds = flags & PYR_GC_HAS_THRESHOLDS;
    facts->enabled = flags & PYR_GC_ENABLED;
    for (unsigned i = 0; i < PYR_GC_GENERATIONS; i++)
        facts->thresholds[i] = pyr_cursor_varint32(head);
    for (unsigned i = 0; i < PYR_GC_GENERATIONS; i++) {
        struct pyr_gc_sum *sum = &facts->sums[i];
        uint64_t *figures[] = {&sum->count,         &sum->pause_ns,   &sum->longest_ns, &sum->collected,
                               &sum->uncollectable, &sum->vain_count, &sum->vain_ns};
        for (size_t k = 0; k < sizeof figures / sizeof *figures; k++)
            *figures[k] = pyr_cursor_varint(head);
    }
    if (head->failed || facts->process >= reader->processes.count ||
        __builtin_mul_overflow(facts->time_ns, PYR_TIME_UNIT_NS, &facts->time_ns))
        return PYR_E_FORMAT;
    return 0;
}

static int find(struct pyr_reader *reader, const struct pyr_gc_facts *facts, struct pyr_reader_collector **out)
{
    for (size_t i = 0; i < reader->collectors.count; i++)
        if (collector_at(reader, i)->facts.process == facts->process &&
            collector_at(reader, i)->facts.interpreter == facts->interpreter) {
            *out = collector_at(reader, i);
            return 0;
        }
    if (reader->collectors.count >= PYR_MEMORY_HEAPS_MAX)
        return PYR_E_LIMIT;
    const struct pyr_reader_collector fresh = {.pauses = PYR_VEC(struct pyr_gc_pause)};
    int rc = pyr_reader_charge(reader, PYR_COST_COLLECTOR);
    if (rc == 0 && !(*out = pyr_vec_push(&reader->collectors, &fresh)))
        rc = PYR_E_NOMEM;
    return rc;
}

static int take_pause(struct pyr_reader *reader, struct pyr_cursor *columns, struct pyr_gc_pause *last,
                      struct pyr_vec *pauses)
{
    struct pyr_gc_pause pause = {
        .start_ns = last->start_ns + (uint64_t)pyr_cursor_zigzag(&columns[PYR_GC_STARTS]),
        .pause_ns = pyr_take_varint(&columns[PYR_GC_PAUSES]),
        .generation = pyr_take_u8(&columns[PYR_GC_NUMBERS]),
        .collected = pyr_take_varint(&columns[PYR_GC_COLLECTED]),
        .uncollectable = pyr_take_varint(&columns[PYR_GC_UNCOLLECTABLE]),
    };
    int64_t node;
    if (__builtin_add_overflow((int64_t)last->node, pyr_cursor_zigzag(&columns[PYR_GC_NODES]), &node))
        return PYR_E_FORMAT;
    for (unsigned i = PYR_GC_STARTS; i < PYR_GC_COLUMNS; i++)
        if (columns[i].failed)
            return PYR_E_FORMAT;
    if (node < 0 || node >= (int64_t)reader->nodes.count || pause.generation >= PYR_GC_GENERATIONS)
        return PYR_E_FORMAT;
    pause.node = (uint32_t)node;
    *last = pause;
    int rc = pyr_reader_charge(reader, PYR_COST_PAUSE);
    return rc == 0 && !pyr_vec_push(pauses, &pause) ? PYR_E_NOMEM : rc;
}

int pyr_reader_take_gc(struct pyr_reader *reader, const uint8_t *payload, uint32_t size)
{
    struct pyr_cursor columns[PYR_GC_COLUMNS];
    struct pyr_gc_facts facts = {0};
    struct pyr_gc_pause last = {0};
    struct pyr_reader_collector *collector = NULL;
    if (!pyr_columns_get(payload, size, columns, PYR_GC_COLUMNS))
        return PYR_E_FORMAT;
    int rc = take_head(reader, &columns[PYR_GC_HEAD], &facts);
    if (rc == 0)
        rc = find(reader, &facts, &collector);
    if (rc < 0)
        return rc;
    collector->facts = facts;
    while (rc == 0 && pyr_cursor_left(&columns[PYR_GC_STARTS]))
        rc = take_pause(reader, columns, &last, &collector->pauses);
    for (unsigned i = PYR_GC_STARTS; rc == 0 && i < PYR_GC_COLUMNS; i++)
        if (pyr_cursor_left(&columns[i]))
            rc = PYR_E_FORMAT;
    return rc;
}

uint32_t pyr_reader_collectors(const struct pyr_reader *reader)
{
    return (uint32_t)reader->collectors.count;
}

const struct pyr_gc_facts *pyr_reader_collector(const struct pyr_reader *reader, uint32_t number)
{
    if (number >= reader->collectors.count)
        return NULL;
    struct pyr_reader_collector *collector = collector_at(reader, number);
    collector->facts.pauses = collector->pauses.items;
    collector->facts.pause_count = (uint32_t)collector->pauses.count;
    return &collector->facts;
}

void pyr_reader_collectors_release(struct pyr_reader *reader)
{
    for (size_t i = 0; i < reader->collectors.count; i++)
        pyr_vec_release(&collector_at(reader, i)->pauses);
    pyr_vec_release(&reader->collectors);
}
