/* Takes in MEMORY frames. The payloads passed their checksum, but may still be hostile. */
#include "record/reader_private.h"

#include <string.h>

static struct pyr_reader_heap *heap_at(const struct pyr_vec *heaps, size_t number)
{
    return PYR_VEC_AT(heaps, struct pyr_reader_heap, number);
}

static struct pyr_reader_heap *heap_find(const struct pyr_vec *heaps, const struct pyr_memory_facts *facts)
{
    for (size_t i = 0; i < heaps->count; i++) {
        struct pyr_reader_heap *heap = heap_at(heaps, i);
        if (heap->facts.process == facts->process && heap->facts.interpreter == facts->interpreter &&
            heap->facts.kind == facts->kind)
            return heap;
    }
    return NULL;
}

/* Those of its kind. */
static struct pyr_vec *heaps_of(struct pyr_reader *reader, const struct pyr_memory_facts *facts)
{
    return facts->kind == PYR_MEMORY_HEAP ? &reader->heaps : &reader->others;
}

/* What is behind the text. A kind that is not known yet: of a later writer. */
static int take_kind(struct pyr_cursor *head, bool other, struct pyr_memory_facts *facts)
{
    uint64_t kind = other ? pyr_cursor_varint(head) : PYR_MEMORY_HEAP;
    facts->temporary_within = !other && pyr_cursor_left(head) ? pyr_cursor_varint32(head) : 0;
    if (head->failed || (other && kind == PYR_MEMORY_HEAP))
        return PYR_E_FORMAT;
    if (kind >= PYR_MEMORY_KINDS)
        return PYR_E_NOT_FOUND;
    facts->kind = (enum pyr_memory_kind)kind;
    return 0;
}

static int take_head(struct pyr_reader *reader, struct pyr_cursor *head, struct pyr_memory_facts *facts, uint64_t *part,
                     uint64_t *total)
{
    facts->process = pyr_cursor_varint32(head);
    facts->interpreter = pyr_cursor_varint32(head);
    *part = pyr_cursor_varint(head);
    *total = pyr_cursor_varint32(head);
    uint64_t flags = pyr_cursor_varint(head);
    facts->at_main_end = flags & PYR_MEMORY_AT_MAIN_END;
    facts->stacks = flags & PYR_MEMORY_STACKS;
    facts->begun_late = flags & PYR_MEMORY_BEGUN_LATE;
    uint64_t *figures[] = {&facts->time_ns,     &facts->allocated_blocks, &facts->allocated_bytes,
                           &facts->live_blocks, &facts->live_bytes,       &facts->peak_bytes,
                           &facts->peak_ns,     &facts->arena_bytes,      &facts->lost_allocations,
                           &facts->start_ns,    &facts->step_ns};
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        *figures[i] = pyr_cursor_varint(head);
    uint64_t *times[] = {&facts->time_ns, &facts->peak_ns, &facts->start_ns, &facts->step_ns};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        if (__builtin_mul_overflow(*times[i], PYR_TIME_UNIT_NS, times[i]))
            return PYR_E_FORMAT;
    if (head->failed || facts->process >= reader->processes.count)
        return PYR_E_FORMAT;
    return pyr_reader_take_text(reader, head, &facts->why);
}

/* The first part of a heap's figures: what was known of it before is void. */
static int begin(struct pyr_reader *reader, const struct pyr_memory_facts *facts, uint64_t total,
                 struct pyr_reader_heap **out)
{
    struct pyr_vec *heaps = heaps_of(reader, facts);
    struct pyr_reader_heap *heap = heap_find(heaps, facts);
    int rc = pyr_reader_charge(reader, PYR_COST_HEAP);
    if (rc < 0)
        return rc;
    if (!heap && heaps->count >= PYR_MEMORY_HEAPS_MAX)
        return PYR_E_LIMIT;
    if (!heap) {
        const struct pyr_reader_heap fresh = {.points = PYR_VEC(struct pyr_memory_point),
                                              .sites = PYR_VEC(struct pyr_memory_site)};
        heap = pyr_vec_push(heaps, &fresh);
    }
    if (!heap)
        return PYR_E_NOMEM;
    heap->facts = *facts;
    heap->points.count = heap->sites.count = 0;
    heap->next_part = 0;
    heap->total_sites = (uint32_t)total;
    *out = heap;
    return 0;
}

static int take_points(struct pyr_reader *reader, struct pyr_reader_heap *heap, struct pyr_cursor *column)
{
    struct pyr_memory_point point = {0};
    while (pyr_cursor_left(column)) {
        point.heap_bytes += (uint64_t)pyr_cursor_zigzag(column);
        point.rss_bytes += (uint64_t)pyr_cursor_zigzag(column);
        if (column->failed || heap->points.count >= PYR_MEMORY_POINTS_MAX)
            return PYR_E_FORMAT;
        int rc = pyr_reader_charge(reader, PYR_COST_POINT);
        if (rc < 0)
            return rc;
        if (!pyr_vec_push(&heap->points, &point))
            return PYR_E_NOMEM;
    }
    return 0;
}

