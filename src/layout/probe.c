/* Does a process look as a layout says? What cannot be done without: interpreters, threads, frames, code objects. */
#include "layout/probe.h"

#include <string.h>

/* The process runs on while it is looked at: what does not fit is looked at again. */
enum { ATTEMPTS = 32, TYPE_NAME_MAX = 32, FRAME_THREADS_MAX = 256 };

int pyr_probe_word(const struct pyr_probe *probe, pyr_addr base, int32_t offset, uint64_t *value)
{
    if (offset == PYR_ABSENT || !base.v)
        return PYR_E_FORMAT;
    return pyr_target_read(probe->target, pyr_addr_add(base, offset), value, sizeof *value);
}

int pyr_probe_pointer(const struct pyr_probe *probe, pyr_addr base, int32_t offset, pyr_addr *value)
{
    uint64_t word;
    int status = pyr_probe_word(probe, base, offset, &word);
    if (status < 0)
        return status;
    if (word % 8 != 0 || word >> 63)
        return PYR_E_FORMAT;
    value->v = word;
    return 0;
}

int pyr_probe_int(const struct pyr_probe *probe, pyr_addr base, int32_t offset, int32_t *value)
{
    if (offset == PYR_ABSENT || !base.v)
        return PYR_E_FORMAT;
    return pyr_target_read(probe->target, pyr_addr_add(base, offset), value, sizeof *value);
}

bool pyr_probe_type_is(const struct pyr_probe *probe, pyr_addr object, const char *name)
{
    pyr_addr type, at;
    uint64_t word;
    char text[TYPE_NAME_MAX] = {0};
    size_t size = strlen(name) + 1;
    if (size > sizeof text || pyr_probe_pointer(probe, object, probe->layout->object_type, &type) < 0 ||
        pyr_probe_word(probe, type, probe->layout->type_name, &word) < 0)
        return false;
    at.v = word; /* a C string: of any alignment */
    return pyr_target_read(probe->target, at, text, size) == 0 && memcmp(text, name, size) == 0;
}

bool pyr_probe_is_thread(const struct pyr_probe *probe, pyr_addr thread)
{
    pyr_addr interp;
    uint64_t id;
    if (pyr_probe_pointer(probe, thread, probe->layout->tstate_interp, &interp) < 0)
        return false;
    if (pyr_addr_eq(interp, probe->interp))
        return true;
    return pyr_probe_word(probe, interp, probe->layout->interp_id, &id) == 0 && id > 0 && id <= INT32_MAX;
}

int pyr_probe_threads(const struct pyr_probe *probe, int (*visit)(const struct pyr_probe *, pyr_addr, void *),
                      void *context)
{
    pyr_addr thread;
    int status = pyr_probe_pointer(probe, probe->interp, probe->layout->interp_threads_head, &thread);
    for (int n = 0; status == 0 && thread.v; n++) {
        status = n < PYR_PROBE_THREADS_MAX ? visit(probe, thread, context) : PYR_E_LIMIT;
        if (status == 0)
            status = pyr_probe_pointer(probe, thread, probe->layout->tstate_next, &thread);
    }
    return status;
}

int pyr_probe_frame(const struct pyr_probe *probe, pyr_addr thread, pyr_addr *frame)
{
    const struct pyr_layout *layout = probe->layout;
    if (!PYR_HAS(layout, tstate_cframe))
        return pyr_probe_pointer(probe, thread, layout->tstate_frame, frame);
    pyr_addr cframe;
    int status = pyr_probe_pointer(probe, thread, layout->tstate_cframe, &cframe);
    return status < 0 ? status : pyr_probe_pointer(probe, cframe, layout->cframe_current_frame, frame);
}

static int fail(struct pyr_probe *probe, int status, const char *problem)
{
    probe->problem = problem;
    return status == PYR_E_GONE || status == PYR_E_LIMIT ? status : PYR_E_TORN;
}

/* The main interpreter is the one with id 0, the last in the list. */
static int find_interpreter(struct pyr_probe *probe)
{
    const struct pyr_layout *layout = probe->layout;
    pyr_addr interp;
    int status = pyr_probe_pointer(probe, probe->runtime, layout->runtime_interpreters_head, &interp);
    if (status < 0)
        return fail(probe, status, "the list of interpreters cannot be read");
    if (!interp.v)
        return PYR_E_AGAIN;
    for (int n = 0; n < PYR_PROBE_INTERPS_MAX && interp.v; n++) {
        uint64_t id;
        status = pyr_probe_word(probe, interp, layout->interp_id, &id);
        if (status < 0 || id > INT32_MAX)
            return fail(probe, status, "an interpreter has no number");
        probe->interp = interp;
        if (id == 0)
            return 0;
        status = pyr_probe_pointer(probe, interp, layout->interp_next, &interp);
        if (status < 0)
            return fail(probe, status, "the list of interpreters is broken");
    }
    return fail(probe, 0, "there is no main interpreter");
}

