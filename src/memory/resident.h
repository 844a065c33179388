/* Private to memory: what the resident memory of a watched process consists of, looked at now and then while it runs.
 */
#ifndef PYR_MEMORY_RESIDENT_H
#define PYR_MEMORY_RESIDENT_H

#include "base/vec.h"
#include "record/heap_reader.h"
#include "record/writer.h"

#include <sys/types.h>

/* One look. Of pins, nodes are sites until they are written. */
struct pyr_resident_look {
    bool done;
    struct pyr_resident_facts facts;
    struct pyr_vec classes; /* of struct pyr_resident_class */
    struct pyr_vec pins;    /* of struct pyr_resident_pin */
};

/* Of one heap. Zeroed it is empty and releasable. */
struct pyr_residents {
    struct pyr_resident_look most, last; /* with the most resident memory; the last one */
    uint64_t began_ns;                   /* when the first look was */
};

void pyr_residents_release(struct pyr_residents *residents);

/* Looks, if it is worth it: resident memory (rss_bytes, as read just now) has risen, or it is some time ago; and if it
 * does not cost too much: *spent_ns is the CPU time that all looks of the recording took. What cannot be read is left
 * out. */
void pyr_residents_look(struct pyr_residents *residents, struct pyr_heap_reader *reader,
                        const struct pyr_heap_head *head, pid_t pid, uint64_t rss_bytes, uint64_t time_ns,
                        uint64_t *spent_ns);

int pyr_residents_write(struct pyr_residents *residents, struct pyr_heap_reader *reader, struct pyr_writer *writer,
                        uint32_t process);

#endif
