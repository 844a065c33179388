/* Reads the file in which the agent counts a process's memory (heap_file.h), while the process runs or after its end.
 * The file is hostile input: it may be torn, cut short meanwhile, or made up. It is read by pread, not mapped, so that
 * cutting it cannot kill us. Not thread-safe. */
#ifndef PYR_RECORD_HEAP_READER_H
#define PYR_RECORD_HEAP_READER_H

#include "pyrometer/err.h"
#include "record/format.h"

struct pyr_heap_reader;

/* What the first page says. Texts are NUL-terminated, not necessarily UTF-8. */
struct pyr_heap_head {
    uint32_t pid, parent_pid; /* as the process sees itself; pid 0: forked, but it has not run yet */
    uint32_t interpreter;
    uint64_t started_ns;       /* since 1970 */
    uint64_t started_clock_ns; /* the same by CLOCK_MONOTONIC */
    bool forked_only;          /* it was forked, and is not known to have run Python code of its own since */
    bool counts_others;        /* not only the heap */
    bool ended;                /* it has exited; false also if it was killed */
    uint64_t ended_ns;         /* since 1970, if it has */
    bool stacks;               /* sites have callers */
    bool begun_late;           /* by the running program: what was there before is not counted */
    bool at_main_end;          /* what is live is told as of when the main module had ended */
    uint64_t peak_bytes[PYR_MEMORY_KINDS];
    uint64_t peak_arena_bytes;
    uint64_t lost_allocations;
    uint64_t children_inside;  /* forked processes that had to count in this file too */
    bool replaced;             /* at the end another allocator had the place of ours */
    bool other_gils;           /* interpreters with a GIL of their own ran, which are not counted */
    uint64_t uncounted_blocks; /* that there was no memory to know by */
    uint32_t site_count;
    bool collections_noted;
    struct pyr_gc_sum collections[PYR_GC_GENERATIONS];
    bool has_thresholds, enabled; /* the collector's: whether they are known; it runs by itself */
    uint32_t thresholds[PYR_GC_GENERATIONS];
    uint64_t pause_count;                    /* collections that were noted singly; the last of them can be read */
    uint64_t arenas_at, large_at, tables_at; /* addresses in the process; see heap_file.h */
    char python[64];
    char base_name[64]; /* the file that has the texts of its first sites; "" if its own has all */
};

/* Opens the file `name` of a directory. PYR_E_AGAIN: it is only being made; PYR_E_FORMAT: it is none, or of an agent of
 * another version; PYR_E_IO. */
int pyr_heap_reader_open(struct pyr_heap_reader **out, int directory, const char *name, struct pyr_err *err);
void pyr_heap_reader_close(struct pyr_heap_reader *reader);

/* Reads the first page anew. PYR_E_IO, PYR_E_FORMAT: then *head is as it was. */
int pyr_heap_reader_head(struct pyr_heap_reader *reader, struct pyr_heap_head *head);

/* What all sites hold of the heap now: reads all of them, 64 bytes each. PYR_E_IO, PYR_E_FORMAT. */
int pyr_heap_reader_live(struct pyr_heap_reader *reader, uint64_t *live_bytes);

/* What is held now of the raw domain, and of C memory, as asked for. PYR_E_IO, PYR_E_FORMAT. */
int pyr_heap_reader_others(struct pyr_heap_reader *reader, uint64_t *raw_bytes, uint64_t *c_bytes);

/* A site, its code and its instruction. */
struct pyr_heap_place {
    uint32_t number;
    uint32_t caller; /* the number of the site that called it, which is lower; 0: none, or lines only */
    const struct pyr_code_facts *code; /* NULL: no Python code ran. Borrowed until the reader is closed */
    uint32_t code_number;              /* the same for the same code */
    enum pyr_memory_kind kind;         /* of the figures */
    bool other;                        /* the agent could not tell sites apart any more */
    int32_t instruction;               /* bytes from the code's first; −1 not known */
};

typedef int (*pyr_heap_visit)(void *context, const struct pyr_heap_place *place, const struct pyr_memory_site *figures);

/* Calls visit for every site, in order of their numbers, until it returns a negative status, which is returned; of
 * lines, for those that have allocated anything. Then again for what sites hold of other kinds. Of figures->node
 * nothing is known. Sites whose code cannot be read count as `other`. */
int pyr_heap_reader_sites(struct pyr_heap_reader *reader, pyr_heap_visit visit, void *context);

/* One collection. Its place is that of the site whose code ran when it began. */
struct pyr_heap_collection {
    uint64_t start_ns; /* of CLOCK_MONOTONIC */
    uint64_t pause_ns, collected, uncollectable;
    uint32_t generation; /* below PYR_GC_GENERATIONS */
    uint32_t site;       /* number; see pyr_heap_reader_place */
};

#define PYR_HEAP_COLLECTIONS_AT_ONCE 256u

/* Reads collections from number *next on, the oldest that are still there first, and moves *next behind them. Returns
 * how many; 0: there are no more now. Those that were written over since are left out. PYR_E_IO, PYR_E_FORMAT. */
int64_t pyr_heap_reader_collections(struct pyr_heap_reader *reader, uint64_t *next,
                                    struct pyr_heap_collection out[static PYR_HEAP_COLLECTIONS_AT_ONCE]);

/* Where the code of a site is. A site that cannot be read counts as `other`. PYR_E_IO, PYR_E_FORMAT, PYR_E_NOMEM. */
int pyr_heap_reader_place(struct pyr_heap_reader *reader, uint32_t site, struct pyr_heap_place *place);

#endif
