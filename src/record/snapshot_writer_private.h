/* Private to the writer of snapshots: what it collects (snapshot_writer.c), and how that becomes a file
 * (snapshot_finish.c). */
#ifndef PYR_RECORD_SNAPSHOT_WRITER_PRIVATE_H
#define PYR_RECORD_SNAPSHOT_WRITER_PRIVATE_H

#include "base/handover.h"
#include "base/intern.h"
#include "pyrometer/err.h"
#include "record/snapshot_file.h"
#include "record/snapshot_index.h"
#include "record/snapshot_packed.h"
#include "record/snapshot_texts.h"
#include "record/snapshot_writer.h"

#include <pthread.h>

enum {
    PYR_SNAPSHOT_CHUNK = 4096,  /* objects whose places in the spill file are known together */
    PYR_SNAPSHOT_RECENT = 1024, /* a power of two */
    PYR_SNAPSHOT_WAITING = 16,
};

struct pyr_snapshot_waiting {
    struct pyr_snapshot_object object; /* without references; new_text_size is 0 where none waits */
    char text[PYR_SNAPSHOT_TEXT_MAX];
};

/* Objects and types are taken in by another thread, if there is one: what that alone may touch is below `before`. */
struct pyr_snapshot_writer {
    struct pyr_vec parts; /* of struct pyr_snapshot_writer *: the others */
    char *path;
    bool force;
    _Atomic int status; /* of the first failure; what comes after it is not kept */
    struct pyr_handover *handover;
    pthread_mutex_t texts_lock;
    struct pyr_snapshot_texts texts;
    struct pyr_vec roots; /* of struct pyr_snapshot_root */
    struct pyr_vec sites, pools, arenas;
    struct pyr_vec callers; /* of uint32_t, as sites */
    bool has_callers;
    struct pyr_packed_before before;
    struct pyr_snapshot_waiting waiting[PYR_SNAPSHOT_WAITING]; /* in the order given, round and round */
    uint64_t waited;
    struct pyr_spill objects; /* packed, each followed by the distances to what its edges lead to */
    uint64_t edges;           /* of all objects */
    uint64_t torn, written;
    size_t run_count;      /* in shapes */
    struct pyr_vec chunks; /* of uint64_t: where each PYR_SNAPSHOT_CHUNKth object begins in the spill file */
    struct pyr_snapshot_index index;
    struct pyr_intern forms, shapes; /* of struct pyr_snapshot_form; of arrays of struct pyr_snapshot_run */
    struct {
        struct pyr_snapshot_form form;
        uint32_t number;
        bool used;
    } recent_forms[PYR_SNAPSHOT_RECENT];         /* most objects are like one of those before */
    uint32_t recent_shapes[PYR_SNAPSHOT_RECENT]; /* number + 1 */
    struct pyr_vec runs;                         /* of the object at hand */
    struct pyr_map type_rows;                    /* address → row */
    struct pyr_vec types;                        /* of struct pyr_snapshot_type_row */
    uint32_t texts_before;                       /* once joined: what its texts' numbers are told from */
    uint32_t *joined_forms;                      /* once joined, of a part: the first one's numbers of its forms */
};

/* Number of a text of a part, once joined. */
static inline pyr_snapshot_text pyr_snapshot_joined_text(const struct pyr_snapshot_writer *part, pyr_snapshot_text text)
{
    return text ? text + part->texts_before : 0;
}

/* What the parts know becomes the first one's: PYR_E_NOMEM, PYR_E_LIMIT, PYR_E_MISUSE. */
int pyr_snapshot_writer_join(struct pyr_snapshot_writer *writer);

/* The row of the type at this address, made if need be; or a negative status. */
int64_t pyr_snapshot_writer_type_row(struct pyr_snapshot_writer *writer, uint64_t address);

/* What waits is written. Failures are in its status. */
void pyr_snapshot_writer_put_waiting(struct pyr_snapshot_writer *writer);

void pyr_snapshot_writer_release(struct pyr_snapshot_writer *writer);

#endif
