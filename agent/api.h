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
extern PYR_WEAK void *PyCFunction_NewEx(const struct pyr_py_method *method, void *self, void *module);

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

#endif
