/* The structures of one CPython build as data. Offsets are in bytes; an absent field is PYR_ABSENT and reading it is
 * an error, never offset 0. CPython version numbers appear only in this directory. */
#ifndef PYR_LAYOUT_LAYOUT_H
#define PYR_LAYOUT_LAYOUT_H

#include "base/addr.h"
#include "pyrometer/err.h"

#include <stddef.h>

#define PYR_ABSENT INT32_MIN

/* Every field that is read, once: X(struct, field). Generated tables, debug offsets and checks all expand this list.
 * Names follow the newest CPython; comments say what older ones call it. */
/* clang-format off */
#define PYR_LAYOUT_FIELDS(X)                                                                                           \
    X(runtime, initialized)         /* _PyRuntimeState: int, 0 until the main interpreter is ready */                  \
    X(runtime, interpreters_head)                                                                                      \
    X(runtime, finalizing)          /* tstate pointer, non-NULL when ending */                                         \
    X(runtime, tstate_current)      /* up to 3.11: gilstate.tstate_current, the holder of the GIL */                   \
    X(runtime, gc_collecting)       /* 3.8 */                                                                          \
    X(runtime, gc)                  /* 3.8: the collector's state */                                                   \
    X(runtime, main_thread)         /* pthread id of the main thread, where kept */                                   \
    X(interp, next)                                                                                                    \
    X(interp, id)                                                                                                      \
    X(interp, threads_head)                                                                                            \
    X(interp, gc_collecting)        /* 3.9+ */                                                                         \
    X(interp, gc)                   /* 3.9+: the collector's state */                                                  \
    X(interp, builtins)                                                                                                \
    X(interp, importlib)                                                                                               \
    X(interp, codec_search_path)                                                                                       \
    X(interp, codec_search_cache)                                                                                      \
    X(interp, codec_error_registry)                                                                                    \
    X(interp, import_func)                                                                                             \
    X(interp, dict)                                                                                                    \
    X(interp, gc_frame)             /* 3.15+: the frame in which the collection runs */                                \
    X(interp, modules)              /* sys.modules dict: modules, imports.modules */                                   \
    X(interp, sysdict)                                                                                                 \
    X(interp, gil)                  /* 3.12+: pointer to struct _gil_runtime_state */                                  \
    X(gc, enabled)                                                                                                     \
    X(gil, last_holder)                                                                                                \
    X(gil, locked)                                                                                                     \
    X(tstate, prev)                                                                                                    \
    X(tstate, next)                                                                                                    \
    X(tstate, interp)                                                                                                  \
    X(tstate, frame)                /* up to 3.10: PyFrameObject; 3.13+: current_frame */                              \
    X(tstate, cframe)               /* 3.11, 3.12 */                                                                   \
    X(tstate, on_stack)             /* 3.10 to 3.12: cframe, which lies on the C stack of the thread that runs */      \
    X(tstate, executor)             /* 3.14+: current_executor, the compiled code that it runs, if any */              \
    X(tstate, thread_id)            /* pthread_t */                                                                    \
    X(tstate, native_thread_id)     /* 3.11+ */                                                                        \
    X(tstate, unique_id)            /* id: never given to another thread state */                                      \
    X(tstate, datastack_chunk)      /* 3.11+ */                                                                        \
    X(tstate, status)               /* 3.12+: bit field, see properties */                                             \
    X(tstate, current_exception)                                                                                       \
    X(tstate, dict)                                                                                                    \
    X(tstate, context)                                                                                                 \
    X(tstate, async_exc)                                                                                               \
    X(tstate, c_profileobj)                                                                                            \
    X(tstate, c_traceobj)                                                                                              \
    X(cframe, current_frame)                                                                                           \
    X(chunk, previous)              /* _PyStackChunk */                                                                \
    X(chunk, size)                                                                                                     \
    X(chunk, data)                                                                                                     \
    X(frame, previous)              /* f_back up to 3.10 */                                                            \
    X(frame, code)                  /* f_code, f_executable */                                                         \
    X(frame, instr)                 /* f_lasti, prev_instr, instr_ptr */                                               \
    X(frame, owner)                 /* 3.11+ */                                                                        \
    X(frame, localsplus)                                                                                               \
    X(frame, stacktop)              /* 3.11 to 3.13 int, 3.14+ stackpointer */                                         \
    X(frame, is_entry)              /* 3.11 */                                                                         \
    X(frame, func)                  /* f_funcobj, 3.11+ */                                                             \
    X(frame, globals)                                                                                                  \
    X(frame, gen)                   /* f_gen, up to 3.10: the generator it belongs to */                               \
    X(frame, executing)             /* f_executing up to 3.9, f_state in 3.10 */                                       \
    X(frame, trace_lines)           /* f_trace_lines, up to 3.10 */                                                    \
    X(frame, blocks)                /* f_blockstack, up to 3.10 */                                                     \
    X(frame, block_count)           /* f_iblock, up to 3.10 */                                                         \
    X(frame, tlbc_index)            /* free-threaded 3.14+ */                                                          \
    X(frame, locals)                /* f_locals */                                                                     \
    X(frame, frame_obj)             /* 3.11+ */                                                                        \
    X(frame, builtins)                                                                                                 \
    X(frame, valuestack)            /* up to 3.10 */                                                                   \
    X(frame, stackend)              /* f_stacktop, 3.8 and 3.9 */                                                      \
    X(frame, stackdepth)            /* 3.10 */                                                                         \
    X(frameobject, frame)           /* 3.11+ */                                                                        \
    X(frameobject, data)            /* where the frame that it has inherited lies */                                   \
    X(code, name)                                                                                                      \
    X(code, qualname)               /* 3.11+ */                                                                        \
    X(code, filename)                                                                                                  \
    X(code, firstlineno)                                                                                               \
    X(code, linetable)              /* co_lnotab up to 3.9 */                                                          \
    X(code, flags)                                                                                                     \
    X(code, firsttraceable)         /* 3.11+: a frame below this instruction (in two-byte units) is not complete */    \
    X(code, adaptive)               /* 3.11+: first instruction; before: code bytes object in `bytes` */               \
    X(code, bytes)                  /* co_code, up to 3.10 */                                                          \
    X(code, localsplusnames)        /* 3.11+ */                                                                        \
    X(code, localspluskinds)        /* 3.11+ */                                                                        \
    X(code, varnames)               /* up to 3.10 */                                                                   \
    X(code, cellvars)               /* up to 3.10 */                                                                   \
    X(code, freevars)               /* up to 3.10 */                                                                   \
    X(code, nlocals)                                                                                                   \
    X(code, stacksize)                                                                                                 \
    X(code, weakreflist)                                                                                               \
    X(code, extra)                                                                                                     \
    X(code, cached)                 /* 3.12+: words of objects made on demand */                                       \
    X(code, opcache_map)            /* up to 3.10 */                                                                   \
    X(code, opcache_count)                                                                                             \
    X(code, cell2arg)               /* up to 3.10 */                                                                   \
    X(code, consts)                                                                                                    \
    X(code, names)                                                                                                     \
    X(code, version)                /* co_version, 3.12+ */                                                            \
    X(object, refcnt)                                                                                                  \
    X(object, type)                                                                                                    \
    X(varobject, size)                                                                                                 \
    X(type, name)                                                                                                      \
    X(type, flags)                                                                                                     \
    X(type, basicsize)                                                                                                 \
    X(type, itemsize)                                                                                                  \
    X(type, dictoffset)                                                                                                \
    X(type, mro)                                                                                                       \
    X(type, traverse)                                                                                                  \
    X(type, is_gc)                                                                                                     \
    X(type, members)                                                                                                   \
    X(type, base)                                                                                                      \
    X(type, bases)                                                                                                     \
    X(type, cache)                                                                                                     \
    X(type, subclasses)                                                                                                \
    X(type, weaklist)                                                                                                  \
    X(type, weaklistoffset)                                                                                            \
    X(type, del)                                                                                                       \
    X(type, finalize)                                                                                                  \
    X(type, dict)                                                                                                      \
    X(heaptype, cached_keys)                                                                                           \
    X(heaptype, module)                                                                                                \
    X(heaptype, qualname)                                                                                              \
    X(heaptype, name)                                                                                                  \
    X(heaptype, slots)                                                                                                 \
    X(unicode, state)                                                                                                  \
    X(unicode, length)                                                                                                 \
    X(unicode, ascii_data)          /* sizeof(PyASCIIObject) */                                                        \
    X(unicode, compact_data)        /* sizeof(PyCompactUnicodeObject) */                                               \
    X(unicode, legacy_data)         /* PyUnicodeObject.data */                                                         \
    X(bytes, data)                                                                                                     \
    X(bytearray, alloc)                                                                                                \
    X(bytearray, object)            /* 3.15+: the bytes object that it keeps its bytes in */                           \
    X(list, items)                                                                                                     \
    X(list, allocated)                                                                                                 \
    X(tuple, items)                                                                                                    \
    X(set, used)                                                                                                       \
    X(set, mask)                                                                                                       \
    X(set, table)                                                                                                      \
    X(set, smalltable)                                                                                                 \
    X(dict, used)                                                                                                      \
    X(dict, keys)                                                                                                      \
    X(dict, values)                                                                                                    \
    X(dictkeys, log2_size)          /* up to 3.10: dk_size, a count, see properties */                                 \
    X(dictkeys, kind)               /* 3.11+ */                                                                        \
    X(dictkeys, nentries)                                                                                              \
    X(dictkeys, lookup)             /* up to 3.10 */                                                                   \
    X(dictkeys, usable)                                                                                                \
    X(dictkeys, indices)                                                                                               \
    X(dictkeys, log2_index_bytes)                                                                                      \
    X(dictvalues, values)           /* of an instance's inline or split attributes, 3.11+ */                           \
    X(long, tag)                    /* 3.12+: lv_tag; before: ob_size, see properties */                               \
    X(long, digits)                                                                                                    \
    X(float, value)                                                                                                    \
    X(cell, value)                                                                                                     \
    X(weakref, object)                                                                                                 \
    X(weakref, callback)                                                                                               \
    X(function, code)                                                                                                  \
    X(function, qualname)                                                                                              \
    X(function, dict)                                                                                                  \
    X(function, globals)                                                                                               \
    X(module, dict)                                                                                                    \
    X(module, def)                                                                                                     \
    X(module, state)                                                                                                   \
    X(module, state_size)           /* 3.15+; before, they are in its definition */                                    \
    X(module, state_traverse)                                                                                          \
    X(module, name)                                                                                                    \
    X(generator, frame)             /* gi_iframe 3.11+; gi_frame before */                                             \
    X(generator, state)
