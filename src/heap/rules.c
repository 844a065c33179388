/* What is known of types by name. All others: every word of theirs that points to an object is a reference. */
#include "heap/private.h"

#define W(offset) (1ull << (offset) / 8)

static const struct type_rule rules[] = {
    {.name = "tuple", .edges = edges_tuple, .measure = size_tuple, .measure_of_object = true},
    {.name = "list", .edges = edges_list, .measure = size_list},
    {.name = "dict", .edges = edges_dict, .measure = size_dict, .names = NAMES_DICT},
    {.name = "frozendict", .edges = edges_dict, .measure = size_dict, .names = NAMES_DICT},
    {.name = "set", .edges = edges_set, .measure = size_set, .names = NAMES_SET},
    {.name = "frozenset", .edges = edges_set, .measure = size_set, .names = NAMES_SET},
    {.name = "collections.OrderedDict", .edges = edges_odict, .measure = size_odict, .names = NAMES_DICT},
    {.name = "collections.defaultdict", .edges = edges_defaultdict, .measure = size_dict, .names = NAMES_DICT},
    {.name = "collections.deque", .edges = edges_deque, .measure = size_deque},
    {.name = "str", .edges = edges_none, .measure = size_str},
    {.name = "bytes", .edges = edges_none, .measure = size_bytes, .measure_of_object = true},
    {.name = "bytearray", .edges = edges_none, .measure = size_bytearray},
    {.name = "int", .edges = edges_none, .measure = size_int},
    {.name = "bool", .edges = edges_none, .measure = size_int},
    {.name = "float", .edges = edges_none},
    {.name = "complex", .edges = edges_none},
    {.name = "NoneType", .edges = edges_none},
    {.name = "type", .edges = edges_type, .measure = size_type},
    {.name = "module", .edges = edges_module, .names = NAMES_MODULE},
    {.name = "function", .names = NAMES_FUNCTION},
    {.name = "code", .edges = edges_code, .measure = size_code, .names = NAMES_CODE},
    {.name = "frame", .edges = edges_frame, .measure = size_frame},
    {.name = "generator", .edges = edges_generator, .measure = size_generator},
    {.name = "coroutine", .edges = edges_generator, .measure = size_generator},
    {.name = "async_generator", .edges = edges_generator, .measure = size_generator},
    {.name = "weakref", .edges = edges_weakref},
    {.name = "weakproxy", .edges = edges_weakref},
    {.name = "weakcallableproxy", .edges = edges_weakref},
    {.name = "weakref.ReferenceType", .edges = edges_weakref},
    {.name = "weakref.ProxyType", .edges = edges_weakref},
    {.name = "weakref.CallableProxyType", .edges = edges_weakref},
    {.name = "array.array", .measure = size_array, .ignored = W(24)}, /* its data */
    {.name = "functools._lru_cache_wrapper", .edges = edges_lru},
    {.name = "memoryview", .ignored = ~W(24)},
    {.name = "numpy.ndarray", .edges = edges_ndarray, .measure = size_ndarray, .names = NAMES_DTYPE},
    {.name = "numpy.generic", .measure = size_number},
    {.name = "ContextVar", .ignored = W(32), .names = NAMES_VARIABLE}, /* its cached value; up to 3.10 */
    {.name = "_contextvars.ContextVar", .ignored = W(32), .names = NAMES_VARIABLE},
    {.name = "hamt"},
    {.name = "hamt_array_node"},
    {.name = "hamt_bitmap_node", .edges = edges_hamt_bitmap},
    {.name = "hamt_collision_node", .edges = edges_hamt_collision},
    {.name = "cell"},
    {.name = "method"},
    {.name = "builtin_function_or_method"},
    {.name = "method_descriptor", .hidden = W(24) | W(32)},
    {.name = "classmethod_descriptor", .hidden = W(24) | W(32)},
    {.name = "wrapper_descriptor", .hidden = W(24) | W(32)},
    {.name = "getset_descriptor", .hidden = W(24) | W(32)},
    {.name = "member_descriptor", .hidden = W(24) | W(32)},
    {.name = "property"},
    {.name = "staticmethod"},
    {.name = "classmethod"},
    /* Their words are what they show: tests/heap compares all of them with what the interpreter says. */
    {.name = "BaseException"},
    {.name = "slice"},
    {.name = "traceback"},
    {.name = "super"},
    {.name = "mappingproxy"},
    {.name = "method-wrapper"},
    {.name = "managedbuffer"},
    {.name = "list_iterator"},
    {.name = "list_reverseiterator"},
    {.name = "tuple_iterator"},
    {.name = "str_iterator"},
    {.name = "str_ascii_iterator"},
    {.name = "bytes_iterator"},
    {.name = "set_iterator"},
    {.name = "callable_iterator"},
    {.name = "dict_keys"},
    {.name = "dict_values"},
    {.name = "dict_items"},
    {.name = "dict_keyiterator"},
    {.name = "dict_itemiterator"},
    {.name = "odict_iterator"},
    {.name = "map"},
    {.name = "filter"},
    {.name = "zip"},
    {.name = "types.GenericAlias"},
    {.name = "types.SimpleNamespace"},
    {.name = "builtin_method"},
    {.name = "itertools.accumulate", .ignored = W(48)}, /* the module's state */
    {.name = "itertools.chain"},
    {.name = "itertools.combinations", .measure = size_combinations},
    {.name = "itertools.combinations_with_replacement", .measure = size_combinations},
    {.name = "itertools.compress"},
    {.name = "itertools.cycle"},
    {.name = "itertools.dropwhile"},
    {.name = "itertools.filterfalse"},
    {.name = "itertools.groupby", .ignored = W(56) | W(64)}, /* its group is not its own, nor the module's state */
    {.name = "itertools.islice"},
    {.name = "itertools.permutations", .measure = size_permutations},
    {.name = "itertools.product", .measure = size_product},
    {.name = "itertools.repeat"},
    {.name = "itertools.starmap"},
    {.name = "itertools.takewhile"},
    {.name = "itertools.zip_longest"},
    {.name = "itertools.count"},
    {.name = "operator.itemgetter"},
    {.name = "operator.attrgetter"},
    {.name = "_thread.lock"},
    {.name = "_thread.RLock"},
    {.name = "collections._tuplegetter"},
    {.name = "_collections._tuplegetter"},
    {.name = "_abc._abc_data"},
    {.name = "_abc_data"},
    {.name = "sys.float_info"},
    {.name = "sys.int_info"},
    {.name = "sys.hash_info"},
    {.name = "sys.thread_info"},
    {.name = "sys.version_info"},
    {.name = "re.Pattern"},
};

