/* What a C library does with memory, for test_direct.py. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>

void *kept[4096];

/* Keeps `count` blocks of `size` bytes, and frees as many others. */
int take(int count, long size)
{
    for (int i = 0; i < count; i++) {
        kept[i] = malloc((size_t)size);
        free(malloc((size_t)size + 1));
        if (!kept[i])
            return 0;
        memset(kept[i], i, (size_t)size);
    }
    return 1;
}

void give(int count)
{
    for (int i = 0; i < count; i++)
        free(kept[i]);
}

/* Threads that are not Python's. */
static void *work(void *size)
{
    for (int i = 0; i < 20000; i++) {
        void *block = malloc((size_t)size + (size_t)(i % 3000));
        if (i % 4 == 0)
            block = realloc(block, (size_t)(i % 5000) + 1);
        free(block);
    }
    return malloc((size_t)size);
}

int threads(int count, long size)
{
    pthread_t ids[16];
    for (int i = 0; i < count; i++)
        if (pthread_create(&ids[i], NULL, work, (void *)size))
            return 0;
    for (int i = 0; i < count; i++)
        pthread_join(ids[i], &kept[i]);
    return 1;
}

/* A handler that maps and unmaps while what it interrupts does the same and more. */
static volatile sig_atomic_t handled;

static void handle(int number)
{
    (void)number;
    char *at = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(at + 4096, 4096);
    munmap(at, 3 * 4096);
    handled++;
}

int interrupted(int rounds)
{
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    struct itimerval every = {{0, 200}, {0, 200}}, never = {{0, 0}, {0, 0}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
    for (int i = 0; i < rounds || handled < 50; i++) {
        free(malloc(100));
        free(malloc(5000));
        void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        munmap(at, 4096);
    }
    setitimer(ITIMER_REAL, &never, NULL);
    return handled;
}

/* Without end: for threads that the end of the process finds at it. */
void forever(void)
{
    for (;;)
        free(malloc(50));
}
