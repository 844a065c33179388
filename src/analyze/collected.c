#include "analyze/collected.h"

#include "record/reader.h"

#include <stdlib.h>

struct window {
    uint64_t from_ns, to_ns;
    bool is_part;
};

static struct window window_of(double from_s, double to_s)
{
    return (struct window){pyr_window_ns(from_s), to_s > 0 ? pyr_window_ns(to_s) : UINT64_MAX, from_s > 0 || to_s > 0};
}

static bool is_in(const struct window *window, uint64_t ns)
{
    return ns >= window->from_ns && ns < window->to_ns;
}

static void add_sum(struct pyr_gc_sum *sum, const struct pyr_gc_sum *part)
{
    sum->count += part->count;
    sum->pause_ns += part->pause_ns;
    sum->longest_ns = part->longest_ns > sum->longest_ns ? part->longest_ns : sum->longest_ns;
    sum->collected += part->collected;
    sum->uncollectable += part->uncollectable;
    sum->vain_count += part->vain_count;
    sum->vain_ns += part->vain_ns;
}

static struct pyr_gc_sum sum_of_one(const struct pyr_gc_pause *pause)
{
    bool vain = !pause->collected && !pause->uncollectable;
    return (struct pyr_gc_sum){.count = 1,
                               .pause_ns = pause->pause_ns,
                               .longest_ns = pause->pause_ns,
                               .collected = pause->collected,
                               .uncollectable = pause->uncollectable,
                               .vain_count = vain,
                               .vain_ns = vain ? pause->pause_ns : 0};
}

static uint64_t less(uint64_t whole, uint64_t part)
{
    return whole > part ? whole - part : 0;
}

static uint64_t count_all(const struct pyr_gc_facts *facts)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < PYR_GC_GENERATIONS; i++)
        count += facts->sums[i].count;
    return count;
}

static double lived_s(const struct pyr_model_process *process, const struct window *window)
{
    uint64_t from = process->start_ns > window->from_ns ? process->start_ns : window->from_ns;
    uint64_t to = process->end_ns < window->to_ns ? process->end_ns : window->to_ns;
    return (double)less(to, from) / 1e9;
}

static int add_collector(struct pyr_collected *sums, const struct pyr_shown *view, const struct pyr_gc_facts *facts,
                         const struct window *window)
{
    sums->collectors++;
    if (!sums->example && facts->has_thresholds)
        sums->example = facts;
    sums->missing += less(count_all(facts), facts->pause_count);
    sums->lived_s += lived_s(&view->model.processes[facts->process], window);
    struct pyr_collected_process own = {.process = facts->process};
    for (uint32_t i = 0; i < facts->pause_count; i++) {
        const struct pyr_collected_pause row = {facts->process, facts->pauses[i]};
        if (!is_in(window, row.pause.start_ns))
            continue;
        const struct pyr_gc_sum one = sum_of_one(&row.pause);
        if (window->is_part) {
            add_sum(&sums->sums[row.pause.generation], &one);
            add_sum(&own.sum, &one);
        }
        if (!pyr_vec_push(&sums->pauses, &row))
            return PYR_E_NOMEM;
    }
    for (unsigned i = 0; !window->is_part && i < PYR_GC_GENERATIONS; i++) {
        add_sum(&sums->sums[i], &facts->sums[i]);
        add_sum(&own.sum, &facts->sums[i]);
    }
    return pyr_vec_push(&sums->processes, &own) ? 0 : PYR_E_NOMEM;
}

static int compare_pauses(const void *left, const void *right)
{
    const struct pyr_collected_pause *a = left, *b = right;
    if (a->pause.start_ns != b->pause.start_ns)
        return a->pause.start_ns < b->pause.start_ns ? -1 : 1;
    return (a->process > b->process) - (a->process < b->process);
}

int pyr_collected_load(struct pyr_collected *collected, const struct pyr_shown *view, double from_s, double to_s)
{
    struct pyr_collected sums = {.pauses = PYR_VEC(struct pyr_collected_pause),
                                 .processes = PYR_VEC(struct pyr_collected_process)};
    const struct window window = window_of(from_s, to_s);
    const struct pyr_reader *reader = view->model.reader;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < pyr_reader_collectors(reader); i++) {
        const struct pyr_gc_facts *facts = pyr_reader_collector(reader, i);
        if (facts->process < view->model.process_count && view->model.processes[facts->process].selected)
            rc = add_collector(&sums, view, facts, &window);
    }
    if (rc < 0) {
        pyr_collected_release(&sums);
        return rc;
    }
    if (sums.pauses.count)
        qsort(sums.pauses.items, sums.pauses.count, sizeof(struct pyr_collected_pause), compare_pauses);
    for (unsigned i = 0; i < PYR_GC_GENERATIONS; i++)
        add_sum(&sums.all, &sums.sums[i]);
    *collected = sums;
    return 0;
}