/* clang-format on */

enum pyr_frame_kind { PYR_FRAME_OBJECT /* up to 3.10 */, PYR_FRAME_INTERPRETER /* 3.11+ */ };
enum pyr_instr_kind {
    PYR_INSTR_LASTI_BYTES, /* 3.8, 3.9 */
    PYR_INSTR_LASTI_UNITS, /* 3.10: two-byte units */
    PYR_INSTR_PREV,        /* 3.11, 3.12: address of the last executed instruction */
    PYR_INSTR_PTR,         /* 3.13+: address of the current or next instruction */
};
/* Up to 3.11 runtime.tstate_current has the GIL, NULL while none has. From 3.12 each interpreter points to a GIL (a
 * sub-interpreter without one of its own to the main one's): last_holder has it while locked is 1. */
/* What frame.stacktop tells of a frame that runs. Only 3.11+ inlines calls, so only there is it of use. */
enum pyr_stacktop_kind {
    PYR_STACKTOP_NONE,    /* up to 3.10 */
    PYR_STACKTOP_INT,     /* 3.11 to 3.13: −1 while the frame runs, else where its stack ends */
    PYR_STACKTOP_POINTER, /* 3.14+: NULL only while it runs, but then not always */
};
enum pyr_gil_kind { PYR_GIL_RUNTIME_CURRENT, PYR_GIL_INTERP };
enum pyr_dictkeys_kind { PYR_DICTKEYS_SIZE, PYR_DICTKEYS_LOG2 };
/* Where an instance's attributes are, if its type has the flag for it: in a dict, or in values beside its class's keys.
 */
