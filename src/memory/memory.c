#include "memory/memory.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/vec.h"
#include "memory/heap.h"
#include "record/heap_file.h"
#include "target/target.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define AGENT_NAME "libpyrometer-agent"
/* Lest all be lost if we are killed: after so long, then after twice as long, and so on, so that there are few. */
#define CHECKPOINT_NS 10000000000u
/* Times of files are coarse: a directory that has changed just now may change again and look the same. */
#define FRESH_NS 100000000
#define PROBLEM_SIZE 400
#define BRIEF_NS 100000000u /* a fork that becomes another program at once: nobody misses its figures */

/* A Python process that is or was there. */
struct known {
    pid_t pid;
    uint32_t number;
    uint64_t since_ns;
    bool has_heap;
    char why[160]; /* it has none, if it has none */
};

struct pyr_memory {
    struct pyr_memory_options options;
    int directory;
    struct timespec changed; /* the directory, when it was scanned last */
    struct pyr_vec heaps;    /* of struct pyr_watched_heap * */
    struct pyr_map taken;    /* processes and interpreters that have a heap */
    struct pyr_vec known;    /* of struct known: without those that have been told of */
    struct pyr_map present;  /* numbers of the processes that live now */
    struct pyr_memory_budget pauses;
    uint64_t checkpoint_ns;
    char problem[PROBLEM_SIZE];
};

