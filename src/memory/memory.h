/* The heaps of one recording: finds the files that agents make, reads them while their processes run, and puts them
 * into the recording when these have ended, however they ended. Not thread-safe. */
#ifndef PYR_MEMORY_MEMORY_H
#define PYR_MEMORY_MEMORY_H

#include "pyrometer/err.h"
#include "record/writer.h"

#include <sys/types.h>

struct pyr_memory;

/* A Python process of the recording. */
struct pyr_memory_process {
    pid_t pid, namespace_pid; /* as we see it, as it sees itself */
    uint32_t number;          /* in the recording */
    bool free_threaded;
};

struct pyr_memory_options {
    const char *directory; /* the agents' files are in it; those that are done with are removed */
    struct pyr_writer *writer;
    uint64_t started_ns, started_wall_ns; /* the recording's start: of CLOCK_MONOTONIC, since 1970 */
    bool only_known;                      /* processes that are not among those of pyr_memory_keep are left out */
};

int pyr_memory_open(struct pyr_memory **out, const struct pyr_memory_options *options, struct pyr_err *err);

/* Reads what is due. processes: those that live now. */
int pyr_memory_keep(struct pyr_memory *memory, const struct pyr_memory_process *processes, size_t count,
                    uint64_t time_ns);

/* Reads and records all that is left. processes: those that are still known, living or not. */
int pyr_memory_finish(struct pyr_memory *memory, const struct pyr_memory_process *processes, size_t count,
                      uint64_t time_ns);
void pyr_memory_close(struct pyr_memory *memory); /* NULL is allowed */

/* Why a process has no figures; "" if all have. Borrowed. */
const char *pyr_memory_problem(const struct pyr_memory *memory);

#endif
