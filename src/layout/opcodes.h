/* The instructions of each known CPython, those included that the interpreter puts in place of others while it runs. */
#ifndef PYR_LAYOUT_OPCODES_H
#define PYR_LAYOUT_OPCODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pyr_layout;

struct pyr_opcode {
    const char *name; /* NULL: there is no such instruction */
    uint8_t base;     /* what was compiled: its own number if it is no other's specialised or instrumented form. 0: it
                       * stands in place of another instruction, and its number does not tell of which */
    uint8_t caches;   /* code units behind it that are no instructions; meaningless where base is 0 */
};

struct pyr_opcodes {
    const struct pyr_opcode *of; /* 256, by number */
    uint8_t extended_arg;
};

/* Those of a layout's version; NULL if they are not known. */
const struct pyr_opcodes *pyr_layout_opcodes(const struct pyr_layout *layout);

/* Whether Python code can be called by it within the interpreter's own loop, so that the two frames are neighbours.
 * Where an instruction stands in place of others, it may be one of those. */
bool pyr_opcode_may_call(const struct pyr_opcodes *opcodes, uint8_t number);

/* ---- private to layout: one row for each version ---- */

struct pyr_opcodes_source {
    int major, minor;
    const struct pyr_opcodes *opcodes;
};

extern const struct pyr_opcodes_source pyr_opcodes_sources[];
extern const size_t pyr_opcodes_source_count;

#endif
