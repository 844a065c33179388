/* What the reader's files share. */
#ifndef PYR_RECORD_READER_PRIVATE_H
#define PYR_RECORD_READER_PRIVATE_H

#include "base/arena.h"
#include "base/vec.h"
#include "record/input.h"
#include "record/reader.h"
#include "record/recent.h"
#include "record/wire.h"

/* As small as its cost: see PYR_COST_CODE. */
struct pyr_reader_node {
    uint32_t parent;
    uint32_t code : 24;
    uint32_t opcode : 8; /* 0: not known */
    int32_t instruction;
};

struct pyr_reader_thread {
    struct pyr_thread_facts facts;
    uint32_t last_node;
    uint32_t recent;
    uint8_t last_flags;
    bool ended;
};

struct pyr_reader_process {
    struct pyr_process_facts facts;
    uint64_t last_us;
    uint32_t last_thread;
    bool ended;
};

struct pyr_reader_heap {
    struct pyr_memory_facts facts; /* points and sites are those below */
    struct pyr_vec points;         /* of struct pyr_memory_point */
    struct pyr_vec sites;          /* of struct pyr_memory_site */
    uint32_t next_part, total_sites;
};

struct pyr_reader_collector {
    struct pyr_gc_facts facts; /* pauses are those below */
    struct pyr_vec pauses;     /* of struct pyr_gc_pause */
};

struct pyr_reader_resident {
    struct pyr_resident_facts facts; /* classes and pins are those below */
    struct pyr_vec classes;          /* of struct pyr_resident_class */
    struct pyr_vec pins;             /* of struct pyr_resident_pin */
};

struct pyr_reader {
    struct pyr_input input;
    struct pyr_err failure; /* sticks */
    bool complete;          /* the END frame was reached */
    bool over;              /* no frames are left */

    struct pyr_arena arena; /* all that is handed out */
    struct pyr_run_facts facts;
    bool has_facts;
    struct pyr_quality quality;
    struct pyr_vec strings;    /* of const char * */
    struct pyr_vec codes;      /* of struct pyr_code_facts * */
    struct pyr_vec sets;       /* of struct pyr_instruction_set * */
    struct pyr_vec processes;  /* of struct pyr_reader_process * */
    struct pyr_vec threads;    /* of struct pyr_reader_thread * */
    struct pyr_vec nodes;      /* of struct pyr_reader_node; [0] is PYR_NODE_EMPTY */
    struct pyr_vec heaps;      /* of struct pyr_reader_heap */
    struct pyr_vec collectors; /* of struct pyr_reader_collector */
    struct pyr_vec others;     /* of struct pyr_reader_heap: memory of other kinds */
    struct pyr_vec residents;  /* of struct pyr_reader_resident */
    uint64_t cost;

    /* The EVENTS frame that is being read, and what carries over from one to the next. */
    struct pyr_cursor columns[PYR_COLUMNS];
    uint64_t events_offset;
    uint32_t announced_processes, announced_threads; /* by an event */
    uint32_t last_process;
    uint32_t far_highest;
    struct pyr_recent_pool recents;
    struct pyr_vec samples;   /* of struct pyr_sample: of the tick handed out last */
    struct pyr_vec cpu_times; /* of struct pyr_cpu_time: handed out last */
    uint64_t cpu_ops;         /* ops to be taken before the next CPU times … */
    bool cpu_foreseen;        /* … which is known */
};

static inline struct pyr_reader_process *pyr_reader_process_at(const struct pyr_reader *reader, uint32_t number)
{
    return *PYR_VEC_AT(&reader->processes, struct pyr_reader_process *, number);
}

static inline struct pyr_reader_thread *pyr_reader_thread_at(const struct pyr_reader *reader, uint32_t number)
{
    return *PYR_VEC_AT(&reader->threads, struct pyr_reader_thread *, number);
}

/* Each takes in the payload of one frame. 0 or a status; the text is the caller's to make. */
int pyr_reader_take_facts(struct pyr_reader *reader, const uint8_t *payload, uint32_t size);
int pyr_reader_take_definitions(struct pyr_reader *reader, const uint8_t *payload, uint32_t size);
int pyr_reader_take_nodes(struct pyr_reader *reader, const uint8_t *payload, uint32_t size);
int pyr_reader_take_quality(struct pyr_reader *reader, const uint8_t *payload, uint32_t size);
int pyr_reader_take_memory(struct pyr_reader *reader, bool other, const uint8_t *payload, uint32_t size);
int pyr_reader_take_gc(struct pyr_reader *reader, const uint8_t *payload, uint32_t size);
void pyr_reader_collectors_release(struct pyr_reader *reader);
int pyr_reader_take_resident(struct pyr_reader *reader, const uint8_t *payload, uint32_t size);
void pyr_reader_residents_release(struct pyr_reader *reader);
void pyr_reader_heaps_release(struct pyr_reader *reader);

/* Counts what a definition costs in memory: PYR_E_LIMIT when it is too much. */
int pyr_reader_charge(struct pyr_reader *reader, uint64_t cost);

/* A length and that many bytes of text. */
int pyr_reader_take_text(struct pyr_reader *reader, struct pyr_cursor *cursor, const char **out);

/* The next event of the current EVENTS frame: 1, 0 if it has no more, or a status. */
int pyr_reader_take_event(struct pyr_reader *reader, struct pyr_event *event);

#endif
