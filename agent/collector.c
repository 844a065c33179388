/* The collector calls what is in a list at the start and at the stop of each collection: gc.callbacks. It finds that
 * list through a pointer of its own, and a program through the module's dictionary. So the pointer can be to another
 * list, of one item, ours, that passes everything on to the program's list: the program sees its own, does with it what
 * it likes, and the collector still tells us.
 *
 * That list and its item are static and only look like objects: nothing is allocated for them, the collector does not
 * track them, and no type is added to those that a program can find. */
#include "collector.h"

#include "api.h"
#include "inside.h"
#include "sites.h"

#include "layout/collector.h"

#include <string.h>
#include <time.h>

/* ---- what the collector sees ---- */

/* Of object.h and of the types' heads, the same since 3.8 in builds without debugging. */
struct object {
    size_t references;
    const void *type;
};
struct list {
    struct object head;
    intptr_t size;
    void **items;
    intptr_t allocated;
};
struct type {
    struct object head;
    intptr_t size;
    const char *name;
    intptr_t basic_size, item_size;
    void (*dealloc)(void *object);
    intptr_t vectorcall_offset;
    void *unused[13];
    unsigned long flags;
    void *further[64]; /* NULL: it can do nothing else */
};
typedef void *(*vectorcall)(void *callable, void *const *arguments, size_t count, void *names);
struct listener {
    struct object head;
    vectorcall call;
};
_Static_assert(offsetof(struct type, dealloc) == 48 && offsetof(struct type, flags) == 168, "as in CPython");

#define HAS_VECTORCALL (1ul << 11)

static void list_dropped(void *object);
static void *listen(void *callable, void *const *arguments, size_t count, void *names);

static struct type list_type = {.head = {1, &list_type}, .name = "list", .dealloc = list_dropped};
/* Called without a check of the depth of recursion: that must not fail here. */
static struct type listener_type = {
    .head = {1, &listener_type},
    .name = "pyrometer",
    .vectorcall_offset = offsetof(struct listener, call),
    .flags = HAS_VECTORCALL,
};
static struct listener listener = {{1, &listener_type}, listen};
static void *items[] = {&listener};
static struct list list = {{1, &list_type}, 1, items, 1};

static struct {
    struct pyr_heap *heap;
    void **pointer;    /* the collector's; NULL: not found yet */
    bool for_all;      /* of all interpreters, not of the main one alone */
    void *own;         /* the program's list, or NULL; held by us as the collector would */
    bool entered;      /* *pointer is our list … */
    bool away;         /* … but for this moment */
    bool off;          /* nothing is to be noted */
    uint64_t start_ns; /* of the collection that runs; 0: none does */
} collector;

/* ---- listening ---- */

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void take_number(struct pyr_collection *collection, void *key, void *value)
{
    intptr_t number = PyLong_AsSsize_t(value);
    uint64_t count = number > 0 ? (uint64_t)number : 0;
    if (PyUnicode_CompareWithASCIIString(key, "generation") == 0)
        collection->generation = (uint32_t)count;
    else if (PyUnicode_CompareWithASCIIString(key, "collected") == 0)
        collection->collected = count;
    else if (PyUnicode_CompareWithASCIIString(key, "uncollectable") == 0)
        collection->uncollectable = count;
}

/* They are the first three. Looking them up by name would make a string for each name. */
static void take_numbers(struct pyr_collection *collection, void *info)
{
    void *key, *value;
    intptr_t position = 0;
    for (int n = 0; n < 3 && PyDict_Next(info, &position, &key, &value); n++)
        take_number(collection, key, value);
}

static void note(void *info, uint64_t end_ns)
{
    struct pyr_collection collection = {.start_ns = collector.start_ns, .end_ns = end_ns};
    const void *tstate = pyr_inside.accessor();
    take_numbers(&collection, info);
    collection.site = pyr_site_of(collector.heap, pyr_frame_of(tstate, pyr_inside.chain));
    collector.start_ns = 0;
    pyr_pauses_add(collector.heap, &collection);
    if (collection.site != PYR_SITE_NO_FRAME) /* while the interpreter ends it is not as the program set it */
        pyr_thresholds_note(collector.heap->file, collector.pointer);
}

