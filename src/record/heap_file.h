/* The file in which the agent counts a process's memory by site: written in place by the process, which maps it
 * shared, and read by others meanwhile or after its end, however it ended. docs/heap.md describes it.
 *
 *     page 0            struct pyr_heap_file
 *     sites_at          struct pyr_heap_site [site_count], in order of appearance: callers before what they call
 *     texts_at          records of code objects and strings, only ever appended
 *     direct_at         struct pyr_heap_direct [direct_count]: what was not taken from the private heap
 *     pauses_at         struct pyr_heap_pause [PYR_HEAP_PAUSES]: the last collections, the nth at n % PYR_HEAP_PAUSES
 *     peaks_at          struct pyr_heap_peak [site_count]
 *
 * All integers are native: the file is read on the machine that wrote it. It may be torn: each 64-bit word is whole,
 * but words of one moment may be beside words of the next. A reader bounds everything. */
#ifndef PYR_RECORD_HEAP_FILE_H
#define PYR_RECORD_HEAP_FILE_H

#include <stdint.h>

#define PYR_HEAP_FILE_MAGIC "\x89PYRMEM\n"
#define PYR_HEAP_FILE_SUFFIX ".memory"

enum {
    PYR_HEAP_FILE_VERSION = 6,
    PYR_HEAP_FILE_HEADER = 4096,
    /* Sites that are not an instruction. */
    PYR_SITE_NO_FRAME = 0, /* no Python code runs: the interpreter starts or ends, or a thread of C */
    PYR_SITE_OTHER = 1,    /* no more sites could be told apart */
    PYR_SITES_RESERVED = 2,
    PYR_SITES_MAX = 1 << 20,
    PYR_TEXT_NONE = 0, /* no record has this offset */
    PYR_GENERATIONS = 3,
    PYR_HEAP_PAUSES = 4096,
    PYR_HEAP_RECENT = 64, /* a power of two */
};

enum pyr_heap_state {
    PYR_HEAP_STARTING = 0, /* of a child of a fork that has not run yet */
    PYR_HEAP_RUNNING = 1,  /* or killed, if the process is no more */
    PYR_HEAP_ENDED = 2,    /* exited */
};

/* One cache line each. Live is what was allocated less what was freed, be it temporary or not: that is freed while it
 * was among the last PYR_HEAP_RECENT allocations of the private heap. A realloc frees and allocates. What it held at
 * the heap's peak: its struct pyr_heap_peak if it is `saved`, else what is live, for it has not changed since. */
struct pyr_heap_site {
    uint64_t allocated_blocks, allocated_bytes; /* bytes as asked for */
    uint64_t freed_blocks, freed_bytes;         /* but for those that were temporary */
    uint64_t temporary_blocks, temporary_bytes;
    uint32_t saved;  /* 0, or the next site of a list that only the process follows */
    uint32_t caller; /* the site of the frame that called this one; PYR_SITE_NO_FRAME: none, or no stacks are kept */
    uint32_t code;   /* offset of a code record in the texts; PYR_TEXT_NONE for the reserved sites */
    uint32_t instruction; /* bytes from the code's first instruction; UINT32_MAX: none had run yet */
};

struct pyr_heap_peak {
    uint64_t blocks, bytes;
};

/* Memory that does not come from the private heap. */
enum pyr_heap_domain {
    PYR_DOMAIN_RAW,  /* PyMem_RawMalloc and so on: Python's, as tracemalloc counts it */
    PYR_DOMAIN_C,    /* malloc and so on, anonymous mmap */
    PYR_DOMAIN_FILE, /* mmap of a file: address space, of which only what is touched becomes memory */
    PYR_DOMAINS,
};

/* What one site took from one domain, two cache lines: counted by threads that hold the GIL, and beside it, atomically,
 * by those that do not. The sum of both is what counts; each alone may be below zero. What it held at the domain's peak
 * (of PYR_DOMAIN_RAW: the private heap's): peak_* if its epoch is the domain's, else what is live. */
struct pyr_heap_direct {
    uint64_t allocated_blocks, allocated_bytes, freed_blocks, freed_bytes;
    uint64_t peak_blocks, peak_bytes;
    uint64_t epoch;
    uint32_t site, next; /* the site's next one; 0: none */
    uint64_t loose_allocated_blocks, loose_allocated_bytes, loose_freed_blocks, loose_freed_bytes;
    uint32_t domain; /* enum pyr_heap_domain */
    uint32_t reserved[7];
};

struct pyr_heap_domain_total {
    uint64_t peak_bytes;       /* the highest sum; of PYR_DOMAIN_RAW 0: it is in the heap's */
    uint64_t loose_peak_bytes; /* the highest that threads without the GIL saw, if that is more */
    uint64_t epoch;            /* changes with every new maximum */
};

