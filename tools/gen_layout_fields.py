"""What each version of CPython calls the fields of layout.h: for each, C expressions of which the first that compiles
against the version's headers is its value. Where none does, the version does not have the field."""


def at(*places):
    """("Struct.member.path", ...) -> offsetof expressions"""
    return ["offsetof({}, {})".format(*place.split(".", 1)) for place in places]


# Those that are there are included, in this order.
HEADERS = [
    "internal/pycore_runtime.h", "internal/pycore_runtime_structs.h", "internal/pycore_interp.h",
    "internal/pycore_interp_structs.h", "internal/pycore_pystate.h", "internal/pycore_pymem.h", "internal/pycore_gc.h",
    "internal/pycore_gil.h", "internal/pycore_frame.h", "internal/pycore_interpframe.h",
    "internal/pycore_interpframe_structs.h", "internal/pycore_stackref.h", "internal/pycore_code.h",
    "internal/pycore_dict.h", "internal/pycore_moduleobject.h", "internal/pycore_genobject.h",
    "internal/pycore_debug_offsets.h", "internal/pycore_tstate.h",
]

# Objects/dict-common.h, not installed up to 3.10.
PRIVATE_DICT = """
typedef struct { Py_hash_t me_hash; PyObject *me_key; PyObject *me_value; } PyDictKeyEntry;
struct _dictkeysobject {
    Py_ssize_t dk_refcnt; Py_ssize_t dk_size; void *dk_lookup; Py_ssize_t dk_usable; Py_ssize_t dk_nentries;
    char dk_indices[];
};
"""
# Objects/moduleobject.c up to 3.9.
PRIVATE_MODULE = """
typedef struct { PyObject_HEAD PyObject *md_dict; struct PyModuleDef *md_def; void *md_state;
    PyObject *md_weaklist; PyObject *md_name; } PyModuleObject;
"""

# A bit field has no offset: set it, and see which bit that is.
HELPERS = """
static int lowest_bit(const void *bytes, size_t size)
{
    for (size_t i = 0; i < size * 8; i++)
        if (((const unsigned char *)bytes)[i / 8] >> (i % 8) & 1)
            return (int)i;
    return -1;
}
"""


def bit(structure, member, inside):
    """The lowest bit of structure.inside.member, counted from the start of inside."""
    return [f"({{ {structure} o; memset(&o, 0, sizeof o); o.{inside}.{member} = 1;"
            f" lowest_bit(&o.{inside}, sizeof o.{inside}); }})"]


