/* Private to the writer of snapshots: what it collects (snapshot_writer.c), and how that becomes a file
 * (snapshot_finish.c). */
#ifndef PYR_RECORD_SNAPSHOT_WRITER_PRIVATE_H
#define PYR_RECORD_SNAPSHOT_WRITER_PRIVATE_H

#include "base/intern.h"
#include "pyrometer/err.h"
#include "record/snapshot_file.h"
#include "record/snapshot_index.h"
#include "record/snapshot_texts.h"
#include "record/snapshot_writer.h"

enum { PYR_SNAPSHOT_CHUNK = 4096 }; /* objects whose places in the spill file are known together */

/* An object in the spill file; the addresses that its edges lead to follow, 8 bytes each. */
struct pyr_spilled_object {
    uint64_t address, content;
    uint32_t form, references, site, text;
};

struct pyr_snapshot_writer {
    char *path;
    bool force;
    int status;     /* of the first failure; what comes after it is not kept */
    uint64_t edges; /* of all objects */
    uint64_t torn, written;
    size_t run_count; /* in shapes */
    struct pyr_spill objects;
    struct pyr_vec chunks; /* of uint64_t: where each PYR_SNAPSHOT_CHUNKth object begins in the spill file */
    struct pyr_snapshot_index index;
    struct pyr_snapshot_texts texts;
    struct pyr_intern forms, shapes; /* of struct pyr_snapshot_form; of arrays of struct pyr_snapshot_run */
    struct pyr_vec runs;             /* of the object at hand */
    struct pyr_map type_rows;        /* address → row */
    struct pyr_vec types;            /* of struct pyr_snapshot_type_row */
    struct pyr_vec roots;            /* of struct pyr_snapshot_root */
    struct pyr_vec sites, pools, arenas;
    struct pyr_vec callers; /* of uint32_t, as sites */
    bool has_callers;
};

void pyr_snapshot_writer_release(struct pyr_snapshot_writer *writer);

#endif
