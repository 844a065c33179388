#include "analyze/verdict.h"

#include <stdio.h>
#include <string.h>

/* Where the lines are drawn. Nothing deeper: a person reading the shares beside the verdict would draw them about here.
 */
#define GC_SHARE 0.25         /* of the time spent collecting */
#define GIL_WAIT_SHARE 0.40   /* of the thread time that wanted to run spent waiting for the GIL … */
#define GIL_WANTED_SHARE 0.25 /* … and this share of the time somebody did */
#define CPU_SHARE 0.65
#define IO_SHARE 0.35
#define TICKS_ENOUGH 20

const char *pyr_bound_name(enum pyr_bound bound)
{
    static const char *const names[] = {"unknown", "CPU-bound", "IO-bound", "GIL-bound", "GC-bound", "mixed"};
    return names[bound];
}

/* Thread time of a process, in seconds. */
struct thread_time {
    double on_cpu, wanting_gil;
};

static struct thread_time thread_time(const struct pyr_shown *view, uint32_t process)
{
    struct thread_time time = {0};
    for (size_t i = 0; i < view->entries.count; i++) {
        const struct pyr_entry *entry = pyr_shown_entry(view, i);
        if (pyr_shown_process(view, entry->thread) != &view->model.processes[process])
            continue;
        time.on_cpu += entry->flags & PYR_ON_CPU ? entry->seconds : 0;
        time.wanting_gil += entry->flags & PYR_WAITS_GIL ? entry->seconds : 0;
    }
    return time;
}

static double cpu_seconds(const struct pyr_model_process *process)
{
    return (double)process->overlap.on_cpu / 1e9;
}

static bool busiest_process(const struct pyr_shown *view, uint32_t *busiest)
{
    bool found = false;
    for (uint32_t i = 0; i < view->model.process_count; i++) {
        const struct pyr_model_process *process = &view->model.processes[i];
        if (!process->selected || process->glance + process->exact + process->only < TICKS_ENOUGH)
            continue;
        if (!found || cpu_seconds(process) > cpu_seconds(&view->model.processes[*busiest]))
            *busiest = i;
        found = true;
    }
    return found;
}

static enum pyr_bound bound_of(const struct pyr_verdict *verdict)
{
    double runnable = verdict->threads_on_cpu + verdict->threads_wanting_gil;
    if (verdict->in_gc >= GC_SHARE)
        return PYR_BOUND_GC;
    if (verdict->gil_wanted >= GIL_WANTED_SHARE && verdict->threads_wanting_gil >= GIL_WAIT_SHARE * runnable)
        return PYR_BOUND_GIL;
    if (verdict->on_cpu >= CPU_SHARE)
        return PYR_BOUND_CPU;
    return verdict->on_cpu <= IO_SHARE ? PYR_BOUND_IO : PYR_BOUND_MIXED;
}

static void explain(struct pyr_verdict *verdict)
{
    double cpu = verdict->on_cpu * 100, held = verdict->gil_held * 100, wanted = verdict->gil_wanted * 100;
    char *text = verdict->sentence;
    size_t size = sizeof verdict->sentence;
    switch (verdict->bound) {
    case PYR_BOUND_GC:
        snprintf(text, size, "the garbage collector ran for %.0f %% of the time", verdict->in_gc * 100);
        break;
    case PYR_BOUND_GIL:
        snprintf(text, size,
                 "threads waited for the GIL in %.0f %% of the time, %.1f of them on average, while %.1f "
                 "ran; it was held for %.0f %%",
                 wanted, verdict->threads_wanting_gil, verdict->threads_on_cpu, held);
        break;
    case PYR_BOUND_CPU:
        snprintf(text, size, "a thread was on a CPU for %.0f %% of the time, and the GIL was held for %.0f %%%s", cpu,
                 held, verdict->on_cpu - verdict->gil_held > 0.3 ? ": much of the work is done in C without it" : "");
        break;
    case PYR_BOUND_IO:
        snprintf(text, size,
                 "no thread was on a CPU for %.0f %% of the time: it waited for input, output, locks or "
                 "timers",
                 100 - cpu);
        break;
    case PYR_BOUND_MIXED:
        snprintf(text, size, "a thread was on a CPU for %.0f %% of the time, and for the rest all waited", cpu);
        break;
    default:
        snprintf(text, size, "too few samples to tell");
    }
}

void pyr_verdict_find(struct pyr_verdict *verdict, const struct pyr_shown *view)
{
    struct pyr_verdict found = {0};
    if (busiest_process(view, &found.process)) {
        const struct pyr_model_process *process = &view->model.processes[found.process];
        double elapsed_ns = (double)(process->last_ns - process->first_ns);
        struct thread_time time = thread_time(view, found.process);
        found.on_cpu = (double)process->overlap.on_cpu / elapsed_ns;
        found.gil_held = (double)process->overlap.gil_held / elapsed_ns;
        found.gil_wanted = (double)process->overlap.gil_wanted / elapsed_ns;
        found.in_gc = (double)process->overlap.in_gc / elapsed_ns;
        found.threads_on_cpu = process->elapsed_s > 0 ? time.on_cpu / process->elapsed_s : 0;
        found.threads_wanting_gil = process->elapsed_s > 0 ? time.wanting_gil / process->elapsed_s : 0;
        found.bound = bound_of(&found);
    }
    explain(&found);
    *verdict = found;
}
