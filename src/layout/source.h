/* Private to src/layout: what the generated tables hold. */
#ifndef PYR_LAYOUT_SOURCE_H
#define PYR_LAYOUT_SOURCE_H

#include "layout/layout.h"

/* What differs between the machines that tables are for. Only processes of this program's own machine are read (see
 * pyr_target_symbol), so one value of them is all that it needs. */
#if defined(__x86_64__)
#define PYR_BY_MACHINE(x86_64, aarch64) (x86_64)
#elif defined(__aarch64__)
#define PYR_BY_MACHINE(x86_64, aarch64) (aarch64)
#else
#error "there are no tables for this machine: see tools/gen_layout.py"
#endif

/* A 32-bit member of struct pyr_layout, as data. */
#define PYR_MEMBER(member) .at = offsetof(struct pyr_layout, member)

/* Where _Py_DebugOffsets tells the value of a member. Positions are of 64-bit words; 0 (its cookie) is none. */
struct pyr_debug_field {
    uint16_t at;
    uint16_t position;
    uint16_t plus;  /* added to it */
    uint16_t minus; /* taken from it */
    uint16_t limit; /* the size of the structure that holds the field */
    uint16_t align;
};

struct pyr_layout_source {
    const struct pyr_layout *layout;
    /* Where pointers stand whose value is known; PYR_ABSENT where the version has none. */
    int32_t runtime_main_interp; /* in _PyRuntime: the main interpreter */
    int32_t interp_generations;  /* in the interpreter: the collector's lists … */
    int32_t interp_generation0;  /* … and a pointer to the first */
    const struct pyr_debug_field *debug;
    size_t debug_count;
    size_t debug_size; /* of _Py_DebugOffsets; 0 where the version has none */
};

extern const struct pyr_layout_source *const pyr_layout_sources[];
extern const size_t pyr_layout_source_count;

#endif
