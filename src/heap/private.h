/* Private to src/heap. */
#ifndef PYR_HEAP_PRIVATE_H
#define PYR_HEAP_PRIVATE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/vec.h"
#include "heap/heap.h"
#include "heap/mirror.h"
#include "pyobj/view.h"

#include <stdbool.h>
#include <string.h>

struct walk;
struct type;
struct sites;
struct sweep;

/* Gives an object's edges to walk_edge, in the order in which its type visits them. base: the type whose part of the
 * object this is about (the object's own, or one that it inherits from). */
typedef void read_edges(struct walk *walk, uint64_t at, const struct type *base);

/* sys.getsizeof without what lies before the object. Length and capacity may be filled, too. */
typedef uint64_t measure(struct walk *walk, uint64_t at, const struct type *type, struct pyr_snapshot_object *object);

/* What is said of an object in its text. */
enum type_names {
    NAMES_NONE,
    NAMES_FUNCTION,
    NAMES_CODE,
    NAMES_MODULE,
    NAMES_DTYPE,
    NAMES_DICT,
    NAMES_SET,
    NAMES_VARIABLE
};

/* What is known of a built-in or library type by its name. Bits are words of its structure: bit n is at byte 8 * n. */
struct type_rule {
    const char *name;
    read_edges *edges; /* NULL: every word of its structure that points to an object, but for: */
    measure *measure;  /* NULL: as object.__sizeof__ has it */
    uint64_t hidden;   /* words that it owns but does not visit */
    uint64_t ignored;  /* words that it does not own */
    enum type_names names;
    bool measure_of_object; /* the measure is that of object.__sizeof__: another base may have one of its own */
    bool shows_class;       /* visits its type, though it is not a class of Python's */
    bool hides_class;
};

const struct type_rule *type_rule_find(const char *name);
const struct type_rule *type_measure_find(const char *name); /* of types that are known for their sizes alone */

struct type_label {
    uint32_t offset;
    pyr_snapshot_text text;
    bool after_items; /* the bytes of an object's items are to be added to the offset */
};

struct type {
    uint64_t at;
    char name[96]; /* tp_name */
    uint64_t flags, traverse, members;
    uint64_t basic_size, item_size;
    int64_t dict_offset, weaklist_offset;
    const struct type *base; /* NULL: none, or not readable */
    const struct type
        *solid; /* the nearest whose traversal is its own: this one, but for classes made by Python code */
    const struct type_rule *rule;    /* never NULL; of the type or of one it inherits its traversal from */
    const struct type_rule *measure; /* likewise, for the size */
    const struct type_rule *own;     /* named after it, or NULL */
    bool is_gc, is_metatype, has_finalizer, is_class /* made by Python code */;
    const struct type_rule *own_measure; /* how its own __sizeof__ measures it; NULL: none, or not known */
    bool own_sizeof, size_unknown;
    bool traverse_failed;      /* it crashed, or did not come back: it is not run again */
    struct type_label *labels; /* by offset: what its members are called */
    size_t label_count;
    struct type_label *slots; /* of a class: its __slots__ and those it inherits, in the order of visits */
    size_t slot_count;
    pyr_snapshot_text *keys; /* of a class: names of the values that its instances hold in line */
    size_t key_count;
    bool keys_loaded;
    uint64_t content_seed; /* 0: its objects' contents are not compared */
};

struct range {
    uint64_t start, end;
};

