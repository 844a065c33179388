/* A snapshot of what a core file holds: a process that died, or that was written by gdb's gcore. */
#include "base/clock.h"
#include "heap/heap.h"
#include "pyrometer/heap.h"
#include "target/core.h"

#include <string.h>

struct take {
    const char *core;
    const struct pyr_heap_take_options *options;
    struct pyr_target *target;
    struct pyr_python python;
    struct pyr_snapshot_writer *writer;
    struct pyr_snapshot_facts facts;
    struct pyr_heap_facts walked;
};

static int open_core(struct take *take, const char *root, struct pyr_err *err)
{
    int rc = pyr_target_open_core(&take->target, take->core, root, err);
    if (rc < 0)
        return rc;
    rc = pyr_python_detect(&take->python, take->target, err);
    return rc < 0 ? pyr_target_core_explain(take->target, take->core, root, rc, err) : 0;
}

static pyr_snapshot_text text(struct take *take, const char *words)
{
    return pyr_snapshot_writer_text(take->writer, words, strlen(words));
}

static void note_facts(struct take *take)
{
    const struct pyr_core_facts *core = pyr_target_core_facts(take->target);
    take->facts.source = PYR_SNAPSHOT_IMAGE;
    take->facts.pid = (uint64_t)core->pid;
    take->facts.taken_ns = core->taken_ns;
    take->facts.python = text(take, take->python.layout.version_text);
    take->facts.command = text(take, core->command);
    take->facts.objects_torn = take->walked.torn;
    take->facts.edges_dangling = take->walked.dangling;
    take->facts.collector_enabled = take->walked.collector_enabled;
    take->facts.collecting = take->walked.collecting;
    memcpy(take->facts.generations, take->walked.generations, sizeof take->facts.generations);
}

static int walk_core(struct take *take, struct pyr_err *err)
{
    const struct pyr_heap_options options = {.progress = take->options->progress, .context = take->options->context};
    uint64_t start_ns = pyr_now_ns();
    int rc = pyr_heap_walk(take->target, &take->python, &options, take->writer, &take->walked, err);
    if (rc == PYR_E_AGAIN)
        return pyr_err_set(err, rc, "the snapshot was ended before it was complete; nothing was written");
    take->facts.walk_ns = pyr_now_ns() - start_ns;
    if (rc == 0)
        note_facts(take);
    return rc;
}

static void tell(const struct take *take, struct pyr_heap_taken *taken)
{
    *taken = (struct pyr_heap_taken){.objects = take->walked.objects,
                                     .references = take->walked.edges,
                                     .torn = take->walked.torn,
                                     .guessed = take->walked.conservative,
                                     .walk_ns = take->facts.walk_ns,
                                     .missing_bytes = pyr_target_core_facts(take->target)->missing_bytes};
}

int pyr_heap_take_core(const char *core, const char *root, const char *path,
                       const struct pyr_heap_take_options *options, struct pyr_heap_taken *taken, struct pyr_err *err)
{
    static const struct pyr_heap_take_options defaults;
    struct take take = {.core = core, .options = options ? options : &defaults};
    int rc = pyr_snapshot_writer_open(&take.writer, path, take.options->force, err);
    if (rc == 0)
        rc = open_core(&take, root, err);
    if (rc == 0)
        rc = walk_core(&take, err);
    if (rc == 0 && taken)
        tell(&take, taken);
    pyr_target_close(take.target);
    if (rc == 0)
        return pyr_snapshot_writer_finish_open(take.writer, &take.facts,
                                               taken && take.options->keep_open ? &taken->open : NULL, err);
    pyr_snapshot_writer_discard(take.writer);
    return rc;
}

bool pyr_heap_is_core(const char *path)
{
    return pyr_target_is_core(path);
}
