/* A snapshot of a live process: a copy of it is made, walked, and ended; the process runs on meanwhile. */
#include "base/clock.h"
#include "base/parallel.h"
#include "heap/heap.h"
#include "pyobj/gil.h"
#include "pyobj/interp.h"
#include "pyrometer/heap.h"
#include "record/snapshot_reader.h"
#include "target/copy.h"
#include "target/kernel_view.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MEMORY_MIN = 64 << 20, MEMORY_MAX = 1 << 30 };

struct take {
    pid_t pid;
    const struct pyr_heap_take_options *options;
    bool seen_collecting; /* at a moment that was tried */
    struct pyr_target *target;
    struct pyr_python python;
    struct pyr_copy *copy;
    struct pyr_snapshot_writer *writer;
    struct pyr_snapshot_facts facts;
    struct pyr_heap_facts walked;
    uint64_t copied_bytes;
};

static struct pyr_view view_of(const struct take *take)
{
    return (struct pyr_view){take->target, &take->python};
}

/* ---- the moment ---- */

static bool is_collecting(const struct take *take, const struct pyr_interp *interp)
{
    const struct pyr_layout *layout = &take->python.layout;
    uint32_t collecting = 0;
    if (PYR_HAS(layout, interp_gc_collecting))
        pyr_target_read_u32(take->target, pyr_addr_add(interp->at, layout->interp_gc_collecting), &collecting);
    else if (PYR_HAS(layout, runtime_gc_collecting))
        pyr_target_read_u32(take->target, pyr_addr_add(take->python.runtime, layout->runtime_gc_collecting),
                            &collecting);
    return collecting != 0;
}

/* A collection moves the objects of a generation to lists of its own, and keeps other counts in their heads. */
static int no_collection_runs(void *context)
{
    struct take *take = context;
    struct pyr_vec interps = PYR_VEC(struct pyr_interp);
    int rc = pyr_interps_read(view_of(take), &interps);
    bool safe = rc == 0;
    for (size_t i = 0; i < interps.count; i++)
        safe &= !is_collecting(take, PYR_VEC_AT(&interps, struct pyr_interp, i));
    pyr_vec_release(&interps);
    take->seen_collecting |= rc == 0 && !safe;
    return rc == PYR_E_GONE || rc == PYR_E_NOMEM ? rc : safe;
}

/* Who has the GIL, where thread states tell which thread that is, by numbers that are also ours. */
static pid_t gil_holder(void *context)
{
    const struct take *take = context;
    struct pyr_vec interps = PYR_VEC(struct pyr_interp), states = PYR_VEC(struct pyr_thread_state);
    pid_t theirs = 0, holder = 0;
    if (!take->python.layout.tstate_numbers_borrowed && pyr_task_namespace_tid(take->pid, take->pid, &theirs) == 0 &&
        theirs == take->pid && pyr_interps_read(view_of(take), &interps) == 0)
        pyr_thread_states_read(view_of(take), &interps, &states);
    for (size_t i = 0; i < states.count && !holder; i++) {
        const struct pyr_thread_state *state = PYR_VEC_AT(&states, struct pyr_thread_state, i);
        if (pyr_gil_held_by(view_of(take), &interps, state))
            holder = state->native_id;
    }
    pyr_vec_release(&states);
    pyr_vec_release(&interps);
    return holder;
}

/* ---- facts ---- */

static pyr_snapshot_text text(struct take *take, const char *words)
{
    return pyr_snapshot_writer_text(take->writer, words, strlen(words));
}

static void note_process(struct take *take)
{
    struct pyr_process_info info = {0};
    char host[256] = "";
    uint64_t peak, cpu_ns;
    if (gethostname(host, sizeof host - 1) == 0)
        take->facts.host = text(take, host);
    if (pyr_process_info_read(&info, take->pid, NULL) == 0) {
        take->facts.command = text(take, info.command);
        pyr_process_info_release(&info);
    }
    take->facts.pid = (uint64_t)take->pid;
    take->facts.python = text(take, take->python.layout.version_text);
    pyr_process_usage(take->pid, &take->facts.rss_bytes, &peak, &cpu_ns);
}

static void note_walk(struct take *take, uint64_t walk_ns)
{
    const struct pyr_copy_facts *copied = pyr_copy_facts(take->copy);
    take->facts.walk_ns = walk_ns;
    take->facts.pause_ns = copied->stopped ? walk_ns : copied->pause_ns;
    take->facts.source = copied->stopped ? PYR_SNAPSHOT_STOPPED : PYR_SNAPSHOT_COPY;
    take->facts.objects_torn = take->walked.torn;
    take->facts.edges_dangling = take->walked.dangling;
    take->facts.collector_enabled = take->walked.collector_enabled;
    take->facts.collecting = take->walked.collecting;
    memcpy(take->facts.generations, take->walked.generations, sizeof take->facts.generations);
}

/* ---- the steps ---- */