struct walk {
    struct pyr_view view;
    const struct pyr_layout *layout;
    struct pyr_mirror mirror;
    struct pyr_snapshot_writer *writer;
    struct pyr_heap_facts *facts, own_facts;
    const struct pyr_heap_options *options;
    struct sweep *sweep; /* what is found and to be given; shared with the other thread's walk */
    struct walk *helper; /* of the other thread; NULL: there is none */
    bool is_helper;
    struct pyr_vec edges;        /* of struct pyr_snapshot_edge: of the object at hand */
    struct pyr_map types;        /* address -> struct type *, or 0: known to be none */
    struct pyr_vec statics;      /* of struct range: objects in modules' data */
    struct pyr_map static_dicts; /* static type -> where the address of its dict stands, its subclasses after it */
    struct type *recent_types[1 << 12];
    struct pyr_arena arena;
    struct traverse *traverse; /* NULL: no code can be run in the target */
    struct {
        bool known;            /* its own traversal was run */
        const uint64_t *items; /* what that visited, in that order */
        size_t count;
        struct pyr_map left; /* of these, how often each address is still to be had */
    } shown;                 /* of the object at hand */
    struct sites *sites;     /* NULL: nothing tells what allocated objects */
    struct pyr_snapshot_writer *sites_writer;
    uint64_t type_type;      /* the type of types */
    uint64_t class_traverse; /* the traversal of classes that Python code makes */
    uint64_t general_lookup; /* up to 3.10: of dicts whose keys are not all str; 0: not known */
    uint64_t interned;       /* the dict of interned strings, which counts no references; 0: none known */
    struct {
        pyr_snapshot_text frame, locals, function, code, dict, mro, bases, base, cache, subclasses, module, name,
            qualname, slots, immortal;
    } names;                              /* of members */
    bool torn, conservative, size_short;  /* of the object at hand */
    char text[PYR_SNAPSHOT_TEXT_MAX + 4]; /* of the object at hand, where it had to be made */
    bool no_memory, has_immortals;
    unsigned type_depth;
    uint64_t followed; /* objects of the list that is not marked */
    int status;        /* of the writer */
};

/* ---- reading ---- */

static inline const uint8_t *walk_bytes(struct walk *walk, uint64_t at, uint64_t size)
{
    return pyr_mirror_at(&walk->mirror, at, size);
}

/* 0 where nothing is mapped. */
static inline uint64_t walk_word(struct walk *walk, uint64_t at)
{
    const void *bytes = pyr_mirror_at(&walk->mirror, at, 8);
    return bytes ? pyr_word_at(bytes, 0) : 0;
}

static inline int32_t walk_int(struct walk *walk, uint64_t at)
{
    const void *bytes = pyr_mirror_at(&walk->mirror, at, 4);
    return bytes ? pyr_int_at(bytes, 0) : 0;
}

/* A C string, cut. False if there is none. */
bool walk_text(struct walk *walk, uint64_t at, char *text, size_t size);

/* The text of a str object, interned for the snapshot; cut at PYR_SNAPSHOT_TEXT_MAX bytes. 0 if it is none. */
pyr_snapshot_text walk_str(struct walk *walk, uint64_t at);
void walk_append_str(struct walk *walk, uint64_t at, struct pyr_buf *text); /* the same, appended */

/* ---- types ---- */

/* The type at an address, NULL if there is none. */
const struct type *walk_type_load(struct walk *walk, uint64_t at);
static inline const struct type *walk_type(struct walk *walk, uint64_t at)
{
    const struct type *type = walk->recent_types[(at >> 4 ^ at >> 16) & 4095];
    return type && type->at == at ? type : walk_type_load(walk, at);
}

/* The type of what is at an address; NULL if it does not look like an object. */
const struct type *walk_type_of(struct walk *walk, uint64_t at);

/* The dict of a type, wherever it is kept. 0: none. */
uint64_t type_dict(struct walk *walk, uint64_t type);

/* The name of the member at an offset, 0: none is known. */
pyr_snapshot_text type_label(const struct type *type, uint32_t offset);

/* Names of the values that instances hold in line. */
void type_load_keys(struct walk *walk, struct type *type);

/* ---- edges ---- */

/* Whether there is an object; the first time it is found it is marked as such. */
bool walk_reach(struct walk *walk, uint64_t at);
bool walk_guess(struct walk *walk, uint64_t at); /* the same for a word that need not be a reference */

