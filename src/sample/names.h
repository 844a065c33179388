/* Thread names of one process: threading's, else the kernel's. */
#ifndef PYR_SAMPLE_NAMES_H
#define PYR_SAMPLE_NAMES_H

#include "pyobj/thread_names.h"
#include "target/task.h"

/* Zeroed it is empty and releasable. */
struct pyr_names {
    struct pyr_map active;   /* interpreter → its threading's dict of threads */
    struct pyr_map by_ident; /* ident → Thread object, of all interpreters; idents are unique in a process */
};

void pyr_names_release(struct pyr_names *names);

/* Reads which Thread object each ident has now: before a row of pyr_names_find. Failures leave fewer names. */
void pyr_names_read(struct pyr_names *names, struct pyr_view view, const struct pyr_vec *interps);

/* Appends the name and a NUL that is not counted. True if threading knows it. */
bool pyr_names_find(const struct pyr_names *names, struct pyr_view view, uint64_t ident, const struct pyr_task *task,
                    struct pyr_buf *name);

#endif
