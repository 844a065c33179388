/* A module of C whose types keep references in ways that no reader of theirs knows, and traversals that misbehave from
 * arm() on. Built by the tests for each Python that has headers. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <structmember.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile int armed;

/* ---- references where only the traversal finds them ---- */

struct inner {
    PyObject *first, *second;
};

struct deep {
    PyObject_HEAD PyObject *plain, *none_of_the_collectors_business;
    struct inner *inner; /* allocated apart */
    uintptr_t tagged;    /* a reference whose lowest bit is set */
    void *borrowed;      /* an object that it does not own */
};

static int deep_traverse(PyObject *self, visitproc visit, void *arg)
{
    struct deep *deep = (struct deep *)self;
    Py_VISIT(deep->plain);
    Py_VISIT(deep->inner->first);
    Py_VISIT(deep->inner->second);
    Py_VISIT((PyObject *)(deep->tagged & ~(uintptr_t)1));
    return 0;
}

static int deep_clear(PyObject *self)
{
    struct deep *deep = (struct deep *)self;
    PyObject *tagged = (PyObject *)(deep->tagged & ~(uintptr_t)1);
    deep->tagged = 0;
    Py_XDECREF(tagged);
    Py_CLEAR(deep->plain);
    Py_CLEAR(deep->inner->first);
    Py_CLEAR(deep->inner->second);
    return 0;
}

static void deep_dealloc(PyObject *self)
{
    PyObject_GC_UnTrack(self);
    deep_clear(self);
    Py_XDECREF(((struct deep *)self)->none_of_the_collectors_business);
    PyMem_Free(((struct deep *)self)->inner);
    Py_TYPE(self)->tp_free(self);
}

/* Deep(plain, first, second, tagged, unvisited, borrowed) */
static PyObject *deep_new(PyTypeObject *type, PyObject *args, PyObject *kwds)
{
    PyObject *plain, *first, *second, *tagged, *unvisited, *borrowed;
    (void)kwds;
    if (!PyArg_ParseTuple(args, "OOOOOO", &plain, &first, &second, &tagged, &unvisited, &borrowed))
        return NULL;
    struct deep *deep = (struct deep *)type->tp_alloc(type, 0);
    deep->inner = PyMem_Calloc(1, sizeof *deep->inner);
    Py_INCREF(plain), Py_INCREF(first), Py_INCREF(second), Py_INCREF(tagged), Py_INCREF(unvisited);
    deep->plain = plain;
    deep->inner->first = first;
    deep->inner->second = second;
    deep->tagged = (uintptr_t)tagged | 1;
    deep->none_of_the_collectors_business = unvisited;
    deep->borrowed = borrowed;
    return (PyObject *)deep;
}

static PyMemberDef deep_members[] = {{"plain", T_OBJECT, offsetof(struct deep, plain), READONLY, NULL}, {0}};

static PyTypeObject deep_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "extension.Deep",
    .tp_basicsize = sizeof(struct deep),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE,
    .tp_new = deep_new,
    .tp_dealloc = deep_dealloc,
    .tp_traverse = deep_traverse,
    .tp_clear = deep_clear,
    .tp_members = deep_members,
};

/* ---- a heap type with as many references as it is told ---- */

struct many {
    PyObject_HEAD Py_ssize_t count;
    PyObject **items;
};

static int many_traverse(PyObject *self, visitproc visit, void *arg)
{
    struct many *many = (struct many *)self;
#if PY_VERSION_HEX >= 0x03090000
    Py_VISIT(Py_TYPE(self));
#endif
    for (Py_ssize_t i = 0; i < many->count; i++)
        Py_VISIT(many->items[i]);
    return 0;
}

