#include "analyze/allocations.h"

#include "record/reader.h"

#include <stdlib.h>

#define POINTS_MAX 1024u

static bool is_selected(const struct pyr_shown *view, const struct pyr_memory_facts *heap)
{
    return heap->process < view->model.process_count && view->model.processes[heap->process].selected;
}

static const struct pyr_allocation *at(const struct pyr_vec *rows, size_t i)
{
    return PYR_VEC_AT(rows, struct pyr_allocation, i);
}

static void add(struct pyr_memory_site *sum, const struct pyr_memory_site *part)
{
    sum->allocated_blocks += part->allocated_blocks;
    sum->allocated_bytes += part->allocated_bytes;
    sum->live_blocks += part->live_blocks;
    sum->live_bytes += part->live_bytes;
    sum->peak_blocks += part->peak_blocks;
    sum->peak_bytes += part->peak_bytes;
    sum->temporary_blocks += part->temporary_blocks;
    sum->temporary_bytes += part->temporary_bytes;
}

static int compare(const void *left, const void *right)
{
    const struct pyr_allocation *a = left, *b = right;
    if (a->process != b->process)
        return a->process < b->process ? -1 : 1;
    return (a->leaf > b->leaf) - (a->leaf < b->leaf);
}

/* Sorts, and makes one of those that are alike. */
static void merge(struct pyr_vec *rows)
{
    struct pyr_allocation *items = rows->items;
    size_t kept = 0;
    if (!rows->count)
        return;
    qsort(items, rows->count, sizeof *items, compare);
    for (size_t i = 1; i < rows->count; i++) {
        if (compare(&items[kept], &items[i]) == 0)
            add(&items[kept].figures, &items[i].figures);
        else
            items[++kept] = items[i];
    }
    rows->count = kept + 1;
}

static int add_sites(struct pyr_allocations *sums, struct pyr_shown *view, const struct pyr_memory_facts *heap)
{
    for (uint32_t i = 0; i < heap->site_count; i++) {
        const struct pyr_memory_site *site = &heap->sites[i];
        int64_t leaf = pyr_tree_leaf(&view->tree, site->node < view->model.node_count ? site->node : 0, 0);
        if (leaf < 0)
            return (int)leaf;
        sums->temporary_blocks += site->temporary_blocks;
        sums->temporary_bytes += site->temporary_bytes;
        struct pyr_allocation stack = {heap->process, (uint32_t)leaf, *site};
        struct pyr_allocation merged = {0, (uint32_t)leaf, *site};
        uint32_t place = pyr_tree_at(&view->tree, (uint32_t)leaf)->place;
        struct pyr_allocation line = {0, pyr_model_place(&view->model, place)->whole, *site};
        if (!pyr_vec_push(&sums->stacks, &stack) || !pyr_vec_push(&sums->merged, &merged) ||
            !pyr_vec_push(&sums->lines, &line))
            return PYR_E_NOMEM;
    }
    return 0;
}

static void add_heap(struct pyr_allocations *sums, const struct pyr_shown *view, uint32_t number,
                     const struct pyr_memory_facts *heap)
{
    const struct pyr_memory_facts *largest = pyr_reader_heap(view->model.reader, sums->largest);
    if (!sums->heaps || heap->peak_bytes > largest->peak_bytes) {
        sums->largest = number;
        sums->peak_ns = heap->peak_ns;
    }
    sums->at_main_end = heap->at_main_end && (!sums->heaps || sums->at_main_end);
    sums->temporary_within =
        !sums->heaps || sums->temporary_within == heap->temporary_within ? heap->temporary_within : 0;
    sums->heaps++;
    sums->cut |= heap->cut;
    sums->whole |= heap->stacks;
    sums->begun_late |= heap->begun_late;
    sums->allocated_blocks += heap->allocated_blocks;
    sums->allocated_bytes += heap->allocated_bytes;
    sums->live_blocks += heap->live_blocks;
    sums->live_bytes += heap->live_bytes;
    sums->peak_bytes += heap->peak_bytes;
    sums->arena_bytes += heap->arena_bytes;
    sums->lost_allocations += heap->lost_allocations;
}

static int add_other(struct pyr_allocations *sums, struct pyr_shown *view, const struct pyr_memory_facts *memory)
{
    struct pyr_other_memory *other = &sums->others[memory->kind];
    if (!other->heaps++ || memory->peak_bytes > other->largest_bytes) {
        other->largest_bytes = memory->peak_bytes;
        other->peak_ns = memory->peak_ns;
    }
    sums->cut |= memory->cut;
    other->allocated_blocks += memory->allocated_blocks;
    other->allocated_bytes += memory->allocated_bytes;
    other->live_blocks += memory->live_blocks;
    other->live_bytes += memory->live_bytes;
    other->peak_bytes += memory->peak_bytes;
    for (uint32_t i = 0; i < memory->site_count; i++) {
        const struct pyr_memory_site *site = &memory->sites[i];
        int64_t leaf = pyr_tree_leaf(&view->tree, site->node < view->model.node_count ? site->node : 0, 0);
        if (leaf < 0)
            return (int)leaf;
        uint32_t place = pyr_tree_at(&view->tree, (uint32_t)leaf)->place;
        struct pyr_allocation line = {0, pyr_model_place(&view->model, place)->whole, *site};
        if (!pyr_vec_push(&other->lines, &line))
            return PYR_E_NOMEM;
    }
    return 0;
}

