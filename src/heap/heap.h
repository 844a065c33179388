/* Every object of a Python process that stands still: what the collector knows, and all that can be reached from there,
 * from threads, interpreters and the data of modules, given to a snapshot's writer. */
#ifndef PYR_HEAP_HEAP_H
#define PYR_HEAP_HEAP_H

#include "layout/layout.h"
#include "record/snapshot_writer.h"

struct pyr_target;
struct pyr_copy;

/* Called now and then with the number of objects so far; stops the walk (PYR_E_AGAIN) by returning non-zero. */
typedef int pyr_heap_progress(uint64_t objects, void *context);

struct pyr_heap_options {
    struct pyr_copy *copy; /* what target is read from: the traversals that types of C modules bring along are run in
                            * it. NULL: no code is run, and what objects of such types refer to is guessed */
    uint64_t memory_limit; /* bytes of the target kept in memory at once; 0: 1 GiB */
    pyr_heap_progress *progress;
    void *context;
};

/* What only the walk can tell of a snapshot's facts, and what it could not. */
struct pyr_heap_facts {
    uint64_t objects, edges;
    uint64_t torn;         /* objects that could not be read whole */
    uint64_t dangling;     /* references to what is no object */
    uint64_t conservative; /* objects whose edges were guessed */
    uint64_t size_basic;   /* objects whose size lacks what a __sizeof__ would add */
    uint32_t collector_enabled, collecting;
    struct pyr_snapshot_generation generations[3];
};

/* Walks. Nothing may run in the target meanwhile: a copy, a stopped process or an image. Torn and corrupt memory costs
 * the objects in it and is counted. Fails with PYR_E_NOMEM, PYR_E_GONE, PYR_E_UNSUPPORTED (no list of the collector was
 * found), PYR_E_AGAIN as above, or what the writer says. */
int pyr_heap_walk(struct pyr_target *target, const struct pyr_python *python, const struct pyr_heap_options *options,
                  struct pyr_snapshot_writer *writer, struct pyr_heap_facts *facts, struct pyr_err *err);

#endif
