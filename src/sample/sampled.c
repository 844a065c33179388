#include "sample/sampled.h"

#include "base/alloc.h"
#include "pyobj/frame.h"

#define PAGE 4096u
#define SPAN_MAX (256u * 1024)
#define PIECES_MAX (PYR_REGIONS_MAX + PYR_NEST_MAX * PYR_ANCHOR_PIECES + PYR_EXTRA_MAX)

int pyr_sampled_open(struct pyr_sampled *sampled, pid_t pid, pid_t tid, uint64_t ident)
{
    *sampled = (struct pyr_sampled){.ident = ident, .tid = tid, .task = PYR_TASK_CLOSED};
    return pyr_task_open(&sampled->task, pid, tid);
}

void pyr_sampled_release(struct pyr_sampled *sampled)
{
    pyr_task_close(&sampled->task);
    pyr_nest_release(&sampled->nest);
    pyr_window_release(&sampled->window);
    pyr_chain_release(&sampled->seen);
    pyr_chain_release(&sampled->seen_again);
    pyr_chain_release(&sampled->known);
    pyr_free(sampled->nodes);
}

static unsigned extra_pieces(const struct pyr_extra *extra, struct iovec *local, struct iovec *remote)
{
    unsigned n = 0;
    for (; extra && n < extra->count && n < PYR_EXTRA_MAX; n++) {
        local[n] = extra->local[n];
        remote[n] = extra->remote[n];
    }
    return n;
}

static size_t bytes_of(const struct iovec *pieces, unsigned count)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < count; i++)
        bytes += pieces[i].iov_len;
    return bytes;
}

/* All of the window and the anchors in one call; then the anchors once more where one had moved. */
static int read_foreseen(struct pyr_sampled *sampled, struct pyr_view view, const struct pyr_extra *extra)
{
    const struct pyr_layout *layout = &view.python->layout;
    struct iovec local[PIECES_MAX], remote[PIECES_MAX];
    unsigned n = pyr_window_pieces(&sampled->window, PYR_PASS_IN, local, remote);
    n += pyr_nest_pieces(&sampled->nest, layout, local + n, remote + n);
    n += extra_pieces(extra, local + n, remote + n);
    size_t wanted = bytes_of(local, n);
    ssize_t got = pyr_target_readv(view.target, local, n, remote, n);
    if (got < 0)
        return (int)got;
    if ((size_t)got < wanted) {
        /* Memory that was foreseen is gone: begin with nothing. */
        sampled->window.count = 0;
        sampled->window.size = 0;
    }
    for (int tries = 0; tries < 3; tries++) {
        bool complete = (size_t)got >= wanted;
        int rc = complete ? pyr_nest_leaves(&sampled->nest, layout) : PYR_E_TORN;
        if (rc != PYR_E_TORN)
            return rc;
        sampled->surprised = true;
        if (!complete)
            pyr_nest_forget(&sampled->nest);
        n = pyr_nest_pieces(&sampled->nest, layout, local, remote);
        if (!complete) /* a read ends at the first piece that is not there: what came after it was not read either */
            n += extra_pieces(extra, local + n, remote + n);
        wanted = bytes_of(local, n);
        got = pyr_target_readv(view.target, local, n, remote, n);
        if (got < 0)
            return (int)got;
    }
    return PYR_E_TORN;
}

/* Brings the region of a frame that was not foreseen: the pages below it too, where most of its callers are. */
static int read_missing(struct pyr_sampled *sampled, struct pyr_view view, uint64_t frame, uint32_t *span)
{
    const struct pyr_layout *layout = &view.python->layout;
    uint32_t below = layout->frame_kind == PYR_FRAME_INTERPRETER ? (uint32_t)(frame % PAGE) + *span : 0;
    for (int tries = 0; tries < 3; tries++) {
        struct iovec local, remote;
        int rc = pyr_window_extend(&sampled->window, layout, frame, below, &local, &remote);
        if (rc < 0)
            return rc;
        ssize_t got = pyr_target_readv(view.target, &local, 1, &remote, 1);
        if (got == (ssize_t)local.iov_len) {
            *span = *span ? *span * 2 : PAGE;
            if (*span > SPAN_MAX)
                *span = SPAN_MAX;
            return 0;
        }
        pyr_window_unextend(&sampled->window);
        if (got < 0)
            return (int)got;
        below = tries == 0 ? (uint32_t)(frame % PAGE) : 0;
        *span = 0;
    }
    return PYR_E_TORN;
}