int pyr_memory_open(struct pyr_memory **out, const struct pyr_memory_options *options, struct pyr_err *err)
{
    struct pyr_memory *memory = pyr_alloc(sizeof *memory);
    if (!memory)
        return pyr_err_set(err, PYR_E_NOMEM, "%s", pyr_status_text(PYR_E_NOMEM));
    memory->options = *options;
    memory->heaps = PYR_VEC(struct pyr_watched_heap *);
    memory->known = PYR_VEC(struct known);
    memory->checkpoint_ns = CHECKPOINT_NS;
    memory->pauses.started_ns = options->started_ns;
    memory->directory = open(options->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (memory->directory < 0) {
        pyr_err_set(err, PYR_E_IO, "%s cannot be opened: %s", options->directory, strerror(errno));
        pyr_memory_close(memory);
        return PYR_E_IO;
    }
    *out = memory;
    return 0;
}

static struct pyr_watched_heap *heap_at(const struct pyr_memory *memory, size_t i)
{
    return *PYR_VEC_AT(&memory->heaps, struct pyr_watched_heap *, i);
}

static struct known *known_at(const struct pyr_memory *memory, size_t i)
{
    return PYR_VEC_AT(&memory->known, struct known, i);
}

void pyr_memory_close(struct pyr_memory *memory)
{
    if (!memory)
        return;
    for (size_t i = 0; i < memory->heaps.count; i++)
        pyr_watched_close(heap_at(memory, i));
    if (memory->directory >= 0)
        close(memory->directory);
    pyr_vec_release(&memory->heaps);
    pyr_vec_release(&memory->known);
    pyr_map_release(&memory->taken);
    pyr_map_release(&memory->present);
    pyr_free(memory);
}

const char *pyr_memory_problem(const struct pyr_memory *memory)
{
    return memory->problem;
}

/* ---- files ---- */

static bool is_watched(const struct pyr_memory *memory, const char *name)
{
    for (size_t i = 0; i < memory->heaps.count; i++)
        if (strcmp(heap_at(memory, i)->name, name) == 0)
            return true;
    return false;
}

static bool has_suffix(const char *name)
{
    size_t length = strlen(name), suffix = strlen(PYR_HEAP_FILE_SUFFIX);
    return length > suffix && strcmp(name + length - suffix, PYR_HEAP_FILE_SUFFIX) == 0;
}

/* PYR_E_AGAIN: it is to be looked at again. */
static int take_file(struct pyr_memory *memory, const char *name, uint64_t time_ns)
{
    struct pyr_watched_heap *heap;
    if (!has_suffix(name) || is_watched(memory, name))
        return 0;
    int rc =
        pyr_watched_open(&heap, memory->directory, name, memory->options.started_wall_ns, time_ns, &memory->pauses);
    if (rc < 0)
        return rc == PYR_E_NOMEM || rc == PYR_E_AGAIN ? rc : 0;
    if (pyr_vec_push(&memory->heaps, &heap))
        return 0;
    pyr_watched_close(heap);
    return PYR_E_NOMEM;
}

static bool directory_changed(struct pyr_memory *memory, struct timespec *changed)
{
    struct stat status;
    if (fstat(memory->directory, &status) != 0)
        return false;
    *changed = status.st_mtim;
    int64_t age_ns = (int64_t)pyr_wall_ns() - (changed->tv_sec * INT64_C(1000000000) + changed->tv_nsec);
    return changed->tv_sec != memory->changed.tv_sec || changed->tv_nsec != memory->changed.tv_nsec ||
           (age_ns >= 0 && age_ns < FRESH_NS);
}

static int scan(struct pyr_memory *memory, uint64_t time_ns)
{
    struct timespec changed;
    if (!directory_changed(memory, &changed))
        return 0;
    int fd = openat(memory->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    if (!entries) {
        if (fd >= 0)
            close(fd);
        return 0;
    }
    int rc = 0;
    bool again = false;
    for (const struct dirent *entry; rc == 0 && (entry = readdir(entries));) {
        rc = take_file(memory, entry->d_name, time_ns);
        again |= rc == PYR_E_AGAIN;
        rc = rc == PYR_E_AGAIN ? 0 : rc;
    }
    closedir(entries);
    if (!again)
        memory->changed = changed;
    return rc;
}

/* ---- whose they are ---- */

static uint64_t owner_key(uint32_t number, uint32_t interpreter)
{
    return (uint64_t)number << 32 | interpreter;
}

static struct known *find_known(const struct pyr_memory *memory, uint32_t number)
{
    for (size_t i = 0; i < memory->known.count; i++)
        if (known_at(memory, i)->number == number)
            return known_at(memory, i);
    return NULL;
}

static int own(struct pyr_memory *memory, struct pyr_watched_heap *heap, uint32_t number, pid_t pid)
{
    heap->process = number;
    heap->pid = pid;
    struct known *known = find_known(memory, number);
    if (known)
        known->has_heap = true;
    return pyr_map_put(&memory->taken, owner_key(number, heap->head.interpreter), 1);
}

/* By the process's own number; and it must have the file mapped, for one that has executed another program since has
 * not. Such a one gets a new file and a new number in the recording. One that has just ended can no longer be asked. */
static int match(struct pyr_memory *memory, struct pyr_watched_heap *heap, const struct pyr_memory_process *processes,
                 size_t count)
{
    for (size_t i = 0; i < count && !heap->left; i++) {
        if ((uint32_t)processes[i].namespace_pid != heap->head.pid ||
            pyr_map_find(&memory->taken, owner_key(processes[i].number, heap->head.interpreter)))
            continue;
        heap->left = pyr_process_has_mapped(processes[i].pid, heap->name) == 0;
        if (!heap->left)
            return own(memory, heap, processes[i].number, processes[i].pid);
    }
    return 0;
}

static int match_all(struct pyr_memory *memory, const struct pyr_memory_process *processes, size_t count)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < memory->heaps.count; i++)
        if (heap_at(memory, i)->process == PYR_HEAP_NO_PROCESS)
            rc = match(memory, heap_at(memory, i), processes, count);
    return rc;
}

/* ---- processes without ---- */

static const char *why_none(const struct pyr_memory_process *process)
{
    if (process->free_threaded)
        return "its Python is a free-threaded build, whose objects cannot leave their own allocator";
    if (pyr_process_started_with(process->pid, "PYTHONMALLOC", NULL))
        return "PYTHONMALLOC chooses its allocator";
    if (pyr_process_started_with(process->pid, "PYTHONDEVMODE", NULL))
        return "PYTHONDEVMODE chooses its allocator";
    if (!pyr_process_started_with(process->pid, "LD_PRELOAD", AGENT_NAME))
        return "it was started without the LD_PRELOAD that brings the agent in";
    return "the agent could not begin there: it does not know this Python, could not make its file, or had no memory";
}

