#include "trace.h"

#include "api.h"
#include "heap.h"
#include "inside.h"
#include "reuse.h"
#include "tracebacks.h"

#include <pthread.h>
#include <string.h>

/* ---- state ---- */

static struct {
    bool on;
    bool prepared;
    const void *interpreter; /* the main one */
    uint64_t live, peak;
    uint32_t readers;
    uintptr_t newest; /* the block that was traced last, if it was not begun a second time */
    struct pyr_traced_table blocks;
} trace;

/* The GIL does not suffice: the raw domain has none. Nobody waits for the GIL who holds it. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* This thread is in an allocator behind ours, or in what tracing itself calls: it is not traced. */
static _Thread_local bool within;

/* One of Python's domains. */
struct hook {
    struct pyr_py_allocator former;
    bool raw;
    bool there; /* ours is in use, if only to pass everything on */
};
static struct hook hooks[] = {
    [PYR_PY_DOMAIN_RAW] = {.raw = true}, [PYR_PY_DOMAIN_MEM] = {.raw = false}, [PYR_PY_DOMAIN_OBJ] = {.raw = false}};
enum { HOOKS = sizeof hooks / sizeof *hooks };

static void before_fork(void)
{
    pthread_mutex_lock(&lock);
}

static void in_parent(void)
{
    pthread_mutex_unlock(&lock);
}

static void in_child(void)
{
    pthread_mutex_init(&lock, NULL);
}

/* ---- whose allocation ---- */

/* NULL: this thread does not hold the GIL. */
static const void *holder(void)
{
    if (pyr_inside.access != PYR_ACCESS_GLOBAL)
        return pyr_tstate(pyr_tracebacks.access);
    const void *tstate = *pyr_inside.global;
    return tstate && tstate == PyGILState_GetThisThreadState() ? tstate : NULL;
}

/* Those with a GIL of their own are not traced: their file names could not be kept. */
static bool is_served(const void *tstate)
{
    const void *interpreter = pyr_at(tstate, pyr_inside.tstate_interp);
    return interpreter == trace.interpreter || pyr_inside_shares_gil(&pyr_inside, interpreter, trace.interpreter);
}

static bool is_ending(void)
{
    int (*ends)(void) = Py_IsFinalizing ? Py_IsFinalizing : _Py_IsFinalizing;
    return ends && ends();
}

/* ---- counting; with the lock ---- */

static bool is_traced(const struct pyr_traced *block)
{
    return (block->traceback & ~PYR_TRACED_CODE) != PYR_TRACED_WATCHED;
}

/* What the slot says is not true any more. */
static void uncount(const struct pyr_traced *block)
{
    if (block->traceback & PYR_TRACED_CODE)
        pyr_tracebacks_forget();
    if (is_traced(block))
        trace.live -= block->size;
}

static void drop(uint32_t domain, uintptr_t address)
{
    struct pyr_traced *block = pyr_traced_find(&trace.blocks, address, domain);
    if (!block)
        return;
    uncount(block);
    pyr_traced_remove(&trace.blocks, block);
}

static bool count(uint32_t domain, uintptr_t address, size_t size, uint32_t traceback)
{
    struct pyr_traced *block = pyr_traced_add(&trace.blocks, address, domain);
    if (!block)
        return false;
    if (block->traceback)
        uncount(block);
    block->size = size;
    block->traceback = traceback;
    trace.live += size;
    if (trace.live > trace.peak)
        trace.peak = trace.live;
    return true;
}

/* Where it cannot be watched, what is known by its address is void at once. */
static void watch(const void *code)
{
    struct pyr_traced *block = pyr_traced_add(&trace.blocks, (uintptr_t)code, 0);
    if (!block)
        pyr_tracebacks_forget();
    else if (block->traceback)
        block->traceback |= PYR_TRACED_CODE;
    else
        block->traceback = PYR_TRACED_CODE | PYR_TRACED_WATCHED;
}

/* ---- an allocation ---- */

