#include "analyze/verdict.h"

#include "analyze/collected.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Where the lines are drawn. Nothing deeper: a person reading the shares beside the verdict would draw them about here.
 */
#define GC_SHARE 0.25         /* of the time spent collecting */
#define GIL_WAIT_SHARE 0.40   /* of the thread time that wanted to run spent waiting for the GIL … */
#define GIL_WANTED_SHARE 0.25 /* … and this share of the time somebody did */
#define CPU_SHARE 0.65
#define IO_SHARE 0.35
#define BUSY_SHARE 0.05      /* of the time it waited for a CPU: worth saying */
#define IDLE_HOLD_SHARE 0.25 /* of the time the GIL was held though no thread could run: worth saying */
#define TICKS_ENOUGH 20

const char *pyr_bound_name(enum pyr_bound bound)
{
    static const char *const names[] = {"unknown", "CPU-bound", "IO-bound", "GIL-bound", "GC-bound", "mixed"};
    return names[bound];
}

/* Thread time of a process, in seconds. */
struct thread_time {
    double on_cpu, queued, wanting_gil;
};

static struct thread_time thread_time(const struct pyr_shown *view, uint32_t process)
{
    struct thread_time time = {0};
    for (size_t i = 0; i < view->entries.count; i++) {
        const struct pyr_entry *entry = pyr_shown_entry(view, i);
        if (pyr_shown_process(view, entry->thread) != &view->model.processes[process])
            continue;
        time.on_cpu += entry->flags & PYR_ON_CPU ? entry->seconds : 0;
        time.queued += entry->flags & PYR_QUEUED ? entry->seconds : 0;
        time.wanting_gil += entry->flags & PYR_WAITS_GIL ? entry->seconds : 0;
    }
    return time;
}

static double runnable_seconds(const struct pyr_model_process *process)
{
    return (double)process->overlap.runnable / 1e9;
}

static bool busiest_process(const struct pyr_shown *view, uint32_t *busiest)
{
    bool found = false;
    for (uint32_t i = 0; i < view->model.process_count; i++) {
        const struct pyr_model_process *process = &view->model.processes[i];
        if (!process->selected || process->glance + process->exact + process->only < TICKS_ENOUGH)
            continue;
        if (!found || runnable_seconds(process) > runnable_seconds(&view->model.processes[*busiest]))
            *busiest = i;
        found = true;
    }
    return found;
}

/* What is said is about the program: not about the time in which the machine had no CPU for it. */
static double on_cpu_when_it_could(const struct pyr_verdict *verdict)
{
    double own = 1 - verdict->waiting_for_cpu;
    return own > 0 ? verdict->on_cpu / own : 0;
}

static enum pyr_bound bound_of(const struct pyr_verdict *verdict)
{
    double wanting = verdict->threads_on_cpu + verdict->threads_waiting_for_cpu + verdict->threads_wanting_gil;
    double on_cpu = on_cpu_when_it_could(verdict);
    if (verdict->in_gc >= GC_SHARE)
        return PYR_BOUND_GC;
    if (verdict->gil_wanted >= GIL_WANTED_SHARE && verdict->threads_wanting_gil >= GIL_WAIT_SHARE * wanting)
        return PYR_BOUND_GIL;
    if (on_cpu >= CPU_SHARE)
        return PYR_BOUND_CPU;
    return on_cpu <= IO_SHARE ? PYR_BOUND_IO : PYR_BOUND_MIXED;
}

static void explain_bound(struct pyr_verdict *verdict)
{
    double cpu = verdict->on_cpu * 100, queued = verdict->waiting_for_cpu * 100;
    double held = verdict->gil_held * 100, wanted = verdict->gil_wanted * 100;
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
                 "no thread was on a CPU, or could have been, for %.0f %% of the time: it waited for input, output, "
                 "locks or timers%s",
                 100 - cpu - queued,
                 verdict->gil_held - verdict->on_cpu - verdict->waiting_for_cpu < IDLE_HOLD_SHARE
                     ? ""
                     : ", with the GIL held, so that no other thread can run Python: code in C does not give it back, "
                       "or the "
                       "process is stopped");
        break;
    case PYR_BOUND_MIXED:
        snprintf(text, size, "a thread was on a CPU for %.0f %% of the time, and for the rest all waited", cpu);
        break;
    default:
        snprintf(text, size, "too few samples to tell");
    }
}

static void explain(struct pyr_verdict *verdict)
{
    explain_bound(verdict);
    size_t length = strlen(verdict->sentence);
    if (verdict->bound != PYR_BOUND_NONE && verdict->waiting_for_cpu >= BUSY_SHARE)
        snprintf(verdict->sentence + length, sizeof verdict->sentence - length,
                 "; it waited for a CPU %.0f %% of the time: the machine is busy", verdict->waiting_for_cpu * 100);
}

/* Samples tell when some thread could run, the kernel how much of that all of them ran. Where k could at once, each of
 * them running a part r of that time, some thread ran for 1 - (1 - r)^k of it, but for no more than they ran in sum. */
static double running_share(double runnable, const struct thread_time *time, double elapsed_s)
{
    double could_s = time->on_cpu + time->queued, runnable_s = runnable * elapsed_s;
    if (could_s <= 0 || runnable_s <= 0)
        return 0;
    double at_once = could_s > runnable_s ? could_s / runnable_s : 1;
    double share = 1 - pow(1 - time->on_cpu / could_s, at_once), most = time->on_cpu / runnable_s;
    return runnable * (share < most ? share : most);
}

/* From the pauses themselves where all are known, else from samples. */
static double gc_share(const struct pyr_shown *view, struct pyr_verdict *verdict, double elapsed_ns)
{
    uint64_t ns = view->model.processes[verdict->process].overlap.in_gc;
    verdict->gc_measured = pyr_collected_ns(view, verdict->process, &ns);
    double share = (double)ns / elapsed_ns;
    return share < 1 ? share : 1;
}

void pyr_verdict_find(struct pyr_verdict *verdict, const struct pyr_shown *view)
{
    struct pyr_verdict found = {0};
    if (busiest_process(view, &found.process)) {
        const struct pyr_model_process *process = &view->model.processes[found.process];
        double elapsed_ns = (double)(process->last_ns - process->first_ns);
        struct thread_time time = thread_time(view, found.process);
        double runnable = (double)process->overlap.runnable / elapsed_ns;
        found.on_cpu = running_share(runnable, &time, process->elapsed_s);
        found.waiting_for_cpu = runnable - found.on_cpu;
        found.gil_held = (double)process->overlap.gil_held / elapsed_ns;
        found.gil_wanted = (double)process->overlap.gil_wanted / elapsed_ns;
        found.in_gc = gc_share(view, &found, elapsed_ns);
        found.threads_on_cpu = process->elapsed_s > 0 ? time.on_cpu / process->elapsed_s : 0;
        found.threads_waiting_for_cpu = process->elapsed_s > 0 ? time.queued / process->elapsed_s : 0;
        found.threads_wanting_gil = process->elapsed_s > 0 ? time.wanting_gil / process->elapsed_s : 0;
        found.bound = bound_of(&found);
    }
    explain(&found);
    *verdict = found;
}
