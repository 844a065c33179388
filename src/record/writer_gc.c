/* GC frames: the collections of one interpreter, pauses as they come. */
#include "record/writer_private.h"

static void put_head(struct pyr_buf *buf, const struct pyr_gc_facts *facts)
{
    pyr_buf_varint(buf, facts->process);
    pyr_buf_varint(buf, facts->interpreter);
    pyr_buf_varint(buf, facts->time_ns / PYR_TIME_UNIT_NS);
    pyr_buf_varint(buf, (facts->has_thresholds ? PYR_GC_HAS_THRESHOLDS : 0) | (facts->enabled ? PYR_GC_ENABLED : 0));
    for (unsigned i = 0; i < PYR_GC_GENERATIONS; i++)
        pyr_buf_varint(buf, facts->thresholds[i]);
    for (unsigned i = 0; i < PYR_GC_GENERATIONS; i++) {
        const struct pyr_gc_sum *sum = &facts->sums[i];
        const uint64_t figures[] = {sum->count,         sum->pause_ns,   sum->longest_ns, sum->collected,
                                    sum->uncollectable, sum->vain_count, sum->vain_ns};
        for (size_t k = 0; k < sizeof figures / sizeof *figures; k++)
            pyr_buf_varint(buf, figures[k]);
    }
}

static void put_pauses(struct pyr_buf *columns, const struct pyr_gc_facts *facts)
{
    uint64_t last_ns = 0;
    uint32_t last_node = 0;
    for (uint32_t i = 0; i < facts->pause_count; i++) {
        const struct pyr_gc_pause *pause = &facts->pauses[i];
        pyr_buf_zigzag(&columns[PYR_GC_STARTS], (int64_t)(pause->start_ns - last_ns));
        pyr_buf_varint(&columns[PYR_GC_PAUSES], pause->pause_ns);
        pyr_buf_u8(&columns[PYR_GC_NUMBERS], (uint8_t)pause->generation);
        pyr_buf_varint(&columns[PYR_GC_COLLECTED], pause->collected);
        pyr_buf_varint(&columns[PYR_GC_UNCOLLECTABLE], pause->uncollectable);
        pyr_buf_zigzag(&columns[PYR_GC_NODES], (int64_t)pause->node - last_node);
        last_ns = pause->start_ns;
        last_node = pause->node;
    }
}

static int put_frame(struct pyr_writer *writer, const struct pyr_gc_facts *facts)
{
    struct pyr_buf columns[PYR_GC_COLUMNS] = {0};
    bool failed = false;
    put_head(&columns[PYR_GC_HEAD], facts);
    put_pauses(columns, facts);
    for (unsigned i = 0; i < PYR_GC_COLUMNS; i++)
        failed |= columns[i].failed;
    pyr_buf_clear(&writer->scratch);
    pyr_columns_put(&writer->scratch, columns, PYR_GC_COLUMNS);
    int rc = failed ? pyr_writer_fail(writer, PYR_E_NOMEM, "out of memory")
                    : pyr_writer_frame(writer, PYR_FRAME_GC, &writer->scratch);
    for (unsigned i = 0; i < PYR_GC_COLUMNS; i++)
        pyr_buf_release(&columns[i]);
    return rc;
}

static bool is_known(const struct pyr_writer *writer, const struct pyr_gc_facts *facts)
{
    if (writer->in_tick || facts->process >= writer->processes.count || facts->pause_count > PYR_GC_FRAME_PAUSES_MAX)
        return false;
    for (uint32_t i = 0; i < facts->pause_count; i++)
        if (facts->pauses[i].node > writer->nodes.count || facts->pauses[i].generation >= PYR_GC_GENERATIONS)
            return false;
    return true;
}

/* A reader keeps one collector for each process and interpreter. */
static int charge(struct pyr_writer *writer, const struct pyr_gc_facts *facts)
{
    uint64_t key = (uint64_t)facts->process << 32 | facts->interpreter;
    return pyr_writer_charge_kept(writer, &writer->collectors, key, PYR_COST_COLLECTOR,
                                  (uint64_t)facts->pause_count * PYR_COST_PAUSE);
}

int pyr_writer_gc(struct pyr_writer *writer, const struct pyr_gc_facts *facts)
{
    if (writer->error.status)
        return writer->error.status;
    if (!is_known(writer, facts))
        return PYR_E_MISUSE;
    int rc = charge(writer, facts);
    if (rc == 0)
        rc = pyr_writer_flush_all(writer);
    return rc < 0 ? rc : put_frame(writer, facts);
}
