/* What a .pyroheap file holds: every object of a Python process at one instant, what each refers to, and what keeps it
 * from outside. The walk (src/heap) gives it to the writer object by object; the graph (src/graph) reads it mapped.
 * FORMAT.md has the bytes. All text is UTF-8, and everything in a file may be hostile. */
#ifndef PYR_RECORD_SNAPSHOT_H
#define PYR_RECORD_SNAPSHOT_H

#include <stdint.h>

#define PYR_SNAPSHOT_SUFFIX ".pyroheap"

typedef uint32_t pyr_snapshot_text; /* a text given to the writer before; 0: none */

enum {
    PYR_SNAPSHOT_TEXT_MAX = 120,  /* bytes kept of an object's text: longer ones are cut at a character */
    PYR_SNAPSHOT_UNTRACKED = 255, /* generation of what the collector does not know */
    PYR_SNAPSHOT_PERMANENT = 3,   /* generation of what gc.freeze() took away */
};
#define PYR_SNAPSHOT_NO_COUNT UINT64_MAX /* a length or capacity that the type does not have */

enum pyr_snapshot_flag {
    PYR_SNAPSHOT_IMMORTAL = 1 << 0,     /* its reference count says nothing */
    PYR_SNAPSHOT_STATIC = 1 << 1,       /* not allocated: part of a module's data */
    PYR_SNAPSHOT_FINALIZER = 1 << 2,    /* __del__ or a tp_finalize of its own */
    PYR_SNAPSHOT_CONSERVATIVE = 1 << 3, /* edges were guessed from words that look like objects */
    PYR_SNAPSHOT_SIZE_BASIC = 1 << 4,   /* size without what a __sizeof__ that was not run would add */
    PYR_SNAPSHOT_TORN = 1 << 5,         /* could not be read whole */
    PYR_SNAPSHOT_TYPE = 1 << 6,         /* a type object: a row of its own below */
    PYR_SNAPSHOT_FINALIZED = 1 << 7,    /* its finalizer has run */
};

/* How an object refers to another. */
enum pyr_edge_kind {
    PYR_EDGE_OTHER = 0,     /* a member of a C structure with no name known */
    PYR_EDGE_MEMBER = 1,    /* one with a name: label */
    PYR_EDGE_ATTRIBUTE = 2, /* of an instance, held without a dict (inline values, slots): label */
    PYR_EDGE_ITEM = 3,      /* the nth of a sequence; n counts the ITEM edges of this object from 0 */
    PYR_EDGE_KEY = 4,       /* of a mapping */
    PYR_EDGE_VALUE = 5,     /* of the KEY edge before it; after none, the value's label is its key (shared-key dicts) */
    PYR_EDGE_ELEMENT = 6,   /* of a set */
    PYR_EDGE_LOCAL = 7,     /* of a suspended frame (generator, coroutine, frame object): label */
    PYR_EDGE_STACK = 8,     /* its evaluation stack */
    PYR_EDGE_CELL = 9,      /* of a closure: label is the variable */
    PYR_EDGE_CLASS = 10,    /* the object's own type */
    PYR_EDGE_DICT = 11,     /* the instance's (module's, type's) own dict */
    PYR_EDGE_KINDS = 12,
    /* Added to a kind: a reference that the object owns but does not show to the collector (a dict's str keys, a code
     * object's constants, a method descriptor's name), so gc.get_referents() does not tell of it. */
    PYR_EDGE_HIDDEN = 1 << 4,
};

struct pyr_snapshot_edge {
    uint64_t to; /* address of the object */
    pyr_snapshot_text label;
    uint32_t kind; /* enum pyr_edge_kind; PYR_EDGE_HIDDEN may be added */
};