static int load_others(struct pyr_allocations *sums, struct pyr_shown *view)
{
    const struct pyr_memory_facts *memory;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && (memory = pyr_reader_other_memory(view->model.reader, i)); i++)
        if (is_selected(view, memory))
            rc = add_other(sums, view, memory);
    for (unsigned kind = 0; kind < PYR_MEMORY_KINDS; kind++)
        merge(&sums->others[kind].lines);
    return rc;
}

/* ---- over time ---- */

static uint64_t end_ns(const struct pyr_memory_facts *heap)
{
    uint64_t length, end;
    if (__builtin_mul_overflow(heap->step_ns, (uint64_t)heap->point_count, &length) ||
        __builtin_add_overflow(heap->start_ns, length, &end))
        return 0;
    return end;
}

static bool has_points(const struct pyr_shown *view, const struct pyr_memory_facts *heap)
{
    return is_selected(view, heap) && heap->point_count && heap->step_ns && end_ns(heap);
}

/* The coarsest step of all, that all may be added without making up what was not seen. */
static uint64_t find_span(struct pyr_allocations *sums, const struct pyr_shown *view)
{
    uint64_t end = 0;
    sums->start_ns = UINT64_MAX;
    for (uint32_t i = 0; i < pyr_reader_heaps(view->model.reader); i++) {
        const struct pyr_memory_facts *heap = pyr_reader_heap(view->model.reader, i);
        if (!has_points(view, heap))
            continue;
        sums->start_ns = heap->start_ns < sums->start_ns ? heap->start_ns : sums->start_ns;
        sums->step_ns = heap->step_ns > sums->step_ns ? heap->step_ns : sums->step_ns;
        end = end_ns(heap) > end ? end_ns(heap) : end;
    }
    while (end && (end - sums->start_ns - 1) / sums->step_ns >= POINTS_MAX)
        sums->step_ns *= 2;
    return end;
}

/* The most of the heap in a step; of resident memory only once for each process. */
static struct pyr_memory_point most_between(const struct pyr_memory_facts *heap, uint64_t from_ns, uint64_t to_ns)
{
    struct pyr_memory_point most = {0};
    if (to_ns <= heap->start_ns)
        return most;
    uint64_t first = from_ns > heap->start_ns ? (from_ns - heap->start_ns) / heap->step_ns : 0;
    uint64_t last = (to_ns - heap->start_ns - 1) / heap->step_ns;
    for (uint64_t i = first; i <= last && i < heap->point_count; i++) {
        const struct pyr_memory_point *point = &heap->points[i];
        most.heap_bytes = point->heap_bytes > most.heap_bytes ? point->heap_bytes : most.heap_bytes;
        most.rss_bytes = point->rss_bytes > most.rss_bytes ? point->rss_bytes : most.rss_bytes;
    }
    most.rss_bytes = heap->interpreter ? 0 : most.rss_bytes;
    return most;
}

static void add_points(struct pyr_allocations *sums, const struct pyr_memory_facts *heap)
{
    for (size_t i = 0; i < sums->points.count; i++) {
        struct pyr_memory_point *sum = PYR_VEC_AT(&sums->points, struct pyr_memory_point, i);
        uint64_t from = sums->start_ns + i * sums->step_ns;
        struct pyr_memory_point most = most_between(heap, from, from + sums->step_ns);
        sum->heap_bytes += most.heap_bytes;
        sum->rss_bytes += most.rss_bytes;
    }
}

static int fill_points(struct pyr_allocations *sums, const struct pyr_shown *view)
{
    uint64_t end = find_span(sums, view);
    uint64_t count = end ? (end - sums->start_ns - 1) / sums->step_ns + 1 : 0;
    for (uint64_t i = 0; i < count; i++)
        if (!pyr_vec_push(&sums->points, NULL))
            return PYR_E_NOMEM;
    for (uint32_t i = 0; count && i < pyr_reader_heaps(view->model.reader); i++)
        if (has_points(view, pyr_reader_heap(view->model.reader, i)))
            add_points(sums, pyr_reader_heap(view->model.reader, i));
    return 0;
}

/* ---- all of it ---- */

