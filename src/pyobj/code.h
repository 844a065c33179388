/* Code objects, read once each. */
#ifndef PYR_PYOBJ_CODE_H
#define PYR_PYOBJ_CODE_H

#include "base/buf.h"
#include "pyobj/view.h"

/* The words of a code object that tell it from another one at the same address: immutable while it lives. */
struct pyr_code_identity {
    uint64_t name, filename, linetable; /* addresses of its parts */
    uint32_t firstlineno;
    uint32_t version; /* 3.11+: unique among live functions' code; 0 elsewhere */
    uint64_t size;    /* of its instructions, as kept by the version */
};

/* Where its parts are and how much of each is worth comparing. */
struct pyr_code_shape {
    uint64_t name, file, linetable; /* addresses of the objects */
    uint32_t name_size, file_size, linetable_size;
};

struct pyr_code {
    struct pyr_code_identity identity;
    struct pyr_code_shape shape;
    uint64_t contents;   /* as pyr_code_contents gives it */
    struct pyr_buf name; /* qualified where the version has it; UTF-8, a NUL follows */
    struct pyr_buf file; /* likewise */
    struct pyr_buf linetable;
    uint32_t first_line;
    uint32_t code_bytes; /* length of its instructions in bytes */
};

/* Bytes from the start of a code object that pyr_code_identity_decode looks at. */
uint32_t pyr_code_header_size(const struct pyr_layout *layout);
void pyr_code_identity_decode(const struct pyr_layout *layout, const void *bytes, struct pyr_code_identity *identity);
bool pyr_code_identity_equal(const struct pyr_code_identity *a, const struct pyr_code_identity *b);

/* A hash of what its name, file and line table begin with. Where another code object has taken its address, the parts
 * may lie where its own did. `like` says how long they are. */
int pyr_code_contents(struct pyr_view view, const struct pyr_code_shape *like, uint64_t *hash);

/* Reads a code object whole. PYR_E_FORMAT if what is there is not a code object (wild pointer, freed), PYR_E_TORN if it
 * changed meanwhile. *code is zeroed or released before; release it in any case. */
int pyr_code_read(struct pyr_view view, pyr_addr at, struct pyr_code *code);
void pyr_code_release(struct pyr_code *code);

/* The byte offset of the instruction that a frame of this code executes; −1 if it has not started. PYR_E_TORN if instr
 * cannot belong to this code. */
int pyr_code_instruction(const struct pyr_layout *layout, pyr_addr code, uint32_t code_bytes, uint64_t instr,
                         int32_t *instruction);

#endif