static void many_dealloc(PyObject *self)
{
    struct many *many = (struct many *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    for (Py_ssize_t i = 0; i < many->count; i++)
        Py_DECREF(many->items[i]);
    PyMem_Free(many->items);
    type->tp_free(self);
    Py_DECREF(type);
}

/* Many(item, item, …) */
static PyObject *many_new(PyTypeObject *type, PyObject *args, PyObject *kwds)
{
    struct many *many = (struct many *)type->tp_alloc(type, 0);
    (void)kwds;
    many->items = PyMem_Calloc((size_t)PyTuple_GET_SIZE(args) + 1, sizeof *many->items);
    for (; many->count < PyTuple_GET_SIZE(args); many->count++) {
        many->items[many->count] = PyTuple_GET_ITEM(args, many->count);
        Py_INCREF(many->items[many->count]);
    }
    return (PyObject *)many;
}

static PyType_Slot many_slots[] = {
    {Py_tp_new, many_new}, {Py_tp_dealloc, many_dealloc}, {Py_tp_traverse, many_traverse}, {0, NULL}};
static PyType_Spec many_spec = {"extension.Many", sizeof(struct many), 0,
                                Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE, many_slots};

/* ---- a built-in container with something more ---- */

struct listing {
    PyListObject list;
    PyObject *owner;
};

static int listing_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(((struct listing *)self)->owner);
    return PyList_Type.tp_traverse(self, visit, arg);
}

static PyObject *listing_own(PyObject *self, PyObject *owner)
{
    Py_INCREF(owner);
    Py_XSETREF(((struct listing *)self)->owner, owner);
    Py_RETURN_NONE;
}

static PyMethodDef listing_methods[] = {{"own", listing_own, METH_O, NULL}, {0}};

static PyTypeObject listing_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "extension.Listing",
    .tp_basicsize = sizeof(struct listing),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE,
    .tp_traverse = listing_traverse,
    .tp_methods = listing_methods,
    .tp_base = &PyList_Type,
};

/* ---- no traversal at all; traversals that are wrong once they are armed ---- */

struct pair {
    PyObject_HEAD PyObject *one, *other;
};

static int pair_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(((struct pair *)self)->one);
    Py_VISIT(((struct pair *)self)->other);
    return 0;
}

static int crashes(PyObject *self, visitproc visit, void *arg)
{
    if (armed)
        *(volatile int *)8 = 1;
    return pair_traverse(self, visit, arg);
}

static int hangs(PyObject *self, visitproc visit, void *arg)
{
    while (armed)
        continue;
    return pair_traverse(self, visit, arg);
}

static int visits_for_ever(PyObject *self, visitproc visit, void *arg)
{
    while (armed)
        Py_VISIT(((struct pair *)self)->one);
    return pair_traverse(self, visit, arg);
}

static int calls_the_system(PyObject *self, visitproc visit, void *arg)
{
    if (armed)
        syscall(SYS_kill, getppid(), 0);
    return pair_traverse(self, visit, arg);
}

static int visits_no_object(PyObject *self, visitproc visit, void *arg)
{
    if (armed)
        return visit((PyObject *)(uintptr_t)4096, arg);
    return pair_traverse(self, visit, arg);
}

static int recurses(PyObject *self, visitproc visit, void *arg)
{
    volatile char room[4096];
    room[0] = 1;
    if (armed)
        return recurses(self, visit, arg) + room[0];
    return pair_traverse(self, visit, arg);
}

static int refuses(PyObject *self, visitproc visit, void *arg)
{
    int rc = pair_traverse(self, visit, arg);
    return armed ? -1 : rc;
}

static void pair_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    if (PyType_IS_GC(type))
        PyObject_GC_UnTrack(self);
    Py_XDECREF(((struct pair *)self)->one);
    Py_XDECREF(((struct pair *)self)->other);
    type->tp_free(self);
}

