/* The instructions of each known version; by tools/gen_opcodes.py: do not edit. */
#include "layout/opcodes.h"

extern const struct pyr_opcodes pyr_opcodes_cp38;
extern const struct pyr_opcodes pyr_opcodes_cp39;
extern const struct pyr_opcodes pyr_opcodes_cp310;
extern const struct pyr_opcodes pyr_opcodes_cp311;
extern const struct pyr_opcodes pyr_opcodes_cp312;
extern const struct pyr_opcodes pyr_opcodes_cp313;
extern const struct pyr_opcodes pyr_opcodes_cp314;
extern const struct pyr_opcodes pyr_opcodes_cp315;

const struct pyr_opcodes_source pyr_opcodes_sources[] = {
    {3, 8, &pyr_opcodes_cp38},   {3, 9, &pyr_opcodes_cp39},   {3, 10, &pyr_opcodes_cp310}, {3, 11, &pyr_opcodes_cp311},
    {3, 12, &pyr_opcodes_cp312}, {3, 13, &pyr_opcodes_cp313}, {3, 14, &pyr_opcodes_cp314}, {3, 15, &pyr_opcodes_cp315},
};

const size_t pyr_opcodes_source_count = sizeof pyr_opcodes_sources / sizeof pyr_opcodes_sources[0];
