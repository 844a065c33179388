/* The code objects of one process: each read once, known by address, and its identity checked again since addresses are
 * reused. */
#ifndef PYR_SAMPLE_CODES_H
#define PYR_SAMPLE_CODES_H

#include "base/map.h"
#include "base/vec.h"
#include "pyobj/bytecode.h"
#include "pyobj/code.h"
#include "record/writer.h"

struct pyr_known_code {
    uint64_t at;
    struct pyr_code_identity identity;
    struct pyr_code_shape shape;
    uint64_t contents;
    uint32_t number; /* in the recording */
    uint32_t code_bytes;
    uint64_t first_ns, checked_ns;
    uint32_t checks;              /* passed since it was last read */
    bool reused;                  /* this address has held another code object before */
    struct pyr_bytecode bytecode; /* where opcodes are recorded */
    uint64_t opcode_ns;           /* when it was last read … */
    int32_t opcode_at;            /* … and which one */
    uint8_t opcode;
    bool internal; /* of a frame that the interpreter pushes for itself, never shown */
};

/* Zeroed it is empty; release it in any case. */
struct pyr_codes {
    struct pyr_view view;
    struct pyr_writer *writer;
    const struct pyr_opcodes *opcodes; /* of this Python; NULL where they are not recorded, or not known */
    uint32_t instructions;             /* as a set in the recording: number + 1 */
    size_t bytecode_bytes;             /* kept of all code objects */
    struct pyr_map by_address;         /* to the place in `known` */
    struct pyr_map callers;            /* the addresses of instructions that were seen to be calls */
    struct pyr_map calls;              /* those that were seen while the thread did not run, see below */
    bool only_seen_calls;              /* what is read while the program runs has to be made of those */
    struct pyr_vec known;              /* of struct pyr_known_code */
};

/* For a Python that is to be recorded. */
int pyr_codes_begin(struct pyr_codes *codes, struct pyr_view view, struct pyr_writer *writer);
void pyr_codes_release(struct pyr_codes *codes);

/* What is known of the code object at an address; NULL if nothing. HOT. Valid until the next learn. */
struct pyr_known_code *pyr_codes_find(const struct pyr_codes *codes, uint64_t at);

/* Whether its identity ought to be checked before it is believed at this time. */
bool pyr_known_code_doubtful(const struct pyr_known_code *code, uint64_t now_ns);

/* Reads the identity now at its address: 1 the same, 0 another or gone, or negative. HOT: two reads. */
int pyr_codes_check(struct pyr_codes *codes, struct pyr_known_code *code, uint64_t now_ns);

/* Reads the code object whole and registers it; replaces what was known at that address. */
int pyr_codes_learn(struct pyr_codes *codes, uint64_t at, uint64_t now_ns);

/* Whether the instruction at which a caller's frame stands can call Python code: what two reads a moment apart seem to
 * say, but is not, most often cannot. True where frames say by themselves whether they wait for a call, and where the
 * version's instructions are not known. HOT: a read where it was not known to be one. */
bool pyr_codes_may_call(struct pyr_codes *codes, uint64_t instr);

/* A call is the instruction at which a caller stands and the code that it called. What a thread that did not run was
 * seen to call is kept. Of what is read while it runs, where much changes, only such calls are believed: two reads a
 * moment apart can make up a call, but not one of these. NULL, for code that is not known: nothing is kept, or known.
 */
void pyr_codes_saw_call(struct pyr_codes *codes, const struct pyr_known_code *caller, uint64_t instr,
                        const struct pyr_known_code *callee);
bool pyr_codes_knows_call(const struct pyr_codes *codes, const struct pyr_known_code *caller, uint64_t instr,
                          const struct pyr_known_code *callee);

/* The number of the instruction that a frame stands at, whose offset becomes that of its beginning; 0 if it cannot be
 * told. Of a leaf it is what is there at this instant; a caller's may have been read before in the same tick. HOT. */
uint8_t pyr_codes_opcode(const struct pyr_codes *codes, struct pyr_known_code *code, bool leaf, uint64_t now_ns,
                         int32_t *instruction);

#endif
