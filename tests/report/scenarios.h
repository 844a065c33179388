/* Recordings made up for the tests: what is in them is known exactly. */
#ifndef PYR_TESTS_SCENARIOS_H
#define PYR_TESTS_SCENARIOS_H

#include "record/writer.h"

#include <stdint.h>

struct scenario {
    const char *name;
    const char *python; /* version in the facts */
    bool no_stop;
    int (*fill)(struct pyr_writer *writer, uint64_t size); /* size: where it can be chosen */
};

extern const struct scenario scenarios[];
extern const unsigned scenario_count;

/* What scenarios are made with: each returns a number, or a negative status. */
int64_t scenario_process(struct pyr_writer *writer, uint32_t pid, uint32_t parent, const char *command);
int64_t scenario_thread(struct pyr_writer *writer, uint32_t process, uint64_t native_id, const char *name);
/* Instruction 2k of it is on line first_line + k. */
int64_t scenario_code(struct pyr_writer *writer, const char *name, const char *file, uint32_t first_line);
int scenario_finish(struct pyr_writer *writer, uint32_t process, uint64_t glance, uint64_t exact);

int scenario_hostile(struct pyr_writer *writer, uint64_t size);
int scenario_deep(struct pyr_writer *writer, uint64_t size);
int scenario_gc(struct pyr_writer *writer, uint64_t size);
int scenario_gc_hostile(struct pyr_writer *writer, uint64_t size);
int scenario_big(struct pyr_writer *writer, uint64_t size);

#endif
