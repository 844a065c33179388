/* The public C API of libpyrometer. Types are opaque; functions return 0 or a negative enum pyr_status and describe the
 * failure in the caller's struct pyr_err. Different objects may be used from different threads. */
#ifndef PYROMETER_H
#define PYROMETER_H

#include "pyrometer/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

const char *pyr_version(void); /* "0.1.0" */

/* ---- profiling a live process into a recording ---- */

enum pyr_mode { PYR_MODE_WALL, PYR_MODE_CPU, PYR_MODE_GIL };

/* How stacks are made certain; PYR_TRUTH_AUTO unless testing. See docs/truth.md. */
enum pyr_truth {
    PYR_TRUTH_AUTO,    /* glances, and exact ticks chosen in advance */
    PYR_TRUTH_EXACT,   /* every tick exact: the oracle; costs the target more */
    PYR_TRUTH_NO_STOP, /* glances only: the target is never disturbed */
    PYR_TRUTH_STOP,    /* every tick by ptrace: the second oracle */
};

#define PYR_RATE_MAX (-1.0)

struct pyr_profile_options {
    const char *output; /* path of the recording; must not exist unless force */
    bool force;
    double rate_hz;     /* samples per second; 0: none; PYR_RATE_MAX: as fast as can be */
    enum pyr_mode mode; /* what reports show by default; everything is recorded */
    enum pyr_truth truth;
    double duration_s; /* 0: until it ends */
    bool follow_children;
    bool opcodes;         /* record which instruction each frame executes; costs a read for each sample, and more */
    double wait_python_s; /* until the process has become Python: attach a short time, run for ever (<0) */
    bool attached;        /* recorded: attach, not run */
    const char *const *command; /* argv to record; NULL-terminated; may be NULL: taken from the process */
    void (*ready)(void *); /* called once, from a thread of the profiler's own or that of pyr_profiler_run, when the
                            * first sample is taken (rate 0: when it runs); NULL: nothing to call */
    void *ready_context;
    const char *memory_directory; /* where the agents of the processes count allocations; NULL: they are not recorded */
};

/* What came of it, for the line that a person reads at the end. */
struct pyr_profile_summary {
    double elapsed_s, own_cpu_s, rate_hz;
    uint64_t samples, samples_unresolved, samples_failed, samples_stopped, samples_truncated, deadlines_missed;
    uint32_t processes, python_processes, threads;
    uint64_t file_bytes;
    uint64_t rss_bytes;       /* of the processes together, when it was last looked at */
    uint32_t left_running;    /* processes that it started and that live on, where the root process has ended */
    pid_t left_pid;           /* one of them */
    char python[32];          /* version of the first Python process, "" if none was seen */
    char problem[480];        /* why a Python process could not be profiled; "" if all could */
    char memory_problem[480]; /* why allocations of one are not recorded; "" if all are. Filled in at the end */
};

struct pyr_profiler;

/* Opens the process and the recording. Fails before anything is touched. */
int pyr_profiler_open(struct pyr_profiler **out, pid_t pid, const struct pyr_profile_options *options,
                      struct pyr_err *err);

/* Samples until the process (with run: the root process) ends, the duration passes, or pyr_profiler_stop. Blocks. */
int pyr_profiler_run(struct pyr_profiler *profiler, struct pyr_err *err);

/* Makes pyr_profiler_run return soon. Async-signal-safe; may be called from any thread. */
void pyr_profiler_stop(struct pyr_profiler *profiler);

/* Between both nothing is sampled, and no thread of the target is held: to stop this process for a while. The first
 * waits for a sample that is being taken. Both from the same thread; not from a signal handler. */
void pyr_profiler_pause(struct pyr_profiler *profiler);
void pyr_profiler_resume(struct pyr_profiler *profiler);

/* Figures so far; from any thread. */
void pyr_profiler_summary(const struct pyr_profiler *profiler, struct pyr_profile_summary *summary);

/* Writes out what the file lacks so far, which it does by itself ever less often, at last every 10 s; from any thread.
 */
int pyr_profiler_flush(struct pyr_profiler *profiler, struct pyr_err *err);

