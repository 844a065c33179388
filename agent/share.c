#include "share.h"

#include "collector.h"
#include "inside.h"
#include "stacks.h"
#include "vector.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    PAGE = 4096,
    SITES_LIMIT = PYR_SITES_MAX * (int)sizeof(struct pyr_heap_site),
    TEXTS_LIMIT = 256 << 20,
    DIRECT_LIMIT = 64 << 20,
    PAUSES_LIMIT = 192 << 10, /* PYR_HEAP_PAUSES, and what the window's steps need */
    NAMES_MAX = 1000,         /* files of processes that had this pid */
    PEAKS_LIMIT = PYR_SITES_MAX * (int)sizeof(struct pyr_heap_peak),
    WINDOWS = 6,
};

static const uint64_t sites_at = PYR_HEAP_FILE_HEADER, texts_at = PYR_HEAP_FILE_HEADER + SITES_LIMIT;
static const uint64_t pauses_at = PYR_HEAP_FILE_HEADER + (uint64_t)SITES_LIMIT + TEXTS_LIMIT;
static const uint64_t direct_at = PYR_HEAP_FILE_HEADER + (uint64_t)SITES_LIMIT + TEXTS_LIMIT + PAUSES_LIMIT;
static const uint64_t peaks_at =
    PYR_HEAP_FILE_HEADER + (uint64_t)SITES_LIMIT + TEXTS_LIMIT + PAUSES_LIMIT + DIRECT_LIMIT;
static const uint64_t file_bytes =
    PYR_HEAP_FILE_HEADER + (uint64_t)SITES_LIMIT + TEXTS_LIMIT + PAUSES_LIMIT + DIRECT_LIMIT + PEAKS_LIMIT;

static char directory_path[PATH_MAX];
static char own_path[PATH_MAX];
static struct {
    int file; /* of the child to come; −1: none */
    size_t text_base;
    char path[PATH_MAX];
} child = {.file = -1};

/* What a recording that has ended leaves: the file is done with, and we go on, if at all, in a copy that nobody reads.
 * The texts stay mapped until whoever makes the recording has done it: by them the file is known to be this process's.
 */
static enum { SHARED, TEXTS_SHARED, PRIVATE } standing;

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Growing a file beyond the limit would be answered by SIGXFSZ. */
static bool may_be_so_long(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) < 0 || limit.rlim_cur >= file_bytes;
}

/* A new file in the directory: its descriptor and path, or −1. It is sparse: what is not touched takes no space. */
static int file_new(char path[static PATH_MAX], pid_t pid)
{
    if (!may_be_so_long()) {
        errno = EFBIG;
        return -1;
    }
    for (int n = 0; n < NAMES_MAX; n++) {
        if (snprintf(path, PATH_MAX, "%s/%d.%d%s", directory_path, (int)pid, n, PYR_HEAP_FILE_SUFFIX) >= PATH_MAX)
            break;
        int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (file < 0 && errno == EEXIST)
            continue;
        if (file >= 0 && ftruncate(file, (off_t)file_bytes) < 0) {
            close(file);
            unlink(path);
            return -1;
        }
        return file;
    }
    return -1;
}

static void state_started(struct pyr_heap_file *file)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    file->started_clock_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    file->started_ns = now_ns();
    file->state = PYR_HEAP_RUNNING;
}

static void header_fill(struct pyr_heap *heap)
{
    struct pyr_heap_file *file = heap->file;
    file->version = PYR_HEAP_FILE_VERSION;
    file->site_size = sizeof(struct pyr_heap_site);
    file->pid = (uint32_t)getpid();
    file->parent_pid = (uint32_t)getppid();
    state_started(file);
    file->interpreter = heap->number;
    file->stacks = pyr_stacks.on;
    file->linetable_kind = pyr_inside.layout.linetable_kind;
    file->site_count = PYR_SITES_RESERVED;
    file->sites_at = sites_at;
    file->sites_limit = SITES_LIMIT;
    file->texts_at = texts_at;
    file->texts_limit = TEXTS_LIMIT;
    file->text_bytes = sizeof(struct pyr_heap_text);
    file->direct_at = direct_at;
    file->direct_limit = DIRECT_LIMIT;
    file->direct_size = sizeof(struct pyr_heap_direct);
    file->pauses_at = pauses_at;
    file->peaks_at = peaks_at;
    file->arenas_at = pyr_region.base;
    file->large_at = (uintptr_t)&heap->large.sum;
    file->tables_at = (uintptr_t)&pyr_tables;
    snprintf(file->python, sizeof file->python, "%s", pyr_inside.layout.version_text);
}

/* From here on it is complete for those who read it. */
static void header_publish(struct pyr_heap_file *file)
{
    __atomic_thread_fence(__ATOMIC_RELEASE);
    memcpy(file->magic, PYR_HEAP_FILE_MAGIC, sizeof file->magic);
}

