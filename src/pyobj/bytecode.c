#include "pyobj/bytecode.h"

#include "base/alloc.h"
#include "record/format.h"

#define UNIT 2u              /* bytes */
#define ENTRY_UNITS_MAX 8u   /* of the line table: longer instructions have several */
#define EXTENDED_ARGS_MAX 3u /* before one instruction */

void pyr_bytecode_release(struct pyr_bytecode *bytecode)
{
    pyr_free(bytecode->bases);
    *bytecode = (struct pyr_bytecode){0};
}

/* The entries of a line table with locations, in order: each begins with a byte that has the top bit set. */
struct entries {
    const uint8_t *at, *end;
    uint32_t unit, units; /* where the entry begins, and how many it is of */
};

/* Moves on to the next entry, if there is one. */
static bool next_entry(struct entries *entries)
{
    entries->unit += entries->units;
    entries->units = 0;
    while (entries->at < entries->end && !(*entries->at & 0x80))
        entries->at++;
    if (entries->at == entries->end)
        return false;
    entries->units = (*entries->at++ & 7u) + 1;
    return true;
}

/* The first unit behind `unit` at which an instruction surely begins; an entry behind one of full length may go on with
 * the same instruction. */
static uint32_t begins_behind(struct entries *entries, uint32_t unit, uint32_t units)
{
    for (;;) {
        uint32_t before = entries->units;
        if (!next_entry(entries))
            return units;
        if (entries->unit > unit && before < ENTRY_UNITS_MAX)
            return entries->unit < units ? entries->unit : units;
    }
}

void pyr_bytecode_find(const struct pyr_opcodes *opcodes, const uint8_t *bytes, uint32_t units,
                       const uint8_t *linetable, size_t linetable_size, bool locations, uint8_t *bases)
{
    struct entries entries = {linetable, linetable_size ? linetable + linetable_size : linetable, 0, 0};
    for (uint32_t unit = 0; unit < units;) {
        uint8_t number = bytes[unit * UNIT];
        const struct pyr_opcode *opcode = &opcodes->of[number];
        if (opcode->name)
            bases[unit] = opcode->base ? opcode->base : number;
        if (opcode->base)
            unit += 1u + opcode->caches;
        else
            unit = locations ? begins_behind(&entries, unit, units) : unit + 1;
    }
}

static pyr_addr first_instruction(const struct pyr_layout *layout, pyr_addr at, const struct pyr_code *code)
{
    if (PYR_HAS(layout, code_adaptive))
        return pyr_addr_add(at, layout->code_adaptive);
    return pyr_addr_add(PYR_ADDR(code->identity.size), layout->bytes_data); /* the address of the bytes object */
}

static int find(struct pyr_view view, const struct pyr_opcodes *opcodes, const struct pyr_code *code, uint8_t *bytes,
                struct pyr_bytecode *found)
{
    bool locations = view.python->layout.linetable_kind == PYR_LINETABLE_LOCATIONS;
    int rc = pyr_target_read(view.target, PYR_ADDR(found->first), bytes, found->units * UNIT);
    if (rc < 0)
        return 0;
    found->bases = pyr_alloc(found->units);
    if (!found->bases)
        return PYR_E_NOMEM;
    pyr_bytecode_find(opcodes, bytes, found->units, code->linetable.bytes, code->linetable.size, locations,
                      found->bases);
    return 0;
}

int pyr_bytecode_read(struct pyr_view view, const struct pyr_opcodes *opcodes, pyr_addr at, const struct pyr_code *code,
                      struct pyr_bytecode *bytecode)
{
    const struct pyr_layout *layout = &view.python->layout;
    struct pyr_bytecode found = {.first = first_instruction(layout, at, code).v,
                                 .units = code->code_bytes / UNIT,
                                 .at_caches = layout->instr_kind == PYR_INSTR_PREV};
    if (!opcodes || layout->free_threaded || !found.units || code->code_bytes > PYR_BYTECODE_MAX)
        return 0;
    uint8_t *bytes = pyr_alloc(found.units * UNIT);
    int rc = bytes ? find(view, opcodes, code, bytes, &found) : PYR_E_NOMEM;
    pyr_free(bytes);
    if (rc == 0 && found.bases)
        *bytecode = found;
    return rc;
}

/* Goes back to the instruction of which this unit is an inline cache; false if that cannot be told. */
static bool before_caches(const struct pyr_opcodes *opcodes, const struct pyr_bytecode *bytecode, uint32_t *unit)
{
    uint32_t start = *unit;
    while (start > 0 && !bytecode->bases[start] && *unit - start < UINT8_MAX)
        start--;
    const struct pyr_opcode *opcode = &opcodes->of[bytecode->bases[start]];
    if (!bytecode->bases[start] || *unit - start > (opcode->base ? opcode->caches : 0))
        return false;
    *unit = start;
    return true;
}

int32_t pyr_bytecode_start(const struct pyr_opcodes *opcodes, const struct pyr_bytecode *bytecode, int32_t instruction)
{
    if (instruction < 0 || (uint32_t)instruction / UNIT >= bytecode->units || !bytecode->bases)
        return -1;
    uint32_t start = (uint32_t)instruction / UNIT;
    if (bytecode->at_caches && !before_caches(opcodes, bytecode, &start))
        return -1;
    for (unsigned i = 0; i < EXTENDED_ARGS_MAX && bytecode->bases[start] == opcodes->extended_arg; i++)
        if (++start == bytecode->units)
            return -1;
    return (int32_t)(start * UNIT);
}

uint8_t pyr_bytecode_now(struct pyr_view view, const struct pyr_opcodes *opcodes, const struct pyr_bytecode *bytecode,
                         int32_t start)
{
    uint8_t number;
    if (pyr_target_read(view.target, PYR_ADDR(bytecode->first + (uint32_t)start), &number, 1) < 0)
        return 0;
    const struct pyr_opcode *now = &opcodes->of[number];
    uint8_t known = bytecode->bases[(uint32_t)start / UNIT];
    bool stands_in = !now->base || !opcodes->of[known].base;
    return now->name && (stands_in || now->base == known) ? number : 0;
}
