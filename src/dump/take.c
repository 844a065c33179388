#include "dump/take.h"

#include "base/alloc.h"
#include "model/linetable.h"
#include "pyobj/gil.h"
#include "pyobj/locals.h"
#include "pyobj/repr.h"
#include "record/format.h"
#include "sample/homes.h"
#include "sample/names.h"
#include "sample/sampled.h"
#include "target/core.h"

#define TRIES 20

static const struct pyr_repr_limits limits = {.depth = 3, .items = 8, .chars = 120, .total = 400};

struct take {
    struct pyr_dump_data *data;
    struct pyr_view view;
    struct pyr_target *target;
    struct pyr_python *python;
    struct pyr_vec interps, states;
    struct pyr_vec homes; /* of struct pyr_home, as states */
    struct pyr_tids tids;
    struct pyr_names names;
    bool locals;
    bool dead; /* a core file */
};

static const char *keep(struct take *take, const struct pyr_buf *text)
{
    const char *kept = pyr_arena_dup(&take->data->arena, text->bytes, text->size);
    return kept ? kept : "";
}

struct local_walk {
    struct take *take;
    struct pyr_dump_frame *frame;
};

static int take_local(const char *name, pyr_addr value, void *context)
{
    struct local_walk *walk = context;
    struct pyr_buf text = {0};
    int rc = pyr_repr(walk->take->view, value, &limits, &text);
    struct pyr_dump_local local = {.name = pyr_arena_dup(&walk->take->data->arena, name, strlen(name)),
                                   .value = keep(walk->take, &text)};
    pyr_buf_release(&text);
    if (rc < 0 || !local.name || !pyr_vec_push(&walk->frame->locals, &local))
        return PYR_E_NOMEM;
    return 0;
}

static uint32_t line_of(struct pyr_view view, const struct pyr_code *code, const struct pyr_link *link)
{
    struct pyr_code_facts facts = {.first_line = code->first_line,
                                   .linetable_kind = view.python->layout.linetable_kind,
                                   .linetable = code->linetable.bytes,
                                   .linetable_size = (uint32_t)code->linetable.size};
    struct pyr_linetable table = {0};
    int32_t instruction = -1;
    uint32_t line = code->first_line;
    pyr_code_instruction(&view.python->layout, PYR_ADDR(link->code), code->code_bytes, link->instr, &instruction);
    if (pyr_linetable_decode(&table, &facts) == 0)
        line = pyr_linetable_line(&table, instruction);
    pyr_linetable_release(&table);
    return line;
}

static int take_frame(struct take *take, const struct pyr_link *link, struct pyr_dump_thread *thread)
{
    struct pyr_code code;
    struct pyr_dump_frame frame = {.locals = PYR_VEC(struct pyr_dump_local)};
    int rc = pyr_code_read(take->view, PYR_ADDR(link->code), &code);
    if (rc == 0) {
        frame.function = keep(take, &code.name);
        frame.file = keep(take, &code.file);
        frame.line = line_of(take->view, &code, link);
    }
    pyr_code_release(&code);
    if (rc < 0)
        return rc;
    struct local_walk walk = {.take = take, .frame = &frame};
    if (take->locals)
        rc = pyr_locals_each(take->view, PYR_ADDR(link->frame), PYR_ADDR(link->code), take_local, &walk);
    if (rc == PYR_E_NOMEM || !pyr_vec_push(&thread->frames, &frame)) {
        pyr_vec_release(&frame.locals);
        return PYR_E_NOMEM;
    }
    return 0; /* variables that cannot be read are left out */
}

static void drop_frames(struct pyr_dump_thread *thread)
{
    for (size_t i = 0; i < thread->frames.count; i++)
        pyr_vec_release(&PYR_VEC_AT(&thread->frames, struct pyr_dump_frame, i)->locals);
    thread->frames.count = 0;
}

/* Where frames do not tell their order, the holder of the GIL does. */
static bool order_holds(const struct take *take, struct pyr_nest *nest)
{
    for (unsigned i = 0; nest->count > 1 && i < nest->count; i++)
        if (pyr_gil_held_by(take->view, &take->interps, &nest->states[i].state))
            return pyr_nest_raise(nest, &take->python->layout, &nest->states[i]);
    return true;
}