static int load(struct pyr_allocations *sums, struct pyr_shown *view)
{
    for (uint32_t i = 0; i < pyr_reader_heaps(view->model.reader); i++) {
        const struct pyr_memory_facts *heap = pyr_reader_heap(view->model.reader, i);
        if (!is_selected(view, heap))
            continue;
        if (*heap->why) {
            sums->why = sums->why ? sums->why : heap->why;
            continue;
        }
        add_heap(sums, view, i, heap);
        int rc = add_sites(sums, view, heap);
        if (rc < 0)
            return rc;
    }
    merge(&sums->stacks);
    merge(&sums->merged);
    merge(&sums->lines);
    int rc = load_others(sums, view);
    return rc < 0 ? rc : fill_points(sums, view);
}

int pyr_allocations_load(struct pyr_allocations *allocations, struct pyr_shown *view)
{
    struct pyr_allocations sums = {.stacks = PYR_VEC(struct pyr_allocation),
                                   .merged = PYR_VEC(struct pyr_allocation),
                                   .lines = PYR_VEC(struct pyr_allocation),
                                   .points = PYR_VEC(struct pyr_memory_point)};
    for (unsigned kind = 0; kind < PYR_MEMORY_KINDS; kind++)
        sums.others[kind].lines = PYR_VEC(struct pyr_allocation);
    int rc = load(&sums, view);
    if (rc < 0)
        pyr_allocations_release(&sums);
    else
        *allocations = sums;
    return rc;
}

void pyr_allocations_release(struct pyr_allocations *allocations)
{
    if (allocations->stacks.item_size) {
        pyr_vec_release(&allocations->stacks);
        pyr_vec_release(&allocations->merged);
        pyr_vec_release(&allocations->lines);
        pyr_vec_release(&allocations->points);
        for (unsigned kind = 0; kind < PYR_MEMORY_KINDS; kind++)
            pyr_vec_release(&allocations->others[kind].lines);
    }
    *allocations = (struct pyr_allocations){0};
}

uint64_t pyr_allocation_bytes(const struct pyr_memory_site *figures, enum pyr_weigh weight)
{
    return weight == PYR_WEIGH_LIVE        ? figures->live_bytes
           : weight == PYR_WEIGH_PEAK      ? figures->peak_bytes
           : weight == PYR_WEIGH_TEMPORARY ? figures->temporary_bytes
                                           : figures->allocated_bytes;
}

uint64_t pyr_allocation_blocks(const struct pyr_memory_site *figures, enum pyr_weigh weight)
{
    return weight == PYR_WEIGH_LIVE        ? figures->live_blocks
           : weight == PYR_WEIGH_PEAK      ? figures->peak_blocks
           : weight == PYR_WEIGH_TEMPORARY ? figures->temporary_blocks
                                           : figures->allocated_blocks;
}

struct ranked {
    const struct pyr_allocation *line;
    uint64_t bytes;
};

static int compare_ranked(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    if (a->bytes != b->bytes)
        return a->bytes > b->bytes ? -1 : 1;
    return a->line < b->line ? -1 : a->line > b->line;
}

int pyr_allocations_rank_lines(const struct pyr_vec *lines, enum pyr_weigh weight, size_t limit, struct pyr_vec *order)
{
    struct pyr_vec ranked = PYR_VEC(struct ranked);
    int rc = 0;
    order->count = 0;
    for (size_t i = 0; rc == 0 && i < lines->count; i++) {
        const struct pyr_allocation *line = at(lines, i);
        struct ranked row = {line, pyr_allocation_bytes(&line->figures, weight)};
        if (row.bytes && !pyr_vec_push(&ranked, &row))
            rc = PYR_E_NOMEM;
    }
    if (rc == 0 && ranked.count)
        qsort(ranked.items, ranked.count, sizeof(struct ranked), compare_ranked);
    for (size_t i = 0; rc == 0 && i < ranked.count && i < limit; i++)
        if (!pyr_vec_push(order, &PYR_VEC_AT(&ranked, struct ranked, i)->line))
            rc = PYR_E_NOMEM;
    pyr_vec_release(&ranked);
    return rc;
}

int pyr_allocations_rank(const struct pyr_allocations *allocations, enum pyr_weigh weight, size_t limit,
                         struct pyr_vec *order)
{
    return pyr_allocations_rank_lines(&allocations->lines, weight, limit, order);
}

int pyr_allocations_rank_stacks(const struct pyr_allocations *allocations, enum pyr_weigh weight, size_t limit,
                                struct pyr_vec *order)
{
    return pyr_allocations_rank_lines(&allocations->merged, weight, limit, order);
}

const struct pyr_allocation *pyr_allocations_line(const struct pyr_vec *lines, uint32_t place)
{
    const struct pyr_allocation wanted = {.leaf = place};
    return lines->count ? bsearch(&wanted, lines->items, lines->count, sizeof wanted, compare) : NULL;
}

const struct pyr_allocation *pyr_allocations_of(const struct pyr_allocations *allocations, uint32_t place)
{
    return pyr_allocations_line(&allocations->lines, place);
}