static bool windows_open(struct pyr_heap *heap, int file)
{
    unsigned first = heap->number * WINDOWS;
    return pyr_window_open(&heap->file_window, pyr_region_window(first), file, 0, PYR_HEAP_FILE_HEADER,
                           PYR_HEAP_FILE_HEADER) &&
           pyr_window_open(&heap->site_window, pyr_region_window(first + 1), file, sites_at, SITES_LIMIT, PAGE) &&
           pyr_window_open(&heap->text_window, pyr_region_window(first + 2), file, texts_at, TEXTS_LIMIT, PAGE) &&
           pyr_window_open(&heap->direct_window, pyr_region_window(first + 3), file, direct_at, DIRECT_LIMIT, PAGE) &&
           pyr_window_open(&heap->pause_window, pyr_region_window(first + 4), file, pauses_at, PAUSES_LIMIT, PAGE) &&
           pyr_window_open(&heap->peak_window, pyr_region_window(first + 5), file, peaks_at, PEAKS_LIMIT, PAGE);
}

int pyr_share_open(struct pyr_heap *heap, const char *directory, struct pyr_err *err)
{
    char *path = own_path;
    if (!directory_path[0] && !realpath(directory, directory_path))
        return pyr_err_set(err, PYR_E_IO, "%s: %s", directory, strerror(errno));
    int file = file_new(path, getpid());
    if (file < 0)
        return pyr_err_set(err, PYR_E_IO, "no file can be made in %s: %s", directory, strerror(errno));
    bool done = windows_open(heap, file);
    close(file);
    if (!done) {
        unlink(path);
        return pyr_err_set(err, PYR_E_IO, "%s cannot be mapped: %s", path, strerror(errno));
    }
    heap->file = (struct pyr_heap_file *)(void *)heap->file_window.at;
    heap->sites = (struct pyr_heap_site *)(void *)heap->site_window.at;
    heap->peaks = (struct pyr_heap_peak *)(void *)heap->peak_window.at;
    heap->site_count = PYR_SITES_RESERVED;
    heap->tag_end = PYR_SITES_RESERVED << PYR_TAG_SITE_SHIFT;
    heap->saved = PYR_SAVED_END;
    header_fill(heap);
    header_publish(heap->file);
    return 0;
}

/* ---- fork ---- */

static uint64_t whole_pages(uint64_t bytes)
{
    return (bytes + PAGE - 1) & ~(uint64_t)(PAGE - 1);
}

static struct pyr_heap_file child_header(const struct pyr_heap *heap)
{
    struct pyr_heap_file header = *heap->file;
    header.state = PYR_HEAP_STARTING;
    header.pid = 0;
    header.parent_pid = (uint32_t)getpid();
    header.text_base = header.text_bytes = whole_pages(header.text_bytes);
    const char *name = strrchr(own_path, '/');
    snprintf(header.text_base_name, sizeof header.text_base_name, "%s", name ? name + 1 : "");
    memset(header.collections, 0, sizeof header.collections);
    header.pause_count = 0;
    header.forked_site_count = header.site_count;
    return header;
}

static bool write_at(int file, const void *bytes, size_t size, uint64_t offset)
{
    return pwrite(file, bytes, size, (off_t)offset) == (ssize_t)size;
}

/* What is mapped later must be there, for the disk may be full by then. */
static bool child_write(int file, const struct pyr_heap *heap)
{
    static const char page[PAGE];
    struct pyr_heap_file header = child_header(heap);
    return write_at(file, page, PAGE, 0) && write_at(file, &header, sizeof header, 0) &&
           write_at(file, heap->sites, heap->site_window.mapped, sites_at) &&
           write_at(file, page, PAGE, texts_at + header.text_base) && write_at(file, page, PAGE, pauses_at) &&
           write_at(file, heap->direct_window.at, heap->direct_window.mapped, direct_at) &&
           write_at(file, heap->peaks, heap->peak_window.mapped, peaks_at);
}

void pyr_share_before_fork(struct pyr_heap *heap)
{
    int saved = errno;
    child.file = heap->file && standing == SHARED ? file_new(child.path, getpid()) : -1;
    if (child.file >= 0 && !child_write(child.file, heap)) {
        pyr_share_in_parent();
        unlink(child.path);
    }
    child.text_base = heap->file ? whole_pages(heap->file->text_bytes) : 0;
    errno = saved;
}

void pyr_share_in_parent(void)
{
    if (child.file >= 0)
        close(child.file);
    child.file = -1;
}

static bool windows_continue(struct pyr_heap *heap)
{
    return pyr_window_continue(&heap->file_window, child.file, 0, 0, heap->file_window.mapped) &&
           pyr_window_continue(&heap->site_window, child.file, sites_at, 0, heap->site_window.mapped) &&
           pyr_window_continue(&heap->text_window, child.file, texts_at, child.text_base, PAGE) &&
           pyr_window_continue(&heap->direct_window, child.file, direct_at, 0, heap->direct_window.mapped) &&
           pyr_window_continue(&heap->pause_window, child.file, pauses_at, 0, PAGE) &&
           pyr_window_continue(&heap->peak_window, child.file, peaks_at, 0, heap->peak_window.mapped);
}

