/* A .pyroheap file, mapped. It is checked once, whole, when it is opened: then every number in it is within bounds, and
 * arrays are used as they are. (Not guarded against: another program that changes the file meanwhile.) An open one may
 * be read from several threads. */
#ifndef PYR_RECORD_SNAPSHOT_READER_H
#define PYR_RECORD_SNAPSHOT_READER_H

#include "pyrometer/err.h"
#include "record/snapshot_file.h"

#include <stdbool.h>
#include <stddef.h>

/* All pointers are into the file: borrowed until it is closed. */
struct pyr_snapshot {
    uint32_t objects, edges;
    uint32_t forms, shapes, runs, types, roots, sites, pools, arenas;
    const struct pyr_snapshot_facts *facts;
    /* By object, in the order of addresses. */
    const uint64_t *address, *content;
    const uint32_t *form, *references, *text, *edges_at;
    const uint32_t *site; /* row of site_rows + 1; NULL: none is known */
    const uint32_t *edge; /* objects[edges_at[i]] … [edges_at[i + 1] - 1]; PYR_SNAPSHOT_NONE: leads nowhere */
    const struct pyr_snapshot_form *form_rows;
    const struct pyr_snapshot_shape *shape_rows;
    const struct pyr_snapshot_run *run_rows;
    const struct pyr_snapshot_type_row *type_rows;
    const struct pyr_snapshot_root_row *root_rows;
    const struct pyr_snapshot_site *site_rows;
    const uint32_t *caller; /* of site_rows: the row that called it + 1, which is lower; 0: none. NULL: no stacks */
    const struct pyr_snapshot_pool *pool_rows;
    const struct pyr_snapshot_arena *arena_rows;
    const uint8_t *text_bytes;
    uint64_t text_size;
    const uint8_t *map;
    size_t map_size;
    bool mapped; /* by us */
};

/* PYR_E_IO, PYR_E_FORMAT (no snapshot, damaged), PYR_E_UNSUPPORTED (of a later version). */
int pyr_snapshot_open(struct pyr_snapshot **out, const char *path, struct pyr_err *err);

/* The same of bytes in memory, at a multiple of 8, which must stay. name: for messages. */
int pyr_snapshot_open_bytes(struct pyr_snapshot **out, const void *bytes, size_t size, const char *name,
                            struct pyr_err *err);

/* The same of a whole file that the caller has just written through this mapping, which goes to the snapshot: nothing
 * is checked. PYR_E_NOMEM: the mapping stays the caller's. */
int pyr_snapshot_open_written(struct pyr_snapshot **out, const void *map, size_t size);
void pyr_snapshot_close(struct pyr_snapshot *snapshot); /* NULL is allowed */

/* Whether the file begins as a snapshot does. */
bool pyr_snapshot_is(const char *path);

/* A text, which is UTF-8 if the file is honest; no NUL ends it. Size 0 for text 0 and for what is none. */
struct pyr_snapshot_string {
    const char *bytes;
    size_t size;
};
struct pyr_snapshot_string pyr_snapshot_string(const struct pyr_snapshot *snapshot, pyr_snapshot_text text);

static inline const struct pyr_snapshot_form *pyr_snapshot_form(const struct pyr_snapshot *snapshot, uint32_t object)
{
    return &snapshot->form_rows[snapshot->form[object]];
}

/* The object at an address; PYR_SNAPSHOT_NONE if there is none. */
uint32_t pyr_snapshot_at(const struct pyr_snapshot *snapshot, uint64_t address);

/* The edges of an object with their kinds and labels: start with {0}, call until false. */
struct pyr_edge_cursor {
    uint32_t to, kind, label; /* kind: with PYR_EDGE_HIDDEN */
    uint32_t number;          /* among the object's edges */
    uint32_t nth;             /* ITEM: which of the sequence's */
    uint32_t key;             /* VALUE: the KEY edge's object before it, or NONE */
    uint32_t run, in_run, next, items;
    bool second;
};
bool pyr_snapshot_next_edge(const struct pyr_snapshot *snapshot, uint32_t object, struct pyr_edge_cursor *cursor);

#endif