static bool add_held(const void *tstate, uint32_t domain, uintptr_t address, size_t size)
{
    bool done = true;
    pthread_mutex_lock(&lock);
    if (PYR_LIKELY(trace.on)) {
        uint32_t traceback = pyr_traceback_of(tstate, true);
        done = traceback && count(domain, address, size, traceback);
    }
    pthread_mutex_unlock(&lock);
    return done;
}

/* False: the GIL has to be had for it. */
static bool add_left(const void *tstate, uint32_t domain, uintptr_t address, size_t size, bool *done)
{
    *done = true;
    pthread_mutex_lock(&lock);
    uint32_t traceback = !trace.on || !tstate || is_ending() ? PYR_TRACEBACK_UNKNOWN : pyr_traceback_of(tstate, false);
    if (trace.on && traceback)
        *done = count(domain, address, size, traceback);
    pthread_mutex_unlock(&lock);
    return traceback != 0;
}

/* Of the raw domain, or of somebody else's. A thread that has left the GIL stays in its frames; the GIL is taken only
 * where one of their lines is not known yet. */
static bool add_any(uint32_t domain, uintptr_t address, size_t size)
{
    const void *tstate = holder();
    bool done;
    if (tstate)
        return !is_served(tstate) || add_held(tstate, domain, address, size);
    tstate = PyGILState_GetThisThreadState();
    if (tstate && !is_served(tstate))
        return true;
    if (add_left(tstate, domain, address, size, &done))
        return done;
    if (PyGILState_Check()) /* of a sub-interpreter: which frames are its is not told */
        return add_held(NULL, domain, address, size);
    int state = PyGILState_Ensure();
    done = add_held(pyr_inside.accessor(), domain, address, size);
    PyGILState_Release(state);
    return done;
}

static bool add(const struct hook *hook, void *block, size_t size)
{
    if (hook->raw)
        return add_any(0, (uintptr_t)block, size);
    const void *tstate = pyr_tstate(pyr_tracebacks.access);
    if (PYR_UNLIKELY(!tstate || !is_served(tstate)))
        return true;
    if (!add_held(tstate, 0, (uintptr_t)block, size))
        return false;
    trace.newest = (uintptr_t)block;
    return true;
}

static void remove_block(void *block)
{
    pthread_mutex_lock(&lock);
    drop(0, (uintptr_t)block);
    pthread_mutex_unlock(&lock);
}

/* ---- what Python calls ---- */

static void *added(const struct hook *hook, void *block, size_t size)
{
    if (!block || add(hook, block, size))
        return block;
    hook->former.free(hook->former.context, block);
    return NULL;
}

static void *trace_malloc(void *context, size_t size)
{
    const struct hook *hook = context;
    if (within || !trace.on)
        return hook->former.malloc(hook->former.context, size);
    within = true;
    void *block = added(hook, hook->former.malloc(hook->former.context, size), size);
    within = false;
    return block;
}

static void *trace_calloc(void *context, size_t many, size_t size)
{
    const struct hook *hook = context;
    if (within || !trace.on)
        return hook->former.calloc(hook->former.context, many, size);
    within = true;
    void *block = added(hook, hook->former.calloc(hook->former.context, many, size), many * size);
    within = false;
    return block;
}

/* The old block's place in the table is free for the new one: it is there always. */
static void *trace_realloc(void *context, void *block, size_t size)
{
    const struct hook *hook = context;
    if (within || !trace.on)
        return hook->former.realloc(hook->former.context, block, size);
    within = true;
    void *moved = hook->former.realloc(hook->former.context, block, size);
    if (!block) {
        moved = added(hook, moved, size);
    } else if (moved) {
        if (moved != block)
            remove_block(block);
        add(hook, moved, size);
    }
    within = false;
    return moved;
}

static void trace_free(void *context, void *block)
{
    const struct hook *hook = context;
    if (within || !trace.on || !block) {
        hook->former.free(hook->former.context, block);
        return;
    }
    within = true;
    remove_block(block);
    hook->former.free(hook->former.context, block);
    within = false;
}