static int read_threads(struct take *take)
{
    int rc = PYR_E_TORN;
    for (int tries = 0; tries < TRIES && (rc == PYR_E_TORN || rc == PYR_E_FAULT); tries++) {
        take->interps.count = take->states.count = take->homes.count = 0;
        rc = pyr_interps_read(take->view, &take->interps);
        if (rc == 0)
            rc = pyr_thread_states_read(take->view, &take->interps, &take->states);
        if (rc == 0)
            rc = pyr_homes_read(&take->homes, take->target, take->view, &take->tids, &take->states);
    }
    return rc;
}

/* All thread states of one kernel thread, oldest first. */
static int fill_nest(struct take *take, struct pyr_sampled *sampled)
{
    int rc = 0;
    pyr_nest_begin(&sampled->nest);
    for (size_t i = take->states.count; rc == 0 && i-- > 0;) {
        const struct pyr_home *home = PYR_VEC_AT(&take->homes, struct pyr_home, i);
        if (home->tid != sampled->tid)
            continue;
        sampled->nest.stack_low = home->stack_low;
        sampled->nest.stack_high = home->stack_high;
        rc = pyr_nest_add(&sampled->nest, PYR_VEC_AT(&take->states, struct pyr_thread_state, i));
    }
    pyr_nest_end(&sampled->nest);
    if (rc == PYR_E_LIMIT)
        rc = 0;
    return rc == 0 && !sampled->nest.count ? PYR_E_GONE : rc;
}

/* The code of another interpreter may have been called since. */
static int renew_nest(struct take *take, struct pyr_sampled *sampled)
{
    int rc = take->interps.count > 1 || !take->homes.count ? read_threads(take) : 0;
    return rc < 0 ? rc : fill_nest(take, sampled);
}

static int take_frames(struct take *take, struct pyr_sampled *sampled, struct pyr_dump_thread *thread)
{
    drop_frames(thread);
    int rc = renew_nest(take, sampled);
    if (rc == 0)
        rc = pyr_sampled_read_still(sampled, take->view, NULL);
    if (rc == 0 && !order_holds(take, &sampled->nest))
        return PYR_E_TORN;
    thread->truncated = sampled->seen.truncated;
    for (unsigned i = 0; rc == 0 && i < sampled->seen.depth; i++)
        if (sampled->seen.links[i].code)
            rc = take_frame(take, &sampled->seen.links[i], thread);
    return rc;
}

static void note_gil_wait(struct take *take, struct pyr_sampled *sampled, struct pyr_dump_thread *thread)
{
    uint64_t address;
    bool running;
    if (pyr_task_running(&sampled->task, &running, &address) == 0 && address)
        thread->waits_gil = pyr_gil_waited_for(take->view, &take->interps, address);
}

/* Off the CPU, its count of time slices proves that it stays so; else it is stopped for as long as it takes. */
static int take_certain(struct take *take, struct pyr_sampled *sampled, struct pyr_dump_thread *thread)
{
    int rc = PYR_E_TORN;
    for (int tries = 0; tries < TRIES && (rc == PYR_E_TORN || rc == PYR_E_FORMAT || rc == PYR_E_FAULT); tries++) {
        uint64_t before, after;
        char state;
        rc = pyr_task_slices(&sampled->task, &before, NULL);
        if (rc == 0)
            rc = pyr_task_state(&sampled->task, &state, &sampled->cpu);
        if (rc < 0)
            return rc;
        bool held = state == 'R' && pyr_task_hold(sampled->tid, NULL) == 0;
        rc = take_frames(take, sampled, thread);
        if (held)
            pyr_task_release(sampled->tid);
        int again = pyr_task_slices(&sampled->task, &after, NULL);
        thread->idle = state != 'R';
        thread->certain = held || (again == 0 && state != 'R' && before == after);
        if (rc == 0 && !thread->certain)
            rc = PYR_E_TORN;
        if (rc == 0 && thread->idle)
            note_gil_wait(take, sampled, thread);
    }
    return rc;
}