/* Beyond what a window can hold: one frame at a time. */
static int read_one(struct pyr_sampled *sampled, struct pyr_view view, uint64_t *at)
{
    const struct pyr_layout *layout = &view.python->layout;
    uint8_t header[256];
    uint32_t size = pyr_frame_header_size(layout);
    if (size > sizeof header)
        return PYR_E_UNSUPPORTED;
    int rc = pyr_target_read(view.target, PYR_ADDR(*at), header, size);
    if (rc < 0)
        return rc == PYR_E_FAULT ? PYR_E_TORN : rc;
    struct pyr_frame frame;
    pyr_frame_decode(layout, header, &frame);
    struct pyr_link link = pyr_link_of(*at, &frame);
    if (pyr_chain_push(&sampled->seen, &link) < 0)
        return PYR_E_NOMEM;
    *at = frame.previous.v;
    return 0;
}

int pyr_sampled_read_still(struct pyr_sampled *sampled, struct pyr_view view, const struct pyr_extra *extra)
{
    const struct pyr_layout *layout = &view.python->layout;
    const struct pyr_side side = {PYR_PASS_IN, PYR_PASS_IN};
    sampled->surprised = false;
    int rc = read_foreseen(sampled, view, extra);
    if (rc < 0)
        return rc;
    uint32_t span = 0;
    struct pyr_nest_walk walk = pyr_nest_walk_begin(&sampled->nest);
    bool foreseen = true;
    sampled->seen.depth = 0;
    sampled->seen.truncated = false;
    while ((rc = pyr_nest_follow(&sampled->nest, &sampled->window, side, layout, &walk, &sampled->seen)) ==
           PYR_E_FAULT) {
        foreseen = false;
        rc = read_missing(sampled, view, walk.at, &span);
        if (rc == PYR_E_LIMIT)
            rc = read_one(sampled, view, &walk.at);
        if (rc < 0)
            break;
    }
    if (!foreseen) {
        sampled->surprised = true;
        int again = pyr_window_foresee(&sampled->window, layout, &sampled->seen);
        if (again == PYR_E_NOMEM)
            return again;
    }
    return rc;
}

/* ---- from addresses to the recording's nodes ---- */

static int code_for(struct pyr_codes *codes, uint64_t at, bool still, uint64_t now_ns, struct pyr_known_code **code)
{
    *code = pyr_codes_find(codes, at);
    if (*code) {
        if (!pyr_known_code_doubtful(*code, now_ns))
            return 0;
        int same = pyr_codes_check(codes, *code, now_ns);
        if (same != 0)
            return same < 0 ? same : 0;
    }
    int rc = pyr_codes_learn(codes, at, now_ns);
    if (rc < 0)
        return rc == PYR_E_FAULT || rc == PYR_E_FORMAT || rc == PYR_E_LIMIT ? PYR_E_TORN : rc;
    *code = pyr_codes_find(codes, at);
    return still && *code ? 0 : PYR_E_TORN;
}

/* How a frame is looked at. */
struct look {
    bool still, leaf;
    uint64_t now_ns;
};

static int node_for(struct pyr_codes *codes, const struct pyr_link *link, uint32_t parent, struct look look,
                    uint32_t *node)
{
    if (!link->code) {
        *node = parent;
        return 0;
    }
    struct pyr_known_code *code;
    int rc = code_for(codes, link->code, look.still, look.now_ns, &code);
    if (rc < 0)
        return rc;
    if (code->internal) {
        *node = parent;
        return 0;
    }
    int32_t instruction;
    rc = pyr_code_instruction(&codes->view.python->layout, PYR_ADDR(link->code), code->code_bytes, link->instr,
                              &instruction);
    if (rc < 0)
        return rc;
    uint8_t opcode = codes->opcodes ? pyr_codes_opcode(codes, code, look.leaf, look.now_ns, &instruction) : 0;
    int64_t number = pyr_writer_node_at(codes->writer, parent, code->number, instruction, opcode);
    if (number < 0)
        return (int)number;
    *node = (uint32_t)number;
    return 0;
}

