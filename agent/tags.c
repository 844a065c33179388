#include "tags.h"

#include "record/heap_tags.h"
#include "stacks.h"

#include <stddef.h>
#include <string.h>

__attribute__((visibility("default"))) struct pyr_heap_tags pyrometer_heap_tags;

static uint64_t at(const void *where)
{
    return (uintptr_t)where;
}

void pyr_tags_tell(const struct pyr_heap *heap)
{
    _Static_assert(offsetof(struct pyr_region, base) == 0 && offsetof(struct pyr_region, used) == 8, "two words");
    pyrometer_heap_tags = (struct pyr_heap_tags){
        .version = PYR_HEAP_TAGS_VERSION,
        .size = sizeof pyrometer_heap_tags,
        .region = at(&pyr_region),
        .heap = at(heap),
        .file = at(&heap->file),
        .sites = at(&heap->sites),
        .texts = at(&heap->text_window.at),
        .large = at(&heap->large.slots.at),
        .large_capacity = at(&heap->large.capacity),
        .arena_shift = PYR_ARENA_SHIFT,
        .pool_shift = PYR_POOL_SHIFT,
        .descriptor_size = sizeof(struct pyr_pool),
        .tags_at = offsetof(struct pyr_pool, tags),
        .step_at = offsetof(struct pyr_pool, tag_step),
        .least_at = offsetof(struct pyr_pool, least),
        .heap_at = offsetof(struct pyr_pool, heap),
        .size_step = PYR_CLASS_STEP,
        .step_shift = PYR_TAG_STEP_SHIFT,
        .site_shift = PYR_TAG_SITE_SHIFT,
        .other_bits = PYR_TAG_CODE | PYR_TAG_RECENT,
        .mark_bits = PYR_TAG_MARK,
    };
    __atomic_signal_fence(__ATOMIC_RELEASE);
    memcpy(pyrometer_heap_tags.magic, PYR_HEAP_TAGS_MAGIC, sizeof pyrometer_heap_tags.magic);
}
