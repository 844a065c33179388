/* What the agent sees of a free-threaded Python: the API, and the version that it tells. To install an allocator there
 * would be wrong. Linked with -rdynamic. */
#include <stdio.h>
#include <stdlib.h>

char _PyRuntime[4096], PyCode_Type[512], PyFrame_Type[512];

const char *Py_GetVersion(void)
{
    return "3.14.0 free-threading build (main, Oct  7 2025, 00:00:00) [GCC 14.2.0]";
}

void PyMem_GetAllocator(int domain, void *allocator)
{
    (void)domain;
    (void)allocator;
    abort();
}

void PyMem_SetAllocator(int domain, void *allocator)
{
    PyMem_GetAllocator(domain, allocator);
}

void *PyMem_RawMalloc(size_t size)
{
    return malloc(size);
}

void *PyInterpreterState_Main(void)
{
    return NULL;
}

void *PyThreadState_GetUnchecked(void)
{
    return NULL;
}

void *PyGILState_GetThisThreadState(void)
{
    return NULL;
}

int main(void)
{
    void *block = malloc(1000);
    puts(block ? "alone" : "none");
    free(block);
    return 5;
}
