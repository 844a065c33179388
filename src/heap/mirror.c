#include "heap/mirror.h"

#include "base/alloc.h"

#include <string.h>
#include <sys/mman.h>

enum { PAGE = 1 << PYR_MIRROR_PAGE_SHIFT, RUN_FIRST = 4 };

/* Pages that are never touched cost nothing. */
static void *reserve(uint64_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

static uint64_t pages_of(const struct pyr_mirror_region *region)
{
    return (region->end - region->start + PAGE - 1) >> PYR_MIRROR_PAGE_SHIFT;
}

static uint64_t marks_size(const struct pyr_mirror_region *region)
{
    return ((region->end - region->start) >> (PYR_MIRROR_ALIGN_SHIFT + 3)) + 8;
}

static void release_region(struct pyr_mirror_region *region)
{
    if (region->bytes)
        munmap(region->bytes, pages_of(region) * PAGE);
    if (region->loaded)
        munmap(region->loaded, pages_of(region));
    if (region->marks)
        munmap(region->marks, marks_size(region));
}

static bool reserve_region(struct pyr_mirror_region *region)
{
    region->bytes = reserve(pages_of(region) * PAGE);
    region->loaded = reserve(pages_of(region));
    region->marks = reserve(marks_size(region));
    if (region->bytes && region->loaded && region->marks)
        return true;
    release_region(region);
    return false;
}

static void add_region(struct pyr_mirror *mirror, const struct pyr_mirror_region *region)
{
    struct pyr_mirror_region *before = mirror->count ? &mirror->regions[mirror->count - 1] : NULL;
    if (region->start >= region->end)
        return;
    if (before && before->end == region->start && before->is_module == region->is_module &&
        before->writable == region->writable && strcmp(before->path, region->path) == 0)
        before->end = region->end;
    else
        mirror->regions[mirror->count++] = *region;
}

/* A module's zeroed data is anonymous memory behind its file's; what was allocated later may follow at once. */
static void add_mapping(struct pyr_mirror *mirror, const struct pyr_mapping *mapping, struct pyr_mirror_region *module)
{
    struct pyr_mirror_region region = {
        .start = mapping->start, .end = mapping->end, .writable = mapping->writable, .path = mapping->path};
    if (!mapping->readable || strncmp(mapping->path, "[v", 2) == 0)
        return;
    if (mapping->path[0] == '/') {
        if (strcmp(module->path, mapping->path) != 0)
            *module = (struct pyr_mirror_region){
                .path = mapping->path, .end = pyr_target_module_end(mirror->target, PYR_ADDR(mapping->start))};
        region.is_module = module->end > mapping->start;
    } else if (!mapping->path[0] && mapping->start < module->end) {
        struct pyr_mirror_region data = region;
        data.is_module = true;
        data.path = module->path;
        data.end = mapping->end < module->end ? mapping->end : module->end;
        add_region(mirror, &data);
        region.start = data.end;
    }
    add_region(mirror, &region);
}

/* What is too large to be reserved holds no objects that could be reached. */
static void reserve_all(struct pyr_mirror *mirror)
{
    size_t kept = 0;
    for (size_t i = 0; i < mirror->count; i++)
        if (reserve_region(&mirror->regions[i]))
            mirror->regions[kept++] = mirror->regions[i];
    mirror->count = kept;
}

int pyr_mirror_open(struct pyr_mirror *mirror, struct pyr_target *target, uint64_t limit_bytes, struct pyr_err *err)
{
    const struct pyr_mapping *maps;
    size_t count;
    *mirror = (struct pyr_mirror){.target = target};
    int rc = pyr_target_maps(target, true, &maps, &count, err);
    if (rc < 0)
        return rc;
    mirror->pages_max = limit_bytes >> PYR_MIRROR_PAGE_SHIFT;
    if (mirror->pages_max < PYR_MIRROR_RUNS_MIN * PYR_MIRROR_RUN_MAX)
        mirror->pages_max = PYR_MIRROR_RUNS_MIN * PYR_MIRROR_RUN_MAX;
    mirror->runs_max = mirror->pages_max + 1;
    mirror->regions = pyr_alloc((2 * count + 1) * sizeof *mirror->regions);
    mirror->runs = pyr_alloc(mirror->runs_max * sizeof *mirror->runs);
    if (!mirror->regions || !mirror->runs)
        return pyr_err_set(err, PYR_E_NOMEM, "out of memory for a view of what process %d has mapped",
                           (int)pyr_target_pid(target));
    struct pyr_mirror_region module = {.path = ""};
    for (size_t i = 0; i < count; i++)
        add_mapping(mirror, &maps[i], &module);
    reserve_all(mirror);
    return 0;
}

void pyr_mirror_release(struct pyr_mirror *mirror)
{
    for (size_t i = 0; i < mirror->count; i++)
        release_region(&mirror->regions[i]);
    pyr_free(mirror->regions);
    pyr_free(mirror->runs);
    *mirror = (struct pyr_mirror){0};
}

struct pyr_mirror_region *pyr_mirror_find(struct pyr_mirror *mirror, uint64_t at)
{
    size_t low = 0, high = mirror->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct pyr_mirror_region *region = &mirror->regions[middle];
        if (at >= region->end)
            low = middle + 1;
        else if (at < region->start)
            high = middle;
        else
            return mirror->recent[(at >> 20) & 1023] = region;
    }
    return NULL;
}

