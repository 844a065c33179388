/* What we use of Python's API. Weak: where the process has no Python they are NULL, and a preloaded agent knows at no
 * cost that there is nothing to do. */
#ifndef PYR_AGENT_API_H
#define PYR_AGENT_API_H

#include <stddef.h>
#include <stdint.h>

/* Of pymem.h, the same in all versions since 3.5. */
struct pyr_py_allocator {
    void *context;
    void *(*malloc)(void *context, size_t size);
    void *(*calloc)(void *context, size_t count, size_t size);
    void *(*realloc)(void *context, void *block, size_t size);
    void (*free)(void *context, void *block);
};
enum pyr_py_domain { PYR_PY_DOMAIN_RAW, PYR_PY_DOMAIN_MEM, PYR_PY_DOMAIN_OBJ };

#define PYR_WEAK __attribute__((weak, visibility("default")))
extern PYR_WEAK void PyMem_GetAllocator(int domain, struct pyr_py_allocator *allocator);
extern PYR_WEAK void PyMem_SetAllocator(int domain, struct pyr_py_allocator *allocator);
extern PYR_WEAK void *PyMem_RawMalloc(size_t size);
extern PYR_WEAK void *PyMem_RawCalloc(size_t count, size_t size);
extern PYR_WEAK void *PyMem_RawRealloc(void *block, size_t size);
extern PYR_WEAK void PyMem_RawFree(void *block);
extern PYR_WEAK const char *Py_GetVersion(void);
extern PYR_WEAK void *PyThreadState_GetUnchecked(void);
extern PYR_WEAK void *_PyThreadState_UncheckedGet(void);
extern PYR_WEAK void *PyGILState_GetThisThreadState(void);
extern PYR_WEAK void *PyInterpreterState_Main(void);
extern PYR_WEAK int Py_IsFinalizing(void);
extern PYR_WEAK int _Py_IsFinalizing(void);         /* up to 3.12 */
extern PYR_WEAK void *PyFrame_GetBack(void *frame); /* 3.9+ */
extern PYR_WEAK int PyGC_Disable(void);             /* 3.10+ */
extern PYR_WEAK int PyGC_Enable(void);
extern PYR_WEAK void Py_DecRef(void *object);
extern PYR_WEAK char PyFrame_Type[];
extern PYR_WEAK char _PyRuntime[];
extern PYR_WEAK char PyCode_Type[];

/* Of sanitizers. */
extern PYR_WEAK void __asan_init(void);
extern PYR_WEAK void __tsan_init(void);
extern PYR_WEAK void __msan_init(void);

/* What chosen.c needs more. */
struct pyr_py_method {
    const char *name;
    void *(*function)(void *self, void *const *args, intptr_t count);
    int flags;
    const char *doc;
};
extern PYR_WEAK void PyEval_SetTrace(int (*function)(void *self, void *frame, int what, void *value), void *self);
extern PYR_WEAK int PyFrame_GetLineNumber(void *frame);
extern PYR_WEAK void *PyCFunction_NewEx(const void *method, void *self, void *module);

/* What collector.c needs more. */
extern PYR_WEAK char PyList_Type[];
extern PYR_WEAK char PyModuleDef_Type[];
extern PYR_WEAK char _Py_NoneStruct[];
extern PYR_WEAK char _Py_NegativeRefcount[]; /* of builds with debugging only */
extern PYR_WEAK void *PyImport_Inittab;
extern PYR_WEAK void Py_IncRef(void *object);
extern PYR_WEAK void Py_DecRef(void *object); /* NULL is allowed */
extern PYR_WEAK intptr_t PyList_Size(void *list);
extern PYR_WEAK void *PyList_GetItem(void *list, intptr_t index);                          /* borrowed */
extern PYR_WEAK int PyDict_Next(void *dict, intptr_t *position, void **key, void **value); /* borrowed */
extern PYR_WEAK intptr_t PyLong_AsSsize_t(void *number);
extern PYR_WEAK int PyUnicode_CompareWithASCIIString(void *text, const char *with);
extern PYR_WEAK void *PyObject_CallFunctionObjArgs(void *callable, ...);
extern PYR_WEAK void PyErr_WriteUnraisable(void *object);
extern PYR_WEAK void PyErr_FormatUnraisable(const char *format, ...); /* 3.13+ */
extern PYR_WEAK uint32_t Py_PACK_VERSION(int major, int minor);       /* 3.14+ */

