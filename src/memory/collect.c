/* Agents' files as a recording, without anybody who watched their processes: services are started with the agent alone,
 * and asked when there is a question. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/vec.h"
#include "memory/heap.h"
#include "record/heap_file.h"
#include "target/target.h"

#include "pyrometer/pyrometer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 65536u

struct file {
    struct pyr_watched_heap *heap;
    struct pyr_memory_budget budget;
};

struct collection {
    int directory;
    struct pyr_vec files; /* of struct file *, the first that began first */
    uint64_t started_ns;  /* since 1970: of the first */
    struct pyr_writer *writer;
};

static struct file *file_at(const struct collection *all, size_t i)
{
    return *PYR_VEC_AT(&all->files, struct file *, i);
}

static void file_close(struct file *file)
{
    if (file->heap)
        pyr_watched_close(file->heap);
    pyr_free(file);
}

static void release(struct collection *all)
{
    for (size_t i = 0; i < all->files.count; i++)
        file_close(file_at(all, i));
    pyr_vec_release(&all->files);
    if (all->directory >= 0)
        close(all->directory);
}

/* ---- which files ---- */

/* What is none, or is only being made, is left out. */
static int add(struct collection *all, const char *name, struct pyr_err *err)
{
    struct file *file = all->files.count < FILES_MAX ? pyr_alloc(sizeof *file) : NULL;
    if (!file)
        return pyr_err_set(err, PYR_E_NOMEM, "%s", pyr_status_text(PYR_E_NOMEM));
    int rc = pyr_watched_open(&file->heap, all->directory, name, 0, 0, &file->budget);
    if (rc == 0 && !file->heap->head.forked_only) {
        file->heap->once = true;
        if (pyr_vec_push(&all->files, &file))
            return 0;
        rc = PYR_E_NOMEM;
    }
    file_close(file);
    return rc == PYR_E_NOMEM ? pyr_err_set(err, rc, "%s", pyr_status_text(rc)) : 0;
}

static bool is_agents(const char *name)
{
    size_t length = strlen(name), suffix = strlen(PYR_HEAP_FILE_SUFFIX);
    return length > suffix && strcmp(name + length - suffix, PYR_HEAP_FILE_SUFFIX) == 0;
}

static int add_all(struct collection *all, struct pyr_err *err)
{
    int fd = fcntl(all->directory, F_DUPFD_CLOEXEC, 0), rc = 0;
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    if (!entries) {
        if (fd >= 0)
            close(fd);
        return pyr_err_set(err, PYR_E_IO, "the directory cannot be read: %s", strerror(errno));
    }
    for (const struct dirent *entry; rc == 0 && (entry = readdir(entries));)
        if (is_agents(entry->d_name))
            rc = add(all, entry->d_name, err);
    closedir(entries);
    return rc;
}

static int by_start(const void *a, const void *b)
{
    uint64_t first = (*(struct file *const *)a)->heap->head.started_ns;
    uint64_t second = (*(struct file *const *)b)->heap->head.started_ns;
    return first < second ? -1 : first > second;
}

static int open_files(struct collection *all, const char *path, struct pyr_err *err)
{
    struct stat status;
    char parent[PATH_MAX], name[PATH_MAX];
    if (stat(path, &status) != 0)
        return pyr_err_set(err, PYR_E_IO, "%s: %s", path, strerror(errno));
    bool one = !S_ISDIR(status.st_mode);
    snprintf(parent, sizeof parent, "%s", path);
    snprintf(name, sizeof name, "%s", path);
    all->directory = open(one ? dirname(parent) : path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (all->directory < 0)
        return pyr_err_set(err, PYR_E_IO, "%s: %s", path, strerror(errno));
    int rc = one ? add(all, basename(name), err) : add_all(all, err);
    if (rc == 0 && !all->files.count)
        return pyr_err_set(
            err, PYR_E_NOT_FOUND, "%s: %s", path,
            one ? "the file is not one of this version's agent"
                : "the directory has no file of this version's agent: a Python that is started with it in "
                  "LD_PRELOAD, and with PYROMETER_MEMORY_DIR, makes one");
    if (rc == 0)
        qsort(all->files.items, all->files.count, sizeof(struct file *), by_start);
    return rc;
}

/* ---- into the recording ---- */

static uint64_t since_start(const struct collection *all, uint64_t wall_ns)
{
    return wall_ns > all->started_ns ? wall_ns - all->started_ns : 0;
}

static int open_writer(struct collection *all, const char *files, const char *output, bool force, struct pyr_err *err)
{
    const struct pyr_heap_head *first = &file_at(all, 0)->heap->head;
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    const struct pyr_run_facts facts = {.pyrometer = pyr_version(),
                                        .python = first->python,
                                        .host = host,
                                        .mode = "wall",
                                        .started_wall_ns = first->started_ns,
                                        .attached = true,
                                        .memory = true,
                                        .command = &files,
                                        .command_count = 1};
    all->started_ns = first->started_ns;
    return pyr_writer_open(&all->writer, output, force, &facts, err);
}

/* A process that is there and has the file mapped is the one that counts in it. */
static int64_t add_process(struct collection *all, const struct pyr_watched_heap *heap)
{
    struct pyr_process_info info = {0};
    bool lives = pyr_process_has_mapped((pid_t)heap->head.pid, heap->name) > 0 &&
                 pyr_process_info_read(&info, (pid_t)heap->head.pid, NULL) == 0;
    const struct pyr_process_facts facts = {.pid = heap->head.pid,
                                            .parent_pid = heap->head.parent_pid,
                                            .command = lives ? info.command : "",
                                            .python = heap->head.python,
                                            .implementation = "",
                                            .start_ns = since_start(all, heap->head.started_ns)};
    int64_t number = pyr_writer_process(all->writer, &facts);
    pyr_process_info_release(&info);
    return number;
}

static int write_file(struct collection *all, struct file *file, uint64_t time_ns)
{
    struct pyr_watched_heap *heap = file->heap;
    int64_t number = add_process(all, heap);
    if (number < 0)
        return (int)number;
    heap->process = (uint32_t)number;
    heap->timeline.start_ns = since_start(all, heap->head.started_ns);
    /* Pauses are told by a clock that begins with the machine. */
    file->budget.started_ns = heap->head.started_clock_ns - heap->timeline.start_ns;
    /* When one that was killed ended is not known: it has until now. */
    uint64_t end_ns = heap->head.ended_ns ? since_start(all, heap->head.ended_ns) : time_ns;
    int rc = pyr_watched_write(heap, all->writer, end_ns);
    return rc < 0 ? rc : pyr_writer_process_end(all->writer, heap->process, end_ns, -1, 0, 0);
}

static int write_all(struct collection *all)
{
    const struct pyr_quality none = {0};
    uint64_t time_ns = since_start(all, pyr_wall_ns());
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < all->files.count; i++)
        rc = write_file(all, file_at(all, i), time_ns);
    return rc < 0 ? rc : pyr_writer_quality(all->writer, &none);
}

int pyr_collect_memory(const char *files, const char *output, bool force, struct pyr_err *err)
{
    struct collection all = {.directory = -1, .files = PYR_VEC(struct file *)};
    int rc = open_files(&all, files, err);
    if (rc == 0)
        rc = open_writer(&all, files, output, force, err);
    if (rc == 0) {
        rc = write_all(&all);
        int closed = pyr_writer_close(all.writer, err);
        if (closed == 0 && rc < 0)
            pyr_err_set(err, rc, "%s: %s", files, pyr_status_text(rc));
        rc = closed < 0 ? closed : rc;
    }
    release(&all);
    return rc;
}
