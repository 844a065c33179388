/* A recording, condensed: how often every thread was seen with every stack. Made in one pass; memory grows with
 * distinct stacks and threads, not with samples. Reads only; not thread-safe. */
#ifndef PYR_MODEL_MODEL_H
#define PYR_MODEL_MODEL_H

#include "base/arena.h"
#include "base/intern.h"
#include "base/vec.h"
#include "model/linetable.h"
#include "pyrometer/err.h"
#include "record/format.h"

#include <stddef.h>

struct pyr_reader;

struct pyr_code_cache;

/* What of the recording to look at. Zeroed: all of it. */
struct pyr_model_filter {
    double from_s, to_s; /* since the recording's start; to_s 0: the end */
    int64_t pid;         /* 0: all */
    const char *thread;  /* name, ident or native id; NULL: all */
    bool opcodes;        /* and tell instructions apart, where they were recorded */
};

/* A function as people know it: many code objects (of many processes) may be one function. Borrowed strings. */
struct pyr_function {
    const char *name, *file;
    uint32_t line; /* of its definition */
};

/* A line of a function, an expression on it, or (where asked for) an instruction of it: what a frame of a report is. */
struct pyr_place {
    uint32_t function, line;
    uint32_t whole;             /* the place that is the whole line; its own number if it is that */
    uint32_t end_line;          /* of the expression; line where it is the whole line */
    int32_t column, end_column; /* UTF-8 bytes from 0, the end is behind the last; PYR_COLUMN_UNKNOWN: a whole line */
    uint32_t expression;        /* the place that is the whole expression, or line; its own number if it is that */
    int32_t instruction;        /* offset in bytes from the code's first; PYR_INSTRUCTION_NONE: it is no single one */
    uint32_t opcode;            /* its name: number + 1 of opcode_names; 0: not known */
};

#define PYR_INSTRUCTION_NONE (-1)

/* Places that are no line of Python; always there, under these numbers. Their functions have the same numbers. */
enum { PYR_PLACE_GC, PYR_PLACE_UNRESOLVED, PYR_PLACE_NO_FRAME, PYR_PLACES_SPECIAL };

/* A node of the recording's stack tree. Parents have lower numbers than children; 0 is the empty stack. */
struct pyr_stack_node {
    uint32_t parent, place;
};

/* Beside enum pyr_sample_flags, in the model only: it could run, but waited for a CPU. What samples call PYR_ON_CPU is
 * then divided by what the kernel measured. */
#define PYR_QUEUED ((uint8_t)(1u << 6))
#define PYR_SAMPLE_FLAGS ((uint8_t)(PYR_QUEUED - 1)) /* all that a recording may hold */

/* How often, and for how long, one thread was seen with one stack in one state. */
struct pyr_tally {
    uint32_t thread, node;
    uint8_t flags;
    uint64_t glance, exact, only; /* ticks */
    double seconds, square;       /* what they stand for; and the sum of the squares of each one's seconds */
    double ran_s;                 /* of the seconds with PYR_ON_CPU: it really ran; for the rest it waited for a CPU */
};

/* Nanoseconds during which some thread of the process … */
struct pyr_overlap {
    uint64_t runnable, gil_held, gil_wanted, in_gc;
};

struct pyr_model_process {
    const struct pyr_process_facts *facts;
    uint64_t glance, exact, only; /* ticks in the window */
    uint64_t first_ns, last_ns;   /* of those ticks */
    struct pyr_overlap overlap;
    double elapsed_s;                   /* what its ticks stand for */
    double tick_s;                      /* what one of them is worth on average */
    double unobserved_s, longest_gap_s; /* of elapsed_s: in gaps between ticks that are far longer than usual */
    bool measured;                      /* the kernel told for how long its threads ran and waited for a CPU */
    uint64_t cpu_ns, peak_rss_bytes;
    uint64_t start_ns, end_ns;
    int exit_status; /* as waitpid gives it; −1 unknown */
    bool ended, selected;
};

