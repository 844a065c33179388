/* The bytes of a .pyroheap file that writer and reader share; FORMAT.md describes them. All integers are little-endian
 * and lie at multiples of their size, so that a mapped file is used as it is. */
#ifndef PYR_RECORD_SNAPSHOT_FILE_H
#define PYR_RECORD_SNAPSHOT_FILE_H

#include "record/snapshot.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the files are mapped, not decoded: little-endian machines only"
#endif

#define PYR_SNAPSHOT_MAGIC "\x89PYROHP\n"
#define PYR_SNAPSHOT_NONE UINT32_MAX /* no object: of an edge to what is no object, of a type without one */

enum {
    PYR_SNAPSHOT_VERSION = 1,
    PYR_SNAPSHOT_FEATURES_KNOWN = 0, /* a file that needs more than these is refused */
    PYR_SNAPSHOT_ALIGN = 64,         /* of every section */
    PYR_SNAPSHOT_TEXT_ALIGN = 4,     /* a text's number is its place divided by this */
    PYR_SNAPSHOT_SECTIONS_MAX = 64,
    PYR_SNAPSHOT_TEXT_SIZE_MAX = 65535, /* of any text */
};

/* (number, name, type of its items, what it is). Those of objects have one item for each, in the order of addresses. */
#define PYR_SNAPSHOT_SECTIONS(X)                                                                                       \
    X(1, FACTS, struct pyr_snapshot_facts)                                                                             \
    X(2, ADDRESSES, uint64_t)  /* of objects, ascending */                                                             \
    X(3, FORMS, uint32_t)      /* of objects: row of FORM_ROWS */                                                      \
    X(4, REFERENCES, uint32_t) /* of objects: reference count */                                                       \
    X(5, CONTENTS, uint64_t)   /* of objects: hash */                                                                  \
    X(6, TEXTS, uint32_t)      /* of objects: text */                                                                  \
    X(7, SITES, uint32_t)      /* of objects: row of SITE_ROWS + 1; none at all where no site is known */              \
    X(8, EDGES_AT, uint32_t)   /* of objects, and one more: the first of its EDGES */                                  \
    X(9, EDGES, uint32_t)      /* object, or NONE */                                                                   \
    X(10, FORM_ROWS, struct pyr_snapshot_form)                                                                         \
    X(11, SHAPE_ROWS, struct pyr_snapshot_shape)                                                                       \
    X(12, RUN_ROWS, struct pyr_snapshot_run)                                                                           \
    X(13, TYPE_ROWS, struct pyr_snapshot_type_row)                                                                     \
    X(14, ROOT_ROWS, struct pyr_snapshot_root_row)                                                                     \
    X(15, SITE_ROWS, struct pyr_snapshot_site)                                                                         \
    X(16, POOL_ROWS, struct pyr_snapshot_pool)                                                                         \
    X(17, ARENA_ROWS, struct pyr_snapshot_arena)                                                                       \
    X(18, TEXT_BYTES, uint8_t)                                                                                         \
    X(19, CALLERS, uint32_t) /* of SITE_ROWS: row that called it + 1; none at all where no stacks are kept */

enum pyr_snapshot_section_kind {
#define PYR_SNAPSHOT_SECTION_ENUM(number, name, type) PYR_SECTION_##name = (number),
    PYR_SNAPSHOT_SECTIONS(PYR_SNAPSHOT_SECTION_ENUM)
#undef PYR_SNAPSHOT_SECTION_ENUM
        PYR_SECTION_KINDS
};

struct pyr_snapshot_head {
    uint8_t magic[8];
    uint16_t version, oldest_reader; /* of the writer; the lowest of a reader that can read this */
    uint32_t features;               /* what a reader must know */
    uint32_t optional_features;      /* what it may */
    uint32_t sections;
    uint64_t file_size;
    uint64_t checksum; /* XXH3 of the section rows, which follow */
};

struct pyr_snapshot_section {
    uint32_t kind, item_size;
    uint64_t at, count;
    uint64_t checksum; /* XXH3 of its bytes */
};

/* What many objects have in common. */
struct pyr_snapshot_form {
    uint64_t size, length, capacity;
    uint32_t type;  /* row of TYPE_ROWS */
    uint32_t shape; /* row of SHAPE_ROWS */
    uint8_t generation, flags;
    uint8_t reserved[6];
};

/* The kinds and labels of an object's edges, as runs. */
struct pyr_snapshot_shape {
    uint32_t first_run, runs;
    uint32_t edges; /* the sum of its runs' */
};

struct pyr_snapshot_run {
    uint32_t count; /* edges, or pairs of edges */
    uint32_t label;
    uint16_t kind;   /* enum pyr_edge_kind, PYR_EDGE_HIDDEN */
    uint16_t second; /* of the second edge of each pair, PYR_RUN_SINGLE: these are not pairs */
};
#define PYR_RUN_SINGLE UINT16_MAX
#define PYR_EDGE_KIND_MASK (PYR_EDGE_HIDDEN - 1) /* leaves enum pyr_edge_kind */

struct pyr_snapshot_type_row {
    uint64_t address, basic_size, item_size;
    uint32_t object; /* or NONE */
    uint32_t module, name;
    uint32_t flags, instance_dict, reserved;
};

struct pyr_snapshot_root_row {
    uint32_t kind, holder, name, object;
};

#endif
