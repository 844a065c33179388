/* What the selected processes allocated, by stack and by line, and their heaps over time. */
#ifndef PYR_ANALYZE_ALLOCATIONS_H
#define PYR_ANALYZE_ALLOCATIONS_H

#include "analyze/view.h"

/* What a stack or a line allocated; figures.node means nothing. */
struct pyr_allocation {
    uint32_t process; /* of the model; meaningless where processes are merged */
    uint32_t leaf;    /* node of the tree; of the lines: the place that is the whole line */
    struct pyr_memory_site figures;
};

/* Memory of another kind than the heap; peaks as there. */
struct pyr_other_memory {
    uint32_t heaps; /* processes that have figures; 0: nothing else means anything */
    uint64_t allocated_blocks, allocated_bytes, live_blocks, live_bytes, peak_bytes;
    uint64_t largest_bytes, peak_ns; /* of the process with the highest peak; peak_ns 0: not known */
    struct pyr_vec lines;            /* of struct pyr_allocation: by place, merged, in order of place */
};

/* Zeroed it is empty and releasable. */
struct pyr_allocations {
    uint32_t heaps;   /* that have figures; 0: nothing else means anything */
    uint32_t largest; /* of these, by number in the recording: the one with the highest peak */
    const char *why;  /* the first reason why a selected process has none; NULL if all have. Borrowed */
    uint64_t allocated_blocks, allocated_bytes, live_blocks, live_bytes;
    uint64_t peak_bytes; /* of several heaps: the sum of the peaks of each, which is at least that of all together */
    uint64_t peak_ns;    /* of the largest heap; 0: not known */
    uint64_t arena_bytes, lost_allocations;
    uint64_t temporary_blocks, temporary_bytes;
    uint32_t temporary_within; /* see pyr_memory_facts; 0: not all heaps say what was temporary */
    bool at_main_end;          /* all of live is as it was when the main module had ended */
    bool begun_late;           /* some heap was counted only from a moment on */
    bool whole;                /* some heap's sites are whole stacks */
    bool cut;                  /* the recording ends before some of the sites */
    struct pyr_vec stacks;     /* of struct pyr_allocation, in order of process and leaf */
    struct pyr_vec merged;     /* of struct pyr_allocation: by leaf, of all processes */
    struct pyr_vec lines;      /* of struct pyr_allocation: by place, merged, in order of place */
    uint64_t start_ns, step_ns;
    struct pyr_vec points;                            /* of struct pyr_memory_point, all heaps added */
    struct pyr_other_memory others[PYR_MEMORY_KINDS]; /* by kind; that of the heap is not used */
};

/* Nodes of the view's tree may be added. 0 or PYR_E_NOMEM. */
int pyr_allocations_load(struct pyr_allocations *allocations, struct pyr_shown *view);
void pyr_allocations_release(struct pyr_allocations *allocations);

/* Of what a weight counts. */
uint64_t pyr_allocation_bytes(const struct pyr_memory_site *figures, enum pyr_weigh weight);
uint64_t pyr_allocation_blocks(const struct pyr_memory_site *figures, enum pyr_weigh weight);

/* Of some lines, those with the most bytes of that weight, at most limit, into an emptied vector of const struct
 * pyr_allocation *. */
int pyr_allocations_rank_lines(const struct pyr_vec *lines, enum pyr_weigh weight, size_t limit, struct pyr_vec *order);

/* The same of the heap's lines. */
int pyr_allocations_rank(const struct pyr_allocations *allocations, enum pyr_weigh weight, size_t limit,
                         struct pyr_vec *order);

/* The same of stacks, all processes merged. */
int pyr_allocations_rank_stacks(const struct pyr_allocations *allocations, enum pyr_weigh weight, size_t limit,
                                struct pyr_vec *order);

/* The line of a place among some lines; NULL if nothing was allocated there. */
const struct pyr_allocation *pyr_allocations_line(const struct pyr_vec *lines, uint32_t place);

/* The same of the heap's lines. */
const struct pyr_allocation *pyr_allocations_of(const struct pyr_allocations *allocations, uint32_t place);

#endif
