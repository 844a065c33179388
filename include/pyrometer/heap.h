/* Heap snapshots (.pyroheap): taking them of live processes, and reports from them. Functions may be called from
 * several threads, for different files. */
#ifndef PYROMETER_HEAP_H
#define PYROMETER_HEAP_H

#include "pyrometer/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct pyr_snapshot; /* an open one */

struct pyr_heap_take_options {
    bool force;      /* overwrite the file, when the new snapshot is complete */
    bool keep_open;  /* leave it open, for a report that need not read it anew */
    bool or_stopped; /* where the process cannot be copied (no memory, no more processes, a seccomp filter …), read it
                      * itself, stopped meanwhile, for ten seconds at most */
    /* Called now and then with the number of objects so far; ends it (PYR_E_AGAIN) by returning non-zero. NULL: none.
     */
    int (*progress)(uint64_t objects, void *context);
    void *context;
};

struct pyr_heap_taken {
    uint64_t objects, references;
    uint64_t torn;     /* objects that could not be read whole */
    uint64_t guessed;  /* objects whose references were found by what looks like one */
    uint64_t pause_ns; /* that the process stood still for */
    uint64_t walk_ns;
    uint64_t copied_bytes;     /* that the process wrote to meanwhile, so that the system had to copy them for it */
    uint64_t missing_bytes;    /* of a core file: that should be in it, but it was cut short */
    bool stopped;              /* it was read itself, not a copy */
    char reason[256];          /* why; "" for a copy */
    struct pyr_snapshot *open; /* keep_open: what was written; else NULL */
};

/* Closes what was left open. Nothing to do after a failure. */
void pyr_heap_taken_release(struct pyr_heap_taken *taken);

/* Takes a snapshot of every object of a Python process. The process stands still while the kernel copies its page
 * tables, and runs on while the copy is read (docs/snapshot.md). options and taken may be NULL.
 * PYR_E_NOT_PYTHON; PYR_E_PERMISSION; PYR_E_AGAIN no moment without a collection in two seconds, or progress said so;
 * PYR_E_LIMIT no memory or process to spare for a copy; PYR_E_UNSUPPORTED a Python or a machine that this cannot do;
 * PYR_E_GONE; PYR_E_EXISTS and what else the file may fail with. Nothing is left behind on failure. */
int pyr_heap_take(pid_t pid, const char *path, const struct pyr_heap_take_options *options,
                  struct pyr_heap_taken *taken, struct pyr_err *err);

/* The same of a core file (the kernel's, or one of gdb's gcore). Memory that is not in it, because mapped files have
 * it, is read from these: below the directory root (NULL: "/"), where their first page is as it was. Of options, force,
 * keep_open and progress count. PYR_E_FORMAT: no core file, or damaged; PYR_E_NOT_PYTHON, PYR_E_UNSUPPORTED, as above,
 * also where a file is not there any more; PYR_E_EXISTS …. */
int pyr_heap_take_core(const char *core, const char *root, const char *path,
                       const struct pyr_heap_take_options *options, struct pyr_heap_taken *taken, struct pyr_err *err);

/* Whether the file begins as a core file does. */
bool pyr_heap_is_core(const char *path);

enum pyr_heap_view {
    PYR_HEAP_OVERVIEW,   /* the types that take most, the objects that keep most, the suspects */
    PYR_HEAP_CENSUS,     /* objects and bytes by type, module, size, generation, site */
    PYR_HEAP_SUSPECTS,   /* in words: what keeps much */
    PYR_HEAP_TOP,        /* the objects that keep most */
    PYR_HEAP_DOMINATORS, /* the dominator tree, from the roots or from one object */
    PYR_HEAP_PATHS,      /* shortest ways from roots to an object, or to those of a type, merged */
    PYR_HEAP_CYCLES,     /* garbage that only the collector can free */
    PYR_HEAP_DUPLICATES, /* equal objects that are there several times */
    PYR_HEAP_CONTAINERS, /* memory that containers take and need not */
    PYR_HEAP_ARENAS,     /* how full pools and arenas are */
    PYR_HEAP_GC,         /* the collector's generations */
    PYR_HEAP_DOT,        /* the ways to `what`, or the top of the dominator tree, for Graphviz */
    PYR_HEAP_JSON,       /* everything, for programs */
    PYR_HEAP_QUERY,      /* the answer to a question in the query language (docs/heap-snapshot.md) */
    PYR_HEAP_VIEWS
};

struct pyr_heap_report_options {
    enum pyr_heap_view view;
    const char *what; /* DOMINATORS: "0x…" or NULL. PATHS: a type's name or "0x…". DOT: as PATHS, or NULL. QUERY: the
                       * text */
    unsigned limit;   /* rows of tables; 0: default */
    bool colour;
    bool json;                 /* QUERY: JSON, not a table */
    struct pyr_snapshot *open; /* what pyr_heap_take has left open of the file: borrowed; NULL: the file is read */
};

/* Writes what a snapshot says to out. PYR_E_NOT_FOUND: no such file, type or object; PYR_E_FORMAT: no snapshot, or
 * damaged; PYR_E_UNSUPPORTED: of a later version; PYR_E_MISUSE: no query; PYR_E_LIMIT: one with too many groups;
 * PYR_E_NOMEM; PYR_E_IO. */
int pyr_heap_report(const char *snapshot, const struct pyr_heap_report_options *options, FILE *out,
                    struct pyr_err *err);

/* What came, what went and what grew between two snapshots, of one program or of two. Of options limit and colour
 * count.
 */
int pyr_heap_diff(const char *before, const char *after, const struct pyr_heap_report_options *options, FILE *out,
                  struct pyr_err *err);

enum pyr_heap_by { PYR_HEAP_BY_TYPE, PYR_HEAP_BY_OWNER, PYR_HEAP_BY_LINE };

/* A picture (SVG) of two snapshots or more, in order of the time at which they were taken: the bytes of the eight
 * types, owners (what they retain) or lines that grew most from the first to the last. PYR_E_NOT_FOUND: nothing grew;
 * else as pyr_heap_report. */
int pyr_heap_plot(const char *const *snapshots, size_t count, enum pyr_heap_by by, FILE *out, struct pyr_err *err);

/* Whether the file begins as a snapshot does. */
bool pyr_heap_is_snapshot(const char *path);

#endif