/* What pyrometer.tracemalloc needs more. Objects that are returned are new references where it is not said otherwise.
 */
struct pyr_py_builtin {
    const char *name;
    void *(*call)(void *self, void *arguments);
    int flags;
    const char *doc;
};
enum { PYR_PY_ARGUMENTS = 1, PYR_PY_NO_ARGUMENTS = 4, PYR_PY_ONE_ARGUMENT = 8 };
typedef int (*pyr_py_tracer)(void *object, int event, void *data);
extern PYR_WEAK int PyObject_SetAttrString(void *object, const char *name, void *value);
extern PYR_WEAK int PyArg_ParseTuple(void *arguments, const char *format, ...);
extern PYR_WEAK void *Py_BuildValue(const char *format, ...);
extern PYR_WEAK void *PyBool_FromLong(long value);
extern PYR_WEAK void *PyLong_FromSize_t(size_t value);
extern PYR_WEAK void *PyTuple_New(intptr_t size);
extern PYR_WEAK int PyTuple_SetItem(void *tuple, intptr_t index, void *item); /* takes the reference */
extern PYR_WEAK void *PyList_New(intptr_t size);
extern PYR_WEAK int PyList_Append(void *list, void *item);
extern PYR_WEAK void *PyUnicode_FromString(const char *text);
extern PYR_WEAK void *PyUnicode_InternFromString(const char *text);
extern PYR_WEAK int PyUnicode_Compare(void *text, void *with);
extern PYR_WEAK intptr_t PyObject_Hash(void *object);
extern PYR_WEAK unsigned long PyType_GetFlags(void *type);
extern PYR_WEAK int PyCode_Addr2Line(void *code, int offset);
extern PYR_WEAK void PyErr_SetString(void *exception, const char *text);
extern PYR_WEAK void *PyErr_NoMemory(void); /* always NULL */
extern PYR_WEAK void *PyExc_ValueError;
extern PYR_WEAK void *PyExc_RuntimeError;
extern PYR_WEAK int PyGILState_Check(void);
extern PYR_WEAK int PyGILState_Ensure(void);
extern PYR_WEAK void PyGILState_Release(int state);
extern PYR_WEAK int Py_AtExit(void (*function)(void));
extern PYR_WEAK int Py_IsInitialized(void);
extern PYR_WEAK void *PyImport_ImportModule(const char *name);
extern PYR_WEAK void *PyObject_GetAttrString(void *object, const char *name);
extern PYR_WEAK void *PyObject_CallFunction(void *callable, const char *format, ...);
extern PYR_WEAK int PyObject_IsTrue(void *object);
extern PYR_WEAK void PyErr_Clear(void);
extern PYR_WEAK int PyTraceMalloc_Track(unsigned domain, uintptr_t block, size_t size);
extern PYR_WEAK int PyTraceMalloc_Untrack(unsigned domain, uintptr_t block);
extern PYR_WEAK void *_PyTraceMalloc_GetTraceback(unsigned domain, uintptr_t block);
extern PYR_WEAK int _PyTraceMalloc_NewReference(void *object);               /* up to 3.9, and only some builds */
extern PYR_WEAK void _Py_NewReference(void *object);                         /* 3.9+ */
extern PYR_WEAK int PyRefTracer_SetTracer(pyr_py_tracer tracer, void *data); /* 3.13+ */
extern PYR_WEAK pyr_py_tracer PyRefTracer_GetTracer(void **data);

#endif
