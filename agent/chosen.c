#include "chosen.h"

#include "api.h"
#include "direct.h"
#include "entry.h"
#include "inside.h"
#include "span.h"

#include <string.h>

enum { FUNCTIONS_MAX = 4096, LINES_MAX = 1 << 20 };
enum trace_event { TRACE_LINE = 2, TRACE_RETURN = 3 }; /* of pystate.h, the same in all versions */

struct function {
    const void *code;
    uint32_t first, count;
    struct pyr_chosen_line calls;
    struct pyr_vector lines;
};

/* A call, or a part of one between two yields. */
struct activation {
    const void *thread; /* state */
    uint32_t function;
    uint32_t line; /* that runs; 0: none */
    bool begun, resumed, innermost /* of its thread */;
    uint64_t entry_bytes;     /* held when it began */
    uint64_t line_bytes;      /* when the line began */
    uint64_t line_peak, peak; /* held at most in the line, in all of it */
};

static struct function functions[FUNCTIONS_MAX];
static int function_count;
static bool traced;           /* by a trace function, not sys.monitoring */
static bool numbers_are_kept; /* by the interpreter, in a free list, when they are gone */
static struct pyr_vector activations;
static uint32_t activation_count, thread_count;

/* The last reading. */
static uint64_t last_bytes, last_ignored;

static struct activation *at(uint32_t i)
{
    return (struct activation *)activations.at + i;
}

static struct activation *innermost_of(const void *thread)
{
    for (uint32_t i = activation_count; i-- > 0;)
        if (at(i)->thread == thread)
            return at(i);
    return NULL;
}

/* ---- readings ---- */

static void raise(struct activation *activation, uint64_t peak)
{
    if (peak > activation->line_peak)
        activation->line_peak = peak;
    if (peak > activation->peak)
        activation->peak = peak;
}

/* Held now, without `ignored` bytes. What was held at most since the last reading was so in all threads. */
static uint64_t take_reading(uint64_t ignored)
{
    uint64_t peak, now = pyr_span_read(&pyr_main_heap, ignored, &peak);
    if (peak == last_bytes + last_ignored)
        peak = last_bytes > now ? last_bytes : now; /* of before that was gone */
    for (uint32_t i = activation_count, threads = thread_count; threads && i-- > 0;)
        if (at(i)->innermost) {
            raise(at(i), peak);
            threads--;
        }
    last_bytes = now;
    last_ignored = ignored;
    return now;
}

static void close_line(struct activation *activation, uint64_t now)
{
    struct function *function = &functions[activation->function];
    if (!activation->line)
        return;
    struct pyr_chosen_line *line = (struct pyr_chosen_line *)function->lines.at + (activation->line - function->first);
    int64_t above = (int64_t)(activation->line_peak - activation->entry_bytes);
    if (line->occurrences++ == 0 || above > line->peak_bytes)
        line->peak_bytes = above;
    line->increment_bytes += (int64_t)(now - activation->line_bytes);
    if (now > line->held_bytes)
        line->held_bytes = now;
    activation->line = 0;
}

static void begin_line(struct activation *activation, uint32_t line, uint64_t now)
{
    const struct function *function = &functions[activation->function];
    if (line < function->first || line - function->first >= function->count)
        return;
    activation->line = line;
    activation->line_bytes = activation->line_peak = now;
}

static void note_call(struct activation *activation, uint64_t now)
{
    struct pyr_chosen_line *calls = &functions[activation->function].calls;
    activation->begun = true;
    activation->entry_bytes = activation->peak = now;
    calls->occurrences += !activation->resumed;
    if (now > calls->held_bytes)
        calls->held_bytes = now;
}

/* A line of some code begins, or (0) the code returns or yields. */
static void on_event(const void *code, uint32_t line, uint64_t ignored)
{
    struct activation *activation = innermost_of(pyr_inside.accessor());
    if (!activation || functions[activation->function].code != code)
        return;
    uint64_t now = take_reading(ignored);
    close_line(activation, now);
    if (!activation->begun)
        note_call(activation, now);
    if (line)
        begin_line(activation, line, now);
}

/* ---- calls ---- */

/* Of a frame object. */
static int trace(void *self, void *frame, int what, void *value)
{
    (void)self, (void)value;
    if (what != TRACE_LINE && what != TRACE_RETURN)
        return 0;
    const void *from = pyr_inside.chain == PYR_CHAIN_OBJECT ? frame : pyr_at(frame, pyr_inside.frameobject_frame);
    on_event(pyr_code_of(from), what == TRACE_LINE ? (uint32_t)PyFrame_GetLineNumber(frame) : 0, 0);
    return 0;
}

static void set_trace(bool on)
{
    if (traced)
        PyEval_SetTrace(on ? trace : NULL, NULL);
}

