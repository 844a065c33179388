/* Which threads there are: Python's thread states matched with the kernel's threads. */
#include "base/alloc.h"
#include "base/clock.h"
#include "sample/homes.h"
#include "sample/rest.h"
#include "target/kernel_view.h"

#include <xxhash.h>

#define INTERPS_NS 10000000u
#define RENAME_MAX 64    /* threads whose name is looked at again in one refresh */
#define SOON_NS 2000000u /* a thread that starts gets its number and its name soon */
#define NAMELESS_LOOKS 4
#define REFRESH_NS 500000000u /* thread states may change under an unchanged list head */
#define REFRESH_REST 200u     /* times as long as a look for nothing in particular took, none is made */
#define SOON_REST 20u         /* the same for something incomplete: a thread may live for a moment only */

static struct pyr_sampled *find(const struct pyr_process *process, pid_t tid)
{
    const uint64_t *known = pyr_map_find(&process->by_tid, (uint64_t)tid);
    struct pyr_sampled *sampled = known ? (struct pyr_sampled *)(uintptr_t)*known : NULL;
    return sampled && !sampled->gone ? sampled : NULL;
}

static int index_threads(struct pyr_process *process)
{
    int rc = 0;
    pyr_map_clear(&process->by_tid);
    pyr_map_clear(&process->by_state);
    for (size_t i = 0; rc == 0 && i < process->threads.count; i++) {
        struct pyr_sampled *sampled = pyr_process_thread(process, i);
        rc = pyr_map_put(&process->by_tid, (uint64_t)sampled->tid, (uintptr_t)sampled);
        for (unsigned k = 0; rc == 0 && k < sampled->nest.count; k++)
            rc = pyr_map_put(&process->by_state, sampled->nest.states[k].state.at.v, (uintptr_t)sampled);
    }
    return rc;
}

/* The name that it has now, which is NULL when out of memory. */
static const char *read_name(struct pyr_process *process, struct pyr_sampled *sampled, struct pyr_buf *name)
{
    if (pyr_names_find(&process->names, process->view, sampled->ident, &sampled->task, name))
        sampled->nameless = 0;
    else
        sampled->nameless++;
    if (name->failed)
        return NULL;
    sampled->name_hash = XXH3_64bits(name->bytes, name->size);
    return (const char *)name->bytes;
}

static int register_thread(struct pyr_process *process, struct pyr_sampled *sampled, int64_t interp_id)
{
    struct pyr_buf name = {0};
    const char *text = read_name(process, sampled, &name);
    struct pyr_thread_facts facts = {.process = process->number,
                                     .ident = sampled->ident,
                                     .native_id = (uint64_t)sampled->tid,
                                     .name = text ? text : "",
                                     .interpreter = (uint64_t)interp_id};
    int64_t number = pyr_writer_thread(process->writer, &facts);
    pyr_buf_release(&name);
    sampled->number = (uint32_t)number;
    return number < 0 ? (int)number : 0;
}

static int add(struct pyr_process *process, const struct pyr_home *home, int64_t interp_id)
{
    struct pyr_sampled *sampled = pyr_alloc(sizeof *sampled);
    if (!sampled)
        return PYR_E_NOMEM;
    int rc = pyr_sampled_open(sampled, process->pid, home->tid, home->ident);
    if (rc == 0)
        rc = register_thread(process, sampled, interp_id);
    if (rc == 0 && pyr_vec_reserve(&process->active, process->active.count + 1) < 0)
        rc = PYR_E_NOMEM;
    if (rc == 0)
        rc = pyr_map_put(&process->by_tid, (uint64_t)sampled->tid, (uintptr_t)sampled);
    if (rc == 0 && !pyr_vec_push(&process->threads, &sampled)) {
        pyr_map_put(&process->by_tid, (uint64_t)sampled->tid, 0);
        rc = PYR_E_NOMEM;
    }
    if (rc == 0)
        pyr_vec_push(&process->active, &sampled);
    if (rc < 0) {
        pyr_sampled_release(sampled);
        pyr_free(sampled);
    }
    return rc == PYR_E_GONE ? 0 : rc;
}

static int rename_thread(struct pyr_process *process, struct pyr_sampled *sampled)
{
    struct pyr_buf name = {0};
    uint64_t before = sampled->name_hash;
    bool had_one = !sampled->nameless;
    const char *text = read_name(process, sampled, &name);
    int rc = 0;
    /* One that ends is forgotten by threading first: it keeps its name. */
    if (text && sampled->name_hash != before && !(had_one && sampled->nameless))
        rc = pyr_writer_thread_name(process->writer, sampled->number, text);
    if (had_one && sampled->nameless) {
        sampled->nameless = 0;
        sampled->name_hash = before;
    }
    pyr_buf_release(&name);
    return rc;
}

static int rename_threads(struct pyr_process *process)
{
    size_t count = process->threads.count;
    int rc = 0;
    pyr_names_read(&process->names, process->view, &process->interps);
    for (size_t i = 0; rc == 0 && i < count && i < RENAME_MAX; i++)
        rc = rename_thread(process, pyr_process_thread(process, process->renamed++ % count));
    return rc;
}

