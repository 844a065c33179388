/* What a recording is made of: shared by writer and reader. FORMAT.md describes the bytes. */
#ifndef PYR_RECORD_FORMAT_H
#define PYR_RECORD_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

/* Facts about the whole run. Strings are UTF-8, NUL-terminated, never NULL when read. */
struct pyr_run_facts {
    const char *pyrometer;    /* version of the writer */
    const char *python;       /* "3.14.10" of the first Python process; "" until known */
    const char *host;         /* host name */
    const char *mode;         /* "wall", "cpu" or "gil": what the user asked to see */
    uint64_t started_wall_ns; /* since 1970 */
    uint64_t rate_hz;         /* samples per second asked for; UINT64_MAX for max */
    bool attached;            /* attach, not run */
    bool no_stop;
    bool memory;                /* allocations are recorded */
    bool opcodes;               /* nodes say which instruction was executed */
    const char *const *command; /* argv of run; or of the attached process */
    uint32_t command_count;
};

/* How the line of an instruction is found from a code object's table. */
enum pyr_linetable_kind {
    PYR_LINETABLE_NONE = 0,
    PYR_LINETABLE_LNOTAB = 1,    /* up to 3.9: (bytecode delta, signed line delta) pairs */
    PYR_LINETABLE_PAIRS = 2,     /* 3.10: PEP 626 */
    PYR_LINETABLE_LOCATIONS = 3, /* 3.11+: entries with columns */
};

/* A code object, taken once. */
struct pyr_code_facts {
    const char *name; /* qualified where the version has it; UTF-8 */
    const char *file; /* co_filename; UTF-8, undecodable bytes escaped */
    uint32_t first_line;
    uint8_t linetable_kind;
    const uint8_t *linetable;
    uint32_t linetable_size;
    uint32_t instructions; /* the set that its opcodes are of: number + 1; 0: none is known */
};

/* Frames that are not a line of Python have code numbers of their own from the writer, with linetable_kind NONE and a
 * name in angle brackets, such as "<GC>". */

struct pyr_process_facts {
    uint32_t pid, parent_pid;
    const char *command;
    const char *python;         /* "3.14.10"; "" if not Python (yet) */
    const char *implementation; /* build properties, such as "static, jit" ; may be "" */
    uint64_t start_ns;          /* since the recording's start */
};

struct pyr_thread_facts {
    uint32_t process;   /* number of its process */
    uint64_t ident;     /* Python's threading ident */
    uint64_t native_id; /* kernel thread id as the target's own namespace or ours sees it */
    const char *name;
    uint64_t interpreter; /* 0 is the main one */
};

/* What was true of a thread at a sample. */
enum pyr_sample_flags {
    PYR_ON_CPU = 1 << 0, /* running, or ready to: which, struct pyr_cpu_time tells */
    PYR_HAS_GIL = 1 << 1,
    PYR_WAITS_GIL = 1 << 2,
    PYR_IN_GC = 1 << 3,
    PYR_TRUNCATED = 1 << 4,  /* deeper than could be taken: the outermost frames are missing */
    PYR_UNRESOLVED = 1 << 5, /* the stack could not be proved; its node is meaningless */
};

/* How the stacks of a tick were made certain (docs/truth.md). Decided before the tick, so that it is independent of
 * what the program did. */
enum pyr_tick_kind {
    PYR_TICK_GLANCE = 0, /* read while it ran, twice; what differed is PYR_UNRESOLVED */
    PYR_TICK_EXACT = 1,  /* read while it could not run; glances are taken in between */
    PYR_TICK_ONLY = 2,   /* likewise, while all ticks are so: too much is torn for glances. Each stands for the time
                          * since the tick before it */
};

/* For how long a thread ran, and was ready to but waited for a CPU, since this was last read of it (the first time: 0).
 */
struct pyr_cpu_time {
    uint32_t thread;
    uint64_t ran_ns, waited_ns;
};

/* Quality figures, cumulative; the last ones count. */
struct pyr_quality {
    uint64_t ticks_glance, ticks_exact;
    uint64_t samples_taken; /* thread stacks proved */
    uint64_t samples_unresolved;
    uint64_t samples_failed;  /* could not be read at all */
    uint64_t samples_stopped; /* needed a ptrace stop */
    uint64_t samples_truncated;
    uint64_t deadlines_missed; /* ticks dropped because the last was late */
    uint64_t own_cpu_ns;
    uint64_t elapsed_ns;
    uint64_t samples_compiled; /* of those taken: the innermost code ran compiled, so its line may be an earlier one */
};

/* What one site had allocated; a site is a node of the stack tree (PYR_NODE_EMPTY: no Python code ran). Sizes are those
 * asked for. */
struct pyr_memory_site {
    uint32_t node;
    uint64_t allocated_blocks, allocated_bytes;
    uint64_t live_blocks, live_bytes;
    uint64_t peak_blocks, peak_bytes;           /* held at the moment of the heap's peak */
    uint64_t temporary_blocks, temporary_bytes; /* see pyr_memory_facts.temporary_within */
};

/* A step of the timeline: the most that was seen in it. 0: nothing was read then. */
struct pyr_memory_point {
    uint64_t heap_bytes, rss_bytes;
};

/* What the figures are of. */
enum pyr_memory_kind {
    PYR_MEMORY_HEAP,  /* Python's allocators: objects and what belongs to them */
    PYR_MEMORY_C,     /* what C code took itself: malloc and so on, anonymous mappings */
    PYR_MEMORY_FILES, /* files that the program mapped: address space */
    PYR_MEMORY_KINDS,
};