static int make_room(struct pyr_sampled *sampled, unsigned depth)
{
    if (depth <= sampled->nodes_capacity)
        return 0;
    uint32_t *nodes = pyr_realloc(sampled->nodes, (depth + 64) * sizeof *nodes);
    if (!nodes)
        return PYR_E_NOMEM;
    sampled->nodes = nodes;
    sampled->nodes_capacity = depth + 64;
    return 0;
}

/* A frame that stands where it stood, with the same code and instruction, keeps its node, unless its code is in doubt.
 */
static bool still_known(const struct pyr_sampled *sampled, const struct pyr_codes *codes, const struct pyr_link *link,
                        unsigned i, uint64_t now_ns)
{
    if (i >= sampled->known.depth)
        return false;
    const struct pyr_link *known = &sampled->known.links[i];
    if (known->frame != link->frame || known->code != link->code || known->instr != link->instr)
        return false;
    const struct pyr_known_code *code = link->code ? pyr_codes_find(codes, link->code) : NULL;
    return !link->code || (code && !pyr_known_code_doubtful(code, now_ns));
}

/* Whether what was read while the thread ran may be a call. `caller` is the next Python frame further out, and there
 * may be frames of the interpreter itself in between. */
static bool may_call(struct pyr_codes *codes, const struct pyr_link *caller, const struct pyr_link *callee,
                     bool neighbours)
{
    if (!caller || !callee->code)
        return true;
    const struct pyr_known_code *code = pyr_codes_find(codes, caller->code);
    if (codes->only_seen_calls &&
        !pyr_codes_knows_call(codes, code, caller->instr, pyr_codes_find(codes, callee->code)))
        return false;
    return !neighbours || !code || code->internal || pyr_codes_may_call(codes, caller->instr);
}

int pyr_sampled_resolve(struct pyr_sampled *sampled, struct pyr_codes *codes, bool still, uint64_t now_ns,
                        uint32_t *node)
{
    const struct pyr_chain *seen = &sampled->seen;
    int rc = make_room(sampled, seen->depth);
    uint32_t parent = PYR_NODE_EMPTY;
    const struct pyr_link *caller = NULL;
    bool same = true;
    for (unsigned i = 0; rc == 0 && i < seen->depth; i++) {
        const struct pyr_link *link = &seen->links[seen->depth - 1 - i];
        struct look look = {still, i + 1 == seen->depth, now_ns};
        bool may_change = look.leaf && codes->opcodes; /* the same place, but perhaps specialised since */
        same = same && !may_change && still_known(sampled, codes, link, i, now_ns);
        if (!same) {
            sampled->known.depth = i; /* what follows is not known any more */
            if (sampled->calls_kept > i)
                sampled->calls_kept = i;
            if (!still && !may_call(codes, caller, link, i > 0 && caller == link + 1))
                return PYR_E_TORN;
            rc = node_for(codes, link, parent, look, &sampled->nodes[i]);
            if (rc == 0)
                rc = pyr_chain_push(&sampled->known, link);
        }
        parent = sampled->nodes[i];
        if (link->code)
            caller = link;
    }
    if (rc < 0)
        return rc;
    sampled->known.depth = seen->depth;
    *node = parent;
    return 0;
}

void pyr_sampled_keep_calls(struct pyr_sampled *sampled, struct pyr_codes *codes)
{
    const struct pyr_link *caller = NULL;
    for (unsigned i = 0; i < sampled->known.depth; i++) {
        const struct pyr_link *link = &sampled->known.links[i];
        if (!link->code)
            continue;
        if (caller && i >= sampled->calls_kept)
            pyr_codes_saw_call(codes, pyr_codes_find(codes, caller->code), caller->instr,
                               pyr_codes_find(codes, link->code));
        caller = link;
    }
    sampled->calls_kept = sampled->known.depth;
}
