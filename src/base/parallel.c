#include "base/parallel.h"

#include <sched.h>
#include <signal.h>

struct part {
    pyr_parallel_work work;
    void *context;
    unsigned number;
    size_t from, to;
    pthread_t thread;
    bool started;
};

unsigned pyr_parallel_parts(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) < 0)
        return 1;
    int cpus = CPU_COUNT(&set);
    return cpus < 1 ? 1 : cpus > PYR_PARALLEL_MAX ? PYR_PARALLEL_MAX : (unsigned)cpus;
}

static void *run(void *context)
{
    struct part *part = context;
    part->work(part->context, part->number, part->from, part->to);
    return NULL;
}

void pyr_parallel(size_t count, pyr_parallel_work work, void *context)
{
    struct part parts[PYR_PARALLEL_MAX];
    unsigned n = pyr_parallel_parts();
    for (unsigned i = 0; i < n; i++) {
        parts[i] = (struct part){.work = work, .context = context, .number = i};
        parts[i].from = count / n * i + count % n * i / n;
        parts[i].to = count / n * (i + 1) + count % n * (i + 1) / n;
        if (i) /* the first part is ours */
            parts[i].started = pthread_create(&parts[i].thread, NULL, run, &parts[i]) == 0;
    }
    for (unsigned i = 0; i < n; i++)
        if (!parts[i].started)
            run(&parts[i]);
    for (unsigned i = 0; i < n; i++)
        if (parts[i].started)
            pthread_join(parts[i].thread, NULL);
}

bool pyr_thread_start(pthread_t *thread, void *(*work)(void *context), void *context)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(thread, NULL, work, context) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}