static int count_thread(const struct pyr_probe *probe, pyr_addr thread, void *context)
{
    pyr_addr interp;
    int status = pyr_probe_pointer(probe, thread, probe->layout->tstate_interp, &interp);
    if (status < 0)
        return status;
    ++*(uint64_t *)context;
    return pyr_addr_eq(interp, probe->interp) ? 0 : PYR_E_TORN;
}

static int check_threads(struct pyr_probe *probe)
{
    probe->threads = 0;
    int status = pyr_probe_threads(probe, count_thread, &probe->threads);
    if (status < 0)
        return fail(probe, status, "the list of threads is broken");
    return probe->threads ? 0 : PYR_E_AGAIN;
}

static bool is_code(const struct pyr_probe *probe, pyr_addr code)
{
    const struct pyr_layout *layout = probe->layout;
    pyr_addr name, filename, lines;
    return pyr_probe_type_is(probe, code, "code") && pyr_probe_pointer(probe, code, layout->code_name, &name) == 0 &&
           pyr_probe_type_is(probe, name, "str") &&
           pyr_probe_pointer(probe, code, layout->code_filename, &filename) == 0 &&
           pyr_probe_type_is(probe, filename, "str") &&
           pyr_probe_pointer(probe, code, layout->code_linetable, &lines) == 0 &&
           pyr_probe_type_is(probe, lines, "bytes");
}

static bool runs_python(const struct pyr_probe *probe, pyr_addr frame)
{
    uint8_t owner;
    if (!PYR_HAS(probe->layout, frame_owner))
        return true;
    return pyr_target_read(probe->target, pyr_addr_add(frame, probe->layout->frame_owner), &owner, sizeof owner) == 0 &&
           owner < probe->layout->frame_owner_cstack;
}

struct frames {
    bool any;  /* a thread has a frame that runs Python code */
    bool good; /* one of them has a code object */
    int threads;
};

static int look_at_frames(const struct pyr_probe *probe, pyr_addr thread, void *context)
{
    const struct pyr_layout *layout = probe->layout;
    struct frames *frames = context;
    pyr_addr frame;
    if (++frames->threads > FRAME_THREADS_MAX)
        return 1;
    int status = pyr_probe_frame(probe, thread, &frame);
    if (status < 0)
        return status;
    for (int n = 0; n < PYR_PROBE_FRAMES_MAX && frame.v; n++) {
        uint64_t code;
        if (runs_python(probe, frame)) {
            frames->any = true;
            status = pyr_probe_word(probe, frame, layout->frame_code, &code);
            if (status == 0 && is_code(probe, PYR_ADDR(code & ~layout->frame_ref_mask)))
                return frames->good = true, 1;
        }
        if (pyr_probe_pointer(probe, frame, layout->frame_previous, &frame) < 0)
            break;
    }
    return 0;
}

static int check_frames(struct pyr_probe *probe)
{
    struct frames frames = {0};
    int status = pyr_probe_threads(probe, look_at_frames, &frames);
    if (status < 0)
        return fail(probe, status, "a thread's frame cannot be read");
    /* An embedding program need not be in Python at all. */
    return frames.any && !frames.good ? fail(probe, 0, "a frame has no code object") : 0;
}

/* 1 when it is up, 0 when not, PYR_E_NOT_FOUND where the field is not what it should be. */
static int initialised(struct pyr_probe *probe)
{
    int32_t value;
    int status = pyr_probe_int(probe, probe->runtime, probe->layout->runtime_initialized, &value);
    if (status == 0 && (value == 0 || value == 1))
        return value;
    return status == PYR_E_GONE ? status : PYR_E_NOT_FOUND;
}

static int attempt(struct pyr_probe *probe)
{
    int up = initialised(probe);
    if (up == PYR_E_GONE)
        return up;
    if (up == 0)
        return PYR_E_AGAIN;
    int status = find_interpreter(probe);
    if (status == 0)
        status = check_threads(probe);
    if (status == 0)
        status = check_frames(probe);
    return status;
}

static int refuse(const struct pyr_probe *probe, int status, struct pyr_err *err)
{
    const char *version = probe->layout->version_text;
    if (status == PYR_E_GONE)
        return pyr_err_set(err, status, "the process has ended");
    if (status == PYR_E_AGAIN)
        return pyr_err_set(err, status, "Python %s has no interpreter yet, or no more: it starts up or ends", version);
    return pyr_err_set(err, PYR_E_UNSUPPORTED,
                       "this Python %s is built differently from what is known of that version (%s): "
                       "run the program under a standard (release, unpatched) build",
                       version, probe->problem);
}

int pyr_layout_probe(struct pyr_layout *layout, const struct pyr_layout_source *source, const struct pyr_target *target,
                     pyr_addr runtime, struct pyr_err *err)
{
    struct pyr_probe probe = {.source = source, .layout = layout, .target = target, .runtime = runtime};
    int status = PYR_E_TORN;
    for (int n = 0; n < ATTEMPTS && status == PYR_E_TORN; n++)
        status = attempt(&probe);
    if (status < 0)
        return refuse(&probe, status, err);
    pyr_probe_optional(&probe);
    return 0;
}