void pyr_collected_release(struct pyr_collected *collected)
{
    if (collected->pauses.item_size) {
        pyr_vec_release(&collected->pauses);
        pyr_vec_release(&collected->processes);
    }
    *collected = (struct pyr_collected){0};
}

static int compare_lengths(const void *left, const void *right)
{
    const struct pyr_collected_pause *a = *(const struct pyr_collected_pause *const *)left;
    const struct pyr_collected_pause *b = *(const struct pyr_collected_pause *const *)right;
    if (a->pause.pause_ns != b->pause.pause_ns)
        return a->pause.pause_ns > b->pause.pause_ns ? -1 : 1;
    return a < b ? -1 : a > b;
}

int pyr_collected_longest(const struct pyr_collected *collected, size_t limit, struct pyr_vec *order)
{
    order->count = 0;
    for (size_t i = 0; i < collected->pauses.count; i++) {
        const struct pyr_collected_pause *pause = pyr_collected_at(collected, i);
        if (!pyr_vec_push(order, &pause))
            return PYR_E_NOMEM;
    }
    if (order->count)
        qsort(order->items, order->count, sizeof(struct pyr_collected_pause *), compare_lengths);
    if (order->count > limit)
        order->count = limit;
    return 0;
}

uint32_t pyr_collected_place(const struct pyr_model *model, const struct pyr_gc_pause *pause)
{
    if (!pause->node || pause->node >= model->node_count)
        return PYR_PLACE_NO_FRAME;
    return pyr_model_place(model, model->nodes[pause->node].place)->whole;
}

static int compare_places(const void *left, const void *right)
{
    const struct pyr_collected_line *a = left, *b = right;
    return (a->place > b->place) - (a->place < b->place);
}

static int compare_lines(const void *left, const void *right)
{
    const struct pyr_collected_line *a = left, *b = right;
    if (a->pause_ns != b->pause_ns)
        return a->pause_ns > b->pause_ns ? -1 : 1;
    return compare_places(left, right);
}

int pyr_collected_lines(const struct pyr_collected *collected, const struct pyr_model *model, struct pyr_vec *lines)
{
    lines->count = 0;
    for (size_t i = 0; i < collected->pauses.count; i++) {
        const struct pyr_gc_pause *pause = &pyr_collected_at(collected, i)->pause;
        const struct pyr_collected_line line = {pyr_collected_place(model, pause), 1, pause->pause_ns};
        if (!pyr_vec_push(lines, &line))
            return PYR_E_NOMEM;
    }
    if (!lines->count)
        return 0;
    struct pyr_collected_line *items = lines->items;
    size_t kept = 0;
    qsort(items, lines->count, sizeof *items, compare_places);
    for (size_t i = 1; i < lines->count; i++) {
        if (items[i].place == items[kept].place) {
            items[kept].count++;
            items[kept].pause_ns += items[i].pause_ns;
        } else {
            items[++kept] = items[i];
        }
    }
    lines->count = kept + 1;
    qsort(items, lines->count, sizeof *items, compare_lines);
    return 0;
}

static uint64_t part_between(const struct pyr_gc_pause *pause, uint64_t from_ns, uint64_t to_ns)
{
    uint64_t end_ns;
    if (__builtin_add_overflow(pause->start_ns, pause->pause_ns, &end_ns))
        end_ns = UINT64_MAX;
    uint64_t from = pause->start_ns > from_ns ? pause->start_ns : from_ns, to = end_ns < to_ns ? end_ns : to_ns;
    return less(to, from);
}

bool pyr_collected_ns(const struct pyr_shown *view, uint32_t process, uint64_t *ns)
{
    const struct pyr_model_process *model = &view->model.processes[process];
    const struct pyr_reader *reader = view->model.reader;
    bool found = false;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < pyr_reader_collectors(reader); i++) {
        const struct pyr_gc_facts *facts = pyr_reader_collector(reader, i);
        if (facts->process != process)
            continue;
        if (facts->time_ns < model->last_ns || count_all(facts) > facts->pause_count)
            return false;
        for (uint32_t k = 0; k < facts->pause_count; k++)
            sum += part_between(&facts->pauses[k], model->first_ns, model->last_ns);
        found = true;
    }
    if (found)
        *ns = sum;
    return found;
}
