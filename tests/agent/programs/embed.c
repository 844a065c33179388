/* Python begins and ends several times in one process; with an argument, with blocks that outlive it. Declares what it
 * uses itself: its compiler needs no headers of that Python. */
#include <stddef.h>
#include <string.h>

void Py_InitializeEx(int signals);
int Py_FinalizeEx(void);
int PyRun_SimpleStringFlags(const char *source, void *flags);
void *PyMem_Malloc(size_t size);
void *PyMem_Realloc(void *block, size_t size);
void PyMem_Free(void *block);

static const char source[] = "import gc, json\n"
                             "kept = ['text %d' % n for n in range(5000)]\n"
                             "assert json.loads(json.dumps(kept)) == kept and gc.callbacks == []\n"
                             "class Node: pass\n"
                             "for n in range(2000):\n"
                             "    node = Node()\n"
                             "    node.self = node\n"
                             "print(len(kept), gc.collect() > 0, flush=True)\n";

int main(int count, char **words)
{
    (void)words;
    char *kept[100];
    for (int round = 0; round < 4; round++) {
        Py_InitializeEx(0);
        for (size_t n = 0; n < 100 && round > 0 && count > 1; n++) {
            kept[n] = PyMem_Realloc(kept[n], n * 9 + 20);
            if (kept[n][n] != (char)n)
                return 8;
            PyMem_Free(kept[n]);
        }
        if (PyRun_SimpleStringFlags(source, NULL) != 0)
            return 7;
        for (size_t n = 0; n < 100; n++)
            memset(kept[n] = PyMem_Malloc(n * 6 + 1), (int)n, n * 6 + 1);
        if (Py_FinalizeEx() < 0)
            return 9;
    }
    return 4;
}