static int take_site(struct pyr_reader *reader, struct pyr_reader_heap *heap, struct pyr_cursor *columns,
                     bool temporary, int64_t *last_node)
{
    if (__builtin_add_overflow(*last_node, pyr_cursor_zigzag(&columns[PYR_MEMORY_NODES]), last_node))
        return PYR_E_FORMAT;
    struct pyr_memory_site site = {.node = (uint32_t)*last_node};
    uint64_t *figures[] = {&site.allocated_blocks, &site.allocated_bytes, &site.live_blocks,
                           &site.live_bytes,       &site.peak_blocks,     &site.peak_bytes};
    for (unsigned i = 0; i < sizeof figures / sizeof *figures; i++)
        *figures[i] = pyr_take_varint(&columns[PYR_MEMORY_ALLOCATED_BLOCKS + i]);
    if (temporary) {
        site.temporary_blocks = pyr_take_varint(&columns[PYR_MEMORY_TEMPORARY_BLOCKS]);
        site.temporary_bytes = pyr_take_varint(&columns[PYR_MEMORY_TEMPORARY_BYTES]);
    }
    for (unsigned i = PYR_MEMORY_NODES; i < PYR_MEMORY_COLUMNS; i++)
        if (columns[i].failed)
            return PYR_E_FORMAT;
    if (*last_node < 0 || *last_node >= (int64_t)reader->nodes.count || heap->sites.count >= heap->total_sites)
        return PYR_E_FORMAT;
    int rc = pyr_reader_charge(reader, PYR_COST_SITE);
    if (rc < 0)
        return rc;
    return pyr_vec_push(&heap->sites, &site) ? 0 : PYR_E_NOMEM;
}

static int take_sites(struct pyr_reader *reader, struct pyr_reader_heap *heap, struct pyr_cursor *columns)
{
    bool temporary = pyr_cursor_left(&columns[PYR_MEMORY_TEMPORARY_BLOCKS]);
    int64_t last_node = 0;
    while (pyr_cursor_left(&columns[PYR_MEMORY_NODES])) {
        int rc = take_site(reader, heap, columns, temporary, &last_node);
        if (rc < 0)
            return rc;
    }
    for (unsigned i = PYR_MEMORY_NODES; i < PYR_MEMORY_COLUMNS; i++)
        if (pyr_cursor_left(&columns[i]))
            return PYR_E_FORMAT;
    return 0;
}

int pyr_reader_take_memory(struct pyr_reader *reader, bool other, const uint8_t *payload, uint32_t size)
{
    struct pyr_cursor columns[PYR_MEMORY_COLUMNS];
    struct pyr_memory_facts facts = {0};
    struct pyr_reader_heap *heap = NULL;
    uint64_t part = 0, total = 0;
    if (!pyr_columns_get(payload, size, columns, PYR_MEMORY_COLUMNS))
        return PYR_E_FORMAT;
    int rc = take_head(reader, &columns[PYR_MEMORY_HEAD], &facts, &part, &total);
    if (rc == 0)
        rc = take_kind(&columns[PYR_MEMORY_HEAD], other, &facts);
    if (rc == PYR_E_NOT_FOUND)
        return 0;
    if (rc == 0 && part == 0)
        rc = begin(reader, &facts, total, &heap);
    else if (rc == 0 && (!(heap = heap_find(heaps_of(reader, &facts), &facts)) || heap->next_part != part))
        rc = PYR_E_FORMAT;
    if (rc == 0)
        rc = take_points(reader, heap, &columns[PYR_MEMORY_POINTS]);
    if (rc == 0)
        rc = take_sites(reader, heap, columns);
    if (rc < 0)
        return rc;
    heap->next_part++;
    return 0;
}

uint32_t pyr_reader_heaps(const struct pyr_reader *reader)
{
    return (uint32_t)reader->heaps.count;
}

static const struct pyr_memory_facts *facts_at(const struct pyr_vec *heaps, uint32_t number)
{
    if (number >= heaps->count)
        return NULL;
    struct pyr_reader_heap *heap = heap_at(heaps, number);
    heap->facts.points = heap->points.items;
    heap->facts.point_count = (uint32_t)heap->points.count;
    heap->facts.sites = heap->sites.items;
    heap->facts.site_count = (uint32_t)heap->sites.count;
    heap->facts.cut = heap->sites.count < heap->total_sites;
    return &heap->facts;
}

const struct pyr_memory_facts *pyr_reader_heap(const struct pyr_reader *reader, uint32_t number)
{
    return facts_at(&reader->heaps, number);
}

const struct pyr_memory_facts *pyr_reader_other_memory(const struct pyr_reader *reader, uint32_t number)
{
    return facts_at(&reader->others, number);
}

static void release(struct pyr_vec *heaps)
{
    for (size_t i = 0; i < heaps->count; i++) {
        pyr_vec_release(&heap_at(heaps, i)->points);
        pyr_vec_release(&heap_at(heaps, i)->sites);
    }
    pyr_vec_release(heaps);
}

void pyr_reader_heaps_release(struct pyr_reader *reader)
{
    release(&reader->heaps);
    release(&reader->others);
}