/* An edge of the object at hand. What is no object is counted as dangling; NULL is nothing. */
void walk_edge(struct walk *walk, uint64_t to, unsigned kind, pyr_snapshot_text label);

/* The same for a word that need not be a reference. */
bool walk_maybe_edge(struct walk *walk, uint64_t to, unsigned kind, pyr_snapshot_text label);

/* Whether an object is a type that the collector does not know. type: of the object. */
bool walk_is_static_type(struct walk *walk, uint64_t at, const struct type *type);

/* All edges of an object. */
void walk_object_edges(struct walk *walk, uint64_t at, const struct type *type);

/* The words of a structure from one offset to another that point to objects, by the rules of base. */
void walk_plain_words(struct walk *walk, uint64_t at, const struct type *base, uint32_t from, uint32_t to);

/* Whether a module of C shows the collector what is in its state. */
bool module_shows_state(struct walk *walk, uint64_t at);

/* An array of references. */
void walk_items(struct walk *walk, uint64_t at, uint64_t count, unsigned kind);

read_edges edges_tuple, edges_list, edges_dict, edges_set, edges_odict, edges_defaultdict, edges_deque, edges_type,
    edges_module, edges_weakref, edges_frame, edges_generator, edges_code, edges_lru, edges_ndarray, edges_hamt_bitmap,
    edges_hamt_collision, edges_none;

/* The table of a dict's keys: for each slot the number of an entry, then the entries. */
struct dict_keys {
    uint64_t index, index_bytes, size; /* size: slots, a power of two where the target is whole */
    uint64_t entries, count;
    uint32_t entry_size;
    bool is_str; /* entries without a hash */
};

bool dict_keys_read(struct walk *walk, uint64_t at, struct dict_keys *keys);

/* Every entry of a keys table; values: where the values of a split one lie, 0 for its own. visit gets 0 for no value.
 */
typedef void visit_entry(struct walk *walk, uint64_t key, uint64_t value, bool is_str, size_t index, void *context);
bool dict_keys_each(struct walk *walk, uint64_t keys, uint64_t values, visit_entry *visit, void *context);

/* Bytes of a keys table, and items that it has room for. */
uint64_t dict_keys_size(struct walk *walk, uint64_t keys, uint64_t *capacity);

/* The value of a str key. 0: none. */
uint64_t dict_find(struct walk *walk, uint64_t dict, const char *key);

/* How many variables (names) and how much stack the frames of a code object have. */
void code_shape(struct walk *walk, uint64_t code, uint64_t *variables, uint64_t *stack);
pyr_snapshot_text code_variable(struct walk *walk, uint64_t code, uint64_t index);

/* ---- sizes, contents ---- */
measure size_list, size_dict, size_set, size_odict, size_deque, size_str, size_bytes, size_bytearray, size_int,
    size_tuple, size_type, size_code, size_frame, size_generator, size_array, size_struct, size_decimal, size_buffered,
    size_bytesio, size_element, size_combinations, size_permutations, size_product, size_ndarray, size_number,
    size_simple_queue, size_ctypes_dict, size_ctypes_type, size_pickler, size_unpickler;

uint64_t walk_size(struct walk *walk, uint64_t at, const struct type *type, struct pyr_snapshot_object *object);
/* Bytes before an object in its block: the collector's head, and what some versions keep there of an instance. */
uint64_t walk_prefix(struct walk *walk, uint64_t at, const struct type *type);
void walk_contents(struct walk *walk, uint64_t at, const struct type *type, struct pyr_snapshot_object *object);

/* "2.5 other keys in the way of a lookup", on average, where hashes collide so much that it matters; else 0
 * (FORMAT.md). */
pyr_snapshot_text dict_collisions(struct walk *walk, uint64_t at);
pyr_snapshot_text set_collisions(struct walk *walk, uint64_t at);

/* The dtype of an array, and a narrower one that holds the same values (FORMAT.md). 0: not known. */
pyr_snapshot_text ndarray_text(struct walk *walk, uint64_t at);

