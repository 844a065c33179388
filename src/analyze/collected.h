/* The collections of the cyclic collector in the selected processes. */
#ifndef PYR_ANALYZE_COLLECTED_H
#define PYR_ANALYZE_COLLECTED_H

#include "analyze/view.h"

struct pyr_collected_pause {
    uint32_t process; /* of the model */
    struct pyr_gc_pause pause;
};

/* All of one interpreter, in the window. */
struct pyr_collected_process {
    uint32_t process; /* of the model */
    struct pyr_gc_sum sum;
};

/* What began at one line. */
struct pyr_collected_line {
    uint32_t place;
    uint64_t count, pause_ns;
};

/* Zeroed it is empty and releasable. */
struct pyr_collected {
    uint32_t collectors; /* interpreters whose collections were recorded; 0: nothing else means anything */
    struct pyr_gc_sum sums[PYR_GC_GENERATIONS]; /* of a window: of the pauses in it */
    struct pyr_gc_sum all;                      /* of all generations */
    const struct pyr_gc_facts *example;         /* the first of these collectors whose thresholds are known, or NULL */
    uint64_t missing;                           /* collections of the processes that are not among the pauses */
    double lived_s;           /* of these processes, in the window: what their pauses are a share of */
    struct pyr_vec processes; /* of struct pyr_collected_process, one for each of the collectors */
    struct pyr_vec pauses;    /* of struct pyr_collected_pause, in order of time */
};

/* from_s and to_s as in struct pyr_report_options. 0 or PYR_E_NOMEM. */
int pyr_collected_load(struct pyr_collected *collected, const struct pyr_shown *view, double from_s, double to_s);
void pyr_collected_release(struct pyr_collected *collected);

static inline const struct pyr_collected_pause *pyr_collected_at(const struct pyr_collected *collected, size_t i)
{
    return PYR_VEC_AT(&collected->pauses, struct pyr_collected_pause, i);
}

/* The longest pauses, at most limit, into an emptied vector of const struct pyr_collected_pause *. */
int pyr_collected_longest(const struct pyr_collected *collected, size_t limit, struct pyr_vec *order);

/* The lines that collections began in, by their pauses, into an emptied vector of struct pyr_collected_line. */
int pyr_collected_lines(const struct pyr_collected *collected, const struct pyr_model *model, struct pyr_vec *lines);

/* The place whose line ran when it began. */
uint32_t pyr_collected_place(const struct pyr_model *model, const struct pyr_gc_pause *pause);

/* For how long a process collected between its first and its last tick in the window. False: it was not measured, or
 * not all of it. */
bool pyr_collected_ns(const struct pyr_shown *view, uint32_t process, uint64_t *ns);

#endif