static void drop_oldest(struct pyr_mirror *mirror)
{
    const struct pyr_mirror_run *run = &mirror->runs[mirror->first_run];
    struct pyr_mirror_region *region = pyr_mirror_find(mirror, run->at);
    uint64_t offset = run->at - region->start;
    mirror->first_run = (mirror->first_run + 1) % mirror->runs_max;
    mirror->run_count--;
    mirror->pages -= run->pages;
    memset(region->loaded + (offset >> PYR_MIRROR_PAGE_SHIFT), 0, run->pages);
    madvise(region->bytes + offset, run->pages * PAGE, MADV_DONTNEED);
}

/* Pages of a file beyond its end cannot be read: they stay zero, which is no object. */
static void load_pages(struct pyr_mirror *mirror, struct pyr_mirror_region *region, uint64_t at, uint64_t size)
{
    for (uint64_t done = 0; done < size; done += PAGE)
        if (pyr_target_read(mirror->target, PYR_ADDR(at + done), region->bytes + (at + done - region->start),
                            size - done < PAGE ? size - done : PAGE) < 0)
            continue;
}

/* How many pages from this one on: twice as many as where the one before was loaded, as then one follows the other. One
 * alone where it may be for nothing, since what is loaded is dropped again. */
static uint64_t run_length(const struct pyr_mirror *mirror, const struct pyr_mirror_region *region, uint64_t page,
                           uint64_t wanted)
{
    uint64_t pages = page && region->loaded[page - 1]        ? 2u * region->loaded[page - 1]
                     : mirror->pages < mirror->pages_max / 2 ? RUN_FIRST
                                                             : 1;
    uint64_t length = 1, left = pages_of(region) - page;
    if (pages < wanted)
        pages = wanted;
    if (pages > PYR_MIRROR_RUN_MAX)
        pages = PYR_MIRROR_RUN_MAX;
    while (length < pages && length < left && !region->loaded[page + length])
        length++;
    return length;
}

static void load_run(struct pyr_mirror *mirror, struct pyr_mirror_region *region, uint64_t page, uint64_t wanted)
{
    uint64_t pages = run_length(mirror, region, page, wanted), at = region->start + page * PAGE;
    uint64_t size = region->end - at < pages * PAGE ? region->end - at : pages * PAGE;
    while (mirror->pages + pages > mirror->pages_max && mirror->run_count >= PYR_MIRROR_RUNS_MIN)
        drop_oldest(mirror);
    mirror->runs[(mirror->first_run + mirror->run_count++) % mirror->runs_max] = (struct pyr_mirror_run){at, pages};
    mirror->pages += pages;
    struct iovec local = {region->bytes + (at - region->start), size}, remote = {(void *)(uintptr_t)at, size};
    if (pyr_target_readv(mirror->target, &local, 1, &remote, 1) != (ssize_t)size)
        load_pages(mirror, region, at, size);
    memset(region->loaded + page, (int)pages, pages);
}

const void *pyr_mirror_load(struct pyr_mirror *mirror, struct pyr_mirror_region *region, uint64_t at, uint64_t size)
{
    uint64_t first = (at - region->start) >> PYR_MIRROR_PAGE_SHIFT;
    uint64_t last = (at - region->start + size - (size != 0)) >> PYR_MIRROR_PAGE_SHIFT;
    if (size > PYR_MIRROR_SIZE_MAX)
        return NULL;
    for (uint64_t page = first; page <= last; page++)
        if (!region->loaded[page])
            load_run(mirror, region, page, last - page + 1);
    /* Loading the later ones may have dropped an early one. */
    for (uint64_t page = first; page <= last; page++)
        if (!region->loaded[page])
            load_run(mirror, region, page, last - page + 1);
    return region->bytes + (at - region->start);
}