/* ---- traversals of types that have no reader (traverse.c) ---- */

int traverse_open(struct walk *walk); /* the sweep is there, and the visitor in it outlives this */
void traverse_close(struct walk *walk);

/* Whether the object's own traversal is to be run: it is given later then, with others. */
bool traverse_put_off(struct walk *walk, uint64_t at, const struct type *type, unsigned generation);
bool traverse_is_full(const struct walk *walk);
bool traverse_is_empty(const struct walk *walk);

/* Runs those of all that were put off, and gives the objects. */
int traverse_give(struct walk *walk);

/* Whether the traversal has visited something; taken, it is once less. */
bool shown_has(const struct walk *walk, uint64_t to);
bool shown_take(struct walk *walk, uint64_t to);

/* ---- what allocated it ---- */

/* Where the private heap's agent tells of its tags; 0: it is not in this process. Reads the target's maps anew. */
uint64_t walk_sites_look(struct pyr_target *target);
void walk_sites_open(struct walk *walk, uint64_t at);
void walk_sites_release(struct walk *walk);

/* The row of the writer's sites that allocated the block that begins there + 1; 0: not known. */
uint32_t walk_site(struct walk *walk, uint64_t block);

/* ---- where it begins ---- */

/* The lists of an interpreter's collector. */
struct collector {
    uint64_t state;    /* of the collector */
    uint64_t heads[4]; /* the last is of what gc.freeze() took away; 0 where it was not found */
    uint64_t counts[4];
    unsigned left; /* which of them collector_leave() left; UINT32_MAX: none */
};

int collector_find(struct walk *walk, uint64_t interp, struct collector *collector);

/* The longest list is not gone through: what it holds is found while objects are given, by its neighbours in the list,
 * which lie near, and known by being in no other one. Of one collector, before its lists are marked. */
void collector_leave(struct walk *walk, struct collector *collector);

/* Whether an object with a collector's head is in a list. */
bool collector_is_linked(struct walk *walk, uint64_t at);

/* The list of an object with such a head that is not marked, or PYR_SNAPSHOT_UNTRACKED. Finds its neighbours. */
unsigned collector_follow(struct walk *walk, uint64_t at);

/* When all are given: how many there were. */
void collector_count_followed(struct walk *walk);

/* Marks what the other lists hold, so that it is found in its list only. */
void collector_mark(struct walk *walk, struct collector *collector);

/* Calls object for each of a list that was marked. */
int collector_each(struct walk *walk, const struct collector *collector, unsigned list,
                   int (*object)(struct walk *walk, uint64_t at, unsigned list));
void collector_facts(struct walk *walk, const struct collector *collector);
unsigned collector_generation(const struct walk *walk, unsigned list); /* of the objects of a list */

/* Before anything else: the dict of interned strings, the dicts of static types. */
void walk_look_ahead(struct walk *walk, const struct pyr_vec *interps);

/* An object that lies in a module's data, or that never dies: a root of its own. */
void walk_static_object(struct walk *walk, uint64_t at, uint64_t size, const char *path);
void walk_immortal(struct walk *walk, uint64_t at);

void walk_name_members(struct walk *walk); /* as its writer's texts */

/* One object, to the writer: its edges, its size, what is in it. type: NULL, it is none, and counted as torn; list: of
 * the collector, or PYR_SNAPSHOT_UNTRACKED. */
int walk_give(struct walk *walk, uint64_t at, const struct type *type, unsigned list);

/* Finds what is held from outside of the graph, and says so to the writer. */
int walk_roots(struct walk *walk, const struct pyr_vec *interps);

/* ---- the allocators ---- */

/* Gives the pools and arenas of CPython's allocator, and of the private heap, to the writer. pools: rows so far. */
int walk_arenas(struct walk *walk, const struct pyr_vec *interps);
int walk_own_arenas(struct walk *walk, uint32_t *pools);

#endif
