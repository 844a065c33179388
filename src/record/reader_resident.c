/* Takes in RESIDENT frames. The payloads passed their checksum, but may still be hostile. */
#include "record/reader_private.h"

static struct pyr_reader_resident *resident_at(const struct pyr_reader *reader, size_t number)
{
    return PYR_VEC_AT(&reader->residents, struct pyr_reader_resident, number);
}

static int take_head(const struct pyr_reader *reader, struct pyr_cursor *head, struct pyr_resident_facts *facts)
{
    uint64_t *const figures[] = {&facts->large_blocks,
                                 &facts->large_bytes,
                                 &facts->raw_bytes,
                                 &facts->c_bytes,
                                 &facts->arenas,
                                 &facts->empty_pools,
                                 &facts->pinned_pools,
                                 &facts->pinned_used_bytes,
                                 &facts->pinned_free_bytes,
                                 &facts->pinned_read};
    facts->process = pyr_cursor_varint32(head);
    facts->last = pyr_cursor_varint(head) & PYR_RESIDENT_LAST;
    facts->time_ns = pyr_cursor_varint(head);
    facts->resident_bytes = pyr_cursor_varint(head);
    uint64_t parts = pyr_cursor_varint(head);
    for (uint64_t i = 0; i < parts && !head->failed; i++) {
        uint64_t bytes = pyr_cursor_varint(head); /* of a part that is not known: not explained */
        if (i < PYR_RESIDENT_PARTS)
            facts->parts[i] = bytes;
    }
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        *figures[i] = pyr_cursor_varint(head);
    if (head->failed || facts->process >= reader->processes.count ||
        __builtin_mul_overflow(facts->time_ns, PYR_TIME_UNIT_NS, &facts->time_ns))
        return PYR_E_FORMAT;
    return 0;
}

static int find(struct pyr_reader *reader, const struct pyr_resident_facts *facts, struct pyr_reader_resident **out)
{
    for (size_t i = 0; i < reader->residents.count; i++)
        if (resident_at(reader, i)->facts.process == facts->process &&
            resident_at(reader, i)->facts.last == facts->last) {
            *out = resident_at(reader, i);
            return 0;
        }
    if (reader->residents.count >= PYR_MEMORY_HEAPS_MAX)
        return PYR_E_LIMIT;
    const struct pyr_reader_resident fresh = {.classes = PYR_VEC(struct pyr_resident_class),
                                              .pins = PYR_VEC(struct pyr_resident_pin)};
    int rc = pyr_reader_charge(reader, PYR_COST_RESIDENT);
    if (rc == 0 && !(*out = pyr_vec_push(&reader->residents, &fresh)))
        rc = PYR_E_NOMEM;
    return rc;
}

static int take_class(struct pyr_reader *reader, struct pyr_cursor *column, struct pyr_vec *classes)
{
    struct pyr_resident_class row = {.block_size = pyr_cursor_varint32(column),
                                     .pools = pyr_cursor_varint(column),
                                     .used = pyr_cursor_varint(column),
                                     .total = pyr_cursor_varint(column)};
    for (unsigned i = 0; i < PYR_RESIDENT_EIGHTHS; i++)
        row.eighths[i] = pyr_cursor_varint(column);
    if (column->failed || row.used > row.total)
        return PYR_E_FORMAT;
    int rc = pyr_reader_charge(reader, PYR_COST_CLASS);
    return rc == 0 && !pyr_vec_push(classes, &row) ? PYR_E_NOMEM : rc;
}

static int take_pin(struct pyr_reader *reader, struct pyr_cursor *column, uint32_t *last, struct pyr_vec *pins)
{
    int64_t node;
    if (__builtin_add_overflow((int64_t)*last, pyr_cursor_zigzag(column), &node))
        return PYR_E_FORMAT;
    struct pyr_resident_pin pin = {.blocks = pyr_cursor_varint(column),
                                   .pools = pyr_cursor_varint(column),
                                   .free_bytes = pyr_cursor_varint(column)};
    if (column->failed || node < 0 || node >= (int64_t)reader->nodes.count)
        return PYR_E_FORMAT;
    pin.node = *last = (uint32_t)node;
    int rc = pyr_reader_charge(reader, PYR_COST_PIN);
    return rc == 0 && !pyr_vec_push(pins, &pin) ? PYR_E_NOMEM : rc;
}

int pyr_reader_take_resident(struct pyr_reader *reader, const uint8_t *payload, uint32_t size)
{
    struct pyr_cursor columns[PYR_RESIDENT_COLUMNS];
    struct pyr_resident_facts facts = {0};
    struct pyr_reader_resident *resident = NULL;
    uint32_t last = 0;
    if (!pyr_columns_get(payload, size, columns, PYR_RESIDENT_COLUMNS))
        return PYR_E_FORMAT;
    int rc = take_head(reader, &columns[PYR_RESIDENT_HEAD], &facts);
    if (rc == 0)
        rc = find(reader, &facts, &resident);
    if (rc < 0)
        return rc;
    resident->facts = facts;
    resident->classes.count = resident->pins.count = 0;
    while (rc == 0 && pyr_cursor_left(&columns[PYR_RESIDENT_CLASSES]))
        rc = take_class(reader, &columns[PYR_RESIDENT_CLASSES], &resident->classes);
    while (rc == 0 && pyr_cursor_left(&columns[PYR_RESIDENT_PINS]))
        rc = take_pin(reader, &columns[PYR_RESIDENT_PINS], &last, &resident->pins);
    return rc;
}

uint32_t pyr_reader_residents(const struct pyr_reader *reader)
{
    return (uint32_t)reader->residents.count;
}

const struct pyr_resident_facts *pyr_reader_resident(const struct pyr_reader *reader, uint32_t number)
{
    if (number >= reader->residents.count)
        return NULL;
    struct pyr_reader_resident *resident = resident_at(reader, number);
    resident->facts.classes = resident->classes.items;
    resident->facts.class_count = (uint32_t)resident->classes.count;
    resident->facts.pins = resident->pins.items;
    resident->facts.pin_count = (uint32_t)resident->pins.count;
    return &resident->facts;
}

void pyr_reader_residents_release(struct pyr_reader *reader)
{
    for (size_t i = 0; i < reader->residents.count; i++) {
        pyr_vec_release(&resident_at(reader, i)->classes);
        pyr_vec_release(&resident_at(reader, i)->pins);
    }
    pyr_vec_release(&reader->residents);
}
