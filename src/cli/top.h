/* The live view of `pyrometer top`. */
#ifndef PYR_CLI_TOP_H
#define PYR_CLI_TOP_H

#include "live.h"
#include "profile_options.h"

#include "pyrometer/launch.h"

struct top_args {
    struct profile_args profile;
    double interval_s, window_s;
};

/* What is watched, and with what. */
struct top {
    const struct top_args *args;
    struct pyr_signals signals;
    struct pyr_program program;
    struct pyr_launch *launch; /* NULL: the process was there before */
    struct pyr_profiler *profiler;
    struct pyr_session *session;
    struct pyr_live *live;
    struct pyr_follow *follow; /* NULL: not begun yet */
    int mode;
    bool whole;    /* all of the time, not the last window */
    bool by_total; /* in order of total time */
    bool paused;   /* what is shown stays; sampling goes on */
    bool typing;   /* keys are the filter's */
    char filter[40];
    char *text; /* shown last */
    char directory[64], file[80];
};

/* Shows, and takes keys, until a person or the end of the process ends it. */
void pyr_top_watch(struct top *top);

#endif