/* As the collector itself would tell of it. */
static void tell_failure(void *callback)
{
    if (Py_PACK_VERSION && PyErr_FormatUnraisable)
        PyErr_FormatUnraisable("Exception ignored while calling GC callback %R", callback);
    else
        PyErr_WriteUnraisable(callback);
}

static void pass_on(void *const *arguments)
{
    void *own = collector.own;
    for (intptr_t i = 0; own && i < PyList_Size(own); i++) {
        void *callback = PyList_GetItem(own, i);
        Py_IncRef(callback);
        void *result = PyObject_CallFunctionObjArgs(callback, arguments[0], arguments[1], NULL);
        if (!result)
            tell_failure(callback);
        Py_DecRef(result);
        Py_DecRef(callback);
    }
}

/* What the program's own callbacks take is not the collector's: they are called before the clock starts and after it
 * has stopped. */
static void *listen(void *callable, void *const *arguments, size_t count, void *names)
{
    (void)callable;
    (void)count;
    (void)names;
    uint64_t now = now_ns();
    bool stops = PyUnicode_CompareWithASCIIString(arguments[0], "stop") == 0;
    if (stops && collector.start_ns && !collector.off)
        note(arguments[1], now);
    pass_on(arguments);
    if (!stops)
        collector.start_ns = now_ns();
    Py_IncRef(&_Py_NoneStruct);
    return &_Py_NoneStruct;
}

/* ---- the collector's pointer ---- */

/* The interpreter ends: the collector lets go of its list. */
static void list_dropped(void *object)
{
    (void)object;
    void *own = collector.own;
    list.head.references = 1;
    collector.entered = false;
    collector.pointer = NULL; /* the next one, if there is any, may be elsewhere */
    collector.own = NULL;
    pyr_thresholds_forget();
    Py_DecRef(own);
}

/* Whether it is a list, or nothing yet; without following what may be no pointer. */
static bool may_be_list(const void *object)
{
    return !object || (((uintptr_t)object & 7) == 0 && pyr_region_owns(object) &&
                       pyr_at(object, pyr_inside.layout.object_type) == PyList_Type);
}

/* The objects before it are the list of garbage, which is empty or as young as this one. */
static bool is_pointer(void *const *at)
{
    return may_be_list(at[0]) && may_be_list(at[-1]);
}

static void find_pointer(void)
{
    int32_t offset;
    const struct pyr_layout *layout = &pyr_inside.layout;
    enum pyr_collector_home home = pyr_layout_gc_callbacks(layout, &offset);
    char *base = home == PYR_COLLECTOR_RUNTIME ? _PyRuntime : PyInterpreterState_Main();
    void **at = home == PYR_COLLECTOR_UNKNOWN || !base ? NULL : (void **)(void *)(base + offset);
    collector.for_all = home == PYR_COLLECTOR_RUNTIME;
    if (at && is_pointer(at))
        collector.pointer = at;
    else
        collector.off = true;
}

static void enter(void)
{
    collector.own = *collector.pointer;
    *collector.pointer = &list;
    collector.entered = true;
}

/* For a moment: what the collector's pointer held is there again. False: it is anyway; or this is an interpreter that
 * has another pointer, and maybe another GIL. */
static bool step_aside(void)
{
    const void *interpreter = pyr_at(pyr_inside.accessor(), pyr_inside.tstate_interp);
    if (!collector.for_all && interpreter != PyInterpreterState_Main())
        return false;
    if (!collector.entered || collector.away)
        return false;
    *collector.pointer = collector.own;
    collector.own = NULL;
    collector.away = true;
    return true;
}

static void step_back(bool aside)
{
    if (!aside)
        return;
    collector.away = false;
    enter();
}

