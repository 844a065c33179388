#include "inside.h"

#include "api.h"
#include "layout/private.h"

#include <string.h>

struct pyr_inside pyr_inside;

/* ---- the accessor's machine code ---- */

#ifdef __x86_64__
extern void *__tls_get_addr(void *index);

static uint8_t *skip_landing(uint8_t *at)
{
    static const uint8_t endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
    return memcmp(at, endbr64, sizeof endbr64) == 0 ? at + sizeof endbr64 : at;
}

/* In an executable: mov %fs:OFFSET,%rax; ret */
static bool local_exec(uint8_t *at, intptr_t *offset)
{
    static const uint8_t move[] = {0x64, 0x48, 0x8b, 0x04, 0x25};
    int32_t value;
    if (memcmp(at, move, sizeof move) != 0 || at[9] != 0xc3)
        return false;
    memcpy(&value, at + sizeof move, sizeof value);
    *offset = value;
    return true;
}

/* In a library: sub $8,%rsp; data16 lea INDEX(%rip),%rdi; call __tls_get_addr; mov (%rax),%rax. The variable of a
 * library that the program started with is as far from every thread's pointer. */
static bool general_dynamic(uint8_t *at, intptr_t *offset)
{
    static const uint8_t push[] = {0x48, 0x83, 0xec, 0x08}, lea[] = {0x66, 0x48, 0x8d, 0x3d};
    static const uint8_t call[] = {0x66, 0x66, 0x48, 0xe8}, load[] = {0x48, 0x8b, 0x00};
    int32_t distance;
    if (memcmp(at, push, sizeof push) == 0)
        at += sizeof push;
    if (memcmp(at, lea, sizeof lea) != 0 || memcmp(at + 8, call, sizeof call) != 0 ||
        memcmp(at + 16, load, sizeof load) != 0)
        return false;
    memcpy(&distance, at + sizeof lea, sizeof distance);
    char *variable = __tls_get_addr(at + 8 + distance);
    *offset = variable - (char *)__builtin_thread_pointer();
    return true;
}

static bool tls_offset(void *(*accessor)(void), intptr_t *offset)
{
    uint8_t *at = skip_landing((uint8_t *)(uintptr_t)accessor);
    return local_exec(at, offset) || general_dynamic(at, offset);
}
#else
static bool tls_offset(void *(*accessor)(void), intptr_t *offset)
{
    (void)accessor;
    (void)offset;
    return false;
}
#endif

/* ---- finding ---- */

static int find_layout(struct pyr_layout *layout, struct pyr_err *err)
{
    struct pyr_identity identity;
    const char *version = Py_GetVersion();
    if (pyr_identity_from_banner(&identity, version, strlen(version)) != 1)
        return pyr_err_set(err, PYR_E_UNSUPPORTED, "the version of this Python cannot be told");
    if (strstr(version, "free-threading"))
        return pyr_err_set(err, PYR_E_UNSUPPORTED, "Python %s is a free-threaded build", identity.text);
    const struct pyr_layout_source *source = pyr_layout_source_find(identity.major, identity.minor, false);
    if (!source || identity.prerelease)
        return pyr_err_set(err, PYR_E_UNSUPPORTED, "Python %s is not known", identity.text);
    *layout = *source->layout;
    memcpy(layout->version_text, identity.text, sizeof layout->version_text);
    if (!source->debug_count)
        return 0;
    return pyr_layout_apply_debug(layout, source, (const uint8_t *)_PyRuntime, 0, err);
}

static void find_access(struct pyr_inside *inside)
{
    const struct pyr_layout *layout = &inside->layout;
    inside->accessor = PyThreadState_GetUnchecked ? PyThreadState_GetUnchecked : _PyThreadState_UncheckedGet;
    inside->access = PYR_ACCESS_CALL;
    if (PYR_HAS(layout, runtime_tstate_current)) {
        inside->access = PYR_ACCESS_GLOBAL;
        inside->global = (void *const *)(_PyRuntime + layout->runtime_tstate_current);
    } else if (inside->accessor && tls_offset(inside->accessor, &inside->tls)) {
        inside->access = PYR_ACCESS_TLS;
    }
}