/* What a copy cannot be had for, it can be stopped for. */
static int tell_of_stopping(const struct take *take, int rc, struct pyr_err *err)
{
    if (take->options->or_stopped || !err || (rc != PYR_E_LIMIT && rc != PYR_E_UNSUPPORTED))
        return rc;
    const struct pyr_err why = *err;
    return pyr_err_set(err, rc, "%s. Without a copy it can be stopped while it is read: --stop", why.text);
}

static int make_copy(struct take *take, struct pyr_err *err)
{
    const struct pyr_copy_options options = {
        .first = gil_holder, .safe = no_collection_runs, .context = take, .or_stopped = take->options->or_stopped};
    int rc = pyr_target_open(&take->target, take->pid, err);
    if (rc == 0)
        rc = pyr_python_detect(&take->python, take->target, err);
    if (rc == 0)
        rc = tell_of_stopping(take, pyr_copy_make(&take->copy, take->target, &options, err), err);
    take->facts.taken_ns = pyr_wall_ns();
    if (rc == PYR_E_AGAIN && take->seen_collecting)
        return pyr_err_set(err, rc,
                           "process %ld was collecting garbage at each moment that was tried, for two seconds: "
                           "try again when it collects less",
                           (long)take->pid);
    return rc;
}

/* Of the process's own memory a quarter: enough for what is far from what refers to it. */
static uint64_t memory_limit(uint64_t rss_bytes)
{
    uint64_t quarter = rss_bytes / 4;
    return quarter < MEMORY_MIN ? MEMORY_MIN : quarter > MEMORY_MAX ? MEMORY_MAX : quarter;
}

static int walk_copy(struct take *take, struct pyr_err *err)
{
    const struct pyr_heap_options options = {.copy = take->copy,
                                             .memory_limit = memory_limit(take->facts.rss_bytes),
                                             .progress = take->options->progress,
                                             .context = take->options->context};
    uint64_t start_ns = pyr_now_ns();
    int rc = pyr_heap_walk(pyr_copy_target(take->copy), &take->python, &options, take->writer, &take->walked, err);
    if (rc == PYR_E_AGAIN)
        rc = pyr_err_set(err, rc, "the snapshot was ended before it was complete; nothing was written");
    if (rc == 0 && pyr_copy_check(take->copy) < 0)
        rc = pyr_err_set(err, PYR_E_GONE, "The copy of process %ld was ended while it was read", (long)take->pid);
    if (rc == 0) {
        note_walk(take, pyr_now_ns() - start_ns);
        take->copied_bytes = pyr_copy_written_bytes(take->copy);
    }
    return rc;
}

static void tell(const struct take *take, struct pyr_heap_taken *taken)
{
    const struct pyr_copy_facts *copied = pyr_copy_facts(take->copy);
    *taken = (struct pyr_heap_taken){.objects = take->walked.objects,
                                     .references = take->walked.edges,
                                     .torn = take->walked.torn,
                                     .guessed = take->walked.conservative,
                                     .pause_ns = take->facts.pause_ns,
                                     .walk_ns = take->facts.walk_ns,
                                     .copied_bytes = take->copied_bytes,
                                     .stopped = copied->stopped};
    snprintf(taken->reason, sizeof taken->reason, "%s", copied->reason);
}

static void *let_go(void *context)
{
    struct take *take = context;
    pyr_copy_close(take->copy);
    pyr_target_close(take->target);
    return NULL;
}

/* The system takes its time to take a big copy apart: meanwhile the file is written. */
static int let_go_and_finish(struct take *take, struct pyr_snapshot **written, struct pyr_err *err)
{
    pthread_t thread;
    bool beside = pyr_thread_start(&thread, let_go, take);
    if (!beside)
        let_go(take);
    int rc = pyr_snapshot_writer_finish_open(take->writer, &take->facts, written, err);
    if (beside)
        pthread_join(thread, NULL);
    return rc;
}

void pyr_heap_taken_release(struct pyr_heap_taken *taken)
{
    pyr_snapshot_close(taken->open);
    taken->open = NULL;
}

int pyr_heap_take(pid_t pid, const char *path, const struct pyr_heap_take_options *options,
                  struct pyr_heap_taken *taken, struct pyr_err *err)
{
    static const struct pyr_heap_take_options defaults;
    struct take take = {.pid = pid, .options = options ? options : &defaults};
    int rc = pyr_snapshot_writer_open(&take.writer, path, take.options->force, err);
    if (rc == 0)
        rc = make_copy(&take, err);
    if (rc == 0) {
        note_process(&take);
        rc = walk_copy(&take, err);
    }
    if (rc == 0 && taken)
        tell(&take, taken);
    if (rc == 0)
        return let_go_and_finish(&take, taken && take.options->keep_open ? &taken->open : NULL, err);
    let_go(&take);
    pyr_snapshot_writer_discard(take.writer);
    return rc;
}
