/* What is known of types by name. All others: every word of theirs that points to an object is a reference. */
#include "heap/private.h"

#define W(offset) (1ull << (offset) / 8)

static const struct type_rule rules[] = {
    {.name = "tuple", .edges = edges_tuple, .measure = size_tuple},
    {.name = "list", .edges = edges_list, .measure = size_list},
    {.name = "dict", .edges = edges_dict, .measure = size_dict},
    {.name = "frozendict", .edges = edges_dict, .measure = size_dict},
    {.name = "set", .edges = edges_set, .measure = size_set},
    {.name = "frozenset", .edges = edges_set, .measure = size_set},
    {.name = "collections.OrderedDict", .edges = edges_odict, .measure = size_odict},
    {.name = "collections.defaultdict", .edges = edges_defaultdict, .measure = size_dict},
    {.name = "collections.deque", .edges = edges_deque, .measure = size_deque},
    {.name = "str", .edges = edges_none, .measure = size_str},
    {.name = "bytes", .edges = edges_none, .measure = size_bytes},
    {.name = "bytearray", .measure = size_bytearray},
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
    {.name = "array.array", .measure = size_array},
    {.name = "functools._lru_cache_wrapper", .edges = edges_lru},
    {.name = "memoryview", .ignored = W(56) | W(64)},
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
};

const struct type_rule *type_rule_find(const char *name)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (strcmp(rules[i].name, name) == 0)
            return &rules[i];
    return NULL;
}