static void name_thread(struct take *take, const struct pyr_sampled *sampled, struct pyr_dump_thread *thread)
{
    struct pyr_buf name = {0};
    bool known = pyr_names_find(&take->names, take->view, sampled->ident, &sampled->task, &name);
    bool guessed = take->dead && !known && thread->native_id != take->data->pid; /* nothing tells of its name */
    thread->name = name.failed || guessed ? "" : keep(take, &name);
    pyr_buf_release(&name);
}

/* The interpreter whose code is innermost. */
static int64_t interpreter_of(const struct pyr_nest *nest)
{
    for (unsigned i = nest->count; i-- > 0;)
        if (nest->states[i].runs)
            return nest->states[i].state.interp_id;
    return nest->count ? nest->states[0].state.interp_id : 0;
}

static bool holds_gil(struct take *take, const struct pyr_nest *nest)
{
    for (unsigned i = 0; i < nest->count; i++)
        if (pyr_gil_held_by(take->view, &take->interps, &nest->states[i].state))
            return true;
    return false;
}

/* Nothing moves: what does not fit together never will. */
static int take_dead(struct take *take, struct pyr_sampled *sampled, struct pyr_dump_thread *thread)
{
    int rc = PYR_E_TORN;
    for (int tries = 0; tries < TRIES && rc == PYR_E_TORN; tries++) /* until the order of its states is known */
        rc = take_frames(take, sampled, thread);
    thread->dead = true;
    thread->certain = rc == 0;
    return rc;
}

static int open_thread(const struct take *take, const struct pyr_home *home, struct pyr_sampled *sampled)
{
    if (!take->dead)
        return pyr_sampled_open(sampled, take->data->pid, home->tid, home->ident);
    *sampled = (struct pyr_sampled){.ident = home->ident, .tid = home->tid, .task = PYR_TASK_CLOSED};
    return 0;
}

static int take_thread(struct take *take, const struct pyr_home *home)
{
    struct pyr_dump_thread thread = {.ident = home->ident, .name = "", .frames = PYR_VEC(struct pyr_dump_frame)};
    struct pyr_sampled sampled;
    thread.native_id = home->tid;
    int rc = open_thread(take, home, &sampled);
    if (rc == 0) {
        rc = take->dead ? take_dead(take, &sampled, &thread) : take_certain(take, &sampled, &thread);
        name_thread(take, &sampled, &thread);
        thread.interpreter = interpreter_of(&sampled.nest);
        thread.has_gil = holds_gil(take, &sampled.nest);
    }
    pyr_sampled_release(&sampled);
    if (rc == PYR_E_GONE || rc == PYR_E_NOMEM || !pyr_vec_push(&take->data->threads, &thread)) {
        drop_frames(&thread);
        pyr_vec_release(&thread.frames);
        return rc == PYR_E_GONE ? 0 : PYR_E_NOMEM;
    }
    return 0; /* a thread that could not be read is shown as uncertain */
}

/* The newest thread state stands first; the main thread is wanted there. Each kernel thread once. */
static int take_threads(struct take *take)
{
    struct pyr_map taken = {0};
    struct pyr_vec homes = take->homes; /* as they were at first: they are read again and again */
    take->homes = PYR_VEC(struct pyr_home);
    int rc = 0;
    for (size_t i = homes.count; rc == 0 && i-- > 0;) {
        const struct pyr_home *home = PYR_VEC_AT(&homes, struct pyr_home, i);
        if (!home->tid || pyr_map_find(&taken, (uint64_t)home->tid))
            continue;
        rc = pyr_map_put(&taken, (uint64_t)home->tid, 1);
        if (rc == 0)
            rc = take_thread(take, home);
    }
    pyr_map_release(&taken);
    pyr_vec_release(&take->homes);
    take->homes = homes;
    return rc;
}

