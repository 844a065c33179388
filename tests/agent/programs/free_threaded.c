/* What the agent sees of a free-threaded Python: the API, and the version that it tells. To install an allocator there
 * would be wrong. Linked with -rdynamic. */
#include <dlfcn.h>
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

/* An argument is the agent: what it says when asked to begin in this running program. */
static void ask(const char *agent)
{
    char why[300] = "";
    void *library = dlopen(agent, RTLD_NOW);
    int (*may_start)(char *, size_t) =
        library ? (int (*)(char *, size_t))dlsym(library, "pyrometer_memory_may_start") : NULL;
    printf("%d %s\n", may_start ? may_start(why, sizeof why) : 1, why);
}

int main(int count, char **words)
{
    if (count > 1)
        ask(words[1]);
    void *block = malloc(1000);
    puts(block ? "alone" : "none");
    free(block);
    return 5;
}
