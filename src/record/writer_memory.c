/* MEMORY frames: the figures of one heap, its sites in parts that fit a frame. */
#include "record/writer_private.h"

#include <string.h>

static void put_head(struct pyr_buf *buf, const struct pyr_memory_facts *facts, uint32_t part)
{
    size_t why_size = facts->why ? strnlen(facts->why, PYR_STRING_MAX) : 0;
    const uint64_t figures[] = {facts->process,
                                facts->interpreter,
                                part,
                                facts->site_count,
                                (facts->at_main_end ? PYR_MEMORY_AT_MAIN_END : 0) |
                                    (facts->stacks ? PYR_MEMORY_STACKS : 0) |
                                    (facts->begun_late ? PYR_MEMORY_BEGUN_LATE : 0),
                                facts->time_ns / PYR_TIME_UNIT_NS,
                                facts->allocated_blocks,
                                facts->allocated_bytes,
                                facts->live_blocks,
                                facts->live_bytes,
                                facts->peak_bytes,
                                facts->peak_ns / PYR_TIME_UNIT_NS,
                                facts->arena_bytes,
                                facts->lost_allocations,
                                facts->start_ns / PYR_TIME_UNIT_NS,
                                facts->step_ns / PYR_TIME_UNIT_NS};
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        pyr_buf_varint(buf, figures[i]);
    pyr_buf_varint(buf, why_size);
    pyr_buf_append(buf, facts->why, why_size);
    if (facts->kind != PYR_MEMORY_HEAP)
        pyr_buf_varint(buf, facts->kind);
    else
        pyr_buf_varint(buf, facts->temporary_within);
}

static void put_points(struct pyr_buf *buf, const struct pyr_memory_facts *facts)
{
    struct pyr_memory_point before = {0};
    for (uint32_t i = 0; i < facts->point_count; i++) {
        const struct pyr_memory_point *point = &facts->points[i];
        pyr_buf_zigzag(buf, (int64_t)(point->heap_bytes - before.heap_bytes));
        pyr_buf_zigzag(buf, (int64_t)(point->rss_bytes - before.rss_bytes));
        before = *point;
    }
}

static void put_site(struct pyr_buf *columns, const struct pyr_memory_site *site, bool temporary, uint32_t *last_node)
{
    pyr_buf_zigzag(&columns[PYR_MEMORY_NODES], (int64_t)site->node - *last_node);
    pyr_buf_varint(&columns[PYR_MEMORY_ALLOCATED_BLOCKS], site->allocated_blocks);
    pyr_buf_varint(&columns[PYR_MEMORY_ALLOCATED_BYTES], site->allocated_bytes);
    pyr_buf_varint(&columns[PYR_MEMORY_LIVE_BLOCKS], site->live_blocks);
    pyr_buf_varint(&columns[PYR_MEMORY_LIVE_BYTES], site->live_bytes);
    pyr_buf_varint(&columns[PYR_MEMORY_PEAK_BLOCKS], site->peak_blocks);
    pyr_buf_varint(&columns[PYR_MEMORY_PEAK_BYTES], site->peak_bytes);
    if (temporary) {
        pyr_buf_varint(&columns[PYR_MEMORY_TEMPORARY_BLOCKS], site->temporary_blocks);
        pyr_buf_varint(&columns[PYR_MEMORY_TEMPORARY_BYTES], site->temporary_bytes);
    }
    *last_node = site->node;
}

static int put_part(struct pyr_writer *writer, const struct pyr_memory_facts *facts, uint32_t part, uint32_t first)
{
    struct pyr_buf columns[PYR_MEMORY_COLUMNS] = {0};
    uint32_t end =
        facts->site_count - first < PYR_MEMORY_PART_SITES ? facts->site_count : first + PYR_MEMORY_PART_SITES;
    unsigned frame = facts->kind == PYR_MEMORY_HEAP ? PYR_FRAME_MEMORY : PYR_FRAME_OTHER_MEMORY;
    bool temporary = facts->kind == PYR_MEMORY_HEAP && facts->temporary_within;
    uint32_t last_node = 0;
    put_head(&columns[PYR_MEMORY_HEAD], facts, part);
    if (part == 0)
        put_points(&columns[PYR_MEMORY_POINTS], facts);
    for (uint32_t i = first; i < end; i++)
        put_site(columns, &facts->sites[i], temporary, &last_node);
    bool failed = false;
    for (unsigned i = 0; i < PYR_MEMORY_COLUMNS; i++)
        failed |= columns[i].failed;
    pyr_buf_clear(&writer->scratch);
    pyr_columns_put(&writer->scratch, columns, PYR_MEMORY_COLUMNS);
    int rc = failed ? pyr_writer_fail(writer, PYR_E_NOMEM, "out of memory")
                    : pyr_writer_frame(writer, frame, &writer->scratch);
    for (unsigned i = 0; i < PYR_MEMORY_COLUMNS; i++)
        pyr_buf_release(&columns[i]);
    return rc;
}

static bool is_known(const struct pyr_writer *writer, const struct pyr_memory_facts *facts)
{
    if (writer->in_tick || facts->kind >= PYR_MEMORY_KINDS || facts->process >= writer->processes.count ||
        facts->point_count > PYR_MEMORY_POINTS_MAX)
        return false;
    for (uint32_t i = 0; i < facts->site_count; i++)
        if (facts->sites[i].node > writer->nodes.count)
            return false;
    return true;
}

static int count_heap(struct pyr_writer *writer, const struct pyr_memory_facts *facts)
{
    uint64_t key = ((uint64_t)facts->process * PYR_MEMORY_KINDS + facts->kind) << 32 | facts->interpreter;
    return pyr_writer_charge_kept(writer, &writer->heaps, key, 0, 0);
}

int pyr_writer_memory(struct pyr_writer *writer, const struct pyr_memory_facts *facts)
{
    if (writer->error.status)
        return writer->error.status;
    if (!is_known(writer, facts))
        return PYR_E_MISUSE;
    uint64_t cost =
        PYR_COST_HEAP + (uint64_t)facts->site_count * PYR_COST_SITE + (uint64_t)facts->point_count * PYR_COST_POINT;
    int rc = count_heap(writer, facts);
    if (rc == 0)
        rc = pyr_writer_charge(writer, cost);
    if (rc == 0)
        rc = pyr_writer_flush_all(writer);
    for (uint32_t part = 0, first = 0; rc == 0 && (part == 0 || first < facts->site_count); part++) {
        rc = put_part(writer, facts, part, first);
        first += facts->site_count - first < PYR_MEMORY_PART_SITES ? facts->site_count - first : PYR_MEMORY_PART_SITES;
    }
    return rc;
}