FIELDS = {
    "runtime.initialized": at("_PyRuntimeState.initialized"),
    "runtime.interpreters_head": at("_PyRuntimeState.interpreters.head"),
    "runtime.finalizing": at("_PyRuntimeState._finalizing", "_PyRuntimeState.finalizing"),
    "runtime.tstate_current": at("_PyRuntimeState.gilstate.tstate_current"),
    "runtime.gc_collecting": at("_PyRuntimeState.gc.collecting"),
    "runtime.main_thread": at("_PyRuntimeState.main_thread"),
    "interp.next": at("PyInterpreterState.next"),
    "interp.id": at("PyInterpreterState.id"),
    "interp.threads_head": at("PyInterpreterState.threads.head", "PyInterpreterState.tstate_head"),
    "interp.gc_collecting": at("PyInterpreterState.gc.collecting"),
    "interp.gc_frame": at("PyInterpreterState.gc.frame"),
    "interp.modules": at("PyInterpreterState.imports.modules", "PyInterpreterState.modules"),
    "interp.sysdict": at("PyInterpreterState.sysdict"),
    "interp.gil": at("PyInterpreterState.ceval.gil"),
    "gil.last_holder": at("struct _gil_runtime_state.last_holder"),
    "gil.locked": at("struct _gil_runtime_state.locked"),
    "tstate.prev": at("PyThreadState.prev"),
    "tstate.next": at("PyThreadState.next"),
    "tstate.interp": at("PyThreadState.interp"),
    "tstate.frame": at("PyThreadState.current_frame", "PyThreadState.frame"),
    "tstate.cframe": at("PyThreadState.cframe"),
    "tstate.on_stack": at("PyThreadState.cframe"),
    "tstate.executor": at("PyThreadState.current_executor"),
    "tstate.thread_id": at("PyThreadState.thread_id"),
    "tstate.native_thread_id": at("PyThreadState.native_thread_id"),
    "tstate.unique_id": at("PyThreadState.id"),
    "tstate.datastack_chunk": at("PyThreadState.datastack_chunk"),
    "tstate.status": at("PyThreadState._status"),
    "tstate.current_exception": at("PyThreadState.current_exception"),
    "cframe.current_frame": at("_PyCFrame.current_frame"),
    "chunk.previous": at("_PyStackChunk.previous"),
    "chunk.size": at("_PyStackChunk.size"),
    "chunk.data": at("_PyStackChunk.data"),
    "frame.previous": at("_PyInterpreterFrame.previous", "PyFrameObject.f_back"),
    "frame.code": at("_PyInterpreterFrame.f_executable", "_PyInterpreterFrame.f_code", "PyFrameObject.f_code"),
    "frame.instr": at("_PyInterpreterFrame.instr_ptr", "_PyInterpreterFrame.prev_instr", "PyFrameObject.f_lasti"),
    "frame.owner": at("_PyInterpreterFrame.owner"),
    "frame.localsplus": at("_PyInterpreterFrame.localsplus", "PyFrameObject.f_localsplus"),
    "frame.stacktop": at("_PyInterpreterFrame.stackpointer", "_PyInterpreterFrame.stacktop"),
    "frame.is_entry": at("_PyInterpreterFrame.is_entry"),
    "frame.func": at("_PyInterpreterFrame.f_funcobj", "_PyInterpreterFrame.f_func"),
    "frame.globals": at("_PyInterpreterFrame.f_globals", "PyFrameObject.f_globals"),
    "frame.gen": at("PyFrameObject.f_gen"),
    "frame.executing": at("PyFrameObject.f_executing", "PyFrameObject.f_state"),
    "frame.trace_lines": at("PyFrameObject.f_trace_lines"),
    "frame.blocks": at("PyFrameObject.f_blockstack"),
    "frame.block_count": at("PyFrameObject.f_iblock"),
    "frame.tlbc_index": at("_PyInterpreterFrame.tlbc_index"),
    "frame.locals": at("_PyInterpreterFrame.f_locals", "PyFrameObject.f_locals"),
    "frame.frame_obj": at("_PyInterpreterFrame.frame_obj"),
    "frame.builtins": at("_PyInterpreterFrame.f_builtins", "PyFrameObject.f_builtins"),
    "frame.valuestack": at("PyFrameObject.f_valuestack"),
    "frame.stackend": at("PyFrameObject.f_stacktop"),
    "frame.stackdepth": at("PyFrameObject.f_stackdepth"),
    "frameobject.frame": at("PyFrameObject.f_frame"),
    "frameobject.data": at("PyFrameObject._f_frame_data"),
    "code.name": at("PyCodeObject.co_name"),
    "code.qualname": at("PyCodeObject.co_qualname"),
    "code.filename": at("PyCodeObject.co_filename"),
    "code.firstlineno": at("PyCodeObject.co_firstlineno"),
    "code.linetable": at("PyCodeObject.co_linetable", "PyCodeObject.co_lnotab"),
    "code.flags": at("PyCodeObject.co_flags"),
    "code.adaptive": at("PyCodeObject.co_code_adaptive"),
    "code.firsttraceable": at("PyCodeObject._co_firsttraceable"),
    "code.bytes": at("PyCodeObject.co_code"),
    "code.localsplusnames": at("PyCodeObject.co_localsplusnames"),
    "code.localspluskinds": at("PyCodeObject.co_localspluskinds"),
    "code.varnames": at("PyCodeObject.co_varnames"),
    "code.cellvars": at("PyCodeObject.co_cellvars"),
    "code.freevars": at("PyCodeObject.co_freevars"),
    "code.nlocals": at("PyCodeObject.co_nlocals"),
    "code.version": at("PyCodeObject.co_version"),
    "object.refcnt": at("PyObject.ob_refcnt"),
    "object.type": at("PyObject.ob_type"),
    "varobject.size": at("PyVarObject.ob_size"),
    "type.name": at("PyTypeObject.tp_name"),
    "type.flags": at("PyTypeObject.tp_flags"),
    "type.basicsize": at("PyTypeObject.tp_basicsize"),
    "type.itemsize": at("PyTypeObject.tp_itemsize"),
    "type.dictoffset": at("PyTypeObject.tp_dictoffset"),
    "type.mro": at("PyTypeObject.tp_mro"),
    "type.dict": at("PyTypeObject.tp_dict"),
    "heaptype.cached_keys": at("PyHeapTypeObject.ht_cached_keys"),
    "heaptype.module": at("PyHeapTypeObject.ht_module"),
    "heaptype.qualname": at("PyHeapTypeObject.ht_qualname"),
    "unicode.state": at("PyASCIIObject.state"),
    "unicode.length": at("PyASCIIObject.length"),
    "unicode.ascii_data": ["sizeof(PyASCIIObject)"],
    "unicode.compact_data": ["sizeof(PyCompactUnicodeObject)"],
    "unicode.legacy_data": at("PyUnicodeObject.data"),
    "bytes.data": at("PyBytesObject.ob_sval"),
    "list.items": at("PyListObject.ob_item"),
    "tuple.items": at("PyTupleObject.ob_item"),
    "set.used": at("PySetObject.used"),
    "set.mask": at("PySetObject.mask"),
    "set.table": at("PySetObject.table"),
    "dict.used": at("PyDictObject.ma_used"),
    "dict.keys": at("PyDictObject.ma_keys"),
    "dict.values": at("PyDictObject.ma_values"),
    "dictkeys.log2_size": at("struct _dictkeysobject.dk_log2_size", "struct _dictkeysobject.dk_size"),
    "dictkeys.kind": at("struct _dictkeysobject.dk_kind"),
    "dictkeys.nentries": at("struct _dictkeysobject.dk_nentries"),
    "dictkeys.indices": at("struct _dictkeysobject.dk_indices"),
    "dictkeys.log2_index_bytes": at("struct _dictkeysobject.dk_log2_index_bytes"),
    "dictvalues.values": at("struct _dictvalues.values"),
    "long.tag": at("PyLongObject.long_value.lv_tag", "PyLongObject.ob_base.ob_size"),
    "long.digits": at("PyLongObject.long_value.ob_digit", "PyLongObject.ob_digit"),
    "float.value": at("PyFloatObject.ob_fval"),
    "cell.value": at("PyCellObject.ob_ref"),
    "function.code": at("PyFunctionObject.func_code"),
    "function.qualname": at("PyFunctionObject.func_qualname"),
    "module.dict": at("PyModuleObject.md_dict"),
    "runtime.gc": at("_PyRuntimeState.gc"),
    "interp.gc": at("PyInterpreterState.gc"),
    "gc.enabled": at("struct _gc_runtime_state.enabled"),
    "interp.builtins": at("PyInterpreterState.builtins"),
    "interp.importlib": at("PyInterpreterState.imports.importlib", "PyInterpreterState.importlib"),
    "interp.import_func": at("PyInterpreterState.imports.import_func", "PyInterpreterState.import_func"),
    "interp.codec_search_path": at("PyInterpreterState.codecs.search_path", "PyInterpreterState.codec_search_path"),
    "interp.codec_search_cache": at("PyInterpreterState.codecs.search_cache", "PyInterpreterState.codec_search_cache"),
    "interp.codec_error_registry": at("PyInterpreterState.codecs.error_registry", "PyInterpreterState.codec_error_registry"),
    "interp.dict": at("PyInterpreterState.dict"),
    "tstate.dict": at("PyThreadState.dict"),
    "tstate.context": at("PyThreadState.context"),
    "tstate.async_exc": at("PyThreadState.async_exc"),
    "tstate.c_profileobj": at("PyThreadState.c_profileobj"),
    "tstate.c_traceobj": at("PyThreadState.c_traceobj"),
    "code.stacksize": at("PyCodeObject.co_stacksize"),
    "code.weakreflist": at("PyCodeObject.co_weakreflist"),
    "code.extra": at("PyCodeObject.co_extra"),
    "code.cached": at("PyCodeObject._co_cached"),
    "code.opcache_map": at("PyCodeObject.co_opcache_map"),
    "code.opcache_count": at("PyCodeObject.co_opcache_size"),
    "code.cell2arg": at("PyCodeObject.co_cell2arg"),
    "code.consts": at("PyCodeObject.co_consts"),
    "code.names": at("PyCodeObject.co_names"),
    "type.traverse": at("PyTypeObject.tp_traverse"),
    "type.is_gc": at("PyTypeObject.tp_is_gc"),
    "type.members": at("PyTypeObject.tp_members"),
    "type.base": at("PyTypeObject.tp_base"),
    "type.bases": at("PyTypeObject.tp_bases"),
    "type.cache": at("PyTypeObject.tp_cache"),
    "type.subclasses": at("PyTypeObject.tp_subclasses"),
    "type.weaklist": at("PyTypeObject.tp_weaklist"),
    "type.weaklistoffset": at("PyTypeObject.tp_weaklistoffset"),
    "type.del": at("PyTypeObject.tp_del"),
    "type.finalize": at("PyTypeObject.tp_finalize"),
    "heaptype.name": at("PyHeapTypeObject.ht_name"),
    "heaptype.slots": at("PyHeapTypeObject.ht_slots"),
    "bytearray.alloc": at("PyByteArrayObject.ob_alloc"),
    "bytearray.object": at("PyByteArrayObject.ob_bytes_object"),
    "list.allocated": at("PyListObject.allocated"),
    "set.smalltable": at("PySetObject.smalltable"),
    "function.dict": at("PyFunctionObject.func_dict"),
    "function.globals": at("PyFunctionObject.func_globals"),
    "weakref.object": at("PyWeakReference.wr_object"),
    "weakref.callback": at("PyWeakReference.wr_callback"),
    "module.def": at("PyModuleObject.md_def"),
    "module.state": at("PyModuleObject.md_state"),
    "module.state_size": at("PyModuleObject.md_state_size"),
    "module.state_traverse": at("PyModuleObject.md_state_traverse"),
    "module.name": at("PyModuleObject.md_name"),
    "dictkeys.lookup": at("struct _dictkeysobject.dk_lookup"),
    "dictkeys.usable": at("struct _dictkeysobject.dk_usable"),
    "generator.frame": at("PyGenObject.gi_iframe", "PyGenObject.gi_frame"),
    "generator.state": at("PyGenObject.gi_frame_state"),
}

