/* HOT: once per collection; no system call, but when the file grows. */
#include "collector.h"

/* The sums first: a process that is killed in between has one pause too few, never a sum too small. */
void pyr_pauses_add(struct pyr_heap *heap, const struct pyr_collection *collection)
{
    struct pyr_heap_file *file = heap->file;
    uint32_t generation = collection->generation < PYR_GENERATIONS ? collection->generation : PYR_GENERATIONS - 1;
    struct pyr_heap_collections *sums = &file->collections[generation];
    uint64_t pause_ns = collection->end_ns - collection->start_ns;
    sums->count++;
    sums->pause_ns += pause_ns;
    sums->collected += collection->collected;
    sums->uncollectable += collection->uncollectable;
    if (pause_ns > sums->longest_ns)
        sums->longest_ns = pause_ns;
    if (!collection->collected && !collection->uncollectable) {
        sums->vain_count++;
        sums->vain_ns += pause_ns;
    }
    uint64_t number = file->pause_count;
    uint64_t slot = number % PYR_HEAP_PAUSES;
    if (!pyr_window_reserve(&heap->pause_window, (slot + 1) * sizeof(struct pyr_heap_pause)))
        return;
    ((struct pyr_heap_pause *)(void *)heap->pause_window.at)[slot] = (struct pyr_heap_pause){
        .start_ns = collection->start_ns,
        .pause_ns = pause_ns,
        .collected = collection->collected,
        .uncollectable = (uint32_t)collection->uncollectable,
        .generation = generation,
        .site = collection->site,
    };
    __atomic_store_n(&file->pause_count, number + 1, __ATOMIC_RELEASE);
}
