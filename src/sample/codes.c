#include "sample/codes.h"

#define TRUSTED_PART 8u           /* what has stood for a time is trusted for this part of it … */
#define TRUSTED_MAX_NS 100000000u /* … but no longer than this */
#define REUSED_CHECKS 200u        /* at an address that was used again, trust begins after so many checks */
#define HEADER_MAX 512
#define CALLERS_MAX 65536u
#define CALLS_MAX (1u << 20)
#define BYTECODE_BYTES_MAX ((size_t)64 << 20) /* of all code of a process; what comes then has no opcodes */

/* The names of a Python's instructions go into the recording, which thus needs no table to be read. */
static int64_t register_instructions(const struct pyr_opcodes *opcodes, struct pyr_writer *writer)
{
    struct pyr_instruction_set set = {{0}};
    for (unsigned i = 0; i < PYR_INSTRUCTIONS; i++)
        set.names[i] = opcodes->of[i].name;
    return pyr_writer_instructions(writer, &set);
}

int pyr_codes_begin(struct pyr_codes *codes, struct pyr_view view, struct pyr_writer *writer)
{
    *codes = (struct pyr_codes){.view = view, .writer = writer};
    const struct pyr_opcodes *opcodes = pyr_layout_opcodes(&view.python->layout);
    if (!opcodes || !pyr_writer_takes_opcodes(writer))
        return 0;
    int64_t number = register_instructions(opcodes, writer);
    if (number < 0)
        return number == PYR_E_LIMIT ? 0 : (int)number;
    codes->opcodes = opcodes;
    codes->instructions = (uint32_t)number + 1;
    return 0;
}

void pyr_codes_release(struct pyr_codes *codes)
{
    for (size_t i = 0; i < codes->known.count; i++)
        pyr_bytecode_release(&PYR_VEC_AT(&codes->known, struct pyr_known_code, i)->bytecode);
    pyr_map_release(&codes->by_address);
    pyr_map_release(&codes->callers);
    pyr_map_release(&codes->calls);
    if (codes->known.item_size)
        pyr_vec_release(&codes->known);
}

struct pyr_known_code *pyr_codes_find(const struct pyr_codes *codes, uint64_t at)
{
    const uint64_t *place = pyr_map_find(&codes->by_address, at);
    return place ? PYR_VEC_AT(&codes->known, struct pyr_known_code, *place) : NULL;
}

bool pyr_known_code_doubtful(const struct pyr_known_code *code, uint64_t now_ns)
{
    if (code->reused && code->checks < REUSED_CHECKS)
        return code->checked_ns != now_ns;
    uint64_t stood_ns = code->checked_ns - code->first_ns, trusted_ns = stood_ns / TRUSTED_PART;
    return now_ns - code->checked_ns > (trusted_ns < TRUSTED_MAX_NS ? trusted_ns : TRUSTED_MAX_NS);
}

int pyr_codes_check(struct pyr_codes *codes, struct pyr_known_code *code, uint64_t now_ns)
{
    uint8_t header[HEADER_MAX];
    const struct pyr_layout *layout = &codes->view.python->layout;
    int rc = pyr_target_read(codes->view.target, PYR_ADDR(code->at), header, pyr_code_header_size(layout));
    if (rc == PYR_E_FAULT)
        return 0;
    if (rc < 0)
        return rc;
    struct pyr_code_identity identity;
    pyr_code_identity_decode(layout, header, &identity);
    if (!pyr_code_identity_equal(&identity, &code->identity))
        return 0;
    uint64_t contents;
    rc = pyr_code_contents(codes->view, &code->shape, &contents);
    if (rc < 0 && rc != PYR_E_FAULT)
        return rc;
    if (rc == PYR_E_FAULT || contents != code->contents)
        return 0;
    code->checks++;
    code->checked_ns = now_ns;
    return 1;
}

/* The recording's number for this code: the same for code that says the same, wherever it lies. */
static int64_t number_of(struct pyr_codes *codes, const struct pyr_code *code)
{
    struct pyr_code_facts facts = {
        .name = (const char *)code->name.bytes,
        .file = (const char *)code->file.bytes,
        .first_line = code->first_line,
        .linetable_kind = codes->view.python->layout.linetable_kind,
        .linetable = code->linetable.bytes,
        .linetable_size = (uint32_t)code->linetable.size,
        .instructions = codes->instructions,
    };
    return pyr_writer_code(codes->writer, &facts);
}

/* 3.12+ pushes a frame of its own under __init__ when a class is called. Its code has one str for its name and file. */
static bool is_internal(const struct pyr_code *code)
{
    return code->identity.name == code->identity.filename && strcmp((const char *)code->name.bytes, "__init__") == 0;
}

