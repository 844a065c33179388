/* All objects are given to the writer in sweeps over memory, chunk by chunk in the order of addresses, by two threads
 * where there are two processors: what one object leads to is marked, and given when its chunk comes again. So memory
 * is read from one end to the other, and what lies together is written together. Each thread has a walk of its own (a
 * view of the memory, types, a part of the writer); what is below is shared. */
#ifndef PYR_HEAP_SWEEP_H
#define PYR_HEAP_SWEEP_H

#include "heap/private.h"

#include <pthread.h>
#include <stdatomic.h>

struct visitor;

struct sweep {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct pyr_vec now, next;          /* of uint64_t: chunks in which something waits to be given; now: sorted */
    size_t first, last;                /* what is left of now */
    unsigned working;                  /* threads; those that do not wait for chunks */
    _Atomic int status;                /* of the first failure, which ends all */
    _Atomic uint64_t objects;          /* given so far */
    _Atomic uint64_t arrays_looked_at; /* bytes of their data */
    pthread_mutex_t visitor_lock;      /* of the copy, too: one call runs in it at a time */
    struct visitor *visitor;           /* NULL: not needed so far */
    pthread_mutex_t sites_lock;
    unsigned list;      /* of the collector, that is not marked; */
    uint64_t list_head; /* 0: there is none */
};

/* A zeroed one may be released. */
void sweep_open(struct sweep *sweep);
void sweep_release(struct sweep *sweep);

/* A walk for another thread, once all is known that has to be before objects are given. Where there is no other
 * processor, or no memory, there is none. */
bool sweep_wants_help(const struct pyr_target *target);
void sweep_get_help(struct walk *walk);
void sweep_dismiss_help(struct walk *walk);

/* Does something by both threads at once, each with its walk. False: there was no other, and `there` was not done. */
typedef void sweep_part(struct walk *walk, void *context);
bool sweep_both(struct walk *walk, sweep_part *here, sweep_part *there, void *context);

/* Gives all that was found, and what that leads to. */
int sweep_give_all(struct walk *walk);

/* The marks of an object that was found. Any thread. */
void sweep_found(struct walk *walk, struct pyr_mirror_region *region, uint64_t at);

/* The same of what is in a list of the collector. False if it was known to be in one. */
bool sweep_found_tracked(struct walk *walk, struct pyr_mirror_region *region, uint64_t at, unsigned list);

#endif