enum pyr_heap_automatic { PYR_HEAP_UNKNOWN = 0, PYR_HEAP_ENABLED = 1, PYR_HEAP_DISABLED = 2 };

/* All collections of a generation since the process began. */
struct pyr_heap_collections {
    uint64_t count;
    uint64_t pause_ns, longest_ns;     /* in all; the longest one */
    uint64_t collected, uncollectable; /* objects */
    uint64_t vain_count, vain_ns;      /* those of them that found nothing */
};

/* One collection. */
struct pyr_heap_pause {
    uint64_t start_ns; /* of CLOCK_MONOTONIC */
    uint64_t pause_ns;
    uint64_t collected;
    uint32_t uncollectable, generation;
    uint32_t site; /* whose code ran when it began */
    uint32_t reserved;
};

struct pyr_heap_file {
    uint8_t magic[8];
    uint32_t version, site_size;
    uint32_t pid, parent_pid;
    uint64_t started_ns; /* since 1970 */
    uint64_t ended_ns;   /* 0: not known to have ended */
    uint32_t state;      /* enum pyr_heap_state */
    uint32_t interpreter;
    uint32_t linetable_kind; /* enum pyr_linetable_kind, of all code objects */
    uint32_t site_count;
    uint64_t sites_at, sites_limit; /* in bytes, from the file's start; how much there may be */
    uint64_t texts_at, texts_limit;
    uint64_t text_bytes; /* used; written after the records */
    /* Texts below text_base lie at the same offsets in the file of the process that forked this one. */
    uint64_t text_base;
    char text_base_name[64]; /* in the same directory */
    char python[64];         /* "3.14.10" */
    /* The heap itself. */
    uint64_t arena_bytes;      /* mapped for small blocks */
    uint64_t peak_arena_bytes; /* their maximum */
    uint64_t lost_sites;       /* allocations that went to PYR_SITE_OTHER */
    uint64_t replaced;         /* 1: at the end another allocator had the place of ours, such as that of -X dev */
    uint64_t children_inside;  /* forked without the memory for a file of their own: they count here too */
    uint64_t peak_bytes;       /* the highest sum of what all sites held at once */
    uint64_t
        main_ended_ns;    /* when the main module had ended, threads and atexit too, but nothing was torn down; or 0 */
    uint32_t live_record; /* offset of what was live then; PYR_TEXT_NONE: not noted */
    uint32_t direct_live_record; /* likewise, of struct pyr_heap_direct by number */
    uint32_t direct_count;
    uint32_t direct_size;
    uint64_t direct_at, direct_limit;
    struct pyr_heap_domain_total domains[PYR_DOMAINS];
    /* The cyclic collector. */
    uint32_t collections_noted; /* 1: they are */
    struct pyr_heap_collections collections[PYR_GENERATIONS];
    uint64_t pauses_at;
    uint64_t pause_count;                 /* ever written; after the record */
    uint32_t thresholds[PYR_GENERATIONS]; /* of the generations, at the last collection */
    uint32_t automatic;                   /* enum pyr_heap_automatic, likewise */
    uint32_t stacks;                      /* 1: a site is a whole stack; 0: a line */
    uint32_t other_gils;                  /* 1: interpreters with a GIL of their own ran, too: not counted */
    uint64_t uncounted_blocks;            /* large ones: there was no memory to know them by */
    uint64_t peaks_at;
    uint64_t arenas_at; /* address of the first arena (heap_arena.h); those behind it are at multiples of their size */
    uint64_t large_at;  /* address of a struct pyr_large_sum */
    uint64_t tables_at; /* address of a struct pyr_tables */
    uint32_t forked_site_count; /* of a forked process: what site_count was then */
    uint64_t started_clock_ns;  /* started_ns by CLOCK_MONOTONIC */
    uint32_t late;              /* 1: begun by a program that ran already: what was there before is not counted */
};

/* PYR_HEAP_TEXT_LIVE: what each site, or struct pyr_heap_direct, held when the main module had ended: of struct
 * pyr_heap_live, by number. */
enum pyr_heap_text_kind { PYR_HEAP_TEXT_STRING = 1, PYR_HEAP_TEXT_CODE = 2, PYR_HEAP_TEXT_LIVE = 3 };

struct pyr_heap_live {
    uint64_t blocks, bytes;
};

/* Records begin at multiples of 8. */
struct pyr_heap_text {
    uint32_t kind; /* enum pyr_heap_text_kind */
    uint32_t size; /* of what follows */
};

/* Follows the head of a string's record: its UTF-8. Of a code's: this, then its line table. */
struct pyr_heap_code {
    uint32_t file, name; /* offsets of string records */
    int32_t first_line;
    uint32_t linetable_size;
};

#endif
