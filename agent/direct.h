/* The figures of memory that does not come from the private heap: by site and domain (record/heap_file.h). Threads that
 * hold the GIL count without atomics, others beside them atomically. */
#ifndef PYR_AGENT_DIRECT_H
#define PYR_AGENT_DIRECT_H

#include "caller.h"

/* Figures of a site in a domain, by number; 0 is none. */
enum { PYR_DIRECT_BITS = 19, PYR_DIRECT_MAX = 1 << PYR_DIRECT_BITS };

/* Whether anything is counted. False in processes that are not Python, and where malloc is not ours. */
extern bool pyr_direct_counts;

/* The heap's file is open, and so are its windows. False: out of memory. */
bool pyr_direct_open(void);

/* The figures of a caller. Those of "other" if there is no room for more. */
uint32_t pyr_direct_of(uint32_t site, enum pyr_heap_domain domain);

/* 0: there are none yet. */
uint32_t pyr_direct_find(uint32_t site, enum pyr_heap_domain domain);

enum pyr_heap_domain pyr_direct_domain(uint32_t number);

void pyr_direct_allocated(uint32_t number, bool held, size_t size);

/* blocks: 0 of a part. */
void pyr_direct_freed(uint32_t number, bool held, unsigned blocks, size_t size);

/* Of a thread that holds the GIL: adds what threads without it have counted to the heap's total. */
void pyr_direct_gather(void);

/* The same of C memory. */
void pyr_direct_gather_c(void);

/* What is held of a domain other than PYR_DOMAIN_RAW, with the GIL; threads without it have some more or less, up to
 * 4 KiB each. */
uint64_t pyr_direct_live(enum pyr_heap_domain domain);

/* As pyr_direct_gather where the headroom may be below zero: what the total has changed by. */
int64_t pyr_direct_take_raw(void);

/* Notes what all hold now. */
void pyr_direct_note_live(void);

/* Around a fork: nobody else is changing anything when the child begins. */
void pyr_direct_before_fork(void);
void pyr_direct_in_parent(void);
void pyr_direct_in_child(void);

#endif
