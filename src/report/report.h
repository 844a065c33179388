/* Private to report: what a format is given, and what formats share. */
#ifndef PYR_REPORT_REPORT_H
#define PYR_REPORT_REPORT_H

#include "analyze/view.h"
#include "pyrometer/pyrometer.h"

struct pyr_buf;

struct pyr_report {
    struct pyr_shown *view;
    const struct pyr_report_options *options;
    struct pyr_selection selection; /* what the mode counts */
    const char *recording;          /* path */
    FILE *out;
    struct pyr_err *err;
};

/* Every format: its name, one line about it, whether it is binary, and whether it tells the expressions on a line
 * apart. pyr_write_NAME, in a file of its own, writes it
 * and returns 0 or a negative status; failures of `out` are found by the caller. */
#define PYR_FORMATS(X)                                                                                                 \
    X(text, "a summary to read: verdict, hottest functions and lines, threads, quality", false, false)                 \
    X(lines, "the hot files line by line, with seconds beside the source", false, true)                                \
    X(memory, "the heap over time, resident memory explained, the lines that allocate and hold most", false, false)    \
    X(leaks, "what is still allocated at the end, line by line", false, false)                                         \
    X(plot, "memory over time, as a picture (SVG)", false, false)                                                      \
    X(gc, "the garbage collector: pauses by generation and over time, the lines that they began in", false, false)     \
    X(tree, "the call tree, from the outermost frame down", false, false)                                              \
    X(json, "everything, for programs", false, true)                                                                   \
    X(collapsed, "one line per stack: for flamegraph.pl and its heirs", false, false)                                  \
    X(speedscope, "for https://www.speedscope.app", false, true)                                                       \
    X(pprof, "gzipped protocol buffer: for go tool pprof and what reads its format", true, true)                       \
    X(pstats, "for Python's pstats module and its viewers", true, false)                                               \
    X(chrome, "what ran when: for chrome://tracing and https://ui.perfetto.dev", false, false)

#define PYR_FORMAT_WRITER(name, describe, binary, expressions) int pyr_write_##name(struct pyr_report *report);
PYR_FORMATS(PYR_FORMAT_WRITER)
#undef PYR_FORMAT_WRITER

/* What became of writing it, in rc and in report->out; described. */
int pyr_report_finish(struct pyr_report *report, const char *name, int rc);

/* ---- memory (memory.c) ---- */

struct pyr_allocations;

/* The figures of the selected processes; PYR_E_NOT_FOUND and why, if there are none. */
int pyr_report_allocations(struct pyr_report *report, struct pyr_allocations *allocations);

/* ---- collections (gc.c) ---- */

struct pyr_collected;

/* Those of the selected processes in the window; PYR_E_NOT_FOUND and why, if none were recorded. */
int pyr_report_collected(struct pyr_report *report, struct pyr_collected *collected);

/* "104 garbage collections took 12.1 ms, …" */
void pyr_text_collected_figures(struct pyr_report *report, const struct pyr_collected *collected);

/* ---- names (names.c) ---- */

/* How a name is made fit to be shown: control characters and invalid UTF-8 become '?', and so do the characters in
 * `forbidden`, which become `_`. At most max bytes (then an ellipsis). NULL text is "". */
void pyr_put_clean(FILE *out, const char *text, const char *forbidden, size_t max);

/* The same into a buffer, NUL-terminated. Returns whether text was cut to fit. */
bool pyr_clean(char *to, size_t size, const char *text);

/* "function (file:line)", or only the name where there is no file; ';' is replaced. */
void pyr_put_frame(FILE *out, const struct pyr_model *model, uint32_t place);

/* `process 123:"command"` and `thread 456 "name"`, fit for a frame. */
void pyr_put_process(FILE *out, const struct pyr_process_facts *facts);
void pyr_put_thread(FILE *out, const struct pyr_thread_facts *facts);

/* What wait status a shell would report; false if unknown. */
bool pyr_exit_code(int wait_status, int *code);

/* The end of a path: what fits in width, with "…" before it. Borrowed from path, *elided says whether it was cut. */
const char *pyr_path_tail(const char *path, size_t width, bool *elided);

#endif
