/* The functions of Python's module _tracemalloc, as its own builtins: a call of one allocates nothing that the original
 * would not. The package asks for them once (python/pyrometer/tracemalloc.py). */
#include "api.h"
#include "reuse.h"
#include "trace.h"
#include "tracebacks.h"

#include <stdio.h>

static bool totals; /* tracebacks tell how many frames there were, as they do from 3.9 on */

static void *none(void)
{
    Py_IncRef(_Py_NoneStruct);
    return _Py_NoneStruct;
}

/* ---- tracebacks as tuples ---- */

/* Takes the reference to the item. False: there was none, or no room. */
static bool put(void *tuple, intptr_t index, void *item)
{
    return item && PyTuple_SetItem(tuple, index, item) == 0;
}

/* What is not whole is given up; NULL then. */
static void *whole(void *object, bool done)
{
    if (done || !object)
        return object;
    Py_DecRef(object);
    return NULL;
}

static void *file_object(uint32_t file)
{
    void *name = pyr_trace_file(file);
    if (!name)
        return PyUnicode_InternFromString("<unknown>");
    Py_IncRef(name);
    return name;
}

static void *frame_tuple(struct pyr_trace_frame frame)
{
    void *tuple = PyTuple_New(2);
    return whole(tuple,
                 tuple && put(tuple, 0, file_object(frame.file)) && put(tuple, 1, PyLong_FromSize_t(frame.line)));
}

static uint32_t frame_count(uint32_t traceback)
{
    return traceback == PYR_TRACEBACK_UNKNOWN ? 1 : pyr_traceback_at(traceback)->count;
}

static uint32_t frame_total(uint32_t traceback)
{
    return traceback == PYR_TRACEBACK_UNKNOWN ? 1 : pyr_traceback_at(traceback)->total;
}

static struct pyr_trace_frame frame_at(uint32_t traceback, uint32_t n)
{
    return traceback == PYR_TRACEBACK_UNKNOWN ? (struct pyr_trace_frame){PYR_FILE_UNKNOWN, 0}
                                              : pyr_traceback_frames(pyr_traceback_at(traceback))[n];
}

static void *traceback_tuple(uint32_t traceback)
{
    uint32_t count = frame_count(traceback);
    void *tuple = PyTuple_New(count);
    bool done = tuple != NULL;
    for (uint32_t n = 0; done && n < count; n++)
        done = put(tuple, n, frame_tuple(frame_at(traceback, n)));
    return whole(tuple, done);
}

/* ---- all traces ---- */

/* Each traceback's tuple is made once. */
static void *shared_tuple(struct pyr_vector *made, uint32_t traceback)
{
    uint32_t n = traceback == PYR_TRACEBACK_UNKNOWN ? 0 : traceback;
    if (!pyr_vector_reserve(made, (n + (size_t)1) * sizeof(void *)))
        return PyErr_NoMemory();
    void **at = (void **)made->at + n;
    if (!*at && !(*at = traceback_tuple(traceback)))
        return NULL;
    Py_IncRef(*at);
    return *at;
}

static void *trace_tuple(struct pyr_vector *made, const struct pyr_traced *block)
{
    uint32_t traceback = block->traceback & ~PYR_TRACED_CODE;
    void *tuple = PyTuple_New(totals ? 4 : 3);
    return whole(tuple, tuple && put(tuple, 0, PyLong_FromSize_t(block->domain)) &&
                            put(tuple, 1, PyLong_FromSize_t(block->size)) &&
                            put(tuple, 2, shared_tuple(made, traceback)) &&
                            (!totals || put(tuple, 3, PyLong_FromSize_t(frame_total(traceback)))));
}

static bool append(void *list, void *item)
{
    bool done = item && PyList_Append(list, item) == 0;
    Py_DecRef(item);
    return done;
}

static void *traces_list(const struct pyr_traced_table *table, struct pyr_vector *made)
{
    void *list = PyList_New(0);
    const struct pyr_traced *block;
    bool done = list != NULL;
    for (size_t n = 0; done && (block = pyr_traced_at(table, n)); n++)
        if (block->traceback && (block->traceback & ~PYR_TRACED_CODE) != PYR_TRACED_WATCHED)
            done = append(list, trace_tuple(made, block));
    return whole(list, done);
}

static void *get_traces(void *self, void *arguments)
{
    (void)self;
    (void)arguments;
    struct pyr_traced_table table;
    struct pyr_vector made = {0};
    void *list = pyr_trace_read_begin(&table) ? traces_list(&table, &made) : PyErr_NoMemory();
    for (size_t n = 0; n < made.bytes / sizeof(void *); n++)
        Py_DecRef(((void **)made.at)[n]);
    pyr_vector_release(&made);
    pyr_trace_read_end(&table);
    return list;
}

void *pyr_tracemalloc_frames(unsigned domain, uintptr_t address)
{
    pyr_trace_read_begin(NULL);
    uint32_t traceback = pyr_trace_find(domain, address);
    void *found = traceback ? traceback_tuple(traceback) : none();
    pyr_trace_read_end(NULL);
    return found;
}

