#include "sample/rest.h"

#include "base/alloc.h"
#include "pyobj/gil.h"

#define NEST_TRIES 8   /* each thread state that is new or out of order takes one */
#define PULSES_MAX 128 /* interpreters whose GIL is looked at with every tick */

static void close_threads(struct pyr_process *process)
{
    for (size_t i = 0; i < process->threads.count; i++) {
        pyr_sampled_release(pyr_process_thread(process, i));
        pyr_free(pyr_process_thread(process, i));
    }
    process->threads.count = process->active.count = 0;
}

void pyr_process_close(struct pyr_process *process)
{
    if (!process)
        return;
    close_threads(process);
    pyr_rested_release(process);
    pyr_vec_release(&process->threads);
    pyr_vec_release(&process->active);
    pyr_map_release(&process->by_tid);
    pyr_map_release(&process->by_state);
    pyr_vec_release(&process->interps);
    pyr_vec_release(&process->pulses);
    pyr_vec_release(&process->local);
    pyr_vec_release(&process->remote);
    pyr_codes_release(&process->codes);
    pyr_tids_release(&process->tids);
    pyr_names_release(&process->names);
    pyr_target_close(process->target);
    pyr_free(process);
}

int pyr_process_open(struct pyr_process **out, pid_t pid, struct pyr_writer *writer, struct pyr_quality *quality,
                     struct pyr_err *err)
{
    struct pyr_process *process = pyr_alloc(sizeof *process);
    if (!process)
        return pyr_err_set(err, PYR_E_NOMEM, "out of memory");
    process->pid = pid;
    process->writer = writer;
    process->quality = quality;
    process->threads = PYR_VEC(struct pyr_sampled *);
    process->active = PYR_VEC(struct pyr_sampled *);
    process->strangers = PYR_VEC(struct pyr_task);
    process->rested.holders = PYR_VEC(struct pyr_sampled *);
    process->group = PYR_GROUP_CLOSED;
    process->interps = PYR_VEC(struct pyr_interp);
    process->pulses = PYR_VEC(struct pyr_pulse);
    process->local = PYR_VEC(struct iovec);
    process->remote = PYR_VEC(struct iovec);
    int rc = pyr_process_room(process) < 0 ? pyr_err_set(err, PYR_E_NOMEM, "out of memory")
                                           : pyr_target_open(&process->target, pid, err);
    if (rc < 0) {
        pyr_process_close(process);
        return rc;
    }
    *out = process;
    return 0;
}

static int register_process(struct pyr_process *process, uint64_t time_ns, struct pyr_err *err)
{
    struct pyr_process_info info;
    int rc = pyr_process_info_read(&info, process->pid, err);
    if (rc < 0)
        return rc;
    process->namespace_pid = info.namespace_pid;
    struct pyr_process_facts facts = {
        .pid = (uint32_t)info.pid,
        .parent_pid = (uint32_t)info.parent,
        .command = info.command,
        .python = process->python.layout.version_text,
        .implementation = process->python.layout.jit ? "jit" : "",
        .start_ns = time_ns,
    };
    int64_t number = pyr_writer_process(process->writer, &facts);
    pyr_process_info_release(&info);
    if (number < 0)
        return pyr_err_set(err, (int)number, "cannot record process %d", (int)process->pid);
    process->number = (uint32_t)number;
    return 0;
}

static int become_python(struct pyr_process *process, uint64_t time_ns, struct pyr_err *err)
{
    process->view = (struct pyr_view){.target = process->target, .python = &process->python};
    pyr_target_exec_id(process->pid, &process->exec_id);
    int rc = pyr_codes_begin(&process->codes, process->view, process->writer);
    if (rc < 0)
        return pyr_err_set(err, rc, "cannot record process %d", (int)process->pid);
    rc = register_process(process, time_ns, err);
    if (rc < 0)
        return rc;
    process->is_python = true;
    process->stale = true;
    return 1;
}

int pyr_process_detect(struct pyr_process *process, uint64_t time_ns, struct pyr_err *err)
{
    int rc = pyr_python_detect(&process->python, process->target, err);
    if (rc == PYR_E_AGAIN || rc == PYR_E_NOT_PYTHON)
        return 0;
    return rc < 0 ? rc : become_python(process, time_ns, err);
}

