#include "tracebacks.h"

#include "api.h"
#include "sites.h"

#include <string.h>

enum { KNOWN = 1 << 14, TOTAL_MAX = UINT16_MAX };

/* An instruction's place, as long as its code object is alive. */
struct known {
    uint64_t key;
    uint32_t generation;
    struct pyr_trace_frame frame; /* file 0: no frame of its own, see pyr_frame_is_incomplete */
};

struct file {
    struct pyr_node node;
    void *name; /* a str object, of which we have a reference */
};

struct pyr_tracebacks pyr_tracebacks;

bool pyr_tracebacks_open(uint32_t limit, bool totals)
{
    struct pyr_tracebacks *all = &pyr_tracebacks;
    all->all.stride = sizeof(struct pyr_traceback);
    all->files.stride = sizeof(struct file);
    all->access = pyr_inside_holds(&pyr_inside) ? pyr_inside.access : PYR_ACCESS_CALL;
    all->limit = limit;
    all->totals = totals;
    all->generation++; /* what was freed since was not watched */
    return pyr_vector_reserve(&all->known, KNOWN * sizeof(struct known)) &&
           pyr_vector_reserve(&all->walked, limit * sizeof(struct pyr_trace_frame));
}

/* ---- files ---- */

static bool is_str(const void *object)
{
    const unsigned long subclass_of_str = 1ul << 28; /* of Python's stable API */
    return object && (PyType_GetFlags(pyr_at(object, pyr_inside.layout.object_type)) & subclass_of_str) != 0;
}

/* Equal names are one file. */
static uint32_t file_of(void *name)
{
    struct pyr_nodes *files = &pyr_tracebacks.files;
    if (!is_str(name))
        return PYR_FILE_UNKNOWN;
    uint64_t hash = pyr_mix((uint64_t)PyObject_Hash(name), 0);
    uint32_t n = pyr_nodes_first(files, hash);
    for (; n; n = pyr_nodes_next(files, n)) {
        void *known = ((const struct file *)pyr_nodes_at(files, n))->name;
        if (known == name || PyUnicode_Compare(known, name) == 0)
            return n;
    }
    if (!(n = pyr_nodes_add(files, hash)))
        return PYR_FILE_UNKNOWN;
    Py_IncRef(name);
    ((struct file *)pyr_nodes_at(files, n))->name = name;
    return n;
}

void *pyr_trace_file(uint32_t file)
{
    return file == PYR_FILE_UNKNOWN ? NULL : ((const struct file *)pyr_nodes_at(&pyr_tracebacks.files, file))->name;
}

void pyr_trace_files_release(struct pyr_nodes *files)
{
    for (uint32_t n = 1; n <= files->top; n++)
        Py_DecRef(((const struct file *)pyr_nodes_at(files, n))->name);
    pyr_vector_release(&files->items);
    pyr_vector_release(&files->buckets);
}

/* ---- frames ---- */

static struct known *known_slot(uint64_t key)
{
    return (struct known *)pyr_tracebacks.known.at + pyr_mix(key, 0) % KNOWN;
}

static struct pyr_trace_frame learn(const void *frame)
{
    void *code = pyr_code_of(frame);
    if (!code || pyr_at(code, pyr_inside.layout.object_type) != PyCode_Type || pyr_frame_is_incomplete(frame))
        return (struct pyr_trace_frame){0, 0};
    int line = PyCode_Addr2Line(code, (int)pyr_instruction_of(frame, code));
    pyr_tracebacks.watch(code);
    return (struct pyr_trace_frame){file_of(pyr_at(code, pyr_inside.layout.code_filename)),
                                    line < 0 ? 0 : (uint32_t)line};
}

/* NULL: it has to be learnt, for which the GIL is needed. */
static const struct pyr_trace_frame *frame_known(const void *frame, bool has_gil)
{
    uint64_t key = pyr_key_of(frame, pyr_inside.chain);
    struct known *slot = known_slot(key);
    if (slot->key == key && slot->generation == pyr_tracebacks.generation)
        return &slot->frame;
    if (!has_gil)
        return NULL;
    struct pyr_trace_frame learnt = learn(frame);
    *slot = (struct known){key, pyr_tracebacks.generation, learnt};
    return &slot->frame;
}

