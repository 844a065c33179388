/* Texts of a snapshot, each written when it comes first. A table of at most 8 MiB knows those that were in use lately.
 */
#ifndef PYR_RECORD_SNAPSHOT_TEXTS_H
#define PYR_RECORD_SNAPSHOT_TEXTS_H

#include "record/snapshot.h"
#include "record/snapshot_spill.h"

struct pyr_snapshot_texts {
    struct pyr_spill spill; /* the section TEXT_BYTES */
    struct pyr_snapshot_text_slot *slots;
    size_t mask, slots_max;
    struct pyr_buf clean;
};

/* 0 or an errno. */
int pyr_snapshot_texts_open(struct pyr_snapshot_texts *texts, const char *path);
pyr_snapshot_text pyr_snapshot_texts_put(struct pyr_snapshot_texts *texts, const void *text, size_t size);

/* Says that this text, which is clean, comes soon: where it would be known is read meanwhile. */
void pyr_snapshot_texts_expect(const struct pyr_snapshot_texts *texts, const void *text, size_t size);
void pyr_snapshot_texts_release(struct pyr_snapshot_texts *texts);

#endif
