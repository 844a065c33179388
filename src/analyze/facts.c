#include "analyze/facts.h"

#include "base/alloc.h"

const char *pyr_mode_name(enum pyr_mode mode)
{
    static const char *const names[] = {"wall", "cpu", "gil"};
    return (unsigned)mode < sizeof names / sizeof *names ? names[mode] : "wall";
}

struct pyr_usage_sum pyr_shown_usage(const struct pyr_shown *view)
{
    struct pyr_usage_sum sum = {0};
    for (uint32_t i = 0; i < view->model.process_count; i++) {
        const struct pyr_model_process *process = &view->model.processes[i];
        if (!process->selected)
            continue;
        sum.cpu_ns += process->cpu_ns;
        if (process->peak_rss_bytes > sum.peak_rss_bytes)
            sum.peak_rss_bytes = process->peak_rss_bytes;
    }
    return sum;
}

struct pyr_sample_sums pyr_shown_samples(const struct pyr_shown *view)
{
    struct pyr_sample_sums sums = {0};
    for (size_t i = 0; i < view->model.tallies.count; i++) {
        const struct pyr_tally *tally = PYR_VEC_AT(&view->model.tallies, struct pyr_tally, i);
        if (!view->model.threads[tally->thread].selected)
            continue;
        sums.glance += tally->glance;
        sums.exact += tally->exact + tally->only;
        sums.only += tally->only;
        if (tally->flags & PYR_UNRESOLVED)
            sums.unresolved += tally->glance + tally->exact + tally->only;
    }
    for (size_t i = 0; i < view->entries.count; i++) {
        const struct pyr_entry *entry = pyr_shown_entry(view, i);
        sums.all_s += entry->seconds;
        sums.left_s += entry->flags & PYR_UNRESOLVED ? entry->seconds : 0;
        sums.truncated_s += entry->flags & PYR_TRUNCATED ? entry->seconds : 0;
    }
    return sums;
}

double pyr_shown_density_hz(const struct pyr_shown *view)
{
    double ticks = 0, elapsed_s = 0;
    for (uint32_t i = 0; i < view->model.process_count; i++) {
        const struct pyr_model_process *process = &view->model.processes[i];
        ticks += (double)(process->glance + process->exact + process->only);
        elapsed_s += process->elapsed_s;
    }
    return elapsed_s > 0 ? ticks / elapsed_s : 0;
}

struct pyr_gap_sum pyr_shown_gaps(const struct pyr_shown *view)
{
    struct pyr_gap_sum worst = {0};
    for (uint32_t i = 0; i < view->model.process_count; i++) {
        const struct pyr_model_process *process = &view->model.processes[i];
        if (process->selected && (process->unobserved_s > worst.unobserved_s || worst.elapsed_s <= 0))
            worst = (struct pyr_gap_sum){process->unobserved_s, process->longest_gap_s, process->elapsed_s};
    }
    return worst;
}

double pyr_shown_rate_hz(const struct pyr_shown *view)
{
    uint64_t asked = view->model.facts->rate_hz;
    if (asked != UINT64_MAX)
        return (double)asked;
    double fastest = 0;
    for (uint32_t i = 0; i < view->model.process_count; i++) {
        const struct pyr_model_process *process = &view->model.processes[i];
        if (process->tick_s > 0 && 1 / process->tick_s > fastest)
            fastest = 1 / process->tick_s;
    }
    return fastest;
}

static void add(struct pyr_thread_sum *sum, const struct pyr_entry *entry)
{
    sum->ticks += entry->ticks;
    sum->seconds += entry->seconds;
    sum->on_cpu += entry->flags & PYR_ON_CPU ? entry->ticks : 0;
    sum->cpu_s += entry->flags & PYR_ON_CPU ? entry->seconds : 0;
    sum->waits_cpu += entry->flags & PYR_QUEUED ? entry->ticks : 0;
    sum->has_gil += entry->flags & PYR_HAS_GIL ? entry->ticks : 0;
    sum->waits_gil += entry->flags & PYR_WAITS_GIL ? entry->ticks : 0;
    sum->in_gc += entry->flags & PYR_IN_GC ? entry->ticks : 0;
    sum->busy_s += pyr_flags_idle(entry->flags) ? 0 : entry->seconds;
}

struct pyr_thread_sum *pyr_shown_threads(const struct pyr_shown *view)
{
    struct pyr_thread_sum *sums = pyr_alloc(view->model.thread_count * sizeof *sums);
    for (uint32_t i = 0; sums && i < view->model.thread_count; i++)
        sums[i].facts = view->model.threads[i].facts;
    for (size_t i = 0; sums && i < view->entries.count; i++)
        add(&sums[pyr_shown_entry(view, i)->thread], pyr_shown_entry(view, i));
    return sums;
}

void pyr_shown_threads_release(struct pyr_thread_sum *threads)
{
    pyr_free(threads);
}