int pyr_process_inherit(struct pyr_process *process, const struct pyr_process *from, uint64_t time_ns,
                        struct pyr_err *err)
{
    process->python = from->python;
    process->view = (struct pyr_view){.target = process->target, .python = &process->python};
    int rc = pyr_roster_any(process);
    return rc <= 0 ? rc : become_python(process, time_ns, err);
}

static unsigned pulse_piece(void *to, size_t size, pyr_addr base, int32_t offset, struct iovec *local,
                            struct iovec *remote)
{
    if (offset == PYR_ABSENT || !base.v)
        return 0;
    *local = (struct iovec){to, size};
    *remote = (struct iovec){(void *)(uintptr_t)(base.v + (uint64_t)offset), size};
    return 1;
}

/* The words of a GIL lie side by side; those of an interpreter or the runtime may be far from each other. */
static unsigned gil_pieces(const struct pyr_process *process, const struct pyr_interp *interp, struct pyr_pulse *pulse,
                           struct iovec *local, struct iovec *remote)
{
    const struct pyr_layout *layout = &process->python.layout;
    unsigned n = 0;
    if (layout->gil_kind == PYR_GIL_RUNTIME_CURRENT)
        return pulse_piece(&pulse->gil.holder, 8, process->python.runtime, layout->runtime_tstate_current, local,
                           remote);
    if (layout->gil_locked == layout->gil_last_holder + 8)
        return pulse_piece(&pulse->gil, 12, interp->gil, layout->gil_last_holder, local, remote);
    n += pulse_piece(&pulse->gil.holder, 8, interp->gil, layout->gil_last_holder, local + n, remote + n);
    n += pulse_piece(&pulse->gil.locked, 4, interp->gil, layout->gil_locked, local + n, remote + n);
    return n;
}

static int32_t interp_span_start(const struct pyr_layout *layout)
{
    int32_t head = layout->interp_threads_head, collecting = layout->interp_gc_collecting;
    return head < collecting ? head : collecting;
}

/* The size of one piece with both words of the interpreter; 0 where they are too far apart. */
static uint32_t interp_span(const struct pyr_layout *layout)
{
    int32_t head = layout->interp_threads_head, collecting = layout->interp_gc_collecting;
    if (collecting == PYR_ABSENT)
        return 0;
    int64_t size = (head < collecting ? (int64_t)collecting - head : (int64_t)head - collecting) + 8;
    return size <= PYR_PULSE_SPAN ? (uint32_t)size : 0;
}

void pyr_process_pulse_take(struct pyr_process *process)
{
    const struct pyr_layout *layout = &process->python.layout;
    for (size_t i = 0; interp_span(layout) && i < process->pulses.count && i < PULSES_MAX; i++) {
        struct pyr_pulse *pulse = PYR_VEC_AT(&process->pulses, struct pyr_pulse, i);
        pulse->threads_head = pyr_word_at(pulse->span, layout->interp_threads_head - interp_span_start(layout));
        pulse->gc_collecting = pyr_int_at(pulse->span, layout->interp_gc_collecting - interp_span_start(layout));
    }
}

unsigned pyr_process_pulse_pieces(struct pyr_process *process, struct iovec *local, struct iovec *remote)
{
    const struct pyr_layout *layout = &process->python.layout;
    unsigned n = 0;
    for (size_t i = 0; i < process->interps.count && i < PULSES_MAX; i++) {
        struct pyr_interp *interp = PYR_VEC_AT(&process->interps, struct pyr_interp, i);
        struct pyr_pulse *pulse = PYR_VEC_AT(&process->pulses, struct pyr_pulse, i);
        pulse->gil.locked = 1;
        n += gil_pieces(process, interp, pulse, local + n, remote + n);
        if (interp_span(layout)) {
            n += pulse_piece(pulse->span, interp_span(layout), interp->at, interp_span_start(layout), local + n,
                             remote + n);
            continue;
        }
        n += pulse_piece(&pulse->threads_head, 8, interp->at, layout->interp_threads_head, local + n, remote + n);
        if (PYR_HAS(layout, interp_gc_collecting))
            n += pulse_piece(&pulse->gc_collecting, 4, interp->at, layout->interp_gc_collecting, local + n, remote + n);
        else
            n += pulse_piece(&pulse->gc_collecting, 4, process->python.runtime, layout->runtime_gc_collecting,
                             local + n, remote + n);
    }
    return n;
}