# A field that has a meaning only where another is there: 3.10 has a cframe, but not the frame in it; from 3.11 on a frame
# object is not the frame.
ONLY_WITH = {"tstate.cframe": "cframe.current_frame", "frame.trace_lines": "frame.blocks"}

SIZES = {
    "interp_size": ["sizeof(PyInterpreterState)"],
    "tstate_size": ["sizeof(PyThreadState)"],
    "frame_size": ["sizeof(_PyInterpreterFrame)", "sizeof(PyFrameObject)"],
    "code_size": ["sizeof(PyCodeObject)"],
    "dictentry_size": ["sizeof(PyDictKeyEntry)"],
    "dictunicodeentry_size": ["sizeof(PyDictUnicodeEntry)"],
    "type_size": ["sizeof(PyTypeObject)"],
    "gc_stats_size": ["sizeof(((struct _gc_runtime_state *)0)->generation_stats)"],
    "opcache_size": ["sizeof(struct _PyOpcache)"],
}

PROPERTIES = {
    "owner_thread": ["FRAME_OWNED_BY_THREAD"],
    "owner_generator": ["FRAME_OWNED_BY_GENERATOR"],
    "owner_frame_object": ["FRAME_OWNED_BY_FRAME_OBJECT"],
    # 3.14 put another kind below the one on the C stack; neither runs Python code.
    "owner_not_python": ["FRAME_OWNED_BY_INTERPRETER", "FRAME_OWNED_BY_CSTACK"],
    "kind_shift": bit("PyASCIIObject", "kind", "state"),
    "compact_shift": bit("PyASCIIObject", "compact", "state"),
    "ascii_shift": bit("PyASCIIObject", "ascii", "state"),
    "tagged_ref": ["(Py_TAG_BITS) + 0 * sizeof(((_PyInterpreterFrame *)0)->f_executable.bits)"],
    "managed_dict": ["Py_TPFLAGS_MANAGED_DICT"],
    "state_executing": ["FRAME_EXECUTING"],
    "state_unwinding": ["FRAME_UNWINDING"],
    "state_cleared": ["FRAME_CLEARED"],
    "free_threaded": ["Py_GIL_DISABLED"],
}