/* ---- the end of an object's life that is not that of its block ---- */

uintptr_t pyr_trace_block_of(const void *object)
{
    const unsigned long collected = 1ul << 14, managed = 3ul << 3; /* of object.h; managed ones came with 3.11 */
    enum { COLLECTOR_HEAD = 16, MANAGED_HEAD = 16 };
    unsigned long flags = PyType_GetFlags(pyr_at(object, pyr_inside.layout.object_type));
    return (uintptr_t)object - (flags & collected ? COLLECTOR_HEAD : 0) - (flags & managed ? MANAGED_HEAD : 0);
}

void pyr_trace_reused(const void *object)
{
    if (within || !trace.on)
        return;
    uintptr_t address = pyr_trace_block_of(object);
    uintptr_t newest = trace.newest;
    trace.newest = 0;
    if (address == newest) /* it was allocated a moment ago, and has its traceback */
        return;
    const void *tstate = pyr_tstate(pyr_tracebacks.access);
    if (!tstate || !is_served(tstate))
        return;
    within = true;
    pthread_mutex_lock(&lock);
    struct pyr_traced *block = pyr_traced_find(&trace.blocks, address, 0);
    if (block && is_traced(block)) {
        uint32_t traceback = pyr_traceback_of(tstate, true);
        block = pyr_traced_find(&trace.blocks, address, 0); /* it may have moved: code came to be watched */
        if (traceback && block)
            block->traceback = traceback | (block->traceback & PYR_TRACED_CODE);
    }
    pthread_mutex_unlock(&lock);
    within = false;
}

/* ---- blocks of others ---- */

int pyr_trace_track(uint32_t domain, uintptr_t address, size_t size)
{
    if (!trace.on)
        return -2;
    bool before = within;
    within = true;
    bool done = add_any(domain, address, size);
    within = before;
    return done ? 0 : -1;
}

int pyr_trace_untrack(uint32_t domain, uintptr_t address)
{
    if (!trace.on)
        return -2;
    pthread_mutex_lock(&lock);
    drop(domain, address);
    pthread_mutex_unlock(&lock);
    return 0;
}

/* ---- on and off ---- */

static void hook_set(int domain)
{
    struct hook *hook = &hooks[domain];
    struct pyr_py_allocator own = {hook, trace_malloc, trace_calloc, trace_realloc, trace_free};
    if (hook->there)
        return;
    PyMem_GetAllocator(domain, &hook->former);
    PyMem_SetAllocator(domain, &own);
    hook->there = true;
}

/* Where somebody else has wrapped ours meanwhile it stays, and passes everything on; it may also be gone already. */
static void hook_take_away(int domain)
{
    struct hook *hook = &hooks[domain];
    struct pyr_py_allocator now;
    PyMem_GetAllocator(domain, &now);
    if (now.context == hook && now.free == trace_free)
        PyMem_SetAllocator(domain, &hook->former);
    else if (now.context != hook->former.context || now.free != hook->former.free)
        return;
    hook->there = false;
}

/* At the very end of the interpreter: its objects are gone. */
static void at_exit(void)
{
    trace.on = false;
    for (int domain = 0; domain < HOOKS; domain++)
        hook_take_away(domain);
    pyr_traced_release(&trace.blocks);
    struct pyr_nodes files = pyr_tracebacks_clear();
    pyr_vector_release(&files.items);
    pyr_vector_release(&files.buckets);
    trace.prepared = false;
}

static int prepare(struct pyr_err *err)
{
    static bool forks;
    if (trace.prepared)
        return 0;
    if (!pyr_main_heap.file && !pyr_inside_find(&pyr_inside, err))
        return err->status;
    if (!forks && pthread_atfork(before_fork, in_parent, in_child) != 0)
        return pyr_err_set(err, PYR_E_NOMEM, "%s", pyr_status_text(PYR_E_NOMEM));
    forks = true;
    Py_AtExit(at_exit);
    pyr_tracebacks.watch = watch;
    trace.interpreter = PyInterpreterState_Main();
    trace.prepared = true;
    return 0;
}

