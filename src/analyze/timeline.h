/* What each thread's stack was, as time goes by: the recording read once more, in memory for one stack per thread. */
#ifndef PYR_ANALYZE_TIMELINE_H
#define PYR_ANALYZE_TIMELINE_H

#include "analyze/view.h"

/* The caller's part. Both return 0 or a negative status, which ends the reading. */
struct pyr_timeline_sink {
    /* From ns on, the thread's stack is `to` (a node of the tree, 0: none) instead of `from`. */
    int (*change)(void *context, uint32_t thread, uint32_t from, uint32_t to, uint64_t ns);
    /* Resident memory of a process; 0 at its end. */
    int (*memory)(void *context, uint32_t process, uint64_t ns, uint64_t bytes);
    void *context;
};

struct pyr_timeline_options {
    struct pyr_selection selection; /* a stack that it does not count is none */
    double from_s, to_s;            /* as in struct pyr_report_options */
};

/* Reads the recording that view was made from. Changes come in order of time within a process; at the end of the
 * window, of a thread, a process or the recording every stack changes to none. A tick whose stack is not known changes
 * nothing. Nodes of `tree` may be added. */
int pyr_timeline_read(const struct pyr_shown *view, struct pyr_tree *tree, const char *recording,
                      const struct pyr_timeline_options *options, const struct pyr_timeline_sink *sink,
                      struct pyr_err *err);

#endif
