/* The numbers of the .pyro bytes that writer and reader share; FORMAT.md describes them. */
#ifndef PYR_RECORD_WIRE_H
#define PYR_RECORD_WIRE_H

#include "base/buf.h"
#include "base/varint.h"

#include <stdbool.h>
#include <stdint.h>

#define PYR_WIRE_MAGIC "\x89PYRO\r\n\x1a" /* as PNG's: text conversion and 7-bit transport damage it visibly */
#define PYR_WIRE_VERSION 1u
#define PYR_WIRE_HEADER_SIZE 48u
#define PYR_WIRE_MADE_BY_SIZE 16u
#define PYR_FRAME_HEADER_SIZE 20u
#define PYR_FRAME_CHECKSUM_SIZE 8u      /* first in the frame: it covers all that follows */
#define PYR_FRAME_BYTES_MAX (16u << 20) /* of a payload, stored or raw */

enum pyr_frame_kind {
    PYR_FRAME_FACTS = 1,
    PYR_FRAME_DEFINITIONS = 2,
    PYR_FRAME_NODES = 3,
    PYR_FRAME_EVENTS = 4,
    PYR_FRAME_QUALITY = 5,
    PYR_FRAME_END = 6,
    PYR_FRAME_MEMORY = 7,
    PYR_FRAME_GC = 8,
    PYR_FRAME_OTHER_MEMORY = 9, /* the same columns, of another kind of memory */
    PYR_FRAME_RESIDENT = 10,
};

enum pyr_frame_flags {
    PYR_FRAME_ZSTD = 1 << 0,
    PYR_FRAME_SKIPPABLE = 1 << 1, /* a reader that does not know the kind may go on */
    PYR_FRAME_FLAGS_KNOWN = PYR_FRAME_ZSTD | PYR_FRAME_SKIPPABLE,
};

enum pyr_definition_tag {
    PYR_DEFINE_STRING = 1,
    PYR_DEFINE_CODE = 2,
    PYR_DEFINE_PROCESS = 3,
    PYR_DEFINE_THREAD = 4,
    PYR_DEFINE_THREAD_NAME = 5,
    PYR_DEFINE_INSTRUCTIONS = 6,
};

enum pyr_node_column {
    PYR_NODE_PARENTS,
    PYR_NODE_CODES,
    PYR_NODE_INSTRUCTIONS,
    PYR_NODE_OPCODES, /* one byte per node; empty where they are not recorded. Not known to the first readers */
    PYR_NODE_COLUMNS
};

/* The columns of an EVENTS frame: each compresses better alone than mixed with the others. */
enum pyr_event_column {
    PYR_COLUMN_OPS,     /* one byte per event */
    PYR_COLUMN_TIMES,   /* microseconds since the process's last time */
    PYR_COLUMN_COUNTS,  /* samples per tick */
    PYR_COLUMN_THREADS, /* difference from the thread last named in the same process, zigzag */
    PYR_COLUMN_NODES,   /* one byte per sample: enum pyr_node_symbol */
    PYR_COLUMN_FAR,     /* nodes that the symbol does not give: difference from the highest so far, zigzag */
    PYR_COLUMN_FLAGS,   /* one byte per sample: the thread's flags exclusive-or its last ones */
    PYR_COLUMN_REST,    /* operands of the rarer events */
    PYR_COLUMN_CPU,     /* CPU times of threads, and after which ops they were read; not known to the first readers */
    PYR_COLUMNS,
};

/* The columns of a MEMORY frame. */
enum pyr_memory_column {
    PYR_MEMORY_HEAD,
    PYR_MEMORY_POINTS,           /* zigzag differences: heap, resident */
    PYR_MEMORY_NODES,            /* zigzag difference from the node before */
    PYR_MEMORY_ALLOCATED_BLOCKS, /* from here on one varint per site */
    PYR_MEMORY_ALLOCATED_BYTES,
    PYR_MEMORY_LIVE_BLOCKS,
    PYR_MEMORY_LIVE_BYTES,
    PYR_MEMORY_PEAK_BLOCKS,
    PYR_MEMORY_PEAK_BYTES,
    PYR_MEMORY_TEMPORARY_BLOCKS, /* empty where it was not counted, as is the next */
    PYR_MEMORY_TEMPORARY_BYTES,
    PYR_MEMORY_COLUMNS,
};

/* The columns of a GC frame. */
enum pyr_gc_column {
    PYR_GC_HEAD,
    PYR_GC_STARTS,  /* zigzag difference from the one before, in ns */
    PYR_GC_PAUSES,  /* varint, ns */
    PYR_GC_NUMBERS, /* one byte: the generation */
    PYR_GC_COLLECTED,
    PYR_GC_UNCOLLECTABLE,
    PYR_GC_NODES, /* zigzag difference from the node before */
    PYR_GC_COLUMNS,
};

/* The columns of a RESIDENT frame. */
enum pyr_resident_column {
    PYR_RESIDENT_HEAD,
    PYR_RESIDENT_CLASSES, /* varints of one class after the other */
    PYR_RESIDENT_PINS,    /* of one pin after the other: zigzag difference from the node before, varints */
    PYR_RESIDENT_COLUMNS,
};