int pyr_trace_start(uint32_t limit, bool totals, struct pyr_err *err)
{
    if (trace.on)
        return 0;
    int rc = prepare(err);
    if (rc < 0)
        return rc;
    const void *tstate = pyr_inside.accessor();
    if (!tstate || !is_served(tstate))
        return pyr_err_set(err, PYR_E_UNSUPPORTED, "sub-interpreters with a GIL of their own are not traced");
    if (!pyr_tracebacks_open(limit, totals))
        return pyr_err_set(err, PYR_E_NOMEM, "%s", pyr_status_text(PYR_E_NOMEM));
    pyr_reuse_begin();
    trace.live = trace.peak = 0;
    trace.newest = 0;
    for (int domain = 0; domain < HOOKS; domain++)
        hook_set(domain);
    trace.on = true;
    return 0;
}

void pyr_trace_stop(void)
{
    if (!trace.on)
        return;
    pthread_mutex_lock(&lock);
    trace.on = false;
    pthread_mutex_unlock(&lock);
    for (int domain = 0; domain < HOOKS; domain++)
        hook_take_away(domain);
    pyr_reuse_end();
    pyr_trace_clear();
}

/* What somebody reads stays. */
void pyr_trace_clear(void)
{
    struct pyr_nodes files = {.top = 0};
    pthread_mutex_lock(&lock);
    pyr_traced_release(&trace.blocks);
    trace.live = trace.peak = 0;
    pyr_tracebacks_forget();
    if (!trace.readers)
        files = pyr_tracebacks_clear();
    pthread_mutex_unlock(&lock);
    bool before = within;
    within = true;
    pyr_trace_files_release(&files);
    within = before;
}

bool pyr_trace_is_on(void)
{
    return trace.on;
}

uint32_t pyr_trace_limit(void)
{
    return pyr_tracebacks.limit ? pyr_tracebacks.limit : 1;
}

void pyr_trace_totals(uint64_t *live, uint64_t *peak)
{
    pthread_mutex_lock(&lock);
    *live = trace.live;
    *peak = trace.peak;
    pthread_mutex_unlock(&lock);
}

void pyr_trace_reset_peak(void)
{
    pthread_mutex_lock(&lock);
    trace.peak = trace.live;
    pthread_mutex_unlock(&lock);
}

size_t pyr_trace_own_bytes(void)
{
    return trace.on ? trace.blocks.slots.bytes + pyr_tracebacks_bytes() : 0;
}

/* ---- reading ---- */

uint32_t pyr_trace_find(uint32_t domain, uintptr_t address)
{
    pthread_mutex_lock(&lock);
    const struct pyr_traced *block = trace.on ? pyr_traced_find(&trace.blocks, address, domain) : NULL;
    uint32_t traceback = block && is_traced(block) ? block->traceback & ~PYR_TRACED_CODE : 0;
    pthread_mutex_unlock(&lock);
    return traceback;
}

/* Of the table that is there: false when out of memory. */
static bool copy(struct pyr_traced_table *table)
{
    *table = (struct pyr_traced_table){0};
    if (!trace.on || !trace.blocks.mask)
        return true;
    if (!pyr_vector_reserve(&table->slots, trace.blocks.slots.bytes))
        return false;
    memcpy(table->slots.at, trace.blocks.slots.at, trace.blocks.slots.bytes);
    table->mask = trace.blocks.mask;
    return true;
}

bool pyr_trace_read_begin(struct pyr_traced_table *table)
{
    within = true;
    pthread_mutex_lock(&lock);
    trace.readers++;
    bool done = !table || copy(table);
    pthread_mutex_unlock(&lock);
    return done;
}

void pyr_trace_read_end(struct pyr_traced_table *table)
{
    pthread_mutex_lock(&lock);
    trace.readers--;
    pthread_mutex_unlock(&lock);
    if (table)
        pyr_traced_release(table);
    within = false;
}
