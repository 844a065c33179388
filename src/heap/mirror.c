#include "heap/mirror.h"

#include "base/alloc.h"

#include <string.h>
#include <sys/mman.h>

enum {
    PAGE = PYR_MIRROR_PAGE,
    RECENT = 1 << 9, /* pages, of those read last */
};

#define RING_MAX ((uint64_t)1 << 34)

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

static uint64_t chunks_of(const struct pyr_mirror_region *region)
{
    return ((region->end - region->start) >> PYR_MIRROR_CHUNK_SHIFT) + 1;
}

static void release_marks(struct pyr_mirror_region *region)
{
    for (int i = 0; i < PYR_MARKS; i++)
        if (region->marks[i])
            munmap(region->marks[i], marks_size(region));
    if (region->waiting)
        munmap(region->waiting, chunks_of(region));
}

static bool reserve_marks(struct pyr_mirror_region *region)
{
    bool all = (region->waiting = reserve(chunks_of(region))) != NULL;
    for (int i = 0; i < PYR_MARKS; i++)
        all &= (region->marks[i] = reserve(marks_size(region))) != NULL;
    return all;
}

static void release_places(struct pyr_mirror_region *region)
{
    if (region->place)
        munmap(region->place, pages_of(region) * sizeof *region->place);
}

static bool reserve_places(struct pyr_mirror_region *region)
{
    region->place = reserve(pages_of(region) * sizeof *region->place);
    return region->place != NULL;
}

static bool reserve_region(struct pyr_mirror_region *region)
{
    if (reserve_places(region) && reserve_marks(region))
        return true;
    release_places(region);
    release_marks(region);
    return false;
}

static bool reserve_ring(struct pyr_mirror *mirror, uint64_t size)
{
    size = size < PYR_MIRROR_SIZE_MIN ? PYR_MIRROR_SIZE_MIN : size > RING_MAX ? RING_MAX : size;
    mirror->ring_pages = (uint32_t)(size / PAGE);
    mirror->limit = PYR_MIRROR_SIZE_MIN / PAGE;
    mirror->ring = reserve(size);
    mirror->places = reserve(mirror->ring_pages * sizeof *mirror->places);
    if (mirror->ring)
        madvise(mirror->ring, size, MADV_HUGEPAGE); /* a wish: it may fail */
    return mirror->ring && mirror->places;
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
    mirror->regions = pyr_alloc((2 * count + 1) * sizeof *mirror->regions);
    if (!mirror->regions || !reserve_ring(mirror, limit_bytes))
        return pyr_err_set(err, PYR_E_NOMEM, "out of memory for a view of what process %d has mapped",
                           (int)pyr_target_pid(target));
    struct pyr_mirror_region module = {.path = ""};
    for (size_t i = 0; i < count; i++)
        add_mapping(mirror, &maps[i], &module);
    reserve_all(mirror);
    return 0;
}

static void forget_places(struct pyr_mirror *view)
{
    for (size_t i = 0; i < view->count; i++)
        view->regions[i].place = NULL;
}

int pyr_mirror_view(struct pyr_mirror *view, const struct pyr_mirror *of)
{
    *view = (struct pyr_mirror){.target = of->target, .is_view = true};
    view->regions = pyr_memdup(of->regions, of->count * sizeof *of->regions);
    if (!view->regions)
        return PYR_E_NOMEM;
    view->count = of->count;
    forget_places(view);
    for (size_t i = 0; i < view->count; i++)
        if (!reserve_places(&view->regions[i]))
            return PYR_E_NOMEM;
    return reserve_ring(view, (uint64_t)of->ring_pages * PAGE) ? 0 : PYR_E_NOMEM;
}

