/* Reads a recording (.pyro). The file is hostile input: every count and number is checked; a file cut off anywhere
 * opens up to its last whole frame. Not thread-safe. */
#ifndef PYR_RECORD_READER_H
#define PYR_RECORD_READER_H

#include "pyrometer/err.h"
#include "record/format.h"

#include <stddef.h>

struct pyr_reader;

/* Opens the file and reads its header and its first frames up to the run facts. PYR_E_FORMAT: not a recording, or of a
 * newer incompatible format (the text says which pyrometer made it). */
int pyr_reader_open(struct pyr_reader **out, const char *path, struct pyr_err *err);
void pyr_reader_close(struct pyr_reader *reader);

/* From now on pyr_reader_next may be called again after it has given 0: for a file that is still being written. */
void pyr_reader_follow(struct pyr_reader *reader);

/* Gives the space of what was read back to the file system, if it can: nobody else can read it then. */
void pyr_reader_discard(const struct pyr_reader *reader);

enum pyr_event_kind {
    PYR_EVENT_END = 0,    /* no more; see pyr_reader_complete */
    PYR_EVENT_PROCESS,    /* new process: event.process_number */
    PYR_EVENT_THREAD,     /* new thread: event.thread */
    PYR_EVENT_TICK,       /* an instant: event.process_number, time_ns, tick_kind; samples[0..sample_count) changed */
    PYR_EVENT_THREAD_END, /* event.thread; belongs to the tick before it (it is absent from that tick on) */
    PYR_EVENT_PROCESS_END,
    PYR_EVENT_USAGE,
    PYR_EVENT_CPU_TIMES, /* read at the tick before it: event.cpu_times[0..cpu_time_count) of its live threads */
};

struct pyr_sample {
    uint32_t thread, node;
    uint8_t flags;
};

struct pyr_event {
    enum pyr_event_kind kind;
    uint32_t process, thread;
    uint64_t time_ns; /* since the recording's start; never decreases within a process */
    enum pyr_tick_kind tick_kind;
    const struct pyr_sample *samples; /* borrowed until the next call */
    uint32_t sample_count;
    const struct pyr_cpu_time *cpu_times; /* likewise */
    uint32_t cpu_time_count;
    int exit_status;
    uint64_t cpu_ns, rss_bytes; /* usage; peak RSS at process end */
};

/* The next event. 1, or 0 at the end (also where the file is cut off or damaged from there on), or a negative status,
 * which sticks: PYR_E_FORMAT where a frame with a right checksum says what cannot be, PYR_E_LIMIT if its definitions
 * would need too much memory, PYR_E_NOMEM. What was read before stays valid. A process and a thread come as an event
 * before anything else names them, and nothing names them after their end. */
int pyr_reader_next(struct pyr_reader *reader, struct pyr_event *event, struct pyr_err *err);

/* Known so far (all of it after the last event). Borrowed until close. Numbers out of range give NULL.
 * Strings are valid UTF-8. */
const struct pyr_run_facts *pyr_reader_facts(const struct pyr_reader *reader);
const struct pyr_quality *pyr_reader_quality(const struct pyr_reader *reader);
uint32_t pyr_reader_processes(const struct pyr_reader *reader);
uint32_t pyr_reader_threads(const struct pyr_reader *reader);
uint32_t pyr_reader_codes(const struct pyr_reader *reader);
uint32_t pyr_reader_nodes(const struct pyr_reader *reader); /* highest node number + 1 */
const struct pyr_process_facts *pyr_reader_process(const struct pyr_reader *reader, uint32_t number);
const struct pyr_thread_facts *pyr_reader_thread(const struct pyr_reader *reader, uint32_t number);
const struct pyr_code_facts *pyr_reader_code(const struct pyr_reader *reader, uint32_t number);
/* 0, or PYR_E_NOT_FOUND. A parent's number is always lower than its child's. */
int pyr_reader_node(const struct pyr_reader *reader, uint32_t node, uint32_t *parent, uint32_t *code,
                    int32_t *instruction);

/* What a node's instruction was when it was executed; NULL where that was not recorded, or could not be told. */
const char *pyr_reader_opcode(const struct pyr_reader *reader, uint32_t node);

/* The heaps whose figures were recorded, each as it was recorded last. Valid after the last event. */
uint32_t pyr_reader_heaps(const struct pyr_reader *reader);
const struct pyr_memory_facts *pyr_reader_heap(const struct pyr_reader *reader, uint32_t number);

/* The same of other memory. NULL beyond the last. */
const struct pyr_memory_facts *pyr_reader_other_memory(const struct pyr_reader *reader, uint32_t number);

/* The interpreters whose collections were recorded. Valid after the last event. */
uint32_t pyr_reader_collectors(const struct pyr_reader *reader);
const struct pyr_gc_facts *pyr_reader_collector(const struct pyr_reader *reader, uint32_t number);

/* What resident memory consisted of, of each process at two moments at most. Valid after the last event. */
uint32_t pyr_reader_residents(const struct pyr_reader *reader);
const struct pyr_resident_facts *pyr_reader_resident(const struct pyr_reader *reader, uint32_t number);

/* Whether the recording was closed properly; if not, why reading ended ("cut off at byte …"). Borrowed; valid after the
 * last event. */
bool pyr_reader_complete(const struct pyr_reader *reader, const char **why);

#endif