/* Pair(one, other) */
static PyObject *pair_new(PyTypeObject *type, PyObject *args, PyObject *kwds)
{
    PyObject *one, *other;
    (void)kwds;
    if (!PyArg_ParseTuple(args, "OO", &one, &other))
        return NULL;
    struct pair *pair = (struct pair *)type->tp_alloc(type, 0);
    Py_INCREF(one), Py_INCREF(other);
    pair->one = one;
    pair->other = other;
    return (PyObject *)pair;
}

static PyMemberDef pair_members[] = {{"one", T_OBJECT, offsetof(struct pair, one), READONLY, NULL},
                                     {"other", T_OBJECT_EX, offsetof(struct pair, other), READONLY, NULL},
                                     {0}};

#define PAIR(name, traversal, flag)                                                                                    \
    static PyTypeObject pair_##name = {                                                                                \
        PyVarObject_HEAD_INIT(NULL, 0).tp_name = "extension." #name,                                                   \
        .tp_basicsize = sizeof(struct pair),                                                                           \
        .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | (flag),                                                 \
        .tp_new = pair_new,                                                                                            \
        .tp_dealloc = pair_dealloc,                                                                                    \
        .tp_traverse = traversal,                                                                                      \
        .tp_members = pair_members,                                                                                    \
    }
PAIR(Untraversed, NULL, 0);
PAIR(Crashes, crashes, Py_TPFLAGS_HAVE_GC);
PAIR(Hangs, hangs, Py_TPFLAGS_HAVE_GC);
PAIR(VisitsForEver, visits_for_ever, Py_TPFLAGS_HAVE_GC);
PAIR(CallsTheSystem, calls_the_system, Py_TPFLAGS_HAVE_GC);
PAIR(VisitsNoObject, visits_no_object, Py_TPFLAGS_HAVE_GC);
PAIR(Recurses, recurses, Py_TPFLAGS_HAVE_GC);
PAIR(Refuses, refuses, Py_TPFLAGS_HAVE_GC);

/* ---- a static type in what malloc gave: it has no head of the collector's, whatever stands before it ---- */

/* Its __new__, through which alone it is referred to. */
static PyObject *loose_type_new(void)
{
    struct {
        uintptr_t before[2];
        PyTypeObject type;
    } *loose = malloc(sizeof *loose);
    loose->before[0] = loose->before[1] = (uintptr_t)loose;
    loose->type = pair_Untraversed;
    loose->type.tp_name = "extension.Loose";
    return PyType_Ready(&loose->type) < 0 ? NULL : PyObject_GetAttrString((PyObject *)&loose->type, "__new__");
}

/* ---- the module ---- */

static PyObject *arm(PyObject *self, PyObject *nothing)
{
    (void)self, (void)nothing;
    armed = 1;
    Py_RETURN_NONE;
}

static PyObject *disarm(PyObject *self, PyObject *nothing)
{
    (void)self, (void)nothing;
    armed = 0;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {{"arm", arm, METH_NOARGS, NULL}, {"disarm", disarm, METH_NOARGS, NULL}, {0}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, .m_name = "extension", .m_methods = methods};

PyMODINIT_FUNC PyInit_extension(void)
{
    static PyTypeObject *const types[] = {
        &deep_type,          &listing_type,  &pair_Untraversed,    &pair_Crashes,        &pair_Hangs,
        &pair_VisitsForEver, &pair_Recurses, &pair_CallsTheSystem, &pair_VisitsNoObject, &pair_Refuses};
    PyObject *made = PyModule_Create(&module), *loose_new = loose_type_new(); /* before the type it copies is ready */
    if (made)
        PyModule_AddObject(made, "loose_new", loose_new);
    for (size_t i = 0; made && i < sizeof types / sizeof *types; i++) {
        if (PyType_Ready(types[i]) < 0)
            return NULL;
        Py_INCREF(types[i]);
        PyModule_AddObject(made, strrchr(types[i]->tp_name, '.') + 1, (PyObject *)types[i]);
    }
    if (made)
        PyModule_AddObject(made, "Many", PyType_FromSpec(&many_spec));
    return made;
}