uint8_t pyr_process_flags(const struct pyr_process *process, const struct pyr_sampled *sampled)
{
    uint8_t flags = sampled->activity == PYR_ACTIVE ? PYR_ON_CPU : 0;
    if (sampled->known.truncated)
        flags |= PYR_TRUNCATED;
    if (sampled->activity == PYR_RESTING && sampled->waits_gil)
        flags |= PYR_WAITS_GIL;
    for (size_t i = 0; i < process->pulses.count; i++) {
        const struct pyr_pulse *pulse = PYR_VEC_AT(&process->pulses, struct pyr_pulse, i);
        const struct pyr_interp *interp = PYR_VEC_AT(&process->interps, struct pyr_interp, i);
        const struct pyr_nested *holder =
            pulse->gil.locked > 0 ? pyr_nest_find(&sampled->nest, pulse->gil.holder) : NULL;
        if (!holder)
            continue;
        flags |= PYR_HAS_GIL;
        if (pulse->gc_collecting > 0 && pyr_addr_eq(holder->state.interp, interp->at))
            flags |= PYR_IN_GC;
    }
    return flags;
}

/* A thread state that this thread has taken up since the list was read: the newest is the first of its list. */
static bool adopts_new_of(struct pyr_process *process, struct pyr_sampled *sampled, size_t i)
{
    const struct pyr_interp *interp = PYR_VEC_AT(&process->interps, struct pyr_interp, i);
    pyr_addr head = PYR_ADDR(PYR_VEC_AT(&process->pulses, struct pyr_pulse, i)->threads_head);
    struct pyr_thread_state state;
    if ((pyr_addr_eq(head, interp->threads_head) && !sampled->nest.outdated) || !head.v ||
        pyr_nest_find(&sampled->nest, head.v) || pyr_thread_state_read(process->view, interp, head, &state) < 0 ||
        state.ident != sampled->ident || process->python.layout.tstate_numbers_borrowed)
        return false;
    process->stale = true;
    return pyr_nest_add(&sampled->nest, &state) == 0;
}

bool pyr_process_nest_holds(struct pyr_process *process, struct pyr_sampled *sampled)
{
    bool holds = true;
    if (process->interps.count < 2)
        return true;
    for (size_t i = 0; i < process->pulses.count && i < PULSES_MAX; i++) {
        const struct pyr_pulse *pulse = PYR_VEC_AT(&process->pulses, struct pyr_pulse, i);
        holds = !adopts_new_of(process, sampled, i) && holds;
        const struct pyr_nested *holder =
            pulse->gil.locked > 0 ? pyr_nest_find(&sampled->nest, pulse->gil.holder) : NULL;
        holds = (!holder || pyr_nest_raise(&sampled->nest, &process->python.layout, holder)) && holds;
    }
    return holds;
}

int pyr_process_read_still(struct pyr_process *process, struct pyr_sampled *sampled)
{
    struct iovec *local = process->local.items, *remote = process->remote.items;
    int rc = PYR_E_TORN;
    for (int tries = 0; tries < NEST_TRIES; tries++) {
        struct pyr_extra pulse = {local, remote, pyr_process_pulse_pieces(process, local, remote)};
        sampled->nest.changed = false;
        rc = pyr_sampled_read_still(sampled, process->view, &pulse);
        pyr_process_pulse_take(process);
        if (rc == 0 && !pyr_process_nest_holds(process, sampled))
            rc = PYR_E_TORN;
        if (rc != PYR_E_TORN || !sampled->nest.changed)
            break;
    }
    return rc;
}

/* A thread may sleep in a page fault, anywhere in the interpreter, for a moment in which its frames do not fit
 * together. If it sleeps on like that, that is how it is. */
static bool fits_together(struct pyr_sampled *sampled)
{
    if (pyr_chain_plausible(&sampled->seen) || sampled->odd_slices == sampled->slices_before)
        return true;
    sampled->odd_slices = sampled->slices_before;
    return false;
}