/* The heap of one interpreter of one process, or its other memory: all figures at one moment. */
struct pyr_memory_facts {
    enum pyr_memory_kind kind;
    uint32_t process;     /* number */
    uint32_t interpreter; /* 0 is the main one */
    bool at_main_end;     /* live: when the main module had ended; else at time_ns */
    bool stacks;          /* a site is a whole stack; else a line, a stack of one frame */
    bool begun_late;      /* by the running program: what was there before is not counted */
    uint64_t time_ns;     /* when the figures were read; times are since the recording's start */
    uint64_t allocated_blocks, allocated_bytes, live_blocks, live_bytes, peak_bytes;
    uint64_t peak_ns;          /* when the peak was seen to be reached; 0: not known */
    uint64_t arena_bytes;      /* mapped for small blocks, at most at one time */
    uint64_t lost_allocations; /* whose site could not be told */
    uint32_t
        temporary_within; /* temporary is what was freed among the last so many allocations; 0: it was not counted */
    const char *why;      /* why there are no figures; "" where there are */
    uint64_t start_ns, step_ns;
    const struct pyr_memory_point *points;
    uint32_t point_count;
    const struct pyr_memory_site *sites;
    uint32_t site_count;
    bool cut; /* read: some sites are missing, for the recording ends before them */
};

/* ---- what resident memory consists of ---- */

/* The parts of a process's resident memory, as far as they could be told. */
enum pyr_resident_part {
    PYR_RESIDENT_BLOCKS,    /* of the private heap: blocks in use, of up to 512 bytes, as their size class has it */
    PYR_RESIDENT_FREE,      /* what else there is in pools that hold such: free blocks, tags, ends */
    PYR_RESIDENT_EMPTY,     /* pools that hold nothing but are kept */
    PYR_RESIDENT_AGENT,     /* what the agent takes for itself: heads of arenas, tables, its file, its code */
    PYR_RESIDENT_ANONYMOUS, /* the C heap, and all other memory that no file backs */
    PYR_RESIDENT_DATA,      /* what was written of mapped files, and modules' zeroed data */
    PYR_RESIDENT_FILES,     /* mapped files as they are in them: code of libraries */
    PYR_RESIDENT_STACKS,    /* of threads */
    PYR_RESIDENT_SHARED,    /* shared with other processes without a file */
    PYR_RESIDENT_KERNEL,    /* what the kernel maps */
    PYR_RESIDENT_PARTS,
};

#define PYR_RESIDENT_EIGHTHS 8u

/* Pools of the private heap whose blocks have one size. */
struct pyr_resident_class {
    uint32_t block_size;
    uint64_t pools, used, total;            /* blocks */
    uint64_t eighths[PYR_RESIDENT_EIGHTHS]; /* pools by how many of their blocks are in use; the last: above 7/8 */
};

/* A line with blocks in pools that are at most a quarter full. Of each, its free bytes count for those who hold it, by
 * their blocks. */
struct pyr_resident_pin {
    uint32_t node;
    uint64_t blocks, pools, free_bytes;
};

/* One process at one moment. */
struct pyr_resident_facts {
    uint32_t process; /* number */
    bool last;        /* the last that was looked at; else that with the most resident memory */
    uint64_t time_ns; /* since the recording's start */
    uint64_t resident_bytes;
    uint64_t parts[PYR_RESIDENT_PARTS]; /* they need not add up: the process ran on while they were read */
    /* Of PYR_RESIDENT_ANONYMOUS and PYR_RESIDENT_DATA: bytes that were asked for, resident or not. */
    uint64_t large_blocks, large_bytes; /* Python's blocks above 512 bytes */
    uint64_t raw_bytes, c_bytes;        /* of its raw domain; C memory */
    uint64_t arenas, empty_pools;
    /* Pools that are at most a quarter full. */
    uint64_t pinned_pools, pinned_used_bytes, pinned_free_bytes;
    uint64_t pinned_read; /* of them, those whose blocks were looked up for the pins */
    const struct pyr_resident_class *classes;
    uint32_t class_count;
    const struct pyr_resident_pin *pins; /* those that keep most first */
    uint32_t pin_count;
};

/* ---- the cyclic collector ---- */

#define PYR_GC_GENERATIONS 3u

/* All collections of one generation. */
struct pyr_gc_sum {
    uint64_t count;
    uint64_t pause_ns, longest_ns;
    uint64_t collected, uncollectable; /* objects */
    uint64_t vain_count, vain_ns;      /* those of them that found nothing to free */
};

/* One collection: the program stood still for pause_ns. */
struct pyr_gc_pause {
    uint64_t start_ns; /* since the recording's start */
    uint64_t pause_ns, collected, uncollectable;
    uint32_t generation; /* below PYR_GC_GENERATIONS */
    uint32_t node;       /* whose line ran when it began; PYR_NODE_EMPTY: no Python code ran */
};

/* The collections of one interpreter of one process. */
struct pyr_gc_facts {
    uint32_t process;     /* number */
    uint32_t interpreter; /* 0 is the main one */
    uint64_t time_ns;     /* when the sums were read */
    struct pyr_gc_sum sums[PYR_GC_GENERATIONS];
    bool has_thresholds; /* what follows is known; as of the last collection */
    bool enabled;        /* it runs by itself */
    uint32_t thresholds[PYR_GC_GENERATIONS];
    const struct pyr_gc_pause *pauses; /* writing: those since the last call; reading: all, in order of time */
    uint32_t pause_count;
};

/* An interpreter's instructions by their number, of which 0 is none; NULL where there is none. */
#define PYR_INSTRUCTIONS 256u
struct pyr_instruction_set {
    const char *names[PYR_INSTRUCTIONS];
};

/* Sentinel for "no stack": the thread has no Python frame. */
#define PYR_NODE_EMPTY 0u

#endif