static void copy_offsets(struct pyr_inside *inside)
{
    const struct pyr_layout *layout = &inside->layout;
    inside->chain = layout->frame_kind == PYR_FRAME_OBJECT  ? PYR_CHAIN_OBJECT
                    : PYR_HAS(layout, cframe_current_frame) ? PYR_CHAIN_CFRAME
                                                            : PYR_CHAIN_DIRECT;
    if (inside->chain == PYR_CHAIN_DIRECT && layout->tstate_frame == PYR_USUAL_TSTATE_FRAME &&
        layout->frame_instr == PYR_USUAL_FRAME_INSTR && layout->frame_previous == PYR_USUAL_FRAME_PREVIOUS &&
        layout->frame_frame_obj == PYR_USUAL_FRAME_OBJECT)
        inside->chain = PYR_CHAIN_USUAL;
    if (inside->chain == PYR_CHAIN_CFRAME && inside->access == PYR_ACCESS_GLOBAL &&
        layout->tstate_cframe == PYR_USUAL_TSTATE_CFRAME && layout->cframe_current_frame == PYR_USUAL_CFRAME_FRAME &&
        layout->frame_instr == PYR_USUAL_FRAME_INSTR)
        inside->chain = PYR_CHAIN_USUAL_CFRAME;
    inside->tstate_interp = layout->tstate_interp;
    inside->tstate_frame = layout->tstate_frame;
    inside->tstate_cframe = layout->tstate_cframe;
    inside->cframe_frame = layout->cframe_current_frame;
    inside->frame_code = layout->frame_code;
    inside->frame_instr = layout->frame_instr;
    inside->frame_previous = layout->frame_previous;
    inside->frame_owner = layout->frame_owner;
    inside->frame_object = layout->frame_frame_obj;
    inside->frame_trace_lines = layout->frame_trace_lines;
    inside->frame_blocks = layout->frame_blocks;
    inside->frameobject_frame = layout->frameobject_frame;
    inside->frame_owner_thread = layout->frame_owner_thread;
    inside->frame_code_mask = layout->frame_refs_tagged ? ~layout->frame_ref_mask : ~(uint64_t)0;
}

bool pyr_inside_find(struct pyr_inside *inside, struct pyr_err *err)
{
    struct pyr_inside found = {0};
    if (!Py_GetVersion || !_PyRuntime || !PyInterpreterState_Main || !PyCode_Type || !PyMem_RawMalloc) {
        pyr_err_set(err, PYR_E_UNSUPPORTED, "this Python does not export its API");
        return false;
    }
    if (find_layout(&found.layout, err) < 0)
        return false;
    find_access(&found);
    if (!found.accessor) {
        pyr_err_set(err, PYR_E_UNSUPPORTED, "this Python does not tell its current thread");
        return false;
    }
    copy_offsets(&found);
    *inside = found;
    return true;
}

bool pyr_inside_shares_gil(const struct pyr_inside *inside, const void *interpreter, const void *main_interpreter)
{
    const struct pyr_layout *layout = &inside->layout;
    return interpreter == main_interpreter || !main_interpreter || layout->gil_kind != PYR_GIL_INTERP ||
           pyr_at(interpreter, layout->interp_gil) == pyr_at(main_interpreter, layout->interp_gil);
}

bool pyr_inside_holds(const struct pyr_inside *inside)
{
    void *tstate = inside->accessor();
    if (!tstate || pyr_at(tstate, inside->tstate_interp) != PyInterpreterState_Main())
        return false;
    if (inside->access == PYR_ACCESS_GLOBAL)
        return *inside->global == tstate;
    return inside->access != PYR_ACCESS_TLS || pyr_tls_at(inside->tls) == tstate;
}