/* Without it the child counts in its parent's file, which says so: that one goes last. */
static bool windows_detach(struct pyr_heap *heap)
{
    bool sites = pyr_window_detach(&heap->site_window), texts = pyr_window_detach(&heap->text_window);
    bool direct = pyr_window_detach(&heap->direct_window), pauses = pyr_window_detach(&heap->pause_window);
    bool peaks = pyr_window_detach(&heap->peak_window);
    return sites && texts && direct && pauses && peaks && pyr_window_detach(&heap->file_window);
}

void pyr_share_in_child(struct pyr_heap *heap)
{
    int saved = errno;
    if (!heap->file)
        return;
    if (standing != SHARED) {
        pyr_share_leave(heap);
        errno = saved;
        return;
    }
    if (child.file >= 0 && windows_continue(heap)) {
        memcpy(own_path, child.path, sizeof own_path);
    } else if (!windows_detach(heap)) {
        heap->file->children_inside++;
        pyr_collector_forget();
        return;
    }
    heap->file->pid = (uint32_t)getpid();
    heap->file->parent_pid = (uint32_t)getppid();
    state_started(heap->file);
    pyr_share_in_parent();
    errno = saved;
}

/* ---- recordings that a running program begins and ends ---- */

void pyr_share_end(struct pyr_heap *heap)
{
    standing = TEXTS_SHARED;
    pyr_window_detach(&heap->site_window);
    pyr_window_detach(&heap->direct_window);
    pyr_window_detach(&heap->pause_window);
    pyr_window_detach(&heap->peak_window);
    pyr_window_detach(&heap->file_window);
}

void pyr_share_leave(struct pyr_heap *heap)
{
    if (standing == TEXTS_SHARED)
        pyr_window_detach(&heap->text_window);
    standing = PRIVATE;
}

/* Sites keep their numbers, which frames and caches have; what they counted is gone. */
static void counters_reset(struct pyr_heap *heap)
{
    for (uint32_t i = 0; i < heap->site_count; i++) {
        struct pyr_heap_site *site = &heap->sites[i];
        *site = (struct pyr_heap_site){.caller = site->caller, .code = site->code, .instruction = site->instruction};
    }
    memset(heap->peaks, 0, heap->peak_window.mapped);
    memset(heap->recent, 0, sizeof heap->recent);
    heap->headroom = 0;
    heap->saved = PYR_SAVED_END;
}

/* What is mapped later must be there. The first page has no magic yet: nobody takes it for complete. */
static bool again_write(int file, const struct pyr_heap *heap)
{
    static const char page[PYR_HEAP_FILE_HEADER];
    return write_at(file, page, sizeof page, 0) && write_at(file, heap->sites, heap->site_window.mapped, sites_at) &&
           write_at(file, heap->text_window.at, heap->text_window.mapped, texts_at) &&
           write_at(file, heap->pause_window.at, heap->pause_window.mapped, pauses_at) &&
           write_at(file, heap->direct_window.at, heap->direct_window.mapped, direct_at) &&
           write_at(file, heap->peaks, heap->peak_window.mapped, peaks_at);
}

static bool move(struct pyr_window *window, int file, uint64_t offset)
{
    return pyr_window_continue(window, file, offset, 0, window->mapped);
}

static bool windows_move(struct pyr_heap *heap, int file)
{
    return move(&heap->file_window, file, 0) && move(&heap->site_window, file, sites_at) &&
           move(&heap->text_window, file, texts_at) && move(&heap->direct_window, file, direct_at) &&
           move(&heap->pause_window, file, pauses_at) && move(&heap->peak_window, file, peaks_at);
}

int pyr_share_begin_again(struct pyr_heap *heap, const char *directory, struct pyr_err *err)
{
    uint64_t text_bytes = heap->file->text_bytes;
    pyr_share_leave(heap);
    if (!realpath(directory, directory_path))
        return pyr_err_set(err, PYR_E_IO, "%s: %s", directory, strerror(errno));
    counters_reset(heap);
    int file = file_new(own_path, getpid());
    if (file < 0)
        return pyr_err_set(err, PYR_E_IO, "no file can be made in %s: %s", directory, strerror(errno));
    bool done = again_write(file, heap) && windows_move(heap, file);
    close(file);
    if (!done)
        return pyr_err_set(err, PYR_E_IO, "%s cannot be written or mapped: %s", own_path, strerror(errno));
    standing = SHARED;
    memset(heap->file, 0, sizeof *heap->file);
    header_fill(heap);
    heap->file->text_bytes = text_bytes;
    heap->file->site_count = heap->site_count;
    heap->file->arena_bytes = heap->file->peak_arena_bytes = (uint64_t)heap->arena_count << PYR_ARENA_SHIFT;
    header_publish(heap->file);
    return 0;
}

void pyr_share_close(struct pyr_heap *heap)
{
    if (!heap->file || heap->file->pid != (uint32_t)getpid())
        return;
    heap->file->ended_ns = now_ns();
    heap->file->state = PYR_HEAP_ENDED;
}
