/* Private to memory: the collections that an agent's file tells of, on their way into the recording. The file keeps the
 * last ones only, so they are read while the program runs. */
#ifndef PYR_MEMORY_COLLECTIONS_H
#define PYR_MEMORY_COLLECTIONS_H

#include "base/map.h"
#include "base/vec.h"
#include "record/heap_reader.h"
#include "record/writer.h"

/* Of a whole recording. */
struct pyr_memory_budget {
    uint64_t started_ns; /* of CLOCK_MONOTONIC: the recording's start */
    uint64_t kept;       /* pauses so far */
    uint64_t looks_ns;   /* CPU time that looks at resident memory took so far */
};

/* Of one heap. Zeroed it is empty and releasable, but for `pauses`: see pyr_collections_init. */
struct pyr_collections {
    uint64_t next;         /* the first collection that was not read yet */
    uint64_t due_ns;       /* when to read again */
    uint64_t write_ns;     /* when to put into the recording what has been read */
    struct pyr_vec pauses; /* of struct pyr_gc_pause: not in the recording yet. Their nodes are sites + 1 */
    struct pyr_map nodes;  /* site to node of the recording */
};

void pyr_collections_init(struct pyr_collections *collections);
void pyr_collections_release(struct pyr_collections *collections);

/* Reads what came since, if it is due (or now). Without memory, or where the file cannot be read, pauses are missing.
 */
void pyr_collections_look(struct pyr_collections *collections, struct pyr_heap_reader *reader,
                          struct pyr_memory_budget *budget, uint64_t time_ns, bool now);

/* Whether what is waiting should be written: it is much, or has waited for long, and we may be killed. */
bool pyr_collections_are_due(const struct pyr_collections *collections, uint64_t time_ns);

/* Puts what was read, and the sums of the head, into the recording; the sums alone where it takes no more pauses. */
int pyr_collections_write(struct pyr_collections *collections, struct pyr_heap_reader *reader,
                          const struct pyr_heap_head *head, struct pyr_writer *writer, uint32_t process,
                          uint64_t time_ns);

#endif