enum pyr_op {
    PYR_OP_TICK,
    PYR_OP_THREAD_END,
    PYR_OP_PROCESS, /* the next process number is in use from here on */
    PYR_OP_THREAD,
    PYR_OP_PROCESS_END,
    PYR_OP_USAGE,
    PYR_OP_MASK = 7,
    PYR_OP_SWITCH = 1 << 3, /* of another process than the last event: its number is in REST */
    PYR_OP_KIND_SHIFT = 4,  /* of a tick */
    PYR_OP_KIND_MASK = 7,
};

#define PYR_FLAG_ATTACHED 1u
#define PYR_FLAG_NO_STOP 2u
#define PYR_FLAG_MEMORY 4u
#define PYR_FLAG_OPCODES 8u

#define PYR_FEATURE_MEMORY 1u  /* optional: there are MEMORY frames */
#define PYR_FEATURE_OPCODES 2u /* optional: nodes have opcodes */
#define PYR_MEMORY_AT_MAIN_END 1u
#define PYR_MEMORY_STACKS 2u
#define PYR_MEMORY_BEGUN_LATE 4u
#define PYR_MEMORY_PART_SITES 65536u /* in one frame */
#define PYR_MEMORY_POINTS_MAX 65536u
#define PYR_MEMORY_HEAPS_MAX 16384u
#define PYR_RESIDENT_LAST 1u
#define PYR_RESIDENT_CLASSES_MAX 256u /* a writer's, as of pins */
#define PYR_GC_HAS_THRESHOLDS 1u
#define PYR_GC_ENABLED 2u
#define PYR_GC_FRAME_PAUSES_MAX 65536u /* a writer's */

#define PYR_TIME_UNIT_NS 1000u
#define PYR_TICK_SAMPLES_MAX (1u << 20)
#define PYR_TICK_ENDED_MAX (1u << 18) /* with the most samples this still fits a frame */
#define PYR_TICK_CPU_MAX (1u << 15)   /* likewise */
#define PYR_CPU_US_MAX (UINT64_MAX / PYR_TIME_UNIT_NS)
#define PYR_STRING_MAX 65536u
#define PYR_LINETABLE_MAX (8u << 20)
#define PYR_COMMAND_BYTES_MAX (1u << 20)

/* What definitions cost a reader in memory. A sum above the limit is neither written nor read, so that a small hostile
 * file cannot unpack into all of a machine's memory. */
#define PYR_DEFINITIONS_COST_MAX (UINT64_C(1) << 30)
#define PYR_COST_NODE 16u
#define PYR_COST_STRING 32u
#define PYR_COST_CODE 64u /* so their numbers have 24 bits */
#define PYR_COST_PROCESS 96u
#define PYR_COST_THREAD 96u
#define PYR_COST_INSTRUCTIONS 8192u
#define PYR_COST_HEAP 256u
#define PYR_COST_SITE 64u
#define PYR_COST_POINT 16u
#define PYR_COST_COLLECTOR 256u
#define PYR_COST_PAUSE 48u
#define PYR_COST_RESIDENT 512u
#define PYR_COST_CLASS 96u
#define PYR_COST_PIN 32u

struct pyr_frame_header {
    uint64_t checksum;
    uint16_t kind, flags;
    uint32_t stored_size, raw_size;
};

void pyr_frame_header_put(uint8_t out[PYR_FRAME_HEADER_SIZE], const struct pyr_frame_header *header);
struct pyr_frame_header pyr_frame_header_get(const uint8_t bytes[PYR_FRAME_HEADER_SIZE]);

/* Checksum of a whole frame: header (its first field left out) and stored payload. */
uint64_t pyr_frame_checksum(const uint8_t *frame, uint64_t stored_size);

/* The 48 bytes that begin a file. */
void pyr_wire_header_put(uint8_t out[PYR_WIRE_HEADER_SIZE], uint32_t optional_features);
void pyr_wire_header_seal(uint8_t header[PYR_WIRE_HEADER_SIZE]); /* with its checksum */
bool pyr_wire_header_is_whole(const uint8_t header[PYR_WIRE_HEADER_SIZE]);

/* Appends the sizes and bytes of columns: how a columnar payload is laid out. */
void pyr_columns_put(struct pyr_buf *out, const struct pyr_buf *columns, unsigned count);

/* Takes them apart. Columns beyond count are ignored, missing ones are empty. */
bool pyr_columns_get(const uint8_t *payload, uint64_t size, struct pyr_cursor *columns, unsigned count);

/* One-byte integers are by far the most frequent. */
static inline uint64_t pyr_take_varint(struct pyr_cursor *cursor)
{
    if (cursor->at < cursor->end && *cursor->at < 0x80)
        return *cursor->at++;
    return pyr_cursor_varint(cursor);
}

static inline uint8_t pyr_take_u8(struct pyr_cursor *cursor)
{
    if (cursor->at < cursor->end)
        return *cursor->at++;
    cursor->failed = true;
    return 0;
}

#endif