enum pyr_managed_dict_kind {
    PYR_MANAGED_DICT_NONE,      /* up to 3.10: only type.dictoffset */
    PYR_MANAGED_DICT_TWO_WORDS, /* 3.11: a pointer to each, before the object */
    PYR_MANAGED_DICT_TAGGED,    /* 3.12: one word before the object, values where the low bit is set */
    PYR_MANAGED_DICT_INLINE,    /* 3.13+: a dict pointer before the object, values inside it */
};
enum pyr_long_kind { PYR_LONG_SIGNED_SIZE, PYR_LONG_TAG };

struct pyr_layout {
    /* int32_t frame_previous and so on. */
#define PYR_LAYOUT_MEMBER(structure, field) int32_t structure##_##field;
    PYR_LAYOUT_FIELDS(PYR_LAYOUT_MEMBER)
#undef PYR_LAYOUT_MEMBER

    /* Sizes of the structures that are read whole. */
    uint32_t interp_size, tstate_size, frame_size, code_size, dictentry_size, dictunicodeentry_size, type_size,
        opcache_size, gc_stats_size;

    /* Properties: behaviour is keyed on these, never on versions. */
    enum pyr_frame_kind frame_kind;
    enum pyr_instr_kind instr_kind;
    enum pyr_gil_kind gil_kind;
    enum pyr_stacktop_kind stacktop_kind;
    bool tstate_numbers_borrowed; /* up to 3.11: a thread state has the ids of the thread that made it, not that runs it
                                   */
    uint16_t frame_executing_states;      /* a bit for each value of frame.executing that means so */
    enum pyr_dictkeys_kind dictkeys_form; /* the field of that name is dk_kind */
    enum pyr_long_kind long_kind;
    uint8_t linetable_kind;  /* enum pyr_linetable_kind of record/format.h: same numbers */
    bool frame_refs_tagged;  /* 3.14+: references in frames have tag bits; where all are set it is an int instead */
    uint64_t frame_ref_mask; /* bits to clear */
    uint8_t frame_owner_thread, frame_owner_generator, frame_owner_frame_object;
    uint8_t frame_owner_cstack; /* from it up it is no Python frame, its code no code object; 255: there are none */
    uint8_t unicode_kind_shift, unicode_compact_shift, unicode_ascii_shift; /* bits inside unicode.state */
    enum pyr_managed_dict_kind managed_dict_kind;
    uint8_t generator_cleared;     /* of generator.state: from it up there is no frame */
    bool static_types_count_head;  /* 3.11, 3.12: sys.getsizeof of a static type counts a head, which it has not */
    bool embedded_values_of_dict;  /* 3.13.13+, 3.14.4+: where an instance has a dict, that shows the values inside the
                                      instance */
    bool gc_is_incremental;        /* 3.14.0 to 3.14.4: the old are in two lists, and are one generation */
    bool int_sizes_begin_with_one; /* 3.11+: sys.getsizeof of 0 counts a digit */
    bool heap_types_show_class;    /* 3.9+: traversals of heap types made in C visit the type */
    bool free_threaded;
    bool jit; /* built with it, as far as can be told; whether it is on is a state of the process */
    int version_major, version_minor, version_micro; /* for display only; micro −1: not known */
    char version_text[32];                           /* "3.14.10", "3.15.0a2+" : for display only */
};

/* True when the field exists in this build. */
#define PYR_HAS(layout, field) ((layout)->field != PYR_ABSENT)

struct pyr_target;

/* What identifies one Python in one process. */
struct pyr_python {
    struct pyr_layout layout;
    pyr_addr runtime; /* _PyRuntime */
    uint64_t runtime_size;
};

/* Finds _PyRuntime in the target, tells the version, and fills the layout: from _Py_DebugOffsets where the process has
 * them, completed from the generated table of that version; else from the table; then checks it against the process
 * (probe: interpreters, threads, frames are self-consistent). PYR_E_NOT_PYTHON; PYR_E_AGAIN (Python, not initialised
 * yet); PYR_E_UNSUPPORTED (unknown version, free-threaded …: the text says which and what to do). */
int pyr_python_detect(struct pyr_python *python, struct pyr_target *target, struct pyr_err *err);

/* The generated table for a version, NULL if there is none; for tests and for detect. */
const struct pyr_layout *pyr_layout_table(int major, int minor, bool free_threaded);

#endif
