/* Private to src/target: what the headers and notes of a core file say. */
#ifndef PYR_TARGET_CORE_FILE_H
#define PYR_TARGET_CORE_FILE_H

#include "base/arena.h"
#include "base/vec.h"
#include "target/core.h"

/* Of memory. Sorted by address, none over another. */
struct pyr_core_segment {
    uint64_t address, memory_size;
    uint64_t offset, file_size; /* where its first bytes are in the core, and how many are; no more than memory_size */
    uint32_t flags;             /* PF_R … */
};

/* What was mapped from files. Sorted by address, none over another. */
struct pyr_core_mapped {
    uint64_t start, end, offset;
    uint32_t file;
};

struct pyr_core_name {
    const char *path;
    bool deleted;
    uint64_t first; /* address at which its first byte was mapped; 0: nowhere */
};

/* Zeroed but for the vectors it is releasable. */
struct pyr_core_contents {
    struct pyr_vec segments; /* of struct pyr_core_segment */
    struct pyr_vec mapped;   /* of struct pyr_core_mapped */
    struct pyr_vec names;    /* of struct pyr_core_name, each once */
    struct pyr_vec threads;  /* of pid_t */
    struct pyr_arena arena;
    struct pyr_core_facts facts;
    uint64_t entry; /* address at which the program began; 0: not told */
};

/* PYR_E_FORMAT, PYR_E_UNSUPPORTED, PYR_E_NOMEM. Release the contents in any case. */
int pyr_core_contents_read(struct pyr_core_contents *contents, int fd, uint64_t file_size, struct pyr_err *err);
void pyr_core_contents_release(struct pyr_core_contents *contents);

/* How much was read, less than size at the end of the file. */
size_t pyr_core_read_file(int fd, void *to, size_t size, uint64_t offset);

#endif