static int list_threads(struct take *take, struct pyr_err *err)
{
    struct pyr_process_info info;
    pid_t pid = take->data->pid;
    int rc = pyr_process_info_read(&info, pid, err);
    if (rc < 0)
        return rc;
    take->data->command = pyr_arena_dup(&take->data->arena, info.command, strlen(info.command));
    rc = pyr_tids_read(&take->tids, pid, info.namespace_pid);
    pyr_process_info_release(&info);
    if (rc < 0 || !take->data->command)
        return pyr_err_set(err, rc < 0 ? rc : PYR_E_NOMEM, "cannot list the threads of process %d", (int)pid);
    return 0;
}

static int list_dead(struct take *take, struct pyr_err *err)
{
    const struct pyr_core_facts *core = pyr_target_core_facts(take->target);
    take->data->pid = core->pid;
    take->data->command = pyr_arena_dup(&take->data->arena, core->command, strlen(core->command));
    int rc = take->data->command ? pyr_tids_of_core(&take->tids, core) : PYR_E_NOMEM;
    return rc < 0 ? pyr_err_set(err, rc, "out of memory for the threads of a core file") : 0;
}

static int take_all(struct take *take, struct pyr_err *err)
{
    pid_t pid = take->data->pid;
    int rc = take->dead ? list_dead(take, err) : list_threads(take, err);
    if (rc < 0)
        return rc;
    rc = read_threads(take);
    if (rc < 0)
        return pyr_err_set(err, rc, "cannot read the threads of process %d: %s", (int)pid, pyr_status_text(rc));
    pyr_names_read(&take->names, take->view, &take->interps);
    return take_threads(take);
}

static int read_python(struct take *take, struct pyr_err *err)
{
    take->python = pyr_alloc(sizeof *take->python);
    int rc = take->python ? pyr_python_detect(take->python, take->target, err) : PYR_E_NOMEM;
    if (rc < 0)
        return rc;
    take->view = (struct pyr_view){.target = take->target, .python = take->python};
    const char *version = take->python->layout.version_text;
    take->data->python = pyr_arena_dup(&take->data->arena, version, strlen(version));
    return take->data->python ? take_all(take, err) : PYR_E_NOMEM;
}

static int take_from(struct take *take, struct pyr_err *err)
{
    take->interps = PYR_VEC(struct pyr_interp);
    take->states = PYR_VEC(struct pyr_thread_state);
    take->homes = PYR_VEC(struct pyr_home);
    int rc = read_python(take, err);
    pyr_vec_release(&take->interps);
    pyr_vec_release(&take->states);
    pyr_vec_release(&take->homes);
    pyr_tids_release(&take->tids);
    pyr_names_release(&take->names);
    pyr_free(take->python);
    return rc;
}

static struct pyr_dump_data nothing(pid_t pid)
{
    return (struct pyr_dump_data){.pid = pid, .python = "", .command = "", .threads = PYR_VEC(struct pyr_dump_thread)};
}

int pyr_dump_take(struct pyr_dump_data *data, pid_t pid, bool locals, struct pyr_err *err)
{
    struct take take = {.data = data, .locals = locals};
    *data = nothing(pid);
    int rc = pyr_target_open(&take.target, pid, err);
    if (rc == 0)
        rc = take_from(&take, err);
    pyr_target_close(take.target);
    return rc;
}

int pyr_dump_take_core(struct pyr_dump_data *data, const char *core, const char *root, bool locals, struct pyr_err *err)
{
    struct take take = {.data = data, .locals = locals, .dead = true};
    *data = nothing(0);
    int rc = pyr_target_open_core(&take.target, core, root, err);
    if (rc == 0)
        rc = take_from(&take, err);
    if (rc < 0 && take.target)
        rc = pyr_target_core_explain(take.target, core, root, rc, err);
    pyr_target_close(take.target);
    return rc;
}

void pyr_dump_release(struct pyr_dump_data *data)
{
    for (size_t i = 0; i < data->threads.count; i++) {
        struct pyr_dump_thread *thread = PYR_VEC_AT(&data->threads, struct pyr_dump_thread, i);
        drop_frames(thread);
        pyr_vec_release(&thread->frames);
    }
    pyr_vec_release(&data->threads);
    pyr_arena_release(&data->arena);
}