void pyr_tracebacks_forget(void)
{
    pyr_tracebacks.generation++;
}

/* ---- tracebacks ---- */

const struct pyr_traceback *pyr_traceback_at(uint32_t traceback)
{
    return pyr_nodes_at(&pyr_tracebacks.all, traceback);
}

const struct pyr_trace_frame *pyr_traceback_frames(const struct pyr_traceback *traceback)
{
    return (const struct pyr_trace_frame *)pyr_tracebacks.frames.at + traceback->first;
}

static uint32_t traceback_new(uint64_t hash, uint32_t count, uint32_t total)
{
    struct pyr_tracebacks *all = &pyr_tracebacks;
    size_t end = all->frame_count + count;
    if (end > UINT32_MAX || !pyr_vector_reserve(&all->frames, end * sizeof(struct pyr_trace_frame)))
        return 0;
    uint32_t n = pyr_nodes_add(&all->all, hash);
    if (!n)
        return 0;
    struct pyr_traceback *made = pyr_nodes_at(&all->all, n);
    made->first = (uint32_t)all->frame_count;
    made->count = (uint16_t)count;
    made->total = (uint16_t)total;
    memcpy((struct pyr_trace_frame *)all->frames.at + made->first, all->walked.at,
           count * sizeof(struct pyr_trace_frame));
    all->frame_count = end;
    return n;
}

/* Of what was walked. */
static uint32_t intern(uint64_t hash, uint32_t count, uint32_t total)
{
    const struct pyr_nodes *all = &pyr_tracebacks.all;
    for (uint32_t n = pyr_nodes_first(all, hash); n; n = pyr_nodes_next(all, n)) {
        const struct pyr_traceback *at = pyr_traceback_at(n);
        if (at->count == count && at->total == total &&
            memcmp(pyr_traceback_frames(at), pyr_tracebacks.walked.at, count * sizeof(struct pyr_trace_frame)) == 0)
            return n;
    }
    return traceback_new(hash, count, total);
}

uint32_t pyr_traceback_of(const void *tstate, bool has_gil)
{
    struct pyr_trace_frame *walked = pyr_tracebacks.walked.at;
    uint32_t limit = pyr_tracebacks.limit, end = pyr_tracebacks.totals ? TOTAL_MAX : limit, count = 0, total = 0;
    uint64_t hash = 0;
    const void *frame = tstate ? pyr_frame_of(tstate, pyr_inside.chain) : NULL;
    for (; frame && total < end; frame = pyr_previous_of(frame, pyr_inside.chain)) {
        if (pyr_owner_of(frame) >= pyr_inside.layout.frame_owner_cstack)
            continue;
        if (count < limit) {
            const struct pyr_trace_frame *known = frame_known(frame, has_gil);
            if (!known)
                return 0;
            if (!known->file)
                continue;
            walked[count++] = *known;
            hash = pyr_mix(hash ^ known->file, known->line);
        } else if (pyr_frame_is_incomplete(frame)) {
            continue;
        }
        total++;
    }
    return count ? intern(pyr_mix(hash, total), count, total) : PYR_TRACEBACK_UNKNOWN;
}

/* ---- all of them ---- */

size_t pyr_tracebacks_bytes(void)
{
    const struct pyr_tracebacks *all = &pyr_tracebacks;
    return all->known.bytes + all->walked.bytes + all->all.items.bytes + all->all.buckets.bytes + all->frames.bytes +
           all->files.items.bytes + all->files.buckets.bytes;
}

struct pyr_nodes pyr_tracebacks_clear(void)
{
    struct pyr_tracebacks *all = &pyr_tracebacks;
    struct pyr_nodes files = all->files;
    pyr_vector_release(&all->all.items);
    pyr_vector_release(&all->all.buckets);
    pyr_vector_release(&all->frames);
    all->all = (struct pyr_nodes){.stride = sizeof(struct pyr_traceback)};
    all->files = (struct pyr_nodes){.stride = sizeof(struct file)};
    all->frame_count = 0;
    all->generation++; /* the files' numbers are void */
    return files;
}
