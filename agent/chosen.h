/* Functions that the user chose, line by line: what each line left behind, and how much was held while it ran. They are
 * followed by the interpreter's own events: where there is sys.monitoring by those of their code alone; else by a trace
 * function, while one of them runs. Figures are of the whole process: the private heap and C memory. */
#ifndef PYR_AGENT_CHOSEN_H
#define PYR_AGENT_CHOSEN_H

#include <stdint.h>

/* A line, as it is given out. All zero: it did not run. */
struct pyr_chosen_line {
    uint64_t occurrences;
    int64_t increment_bytes; /* held after it less held before it, all its occurrences added */
    uint64_t held_bytes;     /* after it, at most */
    int64_t peak_bytes;      /* while it ran, at most, above what was held when its function began */
};

enum pyr_chosen_how {
    PYR_CHOSEN_TRACED = 1,       /* by a trace function; else the caller has sys.monitoring call */
    PYR_CHOSEN_NUMBERS_KEPT = 2, /* small numbers that are gone stay in a free list of the interpreter */
};

#define PYR_CHOSEN_API __attribute__((visibility("default")))

/* ---- for the Python package: by ctypes, with the GIL ---- */

/* Bytes that Python and C code hold now. 0; 1: C memory is not counted; −1: this process is not counted. */
PYR_CHOSEN_API int pyrometer_memory_now(uint64_t held[2]);

/* A code object with `count` lines from `first` on; it must not die. how: enum pyr_chosen_how. Its number; −1: no
 * memory, or not counted. */
PYR_CHOSEN_API int pyrometer_memory_choose(const void *code, uint32_t first, uint32_t count, unsigned how);

/* Copies the figures of its lines; *calls: how often it was called, what was held then at most. */
PYR_CHOSEN_API int pyrometer_memory_lines(int number, struct pyr_chosen_line *lines, struct pyr_chosen_line *calls);

/* A new reference to a function for Python: 0 begin(number, resumed), which says whether it
 * is followed and end() is to be called, 1 end(), 2 and 3 callbacks of sys.monitoring for
 * LINE, and for PY_RETURN and PY_YIELD. They are in C, for what a function of Python allocates would be counted. */
PYR_CHOSEN_API void *pyrometer_memory_function(int which);

#endif