def properties(version, chosen, values):
    """The members of struct pyr_layout that are not offsets."""
    def had(field, spelling):
        return spelling in chosen.get(field, "")

    if had("frame.instr", "instr_ptr"):
        instruction = "PYR_INSTR_PTR"
    elif had("frame.instr", "prev_instr"):
        instruction = "PYR_INSTR_PREV"
    else:  # bpo-42693: f_lasti counts instructions from 3.10
        instruction = "PYR_INSTR_LASTI_UNITS" if version >= (3, 10) else "PYR_INSTR_LASTI_BYTES"
    executing = 0
    if had("frame.executing", "f_state"):
        executing = 1 << values["state_executing"] | 1 << values["state_unwinding"]
    elif had("frame.executing", "f_executing"):
        executing = 1 << 1
    managed = "NONE"
    if values["managed_dict"] is not None:  # gh-89455, gh-100982, gh-115776
        managed = {11: "TWO_WORDS", 12: "TAGGED"}.get(version[1], "INLINE")
    # The numbers of enum pyr_linetable_kind.
    lines = 1 if had("code.linetable", "co_lnotab") else 2 if version == (3, 10) else 3
    return {
        "frame_kind": "PYR_FRAME_INTERPRETER" if had("frame.previous", "Interpreter") else "PYR_FRAME_OBJECT",
        "instr_kind": instruction,
        "gil_kind": "PYR_GIL_INTERP" if "interp.gil" in chosen else "PYR_GIL_RUNTIME_CURRENT",
        "stacktop_kind": "PYR_STACKTOP_POINTER" if had("frame.stacktop", "stackpointer") else
                         "PYR_STACKTOP_INT" if had("frame.stacktop", "stacktop") else "PYR_STACKTOP_NONE",
        "tstate_numbers_borrowed": "tstate.status" not in chosen,
        "frame_executing_states": executing,
        "dictkeys_form": "PYR_DICTKEYS_LOG2" if had("dictkeys.log2_size", "log2") else "PYR_DICTKEYS_SIZE",
        "long_kind": "PYR_LONG_TAG" if had("long.tag", "lv_tag") else "PYR_LONG_SIGNED_SIZE",
        "linetable_kind": lines,
        "frame_refs_tagged": bool(values["tagged_ref"]),
        "frame_ref_mask": values["tagged_ref"] or 0,
        "frame_owner_thread": values["owner_thread"] or 0,
        "frame_owner_generator": values["owner_generator"] or 0,
        "frame_owner_frame_object": values["owner_frame_object"] or 0,
        "frame_owner_cstack": 255 if values["owner_not_python"] is None else values["owner_not_python"],
        "unicode_kind_shift": values["kind_shift"],
        "unicode_compact_shift": values["compact_shift"],
        "unicode_ascii_shift": values["ascii_shift"],
        "managed_dict_kind": f"PYR_MANAGED_DICT_{managed}",
        "generator_cleared": values["state_cleared"] or 0,
        "static_types_count_head": version in ((3, 11), (3, 12)),
        "embedded_values_of_dict": version >= (3, 13),  # gh-130327; detection knows the older releases
        "int_sizes_begin_with_one": version >= (3, 11),
        "heap_types_show_class": version >= (3, 9),  # bpo-40217
        "free_threaded": bool(values["free_threaded"]),
    }


