/* The instructions of a code object: where each begins, and which it is at a moment. The interpreter puts specialised
 * instructions in place of those that were compiled, while it runs; their places and lengths stay. */
#ifndef PYR_PYOBJ_BYTECODE_H
#define PYR_PYOBJ_BYTECODE_H

#include "layout/opcodes.h"
#include "pyobj/code.h"

/* Code with more instructions than this has no names. */
#define PYR_BYTECODE_MAX (1u << 20) /* bytes */

/* Zeroed it is that of code whose instructions are not known; releasable. */
struct pyr_bytecode {
    uint64_t first; /* address of the first one */
    uint8_t *bases; /* by code unit: the instruction that was compiled there, or one that stands in for it; 0: none
                     * begins there, or whether one does is not known */
    uint32_t units;
    bool at_caches; /* frames may stand at the inline caches of an instruction that they have begun */
};

/* Finds the instructions of a code object that was just read. 0, also where they stay unknown; PYR_E_NOMEM. */
int pyr_bytecode_read(struct pyr_view view, const struct pyr_opcodes *opcodes, pyr_addr at, const struct pyr_code *code,
                      struct pyr_bytecode *bytecode);
void pyr_bytecode_release(struct pyr_bytecode *bytecode);

/* The part of the above that reads no process: bytes are 2 for each unit; the line table says where instructions begin
 * again behind one whose length is not known. bases has room for each unit, zeroed. */
void pyr_bytecode_find(const struct pyr_opcodes *opcodes, const uint8_t *bytes, uint32_t units,
                       const uint8_t *linetable, size_t linetable_size, bool locations, uint8_t *bases);

/* Where the instruction begins that a frame stands at: that of which this is an inline cache, that of which this is the
 * EXTENDED_ARG. −1 where it cannot be told. Offsets are in bytes from the first one. */
int32_t pyr_bytecode_start(const struct pyr_opcodes *opcodes, const struct pyr_bytecode *bytecode, int32_t instruction);

/* The number of the instruction that begins at `start` now; 0 if what is there cannot be. HOT: one read. */
uint8_t pyr_bytecode_now(struct pyr_view view, const struct pyr_opcodes *opcodes, const struct pyr_bytecode *bytecode,
                         int32_t start);

#endif
