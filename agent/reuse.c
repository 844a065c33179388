#include "reuse.h"

#include "api.h"
#include "detour.h"
#include "trace.h"

#include <stdbool.h>

/* ---- 3.13 and later: one function is called for each object that begins ---- */

enum { CREATED };

static pyr_py_tracer former; /* gets its calls as before */
static void *former_data;

static int began(void *object, int event, void *data)
{
    (void)data;
    if (event == CREATED)
        pyr_trace_reused(object);
    return former ? former(object, event, former_data) : 0;
}

static void tracer_begin(void)
{
    pyr_py_tracer now = PyRefTracer_GetTracer(&former_data);
    if (now == began)
        return;
    former = now;
    PyRefTracer_SetTracer(began, NULL);
}

static void tracer_end(void)
{
    void *data;
    if (PyRefTracer_GetTracer(&data) == began)
        PyRefTracer_SetTracer(former, former_data);
}

/* ---- before: a function of the standard module, if that is on ---- */

/* Its functions, as builtins; NULL: it is not there. */
static struct {
    void *start, *stop, *is_tracing;
} standard;

static bool started; /* by us */
static struct pyr_detour new_reference, track, untrack, get_traceback;

static int began_there(void *object)
{
    pyr_trace_reused(object);
    return 0;
}

static void *call(void *function)
{
    void *answer = function ? PyObject_CallFunction(function, NULL) : NULL;
    if (!answer)
        PyErr_Clear();
    return answer;
}

static bool standard_is_on(void)
{
    void *answer = call(standard.is_tracing);
    bool on = answer && PyObject_IsTrue(answer) == 1;
    Py_DecRef(answer);
    return on;
}

static void allocators_get(struct pyr_py_allocator *all)
{
    for (int domain = PYR_PY_DOMAIN_RAW; domain <= PYR_PY_DOMAIN_OBJ; domain++)
        PyMem_GetAllocator(domain, &all[domain]);
}

static void allocators_set(struct pyr_py_allocator *all)
{
    for (int domain = PYR_PY_DOMAIN_RAW; domain <= PYR_PY_DOMAIN_OBJ; domain++)
        PyMem_SetAllocator(domain, &all[domain]);
}

/* It traces nothing: what it has put before the allocators is taken away again. */
static bool standard_start(void)
{
    struct pyr_py_allocator before[PYR_PY_DOMAIN_OBJ + 1];
    allocators_get(before);
    void *answer = call(standard.start);
    allocators_set(before);
    Py_DecRef(answer);
    return answer != NULL;
}

/* What it then puts back are the allocators that it found, whoever is before them by now. */
static void standard_stop(void)
{
    struct pyr_py_allocator before[PYR_PY_DOMAIN_OBJ + 1];
    allocators_get(before);
    Py_DecRef(call(standard.stop));
    allocators_set(before);
}

static void detours_begin(void)
{
    pyr_detour_set(&track, (void (*)(void))PyTraceMalloc_Track, (void (*)(void))pyr_trace_track);
    pyr_detour_set(&untrack, (void (*)(void))PyTraceMalloc_Untrack, (void (*)(void))pyr_trace_untrack);
    pyr_detour_set(&get_traceback, (void (*)(void))_PyTraceMalloc_GetTraceback, (void (*)(void))pyr_tracemalloc_frames);
}

static void reference_begin(void)
{
    void (*function)(void) = (void (*)(void))_PyTraceMalloc_NewReference;
    if (!function && _Py_NewReference && !_Py_NegativeRefcount)
        function = pyr_detour_unless((void (*)(void))_Py_NewReference);
    if (!function || !standard.start || !pyr_detour_set(&new_reference, function, (void (*)(void))began_there))
        return;
    started = standard_start();
    if (!started)
        pyr_detour_end(&new_reference);
}

/* ---- both ---- */

void pyr_reuse_prepare(void)
{
    void *module = PyImport_ImportModule("_tracemalloc");
    if (module && !standard.start) {
        standard.start = PyObject_GetAttrString(module, "start");
        standard.stop = PyObject_GetAttrString(module, "stop");
        standard.is_tracing = PyObject_GetAttrString(module, "is_tracing");
    }
    PyErr_Clear();
    Py_DecRef(module);
}

/* Where the program traces by the standard module, too, it stays that one's. */
void pyr_reuse_begin(void)
{
    bool taken = standard_is_on();
    if (PyRefTracer_SetTracer && PyRefTracer_GetTracer)
        tracer_begin();
    else if (!taken)
        reference_begin();
    if (!taken)
        detours_begin();
}

void pyr_reuse_end(void)
{
    if (PyRefTracer_SetTracer && PyRefTracer_GetTracer)
        tracer_end();
    if (started)
        standard_stop();
    started = false;
    pyr_detour_end(&new_reference);
    pyr_detour_end(&track);
    pyr_detour_end(&untrack);
    pyr_detour_end(&get_traceback);
}
