/* RESIDENT frames: what a process's resident memory consisted of at one moment. */
#include "record/writer_private.h"

static void put_head(struct pyr_buf *buf, const struct pyr_resident_facts *facts)
{
    const uint64_t figures[] = {facts->large_blocks,
                                facts->large_bytes,
                                facts->raw_bytes,
                                facts->c_bytes,
                                facts->arenas,
                                facts->empty_pools,
                                facts->pinned_pools,
                                facts->pinned_used_bytes,
                                facts->pinned_free_bytes,
                                facts->pinned_read};
    pyr_buf_varint(buf, facts->process);
    pyr_buf_varint(buf, facts->last ? PYR_RESIDENT_LAST : 0);
    pyr_buf_varint(buf, facts->time_ns / PYR_TIME_UNIT_NS);
    pyr_buf_varint(buf, facts->resident_bytes);
    pyr_buf_varint(buf, PYR_RESIDENT_PARTS);
    for (unsigned i = 0; i < PYR_RESIDENT_PARTS; i++)
        pyr_buf_varint(buf, facts->parts[i]);
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        pyr_buf_varint(buf, figures[i]);
}

static void put_class(struct pyr_buf *buf, const struct pyr_resident_class *row)
{
    pyr_buf_varint(buf, row->block_size);
    pyr_buf_varint(buf, row->pools);
    pyr_buf_varint(buf, row->used);
    pyr_buf_varint(buf, row->total);
    for (unsigned i = 0; i < PYR_RESIDENT_EIGHTHS; i++)
        pyr_buf_varint(buf, row->eighths[i]);
}

static void put_pins(struct pyr_buf *buf, const struct pyr_resident_facts *facts)
{
    uint32_t last = 0;
    for (uint32_t i = 0; i < facts->pin_count; i++) {
        const struct pyr_resident_pin *pin = &facts->pins[i];
        pyr_buf_zigzag(buf, (int64_t)pin->node - last);
        pyr_buf_varint(buf, pin->blocks);
        pyr_buf_varint(buf, pin->pools);
        pyr_buf_varint(buf, pin->free_bytes);
        last = pin->node;
    }
}

static int put_frame(struct pyr_writer *writer, const struct pyr_resident_facts *facts)
{
    struct pyr_buf columns[PYR_RESIDENT_COLUMNS] = {0};
    bool failed = false;
    put_head(&columns[PYR_RESIDENT_HEAD], facts);
    for (uint32_t i = 0; i < facts->class_count; i++)
        put_class(&columns[PYR_RESIDENT_CLASSES], &facts->classes[i]);
    put_pins(&columns[PYR_RESIDENT_PINS], facts);
    for (unsigned i = 0; i < PYR_RESIDENT_COLUMNS; i++)
        failed |= columns[i].failed;
    pyr_buf_clear(&writer->scratch);
    pyr_columns_put(&writer->scratch, columns, PYR_RESIDENT_COLUMNS);
    int rc = failed ? pyr_writer_fail(writer, PYR_E_NOMEM, "out of memory")
                    : pyr_writer_frame(writer, PYR_FRAME_RESIDENT, &writer->scratch);
    for (unsigned i = 0; i < PYR_RESIDENT_COLUMNS; i++)
        pyr_buf_release(&columns[i]);
    return rc;
}

static bool is_known(const struct pyr_writer *writer, const struct pyr_resident_facts *facts)
{
    if (writer->in_tick || facts->process >= writer->processes.count || facts->class_count > PYR_RESIDENT_CLASSES_MAX ||
        facts->pin_count > PYR_RESIDENT_CLASSES_MAX)
        return false;
    for (uint32_t i = 0; i < facts->pin_count; i++)
        if (facts->pins[i].node > writer->nodes.count)
            return false;
    return true;
}

/* A reader keeps two for each process. */
static int charge(struct pyr_writer *writer, const struct pyr_resident_facts *facts)
{
    uint64_t key = (uint64_t)facts->process << 1 | facts->last;
    return pyr_writer_charge_kept(writer, &writer->residents, key, PYR_COST_RESIDENT,
                                  (uint64_t)facts->class_count * PYR_COST_CLASS +
                                      (uint64_t)facts->pin_count * PYR_COST_PIN);
}

int pyr_writer_resident(struct pyr_writer *writer, const struct pyr_resident_facts *facts)
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