static int note_present(struct pyr_memory *memory, const struct pyr_memory_process *processes, size_t count,
                        uint64_t time_ns)
{
    pyr_map_clear(&memory->present);
    for (size_t i = 0; i < count; i++) {
        if (pyr_map_put(&memory->present, processes[i].number, 1) < 0)
            return PYR_E_NOMEM;
        if (find_known(memory, processes[i].number) || pyr_map_find(&memory->taken, owner_key(processes[i].number, 0)))
            continue;
        struct known known = {.pid = processes[i].pid, .number = processes[i].number, .since_ns = time_ns};
        snprintf(known.why, sizeof known.why, "%s", why_none(&processes[i]));
        if (!pyr_vec_push(&memory->known, &known))
            return PYR_E_NOMEM;
    }
    return 0;
}

static int tell_none(struct pyr_memory *memory, const struct known *known, uint64_t time_ns)
{
    const struct pyr_memory_facts facts = {.process = known->number, .time_ns = time_ns, .why = known->why};
    if (!memory->problem[0])
        snprintf(memory->problem, sizeof memory->problem, "no memory figures of process %d: %s", (int)known->pid,
                 known->why);
    int rc = pyr_writer_memory(memory->options.writer, &facts);
    return rc == PYR_E_LIMIT ? 0 : rc;
}

static int tell_gone(struct pyr_memory *memory, bool all, uint64_t time_ns)
{
    int rc = 0;
    for (size_t i = memory->known.count; rc == 0 && i-- > 0;) {
        const struct known *known = known_at(memory, i);
        if (!all && pyr_map_find(&memory->present, known->number))
            continue;
        bool brief = !all && time_ns - known->since_ns < BRIEF_NS;
        if (!known->has_heap && !brief)
            rc = tell_none(memory, known, time_ns);
        pyr_vec_remove(&memory->known, i);
    }
    return rc;
}

/* ---- into the recording ---- */

/* A process that ended before anybody saw that it is Python. */
static int register_late(struct pyr_memory *memory, struct pyr_watched_heap *heap, uint64_t time_ns)
{
    const struct pyr_process_facts facts = {.pid = heap->head.pid,
                                            .parent_pid = heap->head.parent_pid,
                                            .command = "",
                                            .python = heap->head.python,
                                            .implementation = "",
                                            .start_ns = heap->timeline.start_ns};
    int64_t number = pyr_writer_process(memory->options.writer, &facts);
    if (number < 0)
        return (int)number;
    int rc = pyr_writer_process_end(memory->options.writer, (uint32_t)number, time_ns, -1, 0, 0);
    return rc < 0 ? rc : own(memory, heap, (uint32_t)number, 0);
}

/* What a heap's figures lack, the first of it all. */
static void note_gaps(struct pyr_memory *memory, const struct pyr_heap_head *head)
{
    char *out = memory->problem;
    const char *whose = "the memory figures of process";
    if (out[0])
        return;
    if (head->children_inside)
        snprintf(out, PROBLEM_SIZE, "%s %u hold those of %" PRIu64 " that it forked, for want of memory or disk", whose,
                 head->pid, head->children_inside);
    else if (head->replaced)
        snprintf(
            out, PROBLEM_SIZE,
            "%s %u end where another allocator took their place: that of -X dev, or CPython's own where Python was "
            "begun anew in the same process",
            whose, head->pid);
    else if (head->uncounted_blocks)
        snprintf(out, PROBLEM_SIZE, "%s %u lack %" PRIu64 " blocks: there was no memory left to count them with", whose,
                 head->pid, head->uncounted_blocks);
    else if (head->other_gils)
        snprintf(out, PROBLEM_SIZE, "%s %u lack those of its interpreters that have a GIL of their own", whose,
                 head->pid);
}