struct pyr_model_thread {
    const struct pyr_thread_facts *facts;
    uint64_t glance, exact, only; /* ticks at which it lived */
    bool selected;
};

/* Zeroed it is empty and releasable. */
struct pyr_model {
    struct pyr_reader *reader; /* keeps the strings */
    const struct pyr_run_facts *facts;
    struct pyr_quality quality;
    bool complete;
    const char *incomplete_why;
    uint64_t end_ns; /* of the last event */

    struct pyr_model_process *processes;
    uint32_t process_count;
    struct pyr_model_thread *threads;
    uint32_t thread_count;
    struct pyr_vec tallies; /* of struct pyr_tally, sorted by thread, node, flags */

    struct pyr_stack_node *nodes;
    uint32_t node_count;
    struct pyr_vec functions; /* of struct pyr_function */
    struct pyr_vec places;    /* of struct pyr_place */
    struct pyr_intern function_keys;
    struct pyr_intern place_keys;
    struct pyr_intern opcode_names;
    bool opcodes;                      /* places are instructions */
    struct pyr_code_cache *code_cache; /* private to places.c */
};

int pyr_model_load(struct pyr_model *model, const char *path, const struct pyr_model_filter *filter,
                   struct pyr_err *err);
void pyr_model_release(struct pyr_model *model);

/* ---- a recording that is still being written ---- */

struct pyr_model_stream;

int pyr_model_stream_open(struct pyr_model_stream **out, const char *path, double window_s, struct pyr_err *err);
void pyr_model_stream_close(struct pyr_model_stream *stream);

/* Takes in what was written since the last call; discard: and gives its space back. */
int pyr_model_stream_read(struct pyr_model_stream *stream, bool discard, struct pyr_err *err);

/* The model of the last window_s, or of all, as of the last call of pyr_model_stream_read. Borrowed until the next call
 * of any of these; places may be added to it meanwhile. NULL: no memory. */
struct pyr_model *pyr_model_stream_look(struct pyr_model_stream *stream, bool all);

const struct pyr_place *pyr_model_place(const struct pyr_model *model, uint32_t place);
const struct pyr_function *pyr_model_function(const struct pyr_model *model, uint32_t function);
static inline const struct pyr_function *pyr_model_place_function(const struct pyr_model *model, uint32_t place)
{
    return pyr_model_function(model, pyr_model_place(model, place)->function);
}

/* Numbers for a function or a line of one, new or known; or a negative status. Strings are borrowed. */
int64_t pyr_model_intern_function(struct pyr_model *model, const char *name, const char *file, uint32_t line);
int64_t pyr_model_intern_place(struct pyr_model *model, uint32_t function, uint32_t line);

/* The number of the expression on a line that an entry of its code's line table speaks of; of the whole line where the
 * entry says nothing of columns. */
int64_t pyr_model_intern_expression(struct pyr_model *model, uint32_t whole, const struct pyr_line_entry *entry);

/* The number of an instruction of a place; opcode: its name, NULL: not known. */
int64_t pyr_model_intern_instruction(struct pyr_model *model, uint32_t expression, int32_t instruction,
                                     const char *opcode);

/* What the instruction is; NULL where that is not known. */
const char *pyr_model_opcode(const struct pyr_model *model, const struct pyr_place *place);

/* A bound of a time window in the recording's own unit; never overflows. */
uint64_t pyr_window_ns(double seconds);

/* Whether the thread (by name, ident or native id) is the one the user means. */
bool pyr_thread_matches(const struct pyr_thread_facts *facts, const char *wanted);

/* A thread is idle that neither runs nor wants to, nor holds the GIL or wants it. */
static inline bool pyr_flags_idle(uint8_t flags)
{
    return !(flags & (PYR_ON_CPU | PYR_QUEUED | PYR_HAS_GIL | PYR_WAITS_GIL));
}

#endif
