/* Tracebacks: the files and lines of a stack's innermost frames, each kept once. Numbers stay until they are cleared.
 * Whoever uses them holds the lock of trace.c; where it is not said otherwise, the GIL too. */
#ifndef PYR_AGENT_TRACEBACKS_H
#define PYR_AGENT_TRACEBACKS_H

#include "inside.h"
#include "nodes.h"

/* Not a traceback of Python code: one frame, of an unknown file. */
#define PYR_TRACEBACK_UNKNOWN 0x7ffffffeu
#define PYR_FILE_UNKNOWN UINT32_MAX

struct pyr_trace_frame {
    uint32_t file; /* see pyr_trace_file */
    uint32_t line;
};

struct pyr_traceback {
    struct pyr_node node;
    uint32_t first; /* of its frames */
    uint16_t count;
    uint16_t total; /* frames that the stack had; those from 65,535 on are not counted */
};

struct pyr_tracebacks {
    uint32_t limit; /* frames of one */
    bool totals;    /* whether all frames of a stack are counted, or only those that are kept */
    enum pyr_access access;
    uint32_t generation;      /* of what is in `known`: lines by instruction */
    struct pyr_vector known;  /* grows never */
    struct pyr_vector walked; /* the frames of the stack that is looked at: room for `limit` */
    struct pyr_nodes all;
    struct pyr_vector frames; /* of all tracebacks, struct pyr_trace_frame */
    size_t frame_count;
    struct pyr_nodes files;
    void (*watch)(const void *code); /* its lines are known by address: pyr_tracebacks_forget when it is freed */
};

extern struct pyr_tracebacks pyr_tracebacks;

/* False when out of memory. */
bool pyr_tracebacks_open(uint32_t limit, bool totals);

/* The traceback of the thread state's frames. Without the GIL only frames that are known are looked at. 0: out of
 * memory, or without the GIL that it has to be had for this. */
uint32_t pyr_traceback_of(const void *tstate, bool has_gil);

const struct pyr_traceback *pyr_traceback_at(uint32_t traceback);
const struct pyr_trace_frame *pyr_traceback_frames(const struct pyr_traceback *traceback);

/* The str object of a file; NULL: PYR_FILE_UNKNOWN. Borrowed. */
void *pyr_trace_file(uint32_t file);

/* A code object that is watched is freed. */
void pyr_tracebacks_forget(void);

/* Bytes that tracebacks take. */
size_t pyr_tracebacks_bytes(void);

/* All tracebacks and files are gone. Afterwards the references to what is in the vector are to be given up, without the
 * lock, and it is to be released; with pyr_nodes' numbers from 1 to `top`. */
struct pyr_nodes pyr_tracebacks_clear(void);
void pyr_trace_files_release(struct pyr_nodes *files);

#endif