/* A failure that concerns one file only does not end the profiling; a recording that cannot be written does. */
static int write_heap(struct pyr_memory *memory, struct pyr_watched_heap *heap, uint64_t time_ns)
{
    int rc = 0;
    if (heap->process == PYR_HEAP_NO_PROCESS) {
        /* Most forks that nobody saw only became another program. */
        bool only_forked = !heap->head.pid || (heap->head.base_name[0] && !heap->head.ended);
        if (only_forked || memory->options.only_known)
            return 0;
        rc = register_late(memory, heap, time_ns);
    }
    if (rc == 0)
        rc = pyr_watched_write(heap, memory->options.writer, time_ns);
    note_gaps(memory, &heap->head);
    if (rc < 0 && rc != PYR_E_NOMEM && pyr_writer_flush(memory->options.writer, NULL) == 0) {
        if (!memory->problem[0])
            snprintf(memory->problem, sizeof memory->problem, "no memory figures of process %u: %s", heap->head.pid,
                     pyr_status_text(rc));
        return 0;
    }
    return rc;
}

static bool is_base(const struct pyr_memory *memory, const char *name)
{
    for (size_t i = 0; i < memory->heaps.count; i++)
        if (strcmp(heap_at(memory, i)->head.base_name, name) == 0)
            return true;
    return false;
}

static bool is_over(const struct pyr_memory *memory, const struct pyr_watched_heap *heap)
{
    if (heap->process == PYR_HEAP_NO_PROCESS)
        return heap->head.ended || heap->left;
    return !pyr_map_find(&memory->present, heap->process);
}

/* Records those whose process is over and gives back their space, but where others still need their texts. */
static int reap(struct pyr_memory *memory, uint64_t time_ns)
{
    int rc = 0;
    for (size_t i = memory->heaps.count; rc == 0 && i-- > 0;) {
        struct pyr_watched_heap *heap = heap_at(memory, i);
        if (!is_over(memory, heap) || is_base(memory, heap->name))
            continue;
        rc = write_heap(memory, heap, time_ns);
        unlinkat(memory->directory, heap->name, 0);
        pyr_watched_close(heap);
        pyr_vec_remove(&memory->heaps, i);
    }
    return rc;
}

static int write_all(struct pyr_memory *memory, uint64_t time_ns)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < memory->heaps.count; i++)
        rc = write_heap(memory, heap_at(memory, i), time_ns);
    return rc;
}

static int checkpoint(struct pyr_memory *memory, uint64_t time_ns)
{
    int rc = 0;
    if (time_ns < memory->checkpoint_ns)
        return 0;
    memory->checkpoint_ns = time_ns * 2;
    for (size_t i = 0; rc == 0 && i < memory->heaps.count; i++)
        if (heap_at(memory, i)->process != PYR_HEAP_NO_PROCESS)
            rc = write_heap(memory, heap_at(memory, i), time_ns);
    return rc < 0 ? rc : pyr_writer_flush(memory->options.writer, NULL);
}

static int look(struct pyr_memory *memory, const struct pyr_memory_process *processes, size_t count, uint64_t time_ns)
{
    int rc = scan(memory, time_ns);
    if (rc == 0)
        rc = match_all(memory, processes, count);
    if (rc == 0)
        rc = note_present(memory, processes, count, time_ns);
    return rc;
}

static int keep_heap(struct pyr_memory *memory, struct pyr_watched_heap *heap, uint64_t time_ns)
{
    pyr_watched_look(heap, time_ns, false);
    if (heap->process == PYR_HEAP_NO_PROCESS)
        return 0;
    return pyr_watched_write_collections(heap, memory->options.writer, time_ns);
}

int pyr_memory_keep(struct pyr_memory *memory, const struct pyr_memory_process *processes, size_t count,
                    uint64_t time_ns)
{
    int rc = look(memory, processes, count, time_ns);
    for (size_t i = 0; rc == 0 && i < memory->heaps.count; i++)
        rc = keep_heap(memory, heap_at(memory, i), time_ns);
    if (rc == 0)
        rc = reap(memory, time_ns);
    if (rc == 0)
        rc = tell_gone(memory, false, time_ns);
    return rc < 0 ? rc : checkpoint(memory, time_ns);
}

int pyr_memory_finish(struct pyr_memory *memory, const struct pyr_memory_process *processes, size_t count,
                      uint64_t time_ns)
{
    memory->changed = (struct timespec){0};
    int rc = look(memory, processes, count, time_ns);
    if (rc == 0)
        rc = write_all(memory, time_ns);
    return rc < 0 ? rc : tell_gone(memory, true, time_ns);
}