struct pyr_snapshot_object {
    uint64_t address;
    uint64_t type;     /* address of its type object */
    uint64_t size;     /* bytes, as sys.getsizeof tells, so with the collector's head */
    uint64_t length;   /* items, characters, bytes; as len() tells */
    uint64_t capacity; /* items that there is room for: of lists, dicts, sets, bytearrays, deques */
    uint64_t content; /* XXH3 of type and contents of str, bytes, int, float, …: equal only for equal ones; 0: none */
    uint32_t references;    /* its reference count, at most UINT32_MAX; 0 where immortal */
    uint32_t site;          /* row of the sites + 1 (who allocated it: the private heap knows); 0: not known */
    pyr_snapshot_text text; /* str, bytes: how it begins; function, code, type: qualified name; module: name */
    uint32_t new_text_size;
    const void *new_text; /* or its text as bytes, borrowed for the call: cheaper than a number */
    uint8_t generation;   /* of the collector: 0, 1, 2 or PERMANENT, UNTRACKED */
    uint8_t flags;        /* enum pyr_snapshot_flag */
};

/* Every type object has one of these, besides being an object. */
struct pyr_snapshot_type {
    uint64_t address;
    pyr_snapshot_text module, name; /* "app.models", "Response" */
    uint64_t basic_size, item_size;
    uint32_t flags;         /* CPython's tp_flags */
    uint32_t instance_dict; /* 1: instances have a __dict__ (made or not), so __slots__ would shrink them */
};

/* What keeps objects from outside of the graph. */
enum pyr_root_kind {
    PYR_ROOT_MODULE = 0,      /* in sys.modules: holder is the module's name */
    PYR_ROOT_FRAME = 1,       /* a frame that runs: holder "function (file:line)", name the local's; "" its stack */
    PYR_ROOT_THREAD = 2,      /* a thread state's own: dict, exception, context, hooks; holder the thread's name */
    PYR_ROOT_INTERPRETER = 3, /* the interpreter's own: builtins, codecs, importlib, callbacks, atexit, watchers */
    PYR_ROOT_STATIC = 4,      /* a static type, a singleton, a small int, an interned string of the runtime */
    PYR_ROOT_HELD = 5,        /* the graph's references do not make up its count: C code holds it, or nothing does */
    PYR_ROOT_KINDS = 6,
};

struct pyr_snapshot_root {
    uint32_t kind; /* enum pyr_root_kind */
    pyr_snapshot_text holder, name;
    uint64_t object;
};

/* What allocated: of PYR_SNAPSHOT objects whose site is known. */
struct pyr_snapshot_site {
    pyr_snapshot_text file, function;
    uint32_t line;
};

/* An arena's or a heap's pool, for --arenas. */
struct pyr_snapshot_pool {
    uint64_t address;
    uint32_t size;        /* bytes of the pool */
    uint32_t block_size;  /* 0: free */
    uint32_t used, total; /* blocks */
};

struct pyr_snapshot_arena {
    uint64_t address, size;
    uint32_t first_pool, pools; /* rows of the pools */
    uint32_t ours;              /* 1: of the private heap, 0: CPython's own */
};

/* Of one generation of the collector. */
struct pyr_snapshot_generation {
    uint64_t threshold, count, collections, collected, uncollectable, objects;
};

enum pyr_snapshot_source {
    PYR_SNAPSHOT_COPY = 0,
    PYR_SNAPSHOT_STOPPED = 1,
    PYR_SNAPSHOT_INSIDE = 2,
    PYR_SNAPSHOT_IMAGE = 3
};

struct pyr_snapshot_facts {
    uint64_t pid;
    uint64_t taken_ns; /* since 1970 */
    uint64_t pause_ns; /* how long the process stood still */
    uint64_t walk_ns;
    uint64_t rss_bytes;
    uint64_t objects_torn, edges_dangling; /* what could not be read; references to what is no object */
    uint32_t source;                       /* enum pyr_snapshot_source */
    uint32_t collector_enabled, collecting;
    pyr_snapshot_text python, command, host;
    struct pyr_snapshot_generation generations[3];
};

#endif
