/* Private to memory: one heap that is watched, by the file that the agent counts in. */
#ifndef PYR_MEMORY_HEAP_H
#define PYR_MEMORY_HEAP_H

#include "memory/collections.h"
#include "memory/resident.h"
#include "memory/timeline.h"
#include "record/heap_reader.h"
#include "record/writer.h"

#include <sys/types.h>

#define PYR_HEAP_NO_PROCESS UINT32_MAX

struct pyr_watched_heap {
    char name[64]; /* of the file */
    struct pyr_heap_reader *reader;
    struct pyr_heap_head head;          /* as read last */
    uint32_t process;                   /* number in the recording, or PYR_HEAP_NO_PROCESS: not known yet */
    pid_t pid;                          /* as we see it; 0: not known */
    bool once;                          /* it is read this one time: what was when is not known */
    bool left;                          /* its process executes another program by now */
    uint64_t peak_ns[PYR_MEMORY_KINDS]; /* when the peak was last seen to rise */
    uint64_t next_ns, rss_ns;           /* when to read it again, and the resident memory */
    uint64_t rss_bytes;
    struct pyr_memory_timeline timeline;
    struct pyr_collections collections;
    struct pyr_residents residents;
    struct pyr_memory_budget *budget; /* of the recording. Borrowed */
};

/* Opens the file; its collections count in *budget. 0, PYR_E_AGAIN if it is being made, or another status. time_ns and
 * all times: since the recording's start, which was started_wall_ns since 1970. */
int pyr_watched_open(struct pyr_watched_heap **out, int directory, const char *name, uint64_t started_wall_ns,
                     uint64_t time_ns, struct pyr_memory_budget *budget);
void pyr_watched_close(struct pyr_watched_heap *heap);

/* Reads the totals and the collections, each if it is due (or now: whatever is due). */
void pyr_watched_look(struct pyr_watched_heap *heap, uint64_t time_ns, bool now);

/* Puts all of it into the recording. heap->process is known. */
int pyr_watched_write(struct pyr_watched_heap *heap, struct pyr_writer *writer, uint64_t time_ns);

/* Puts its collections into the recording if that is due. heap->process is known. */
int pyr_watched_write_collections(struct pyr_watched_heap *heap, struct pyr_writer *writer, uint64_t time_ns);

#endif