static int keep(struct pyr_codes *codes, const struct pyr_known_code *fresh)
{
    struct pyr_known_code *old = pyr_codes_find(codes, fresh->at);
    if (old) {
        codes->bytecode_bytes -= old->bytecode.units;
        pyr_bytecode_release(&old->bytecode);
        *old = *fresh;
        old->reused = true;
        return 0;
    }
    codes->known.item_size = sizeof *fresh;
    if (!pyr_vec_push(&codes->known, fresh))
        return PYR_E_NOMEM;
    int rc = pyr_map_put(&codes->by_address, fresh->at, codes->known.count - 1);
    codes->known.count -= rc < 0;
    return rc;
}

static int learn_bytecode(struct pyr_codes *codes, const struct pyr_code *code, struct pyr_known_code *fresh)
{
    if (!codes->opcodes || codes->bytecode_bytes > BYTECODE_BYTES_MAX)
        return 0;
    int rc = pyr_bytecode_read(codes->view, codes->opcodes, PYR_ADDR(fresh->at), code, &fresh->bytecode);
    codes->bytecode_bytes += fresh->bytecode.units;
    return rc;
}

int pyr_codes_learn(struct pyr_codes *codes, uint64_t at, uint64_t now_ns)
{
    struct pyr_code code;
    int rc = pyr_code_read(codes->view, PYR_ADDR(at), &code);
    if (rc == 0) {
        int64_t number = number_of(codes, &code);
        struct pyr_known_code fresh = {.at = at,
                                       .identity = code.identity,
                                       .shape = code.shape,
                                       .contents = code.contents,
                                       .number = (uint32_t)number,
                                       .code_bytes = code.code_bytes,
                                       .internal = is_internal(&code),
                                       .first_ns = now_ns,
                                       .checked_ns = now_ns};
        rc = number < 0 ? (int)number : learn_bytecode(codes, &code, &fresh);
        rc = rc < 0 ? rc : keep(codes, &fresh);
        if (rc < 0)
            pyr_bytecode_release(&fresh.bytecode);
    }
    pyr_code_release(&code);
    return rc;
}

/* Instructions are put in place of others, but a call stays one as long as its code is there; what takes the place of
 * code that is gone is no call most often, and then it was a call that was not checked. */
bool pyr_codes_may_call(struct pyr_codes *codes, uint64_t instr)
{
    const struct pyr_layout *layout = &codes->view.python->layout;
    const struct pyr_opcodes *opcodes = pyr_layout_opcodes(layout);
    uint8_t number;
    if (layout->stacktop_kind != PYR_STACKTOP_POINTER || !opcodes || pyr_map_find(&codes->callers, instr))
        return true;
    if (pyr_target_read(codes->view.target, PYR_ADDR(instr), &number, sizeof number) < 0 ||
        !pyr_opcode_may_call(opcodes, number))
        return false;
    if (codes->callers.count >= CALLERS_MAX)
        pyr_map_clear(&codes->callers);
    pyr_map_put(&codes->callers, instr, 1); /* else it is read again the next time */
    return true;
}

/* By the recording's numbers, since addresses are used again. */
static uint64_t call_key(const struct pyr_known_code *caller, uint64_t instr, const struct pyr_known_code *callee)
{
    uint64_t codes = (uint64_t)caller->number << 32 | callee->number;
    return codes * 0x9e3779b97f4a7c15u + (instr - caller->at);
}

void pyr_codes_saw_call(struct pyr_codes *codes, const struct pyr_known_code *caller, uint64_t instr,
                        const struct pyr_known_code *callee)
{
    if (!caller || !callee)
        return;
    if (codes->calls.count >= CALLS_MAX)
        pyr_map_clear(&codes->calls);
    pyr_map_put(&codes->calls, call_key(caller, instr, callee), 1); /* without memory it is not known, and no more */
}

bool pyr_codes_knows_call(const struct pyr_codes *codes, const struct pyr_known_code *caller, uint64_t instr,
                          const struct pyr_known_code *callee)
{
    return caller && callee && pyr_map_find(&codes->calls, call_key(caller, instr, callee));
}

uint8_t pyr_codes_opcode(const struct pyr_codes *codes, struct pyr_known_code *code, bool leaf, uint64_t now_ns,
                         int32_t *instruction)
{
    int32_t start = pyr_bytecode_start(codes->opcodes, &code->bytecode, *instruction);
    if (start < 0)
        return 0;
    *instruction = start;
    if (leaf || code->opcode_ns != now_ns || code->opcode_at != start) {
        code->opcode = pyr_bytecode_now(codes->view, codes->opcodes, &code->bytecode, start);
        code->opcode_ns = now_ns;
        code->opcode_at = start;
    }
    return code->opcode;
}