static void *get_object_traceback(void *self, void *object)
{
    (void)self;
    return pyr_trace_is_on() ? pyr_tracemalloc_frames(0, pyr_trace_block_of(object)) : none();
}

/* ---- on, off, figures ---- */

static void *start(void *self, void *arguments)
{
    (void)self;
    struct pyr_err err = {0};
    char text[64];
    int limit = 1;
    if (!PyArg_ParseTuple(arguments, "|i:start", &limit))
        return NULL;
    if (limit < 1 || limit > PYR_TRACE_FRAMES_MAX) {
        snprintf(text, sizeof text, "the number of frames must be in range [1; %d]", PYR_TRACE_FRAMES_MAX);
        PyErr_SetString(PyExc_ValueError, text);
        return NULL;
    }
    if (pyr_trace_start((uint32_t)limit, totals, &err) == 0)
        return none();
    if (err.status == PYR_E_NOMEM)
        return PyErr_NoMemory();
    PyErr_SetString(PyExc_RuntimeError, err.text);
    return NULL;
}

static void *stop(void *self, void *arguments)
{
    (void)self;
    (void)arguments;
    pyr_trace_stop();
    return none();
}

static void *is_tracing(void *self, void *arguments)
{
    (void)self;
    (void)arguments;
    return PyBool_FromLong(pyr_trace_is_on());
}

static void *clear_traces(void *self, void *arguments)
{
    (void)self;
    (void)arguments;
    if (pyr_trace_is_on())
        pyr_trace_clear();
    return none();
}

static void *reset_peak(void *self, void *arguments)
{
    (void)self;
    (void)arguments;
    pyr_trace_reset_peak();
    return none();
}

static void *get_traced_memory(void *self, void *arguments)
{
    (void)self;
    (void)arguments;
    uint64_t live, peak;
    pyr_trace_totals(&live, &peak);
    return Py_BuildValue("nn", (intptr_t)live, (intptr_t)peak);
}

static void *get_tracemalloc_memory(void *self, void *arguments)
{
    (void)self;
    (void)arguments;
    return PyLong_FromSize_t(pyr_trace_own_bytes());
}

static void *get_traceback_limit(void *self, void *arguments)
{
    (void)self;
    (void)arguments;
    return PyLong_FromSize_t(pyr_trace_limit());
}

/* ---- the module ---- */

static struct pyr_py_builtin methods[] = {
    {"start", start, PYR_PY_ARGUMENTS,
     "start($module, nframe=1, /)\n--\n\nStart tracing Python memory allocations.\n\nUp to nframe frames (1 to 65535) "
     "of "
     "the stack of each are kept. Does nothing if\ntracing is on. RuntimeError: not under this Python; the message "
     "says "
     "why."},
    {"stop", stop, PYR_PY_NO_ARGUMENTS,
     "stop($module, /)\n--\n\nStop tracing Python memory allocations, and forget all traces."},
    {"is_tracing", is_tracing, PYR_PY_NO_ARGUMENTS,
     "is_tracing($module, /)\n--\n\nTrue if Python memory allocations are being traced."},
    {"clear_traces", clear_traces, PYR_PY_NO_ARGUMENTS,
     "clear_traces($module, /)\n--\n\nForget the traces of all blocks that were allocated so far."},
    {"reset_peak", reset_peak, PYR_PY_NO_ARGUMENTS,
     "reset_peak($module, /)\n--\n\nSet the peak to the size of what is traced now."},
    {"get_traced_memory", get_traced_memory, PYR_PY_NO_ARGUMENTS,
     "get_traced_memory($module, /)\n--\n\nThe bytes of all traced blocks, now and at most so far: (current, peak)."},
    {"get_tracemalloc_memory", get_tracemalloc_memory, PYR_PY_NO_ARGUMENTS,
     "get_tracemalloc_memory($module, /)\n--\n\nThe bytes that tracing itself takes."},
    {"get_traceback_limit", get_traceback_limit, PYR_PY_NO_ARGUMENTS,
     "get_traceback_limit($module, /)\n--\n\nThe most frames that a traceback has."},
    {"_get_traces", get_traces, PYR_PY_NO_ARGUMENTS,
     "_get_traces($module, /)\n--\n\nAll traces: (domain, size, frames, frames there were), the last one from 3.9 on."},
    {"_get_object_traceback", get_object_traceback, PYR_PY_ONE_ARGUMENT,
     "_get_object_traceback($module, obj, /)\n--\n\nThe frames that an object's block was allocated in, or None."},
};

/* Puts them into a module. 0; -1 with an exception set. With the GIL. */
__attribute__((visibility("default"))) int pyrometer_tracemalloc(void *module, int with_totals);

int pyrometer_tracemalloc(void *module, int with_totals)
{
    totals = with_totals != 0;
    pyr_reuse_prepare();
    for (size_t n = 0; n < sizeof methods / sizeof *methods; n++) {
        void *function = PyCFunction_NewEx(&methods[n], NULL, NULL);
        int rc = function ? PyObject_SetAttrString(module, methods[n].name, function) : -1;
        Py_DecRef(function);
        if (rc < 0)
            return rc;
    }
    return 0;
}
