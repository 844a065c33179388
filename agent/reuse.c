#include "reuse.h"

#include "api.h"
#include "trace.h"

/* 3.13 and later call one function for each object that begins. Whose turn it was before gets its calls as before. */
enum { CREATED };

static pyr_py_tracer former;
static void *former_data;

static int began(void *object, int event, void *data)
{
    (void)data;
    if (event == CREATED)
        pyr_trace_reused(object);
    return former ? former(object, event, former_data) : 0;
}

void pyr_reuse_begin(void)
{
    if (!PyRefTracer_SetTracer || !PyRefTracer_GetTracer)
        return;
    pyr_py_tracer now = PyRefTracer_GetTracer(&former_data);
    if (now == began)
        return;
    former = now;
    PyRefTracer_SetTracer(began, NULL);
}

void pyr_reuse_end(void)
{
    void *data;
    if (PyRefTracer_SetTracer && PyRefTracer_GetTracer && PyRefTracer_GetTracer(&data) == began)
        PyRefTracer_SetTracer(former, former_data);
}