# Pointers whose value is known: by them a table is checked against a process (layout/probe.c).
ANCHORS = {
    "runtime_main_interp": at("_PyRuntimeState.gilstate.autoInterpreterState"),
    "interp_generations": at("PyInterpreterState.gc.generations"),
    "interp_generation0": at("PyInterpreterState.gc.generation0"),
}

# (member of struct pyr_layout, where _Py_DebugOffsets has it, added to it, taken from it, the size of the structure)
DEBUG_OFFSETS = [
    ("runtime_finalizing", "runtime_state.finalizing", "", "", "runtime_state.size"),
    ("runtime_interpreters_head", "runtime_state.interpreters_head", "", "", "runtime_state.size"),
    ("interp_id", "interpreter_state.id", "", "", "interpreter_state.size"),
    ("interp_next", "interpreter_state.next", "", "", "interpreter_state.size"),
    ("interp_threads_head", "interpreter_state.threads_head", "", "", "interpreter_state.size"),
    ("interp_gc_collecting", "gc.collecting", "interpreter_state.gc", "", "interpreter_state.size"),
    ("interp_gc_frame", "gc.frame", "interpreter_state.gc", "", "interpreter_state.size"),
    ("interp_gc", "interpreter_state.gc", "", "", "interpreter_state.size"),
    ("interp_modules", "interpreter_state.imports_modules", "", "", "interpreter_state.size"),
    ("interp_sysdict", "interpreter_state.sysdict", "", "", "interpreter_state.size"),
    ("interp_gil", "interpreter_state.ceval_gil", "", "", "interpreter_state.size"),
    ("gil_locked", "interpreter_state.gil_runtime_state_locked", "", "interpreter_state.gil_runtime_state",
     "interpreter_state.size"),
    ("gil_last_holder", "interpreter_state.gil_runtime_state_holder", "", "interpreter_state.gil_runtime_state",
     "interpreter_state.size"),
    ("tstate_prev", "thread_state.prev", "", "", "thread_state.size"),
    ("tstate_next", "thread_state.next", "", "", "thread_state.size"),
    ("tstate_interp", "thread_state.interp", "", "", "thread_state.size"),
    ("tstate_frame", "thread_state.current_frame", "", "", "thread_state.size"),
    ("tstate_thread_id", "thread_state.thread_id", "", "", "thread_state.size"),
    ("tstate_native_thread_id", "thread_state.native_thread_id", "", "", "thread_state.size"),
    ("tstate_datastack_chunk", "thread_state.datastack_chunk", "", "", "thread_state.size"),
    ("tstate_status", "thread_state.status", "", "", "thread_state.size"),
    ("tstate_current_exception", "thread_state.current_exception", "", "", "thread_state.size"),
    ("frame_previous", "interpreter_frame.previous", "", "", "interpreter_frame.size"),
    ("frame_code", "interpreter_frame.executable", "", "", "interpreter_frame.size"),
    ("frame_instr", "interpreter_frame.instr_ptr", "", "", "interpreter_frame.size"),
    ("frame_localsplus", "interpreter_frame.localsplus", "", "", "interpreter_frame.size"),
    ("frame_owner", "interpreter_frame.owner", "", "", "interpreter_frame.size"),
    ("frame_stacktop", "interpreter_frame.stackpointer", "", "", "interpreter_frame.size"),
    ("frame_tlbc_index", "interpreter_frame.tlbc_index", "", "", "interpreter_frame.size"),
    ("code_filename", "code_object.filename", "", "", "code_object.size"),
    ("code_name", "code_object.name", "", "", "code_object.size"),
    ("code_qualname", "code_object.qualname", "", "", "code_object.size"),
    ("code_linetable", "code_object.linetable", "", "", "code_object.size"),
    ("code_firstlineno", "code_object.firstlineno", "", "", "code_object.size"),
    ("code_localsplusnames", "code_object.localsplusnames", "", "", "code_object.size"),
    ("code_localspluskinds", "code_object.localspluskinds", "", "", "code_object.size"),
    ("code_adaptive", "code_object.co_code_adaptive", "", "", "code_object.size"),
    ("object_type", "pyobject.ob_type", "", "", "pyobject.size"),
    ("type_name", "type_object.tp_name", "", "", "type_object.size"),
    ("type_flags", "type_object.tp_flags", "", "", "type_object.size"),
    ("type_basicsize", "type_object.tp_basicsize", "", "", "type_object.size"),
    ("type_dictoffset", "type_object.tp_dictoffset", "", "", "type_object.size"),
    ("heaptype_cached_keys", "heap_type_object.ht_cached_keys", "", "", "heap_type_object.size"),
    ("tuple_items", "tuple_object.ob_item", "", "", "tuple_object.size"),
    ("varobject_size", "tuple_object.ob_size", "", "", "tuple_object.size"),
    ("list_items", "list_object.ob_item", "", "", "list_object.size"),
    ("set_used", "set_object.used", "", "", "set_object.size"),
    ("set_table", "set_object.table", "", "", "set_object.size"),
    ("set_mask", "set_object.mask", "", "", "set_object.size"),
    ("dict_keys", "dict_object.ma_keys", "", "", "dict_object.size"),
    ("dict_values", "dict_object.ma_values", "", "", "dict_object.size"),
    ("float_value", "float_object.ob_fval", "", "", "float_object.size"),
    ("long_tag", "long_object.lv_tag", "", "", "long_object.size"),
    ("long_digits", "long_object.ob_digit", "", "", "long_object.size"),
    ("bytes_data", "bytes_object.ob_sval", "", "", "bytes_object.size"),
    ("unicode_state", "unicode_object.state", "", "", "unicode_object.size"),
    ("unicode_length", "unicode_object.length", "", "", "unicode_object.size"),
    ("unicode_ascii_data", "unicode_object.asciiobject_size", "", "", ""),
    ("unicode_compact_data", "unicode_object.compactunicodeobject_size", "", "", ""),
    ("generator_frame", "gen_object.gi_iframe", "", "", "gen_object.size"),
    ("generator_state", "gen_object.gi_frame_state", "", "", "gen_object.size"),
    ("interp_size", "interpreter_state.size", "", "", ""),
    ("tstate_size", "thread_state.size", "", "", ""),
    ("frame_size", "interpreter_frame.size", "", "", ""),
    ("code_size", "code_object.size", "", "", ""),
]