void pyr_mirror_release(struct pyr_mirror *mirror)
{
    for (size_t i = 0; i < mirror->count; i++) {
        release_places(&mirror->regions[i]);
        if (!mirror->is_view)
            release_marks(&mirror->regions[i]);
    }
    pyr_free(mirror->regions);
    if (mirror->ring)
        munmap(mirror->ring, (uint64_t)mirror->ring_pages * PAGE);
    if (mirror->places)
        munmap(mirror->places, mirror->ring_pages * sizeof *mirror->places);
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

/* What stands there gives way. A page may have been read again since, to another place. */
static void drop(struct pyr_mirror *mirror, uint32_t place)
{
    uint64_t at = mirror->places[place].at;
    struct pyr_mirror_region *region = at ? pyr_mirror_region(mirror, at) : NULL;
    if (!region)
        return;
    uint32_t *known = &region->place[(at - region->start) >> PYR_MIRROR_PAGE_SHIFT];
    if (*known == place + 1)
        *known = PYR_MIRROR_GONE | mirror->pages_read;
    mirror->full = true;
}

/* Pages of a file beyond its end cannot be read: they are zero, which is no object. */
static void read_pages(struct pyr_mirror *mirror, uint8_t *to, uint64_t at, uint64_t size)
{
    for (uint64_t done = 0; done < size; done += PAGE) {
        uint64_t part = size - done < PAGE ? size - done : PAGE;
        if (pyr_target_read(mirror->target, PYR_ADDR(at + done), to + done, part) < 0)
            memset(to + done, 0, part);
    }
}

/* Pages that lie one after the other, to be read together. */
struct run {
    uint64_t page;
    uint32_t pages;
};

static bool is_there_at(const struct pyr_mirror *mirror, const struct pyr_mirror_region *region, uint64_t page)
{
    return pyr_mirror_is_there(mirror, region->place[page]);
}

static bool is_recent(const struct pyr_mirror *mirror, const struct pyr_mirror_region *region, uint64_t page)
{
    if (page >= pages_of(region) || !is_there_at(mirror, region, page))
        return false;
    uint32_t place = region->place[page] - 1, next = mirror->next;
    return (place < next ? next - place : next + mirror->limit - place) <= RECENT;
}

/* Whether something near was read not long ago: then what is between will be wanted, too. */
static bool is_gone_over(const struct pyr_mirror *mirror, const struct pyr_mirror_region *region, uint64_t page)
{
    uint64_t block = page & ~(uint64_t)(PYR_MIRROR_RUN_MAX - 1);
    for (uint64_t i = block ? block - 1 : 0; i <= block + PYR_MIRROR_RUN_MAX; i++)
        if (is_recent(mirror, region, i))
            return true;
    return false;
}

/* Around the pages that are wanted all of their blocks of PYR_MIRROR_RUN_MAX that is not there; these alone where
 * nothing else is wanted near, as far as is known. */
static struct run choose_run(const struct pyr_mirror *mirror, const struct pyr_mirror_region *region, uint64_t page,
                             uint32_t wanted)
{
    struct run run = {page, wanted};
    if (mirror->full && !is_gone_over(mirror, region, page))
        return run;
    while (run.page % PYR_MIRROR_RUN_MAX && !is_there_at(mirror, region, run.page - 1))
        run.page--, run.pages++;
    while ((run.page + run.pages) % PYR_MIRROR_RUN_MAX && run.page + run.pages < pages_of(region) &&
           !is_there_at(mirror, region, run.page + run.pages))
        run.pages++;
    return run;
}

static void note_missed(struct pyr_mirror *mirror, uint32_t place)
{
    if ((place & PYR_MIRROR_GONE) && ((mirror->pages_read - place) & ~PYR_MIRROR_GONE) < mirror->ring_pages)
        mirror->missed++;
}

/* From the first place on again, or, where an eighth of what was read had been there not long before, into more places:
 * memory that is never used costs nothing. */
static void go_round(struct pyr_mirror *mirror)
{
    if (mirror->missed > mirror->limit / 8 && mirror->limit < mirror->ring_pages)
        mirror->limit = mirror->ring_pages - mirror->limit < mirror->limit ? mirror->ring_pages : 2 * mirror->limit;
    else
        mirror->next = 0;
    mirror->missed = 0;
}

static void read_run(struct pyr_mirror *mirror, struct pyr_mirror_region *region, uint64_t page, uint32_t pages)
{
    for (uint32_t i = 0; i < pages; i++)
        note_missed(mirror, region->place[page + i]);
    if (mirror->limit - mirror->next < pages)
        go_round(mirror);
    if (mirror->limit - mirror->next < pages)
        mirror->next = 0;
    uint32_t first = mirror->next;
    uint64_t at = region->start + page * PAGE, size = (uint64_t)pages * PAGE;
    uint8_t *to = mirror->ring + (uint64_t)first * PAGE;
    size = region->end - at < size ? region->end - at : size;
    struct iovec local = {to, size}, remote = {(void *)(uintptr_t)at, size};
    for (uint32_t i = 0; i < pages; i++)
        drop(mirror, first + i);
    if (pyr_target_readv(mirror->target, &local, 1, &remote, 1) != (ssize_t)size)
        read_pages(mirror, to, at, size);
    for (uint32_t i = 0; i < pages; i++) {
        mirror->places[first + i] = (struct pyr_mirror_place){.at = at + (uint64_t)i * PAGE};
        region->place[page + i] = first + i + 1;
    }
    mirror->pages_read = (mirror->pages_read + pages) & ~PYR_MIRROR_GONE;
    mirror->next = first + pages;
}

static bool is_there(const struct pyr_mirror *mirror, const struct pyr_mirror_region *region, uint64_t page,
                     uint32_t pages)
{
    for (uint32_t i = 0; i < pages; i++)
        if (!pyr_mirror_is_there(mirror, region->place[page + i]) || region->place[page + i] != region->place[page] + i)
            return false;
    return true;
}

/* What lies in two runs is read once more, as one. */
const void *pyr_mirror_load(struct pyr_mirror *mirror, struct pyr_mirror_region *region, uint64_t at, uint64_t size)
{
    uint64_t first = (at - region->start) >> PYR_MIRROR_PAGE_SHIFT;
    uint64_t last = (at - region->start + size - (size != 0)) >> PYR_MIRROR_PAGE_SHIFT;
    if (size > PYR_MIRROR_SIZE_MAX)
        return NULL;
    uint32_t pages = (uint32_t)(last - first + 1);
    if (!is_there(mirror, region, first, pages)) {
        struct run run = choose_run(mirror, region, first, pages);
        read_run(mirror, region, run.page, run.pages);
    }
    return mirror->ring + (uint64_t)(region->place[first] - 1) * PAGE + (at - region->start) % PAGE;
}