/* Of the standard library's modules, for their sizes alone. */
static const struct type_rule measures[] = {
    {.name = "Struct", .measure = size_struct},
    {.name = "_struct.Struct", .measure = size_struct},
    {.name = "decimal.Decimal", .measure = size_decimal},
    {.name = "_io.BufferedReader", .measure = size_buffered},
    {.name = "_io.BufferedWriter", .measure = size_buffered},
    {.name = "_io.BufferedRandom", .measure = size_buffered},
    {.name = "_io.BytesIO", .measure = size_bytesio},
    {.name = "xml.etree.ElementTree.Element", .measure = size_element},
    {.name = "_queue.SimpleQueue", .measure = size_simple_queue},
    {.name = "_pickle.Pickler", .measure = size_pickler},
    {.name = "_pickle.Unpickler", .measure = size_unpickler},
    {.name = "StgDict", .measure = size_ctypes_dict},
    {.name = "_ctypes.CType_Type", .measure = size_ctypes_type},
};

const struct type_rule *type_measure_find(const char *name)
{
    for (size_t i = 0; i < sizeof measures / sizeof *measures; i++)
        if (strcmp(measures[i].name, name) == 0)
            return &measures[i];
    return NULL;
}

const struct type_rule *type_rule_find(const char *name)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (strcmp(rules[i].name, name) == 0)
            return &rules[i];
    return NULL;
}
