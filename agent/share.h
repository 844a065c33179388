/* The file that a heap counts in (record/heap_file.h). */
#ifndef PYR_AGENT_SHARE_H
#define PYR_AGENT_SHARE_H

#include "heap.h"

#include "pyrometer/err.h"

/* Environment variable: the directory that the files go to. Unset, the agent does nothing. */
#define PYR_SHARE_DIRECTORY "PYROMETER_MEMORY_DIR"
/* "stacks": a site is a whole stack; else it is a line. */
#define PYR_SHARE_MODE "PYROMETER_MEMORY_MODE"

/* Makes the file PID.N.memory and maps it. 0 or a negative status. */
int pyr_share_open(struct pyr_heap *heap, const char *directory, struct pyr_err *err);

/* Before a fork: the child's file, with what the heap holds now, for afterwards the parent goes on changing its own.
 * The texts that are there already are not copied: the child's file names this one. */
void pyr_share_before_fork(struct pyr_heap *heap);
void pyr_share_in_parent(void);

/* The child counts in its own file; where there is none, in memory that nobody reads. */
void pyr_share_in_child(struct pyr_heap *heap);

/* A recording that the program itself began ends: the file stays as it is now, whatever is freed meanwhile; and (leave)
 * the recording has been made. Both with the GIL, where nobody counts without it. */
void pyr_share_end(struct pyr_heap *heap);
void pyr_share_leave(struct pyr_heap *heap);

/* Another one begins: in a new file, from zero. 0; or a negative status, then nothing is counted in a file. */
int pyr_share_begin_again(struct pyr_heap *heap, const char *directory, struct pyr_err *err);

/* The process exits. */
void pyr_share_close(struct pyr_heap *heap);

#endif