static bool any_nameless(const struct pyr_process *process)
{
    for (size_t i = 0; i < process->threads.count; i++) {
        unsigned looks = pyr_process_thread(process, i)->nameless;
        if (looks && looks <= NAMELESS_LOOKS)
            return true;
    }
    return false;
}

static int remove_unmarked(struct pyr_process *process)
{
    int rc = 0;
    for (size_t i = process->threads.count; i-- > 0;) {
        struct pyr_sampled *sampled = pyr_process_thread(process, i);
        if (sampled->marked && !sampled->gone)
            continue;
        int ended = pyr_writer_thread_end(process->writer, sampled->number);
        rc = ended < 0 ? ended : rc;
        pyr_rested_forget(process, sampled);
        pyr_sampled_release(sampled);
        pyr_free(sampled);
        pyr_vec_remove(&process->threads, i);
    }
    return rc;
}

/* A thread state that the recording's threads are to have. names_read: once is enough. */
static int place(struct pyr_process *process, const struct pyr_thread_state *state, const struct pyr_home *home,
                 bool *names_read)
{
    if (!home->tid) {
        process->starting = true; /* or it is over, and its state was left behind */
        return 0;
    }
    struct pyr_sampled *sampled = find(process, home->tid);
    if (!sampled) {
        if (!*names_read)
            pyr_names_read(&process->names, process->view, &process->interps);
        *names_read = true;
        int rc = add(process, home, state->interp_id);
        sampled = find(process, home->tid);
        if (rc < 0 || !sampled)
            return rc;
    }
    sampled->nest.stack_low = home->stack_low;
    sampled->nest.stack_high = home->stack_high;
    int rc = pyr_nest_add(&sampled->nest, state);
    return rc == PYR_E_LIMIT ? 0 : rc;
}

static int end_nests(struct pyr_process *process)
{
    int rc = 0;
    for (size_t i = 0; i < process->threads.count; i++) {
        struct pyr_sampled *sampled = pyr_process_thread(process, i);
        if (pyr_nest_end(&sampled->nest)) { /* what it was seen doing may not be all */
            int woken = pyr_rested_wake(process, sampled);
            rc = woken < 0 ? woken : rc;
        }
        sampled->marked = sampled->nest.count > 0;
    }
    return rc;
}

static int match(struct pyr_process *process, const struct pyr_vec *states, struct pyr_tids *tids)
{
    struct pyr_vec homes = PYR_VEC(struct pyr_home);
    bool names_read = false;
    size_t left_out = 0;
    int rc = pyr_homes_read(&homes, process->target, process->view, tids, states);
    process->starting = false;
    for (size_t i = 0; i < process->threads.count; i++)
        pyr_nest_begin(&pyr_process_thread(process, i)->nest);
    for (size_t i = states->count; rc >= 0 && i-- > 0;) {
        rc = place(process, PYR_VEC_AT(states, struct pyr_thread_state, i), PYR_VEC_AT(&homes, struct pyr_home, i),
                   &names_read);
        if (rc == PYR_E_LIMIT) { /* no descriptors for it: the others are measured all the same */
            left_out++;
            rc = 0;
        }
    }
    pyr_vec_release(&homes);
    int ended = end_nests(process);
    rc = rc < 0 ? rc : ended;
    if (left_out > process->left_out)
        process->left_out = left_out;
    int removed = remove_unmarked(process);
    int indexed = index_threads(process);
    if (indexed == 0)
        indexed = pyr_rested_note_strangers(process);
    removed = removed < 0 ? removed : indexed;
    return rc < 0 ? rc : removed;
}

static int refresh(struct pyr_process *process)
{
    struct pyr_vec states = PYR_VEC(struct pyr_thread_state);
    process->interps.count = 0;
    int rc = pyr_tids_read(&process->tids, process->pid, process->namespace_pid);
    if (rc == 0)
        rc = pyr_interps_read(process->view, &process->interps);
    if (rc == 0 && pyr_vec_reserve(&process->pulses, process->interps.count) < 0)
        rc = PYR_E_NOMEM;
    if (rc == 0) {
        process->pulses.count = process->interps.count;
        for (size_t i = 0; i < process->pulses.count; i++)
            *PYR_VEC_AT(&process->pulses, struct pyr_pulse, i) =
                (struct pyr_pulse){.threads_head = PYR_VEC_AT(&process->interps, struct pyr_interp, i)->threads_head.v};
        rc = pyr_thread_states_read(process->view, &process->interps, &states);
    }
    if (rc == 0)
        rc = match(process, &states, &process->tids);
    if (rc == 0)
        rc = rename_threads(process);
    pyr_vec_release(&states);
    return rc;
}

static bool any_matches(struct pyr_process *process, const struct pyr_vec *states)
{
    for (size_t i = 0; i < states->count; i++)
        if (pyr_tids_find(&process->tids, process->view, PYR_VEC_AT(states, struct pyr_thread_state, i)))
            return true;
    return false;
}