static bool begin(uint32_t function, bool resumed)
{
    const void *thread = pyr_inside.accessor();
    if (!pyr_vector_reserve(&activations, (activation_count + 1) * sizeof(struct activation)))
        return false;
    struct activation *outer = innermost_of(thread);
    if (outer)
        outer->innermost = false;
    *at(activation_count++) =
        (struct activation){.thread = thread, .function = function, .resumed = resumed, .innermost = true};
    if (!outer) {
        thread_count++;
        set_trace(true);
    }
    return true;
}

static void end(void)
{
    const void *thread = pyr_inside.accessor();
    struct activation *ended = innermost_of(thread);
    if (!ended)
        return;
    close_line(ended, take_reading(0)); /* left by an exception */
    uint64_t peak = ended->peak;
    uint32_t number = (uint32_t)(ended - at(0));
    memmove(ended, ended + 1, (--activation_count - number) * sizeof *ended);
    struct activation *outer = innermost_of(thread);
    if (outer) {
        outer->innermost = true;
        raise(outer, peak);
        return;
    }
    thread_count--;
    set_trace(false);
    if (!activation_count)
        pyr_span_stop(&pyr_main_heap);
}

/* ---- functions for Python ---- */

static void *none(void)
{
    Py_IncRef(_Py_NoneStruct);
    return _Py_NoneStruct;
}

static bool is_counted(void)
{
    return pyr_main_heap.file && pyr_inside.proved && pyr_entry_is_installed();
}

static void *python_begin(void *self, void *const *args, intptr_t count)
{
    (void)self;
    intptr_t number = count == 2 ? PyLong_AsSsize_t(args[0]) : -1;
    bool begun = number >= 0 && number < function_count && is_counted() &&
                 begin((uint32_t)number, PyLong_AsSsize_t(args[1]) != 0);
    return PyBool_FromLong(begun);
}

static void *python_end(void *self, void *const *args, intptr_t count)
{
    (void)self, (void)args, (void)count;
    end();
    return none();
}

/* Of the number that the interpreter made to tell us a line or an offset, if it is gone when we return. */
static uint64_t own_bytes(const void *number)
{
    if (numbers_are_kept || !pyr_region_owns(number))
        return 0;
    const struct pyr_pool *pool = pyr_pool_of(number);
    return pool->least + (*pyr_tag_at(pool, number) & PYR_TAG_REST);
}

static void *python_line(void *self, void *const *args, intptr_t count)
{
    (void)self;
    if (count == 2)
        on_event(args[0], (uint32_t)PyLong_AsSsize_t(args[1]), own_bytes(args[1]));
    return none();
}

static void *python_leave(void *self, void *const *args, intptr_t count)
{
    (void)self;
    if (count >= 2)
        on_event(args[0], 0, own_bytes(args[1]));
    return none();
}

void *pyrometer_memory_function(int which)
{
    enum { METH_FASTCALL = 0x80 };
    static const struct pyr_py_method methods[] = {{"begin", python_begin, METH_FASTCALL, NULL},
                                                   {"end", python_end, METH_FASTCALL, NULL},
                                                   {"line", python_line, METH_FASTCALL, NULL},
                                                   {"leave", python_leave, METH_FASTCALL, NULL}};
    if (which < 0 || (size_t)which >= sizeof methods / sizeof *methods)
        return none();
    return PyCFunction_NewEx(&methods[which], NULL, NULL);
}

/* ---- for the package ---- */

int pyrometer_memory_now(uint64_t held[2])
{
    if (!is_counted())
        return -1;
    pyr_direct_gather();
    pyr_direct_gather_c();
    held[0] = pyr_span_heap(&pyr_main_heap);
    held[1] = pyr_direct_live(PYR_DOMAIN_C);
    return pyr_direct_counts ? 0 : 1;
}

int pyrometer_memory_choose(const void *code, uint32_t first, uint32_t count, unsigned how)
{
    struct function *function = &functions[function_count];
    if (!is_counted() || function_count == FUNCTIONS_MAX || !count || count > LINES_MAX || first > LINES_MAX ||
        !PyEval_SetTrace || !PyFrame_GetLineNumber || !PyCFunction_NewEx ||
        !pyr_vector_reserve(&function->lines, count * sizeof(struct pyr_chosen_line)))
        return -1;
    function->code = code;
    function->first = first;
    function->count = count;
    traced = how & PYR_CHOSEN_TRACED;
    numbers_are_kept = how & PYR_CHOSEN_NUMBERS_KEPT;
    return function_count++;
}

int pyrometer_memory_lines(int number, struct pyr_chosen_line *lines, struct pyr_chosen_line *calls)
{
    if (number < 0 || number >= function_count)
        return -1;
    memcpy(lines, functions[number].lines.at, functions[number].count * sizeof *lines);
    *calls = functions[number].calls;
    return 0;
}
