/* Random recordings, and what a reader must say about them. */
#ifndef PYR_TESTS_RECORD_SUPPORT_H
#define PYR_TESTS_RECORD_SUPPORT_H

#include "base/vec.h"
#include "record/reader.h"
#include "record/writer.h"

#include <stddef.h>
#include <stdint.h>

uint64_t random_next(uint64_t *state); /* splitmix64 */
uint32_t random_below(uint64_t *state, uint32_t bound);

/* A path in a directory of this test run, removed by test_directory_remove. */
const char *test_path(const char *name);
void test_directory_remove(void);

struct model_event {
    struct pyr_event event; /* event.samples is not used */
    size_t first_sample;    /* in model.samples; or in model.cpu_times */
};

/* What was given to the writer. */
struct model {
    struct pyr_vec events;    /* of struct model_event */
    struct pyr_vec samples;   /* of struct pyr_sample */
    struct pyr_vec nodes;     /* of struct model_node */
    struct pyr_vec cpu_times; /* of struct pyr_cpu_time */
    uint32_t codes, processes, threads;
    uint32_t thread_process[64];
    uint8_t thread_live[64], cpu_known[64];
    uint64_t ran_us[64], waited_us[64];
    uint64_t time_ns[8];
    uint8_t process_live[8];
    uint64_t random;
};

struct model_node {
    uint32_t parent, code;
    int32_t instruction;
    uint32_t opcode;
};

extern const struct pyr_run_facts model_facts;

void model_init(struct model *model, uint64_t seed);
void model_release(struct model *model);

/* Gives the writer this many random events and remembers them. Returns 0 or what the writer returned. */
int model_write(struct model *model, struct pyr_writer *writer, unsigned events);

/* Reads from path and checks that all it says is the model's, from the beginning on. Returns how many events there
 * were; −1 if it was refused, which must be before the facts were whole. *complete and *why as the reader has them. */
long model_check(const struct model *model, const char *path, bool *complete, char why[200]);

/* What an instruction of a code is called: of the set that every third code has, of another, of none. */
const char *model_opcode(uint32_t code, uint32_t opcode);

/* What a code was said to be. */
void model_code(uint32_t number, struct pyr_code_facts *facts, char name[64], uint8_t table[32]);

#endif