int pyr_roster_any(struct pyr_process *process)
{
    struct pyr_vec states = PYR_VEC(struct pyr_thread_state);
    pid_t theirs = process->pid;
    pyr_task_namespace_tid(process->pid, process->pid, &theirs);
    process->interps.count = 0;
    int rc = pyr_tids_read(&process->tids, process->pid, theirs);
    if (rc == 0)
        rc = pyr_interps_read(process->view, &process->interps);
    if (rc == 0)
        rc = pyr_thread_states_read(process->view, &process->interps, &states);
    if (rc == 0)
        rc = any_matches(process, &states);
    pyr_vec_release(&states);
    return rc == PYR_E_TORN || rc == PYR_E_FAULT ? 0 : rc;
}

static bool heads_moved(const struct pyr_process *process)
{
    for (size_t i = 0; i < process->pulses.count && i < process->interps.count; i++)
        if (PYR_VEC_AT(&process->pulses, struct pyr_pulse, i)->threads_head !=
            PYR_VEC_AT(&process->interps, struct pyr_interp, i)->threads_head.v)
            return true;
    return false;
}

/* A new sub-interpreter becomes the head of its list. Looked at less often than threads: it costs a read of its own. */
static bool interps_moved(struct pyr_process *process, uint64_t now_ns)
{
    pyr_addr newest;
    const struct pyr_layout *layout = &process->python.layout;
    if (now_ns < process->interps_ns || !process->interps.count)
        return false;
    process->interps_ns = now_ns + (process->interps.count > 1 ? 0 : INTERPS_NS);
    return pyr_target_read_addr(process->target,
                                pyr_addr_add(process->python.runtime, layout->runtime_interpreters_head),
                                &newest) == 0 &&
           !pyr_addr_eq(newest, PYR_VEC_AT(&process->interps, struct pyr_interp, 0)->at);
}

/* Code of a sub-interpreter may have been called since the last tick, with a new thread state or with one that was
 * another thread's: without that, what is below it would be taken for the whole stack. */
static void look_at_interps(struct pyr_process *process)
{
    struct iovec *local = process->local.items, *remote = process->remote.items;
    const struct pyr_layout *layout = &process->python.layout;
    size_t count = process->interps.count, threads = 0;
    if (count < 2 || count != process->pulses.count)
        return;
    for (size_t i = 0; i < count; i++) {
        pyr_addr at =
            pyr_addr_add(PYR_VEC_AT(&process->interps, struct pyr_interp, i)->at, layout->interp_threads_head);
        local[i] = (struct iovec){&PYR_VEC_AT(&process->pulses, struct pyr_pulse, i)->threads_head, sizeof(uint64_t)};
        remote[i] = (struct iovec){(void *)(uintptr_t)at.v, sizeof(uint64_t)};
    }
    for (; threads < process->threads.count; threads++) {
        struct pyr_nest *nest = &pyr_process_thread(process, threads)->nest;
        if (count + nest->count > process->local.capacity)
            break; /* as many as one read can have */
        count += pyr_nest_stack_pieces(nest, layout, local + count, remote + count);
    }
    pyr_target_readv(process->target, local, count, remote, count);
    while (threads-- > 0)
        pyr_nest_stack_take(&pyr_process_thread(process, threads)->nest, layout);
}

/* With one interpreter only the threads that are read can be found to be. */
static bool any_outdated(const struct pyr_process *process)
{
    const struct pyr_vec *threads = process->interps.count < 2 ? &process->active : &process->threads;
    for (size_t i = 0; i < threads->count; i++)
        if ((*PYR_VEC_AT(threads, struct pyr_sampled *, i))->nest.outdated)
            return true;
    return false;
}

/* What is incomplete is looked at ever less often: it may stay so. With threads by the thousand a look is dear. */
static uint64_t next_look_ns(struct pyr_process *process, bool moved, uint64_t took_ns)
{
    if (!process->starting && !any_nameless(process))
        process->soon_ns = 0;
    else if (moved || !process->soon_ns)
        process->soon_ns = SOON_NS;
    else if (process->soon_ns < REFRESH_NS)
        process->soon_ns += process->soon_ns / 2;
    uint64_t wait = process->soon_ns ? process->soon_ns : REFRESH_NS;
    uint64_t rest = took_ns * (process->soon_ns ? SOON_REST : REFRESH_REST);
    return wait > rest ? wait : rest;
}

int pyr_roster_keep(struct pyr_process *process, uint64_t now_ns)
{
    look_at_interps(process);
    bool moved = process->stale || heads_moved(process) || interps_moved(process, now_ns) || any_outdated(process);
    if (!moved && now_ns < process->refresh_ns)
        return 0;
    uint64_t begun_ns = pyr_now_ns();
    int rc = refresh(process);
    if (rc == PYR_E_TORN || rc == PYR_E_FAULT) {
        /* The list changed under the walk: what was known before is still worth a sample; look again next time. */
        process->stale = true;
        process->failures++;
        return 0;
    }
    if (rc == 0) {
        process->stale = false;
        process->failures = 0;
        process->refresh_ns = now_ns + next_look_ns(process, moved, pyr_now_ns() - begun_ns);
    }
    return rc;
}