/* A thread off the CPU before, whose count of time slices is the same after, did not run in between: what was read is
 * what is. */
int pyr_process_read_resting(struct pyr_process *process, struct pyr_sampled *sampled, uint64_t futex, uint64_t now_ns)
{
    int rc = pyr_process_read_still(process, sampled);
    uint64_t slices;
    if (rc == 0 || rc == PYR_E_TORN) {
        int after = pyr_task_slices(&sampled->task, &slices, NULL);
        if (after < 0)
            return after;
        if (slices != sampled->slices_before)
            return PYR_E_AGAIN; /* it woke up: active after all */
    }
    if (rc == 0 && !fits_together(sampled))
        return PYR_E_TORN;
    uint32_t node = 0;
    if (rc == 0)
        rc = pyr_sampled_resolve(sampled, &process->codes, true, now_ns, &node);
    if (rc < 0)
        return rc;
    sampled->waits_gil = futex && pyr_gil_waited_for(process->view, &process->interps, futex);
    sampled->activity = PYR_RESTING;
    sampled->resting_slices = sampled->slices_before;
    sampled->resting_since_ns = now_ns;
    sampled->node = node;
    sampled->written = false;
    return 0;
}

static int screen_thread(struct pyr_process *process, struct pyr_sampled *sampled, enum pyr_screen which,
                         uint64_t now_ns)
{
    bool running;
    uint64_t futex;
    int rc;
    if (sampled->activity == PYR_RESTING) {
        rc = pyr_task_slices(&sampled->task, &sampled->slices_before, &sampled->run_ns);
        if (rc < 0 || sampled->resting_slices == sampled->slices_before)
            return rc;
        sampled->activity = PYR_ACTIVE;
    }
    if (which == PYR_SCREEN_RESTING && sampled->known.depth)
        return 0;
    rc = pyr_task_running(&sampled->task, &running, &futex);
    if (rc < 0 || running)
        return rc;
    /* Asleep: count its slices, and see that it still is, before its stack is read. */
    rc = pyr_task_slices(&sampled->task, &sampled->slices_before, NULL);
    if (rc == 0)
        rc = pyr_task_running(&sampled->task, &running, &futex);
    if (rc < 0 || running)
        return rc;
    rc = pyr_process_read_resting(process, sampled, futex, now_ns);
    return rc == PYR_E_AGAIN || rc == PYR_E_TORN ? 0 : rc;
}

int pyr_process_screen(struct pyr_process *process, enum pyr_screen which, uint64_t now_ns)
{
    int active = 0, kept = pyr_rested_keep(process, now_ns);
    if (kept < 0)
        return kept;
    for (size_t i = 0; i < process->active.count;) {
        struct pyr_sampled *sampled = pyr_process_active(process, i);
        bool rested = sampled->activity == PYR_RESTING && sampled->written;
        int rc = screen_thread(process, sampled, which, now_ns);
        if (rc == PYR_E_NOMEM || rc == PYR_E_IO)
            return rc;
        if (rc == PYR_E_GONE)
            sampled->gone = process->stale = true;
        if (rc == 0 && rested && sampled->activity == PYR_RESTING && pyr_rested_take(process, i))
            continue;
        i++;
        active += !sampled->gone && sampled->activity == PYR_ACTIVE;
    }
    return active;
}

int pyr_process_sample(struct pyr_process *process, struct pyr_sampled *sampled, uint32_t node, uint8_t flags)
{
    if (flags & PYR_UNRESOLVED)
        process->quality->samples_unresolved++;
    else
        process->quality->samples_taken++;
    if (!(flags & PYR_UNRESOLVED) && pyr_nest_runs_compiled(&sampled->nest))
        process->quality->samples_compiled++;
    if (flags & PYR_TRUNCATED)
        process->quality->samples_truncated++;
    return pyr_process_write(process, sampled, node, flags);
}

int pyr_process_write(struct pyr_process *process, struct pyr_sampled *sampled, uint32_t node, uint8_t flags)
{
    if (sampled->written && sampled->node == node && sampled->flags == flags)
        return 0;
    sampled->node = node;
    sampled->flags = flags;
    sampled->written = true;
    return pyr_writer_sample(process->writer, sampled->number, node, flags);
}