/* Completes the recording and releases the profiler (even on failure). root_exit_status: as waitpid gives it, −1 if
 * unknown. summary may be NULL. */
int pyr_profiler_close(struct pyr_profiler *profiler, int root_exit_status, struct pyr_profile_summary *summary,
                       struct pyr_err *err);

/* Makes a recording of what the agent has counted where PYROMETER_MEMORY_DIR told it to: of all files of a directory,
 * or of one (PID.N.memory); of processes that run, have ended or were killed. The files stay as they are.
 * PYR_E_NOT_FOUND: there is none. */
int pyr_collect_memory(const char *files, const char *output, bool force, struct pyr_err *err);

/* ---- reports from a recording ---- */

enum pyr_by { PYR_BY_LINE, PYR_BY_FUNCTION };

/* What stacks are weighed by. Bytes are those asked for. */
enum pyr_weigh {
    PYR_WEIGH_TIME,
    PYR_WEIGH_ALLOCATED,
    PYR_WEIGH_LIVE,      /* when the main module had ended; else at the end */
    PYR_WEIGH_PEAK,      /* held at the moment of the highest total */
    PYR_WEIGH_TEMPORARY, /* freed among the last so many allocations, which the recording tells */
};

struct pyr_report_options {
    const char *format; /* a name from pyr_report_formats; NULL: "text" */
    enum pyr_by by;
    enum pyr_weigh weight; /* time, but for formats with stacks */
    bool opcodes;          /* lines and json: each line by its instructions; they must have been recorded */
    bool no_threads;       /* leave process and thread frames out of stacks */
    bool mode_given;       /* else the recording's own */
    enum pyr_mode mode;
    bool include_idle;   /* wall mode: count threads that wait as well (default for wall) */
    const char *thread;  /* only threads with this name, ident or native id; NULL: all */
    int64_t pid;         /* only this process; 0: all */
    double from_s, to_s; /* to_s 0: the end */
    unsigned limit;      /* rows of tables in text formats; 0: default */
    bool by_total;       /* text: functions and lines in order of total time, not of their own */
    const char *filter;  /* text: only functions and lines with this in their names or files, in any case; NULL: all */
    const char *functions; /* plot: names, divided by commas, of those whose time spans it shows; NULL: none */
    bool colour;
    struct pyr_err *notice; /* the caller's; gets what else there is to know of a report that was made; may be NULL */
};

struct pyr_report_format {
    const char *name;
    const char *describe; /* one line */
    bool binary;          /* not for a terminal */
};

const struct pyr_report_format *pyr_report_formats(unsigned *count);

/* Writes the report to out. */
int pyr_report(const char *recording, const struct pyr_report_options *options, FILE *out, struct pyr_err *err);

/* ---- reports from a recording that is still being written ---- */

struct pyr_follow;

/* Opens a recording to be followed. window_s: how much of the past pyr_follow_report looks at if it is not asked for
 * all. discard: the space of what was read is given back to the file system where that is possible; then nothing else
 * can read the recording any more. */
int pyr_follow_open(struct pyr_follow **out, const char *recording, double window_s, bool discard, struct pyr_err *err);

/* Takes in what was written since the last call, and only that. Memory grows with distinct stacks and threads, not with
 * time. */
int pyr_follow_read(struct pyr_follow *follow, struct pyr_err *err);

/* Writes the text report of what was taken in, of the last window_s or of all. Of options mode, by, include_idle,
 * limit, by_total, filter and colour count. */
int pyr_follow_report(struct pyr_follow *follow, const struct pyr_report_options *options, bool all, FILE *out,
                      struct pyr_err *err);
void pyr_follow_close(struct pyr_follow *follow); /* NULL is allowed */

/* ---- stacks now ---- */

struct pyr_dump_options {
    bool locals;
    bool json;
    bool colour;
};

int pyr_dump(pid_t pid, const struct pyr_dump_options *options, FILE *out, struct pyr_err *err);

/* The same of a core file: what each thread did when it was written. root: see pyr_heap_take_core. */
int pyr_dump_core(const char *core, const char *root, const struct pyr_dump_options *options, FILE *out,
                  struct pyr_err *err);

#endif
