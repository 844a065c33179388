/* What the writer's files share. */
#ifndef PYR_RECORD_WRITER_PRIVATE_H
#define PYR_RECORD_WRITER_PRIVATE_H

#include "base/intern.h"
#include "base/map.h"
#include "base/vec.h"
#include "record/node_table.h"
#include "record/output.h"
#include "record/recent.h"
#include "record/wire.h"
#include "record/writer.h"

struct pyr_writer_thread {
    uint32_t process;
    uint32_t last_node;
    uint32_t recent;            /* where its table of recent nodes is */
    uint64_t ran_us, waited_us; /* recorded last */
    bool cpu_known;
    uint8_t last_flags;
    bool ended;
};

struct pyr_writer_process {
    uint64_t last_us;
    uint32_t last_thread; /* named last in an event */
    bool ended;
};

struct pyr_writer {
    struct pyr_output output;
    struct pyr_err error; /* the first failure; from then on nothing is written */

    struct pyr_intern strings;
    struct pyr_intern codes;            /* by 128-bit hashes of their definitions */
    struct pyr_intern instruction_sets; /* likewise */
    struct pyr_node_table nodes;
    struct pyr_vec threads;   /* of struct pyr_writer_thread */
    struct pyr_vec processes; /* of struct pyr_writer_process */
    uint64_t definitions_cost;
    bool opcodes;              /* nodes have them */
    struct pyr_map heaps;      /* by process and interpreter: for their number … */
    struct pyr_map collectors; /* … likewise */
    struct pyr_map residents;  /* … by process and moment */

    /* Not yet written. */
    struct pyr_buf facts;
    struct pyr_buf definitions;
    struct pyr_buf node_columns[PYR_NODE_COLUMNS];
    struct pyr_buf columns[PYR_COLUMNS];
    struct pyr_quality quality;
    bool quality_pending;

    struct pyr_buf scratch; /* one definition; or the payload of a frame */

    /* State that the reader follows: never reset. */
    uint32_t last_process;
    uint32_t far_highest;
    struct pyr_recent_pool recents;

    /* The tick that is open. */
    bool in_tick;
    uint32_t tick_process;
    uint32_t tick_samples;
    uint64_t tick_us;
    uint8_t tick_kind;
    struct pyr_vec tick_ended; /* of uint32_t: threads */
    struct pyr_vec tick_cpu;   /* of struct pyr_cpu_time, in microseconds */

    size_t ops_at_cpu; /* ops of the EVENTS frame when CPU times were last put in it */
};

/* Remembers the failure (the first one counts) and returns its status. */
int pyr_writer_fail(struct pyr_writer *writer, int status, const char *what);

/* Appends a frame to what is to be written. */
int pyr_writer_frame(struct pyr_writer *writer, enum pyr_frame_kind kind, const struct pyr_buf *payload);

/* Whether one more definition fits what readers accept: then it is counted, else PYR_E_LIMIT, which does not stick:
 * what is known can still be used. */
int pyr_writer_charge(struct pyr_writer *writer, uint64_t cost);

/* The same of what readers keep of one thing, of which there are PYR_MEMORY_HEAPS_MAX at most in the map of those that
 * were met: new_cost is counted once for each key, cost each time. */
int pyr_writer_charge_kept(struct pyr_writer *writer, struct pyr_map *met, uint64_t key, uint64_t new_cost,
                           uint64_t cost);

/* Writes frames of the definitions that are pending. */
int pyr_writer_flush_definitions(struct pyr_writer *writer);

/* Writes everything that is pending. */
int pyr_writer_flush_all(struct pyr_writer *writer);

/* Events so far, in bytes. */
size_t pyr_writer_events_size(const struct pyr_writer *writer);

#define PYR_WRITER_PENDING_MAX ((size_t)512 << 10) /* events; and as much of definitions */

#endif
