/* Writes a .pyroheap file in one pass over the objects, in any order; sorts and joins them at the end. What
 * grows with the heap is kept in files beside the output; memory is 104 bytes for each page of 4 KiB that has objects
 * (72 more if objects of it are told to another part), and what is known of types, shapes and texts. Where there are
 * several processors it has a thread of its own, until it has parts. Not thread-safe. */
#ifndef PYR_RECORD_SNAPSHOT_WRITER_H
#define PYR_RECORD_SNAPSHOT_WRITER_H

#include "record/snapshot.h"

#include <stdbool.h>
#include <stddef.h>

struct pyr_err;
struct pyr_snapshot_writer;

/* Makes the file, which must not exist unless force; nothing is left of it if finish is not called or fails. */
int pyr_snapshot_writer_open(struct pyr_snapshot_writer **out, const char *path, bool force, struct pyr_err *err);

/* A writer of the same file for another thread, which is finished, discarded and gone with the first. What is told a
 * part is its own: it knows its own texts only, and an address is given to one of them. Sites are told to one of them,
 * of which all objects may have some; pools and arenas to the first. PYR_E_NOMEM, PYR_E_IO. */
int pyr_snapshot_writer_part(struct pyr_snapshot_writer *writer, struct pyr_snapshot_writer **part);

/* Interns a text; equal ones get the same number, unless many thousands of others came between. Bytes that are no UTF-8
 * are replaced. 0 for size 0 or no memory. */
pyr_snapshot_text pyr_snapshot_writer_text(struct pyr_snapshot_writer *writer, const void *text, size_t size);

/* Each address once (a second is dropped and counted as torn). Edges are in the order in which the type visits them. */
int pyr_snapshot_writer_object(struct pyr_snapshot_writer *writer, const struct pyr_snapshot_object *object,
                               const struct pyr_snapshot_edge *edges, size_t count);
int pyr_snapshot_writer_type(struct pyr_snapshot_writer *writer, const struct pyr_snapshot_type *type);
int pyr_snapshot_writer_root(struct pyr_snapshot_writer *writer, const struct pyr_snapshot_root *root);

/* caller: the row of the site that called it, given before, + 1; 0: none, or no stacks are kept. */
int pyr_snapshot_writer_site(struct pyr_snapshot_writer *writer, const struct pyr_snapshot_site *site, uint32_t caller);
int pyr_snapshot_writer_pool(struct pyr_snapshot_writer *writer, const struct pyr_snapshot_pool *pool);
int pyr_snapshot_writer_arena(struct pyr_snapshot_writer *writer, const struct pyr_snapshot_arena *arena);

/* Sorts, joins edges with objects, writes, closes. The writer is gone after it, whatever it returns. Errors of writing
 * that came before are told here, too: PYR_E_IO (disk full), PYR_E_NOMEM, PYR_E_LIMIT (4 G objects or edges). */
int pyr_snapshot_writer_finish(struct pyr_snapshot_writer *writer, const struct pyr_snapshot_facts *facts,
                               struct pyr_err *err);

/* The same, and it is open then to be read (snapshot_reader.h): the caller's to close. written: NULL, not wanted. */
struct pyr_snapshot;
int pyr_snapshot_writer_finish_open(struct pyr_snapshot_writer *writer, const struct pyr_snapshot_facts *facts,
                                    struct pyr_snapshot **written, struct pyr_err *err);

void pyr_snapshot_writer_discard(struct pyr_snapshot_writer *writer); /* NULL is allowed */

#endif