/* Builds with debugging check what is an object and what is not. */
static bool is_usable(void)
{
    return !_Py_NegativeRefcount && PyList_Type && PyList_Size && PyList_GetItem && PyUnicode_CompareWithASCIIString &&
           PyDict_Next && PyLong_AsSsize_t && PyErr_WriteUnraisable && PyObject_CallFunctionObjArgs && Py_IncRef &&
           Py_DecRef && _Py_NoneStruct;
}

static bool is_intercepted(void);

void pyr_collector_enter(struct pyr_heap *heap)
{
    if (collector.entered || collector.off || !collector.heap)
        return;
    collector.off = !is_intercepted();
    if (!collector.off && !collector.pointer)
        find_pointer();
    if (!collector.pointer)
        return;
    enter();
    heap->file->collections_noted = 1;
    pyr_thresholds_note(heap->file, collector.pointer);
}

void pyr_collector_forget(void)
{
    collector.off = true;
}

/* ---- the module gc ---- */

/* It takes what the collector's pointer holds for its `callbacks`. */
struct module_entry {
    const char *name;
    void *(*make)(void);
};
struct module_slot {
    int slot;
    void *value;
};
struct module_definition {
    struct object head;
    void *base[3];
    const char *name, *doc;
    intptr_t size;
    void *methods;
    const struct module_slot *slots;
};
enum { SLOT_EXECUTE = 2, SLOT_EXECUTE_NEW = 85 /* 3.15+ */, SLOTS_MAX = 16, ENTRIES_MAX = 256 };

static void *(*make_module)(void);
static int (*execute_module)(void *module);

static int execute_gc(void *module)
{
    bool aside = step_aside();
    int rc = execute_module(module);
    step_back(aside);
    return rc;
}

/* A module made in two steps: the second one is to go through us. */
static void intercept(struct module_definition *definition)
{
    static struct module_slot slots[SLOTS_MAX];
    size_t n = 0;
    if (definition->slots == slots || !definition->slots)
        return;
    while (n < SLOTS_MAX && definition->slots[n].slot)
        n++;
    if (n == SLOTS_MAX)
        return;
    memcpy(slots, definition->slots, (n + 1) * sizeof *slots);
    for (size_t i = 0; i < n; i++)
        if ((slots[i].slot == SLOT_EXECUTE || slots[i].slot == SLOT_EXECUTE_NEW) && !execute_module) {
            memcpy(&execute_module, &slots[i].value, sizeof execute_module);
            int (*ours)(void *) = execute_gc;
            memcpy(&slots[i].value, &ours, sizeof ours);
        }
    definition->slots = slots;
}

static void *make_gc(void)
{
    bool aside = step_aside();
    struct object *made = make_module();
    if (made && made->type == PyModuleDef_Type)
        intercept((struct module_definition *)made);
    step_back(aside);
    return made;
}

/* A program that embeds Python may have put another table there since: then it would find our list. */
static bool is_intercepted(void)
{
    const struct module_entry *entry = PyImport_Inittab;
    for (size_t n = 0; entry && n < ENTRIES_MAX && entry->name; n++, entry++)
        if (strcmp(entry->name, "gc") == 0)
            return entry->make == make_gc;
    return false;
}

/* Python copies the table of its built-in modules when it begins, from where this pointer tells: to a copy of ours.
 * Without it nothing is noted. */
void pyr_collector_prepare(void)
{
    static struct module_entry entries[ENTRIES_MAX];
    size_t n = 0;
    if (!is_usable() || !PyModuleDef_Type || !&PyImport_Inittab || !PyImport_Inittab)
        return;
    const struct module_entry *table = PyImport_Inittab;
    for (; n < ENTRIES_MAX - 1 && table[n].name; n++) {
        entries[n] = table[n];
        if (strcmp(table[n].name, "gc") == 0) {
            make_module = table[n].make;
            entries[n].make = make_gc;
        }
    }
    if (table[n].name || !make_module)
        return;
    PyImport_Inittab = entries;
    collector.heap = &pyr_main_heap;
}
