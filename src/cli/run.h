/* A run of `pyrometer run`, from the fork to the summary. */
#ifndef PYR_CLI_RUN_H
#define PYR_CLI_RUN_H

#include "cmd.h"
#include "profile_options.h"

#include "pyrometer/launch.h"

struct run_args {
    struct profile_args profile;
    const char *python;
    int kind;
};

/* One run: what has to be undone at its end. */
struct run {
    const struct pyr_cmd *cmd;
    const struct run_args *args;
    struct pyr_program program;
    struct pyr_signals signals;
    struct pyr_preload *preload; /* NULL: allocations are not recorded */
    struct pyr_launch *launch;
    struct pyr_profiler *profiler;
    struct pyr_session *session;
    char *file;
    struct pyr_err err, memory_err;
};

/* Runs the resolved program; returns the exit status. */
int pyr_run_program(struct run *run);

/* Tells why the program could not be run, and returns what a shell would. */
int pyr_run_refused(const struct run *run, int rc);

#endif
