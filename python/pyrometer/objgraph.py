"""Counts of objects and the references between them, in this process, by the functions that users of objgraph know.

    from pyrometer import objgraph

    objgraph.show_most_common_types()
    objgraph.show_growth()
    objgraph.show_backrefs(objgraph.by_type("Request")[:1], filename="request.svg")
    objgraph.show_chain(objgraph.find_backref_chain(request, objgraph.is_proper_module))

These functions see what the garbage collector sees: objects that can refer to others. Numbers and strings are not among them,
nor dicts and tuples that hold only such, nor what only a running function's variables refer to. `pyrometer.heap` sees all.
Only the standard library is used; to draw, Graphviz' program `dot`.
"""
from ._objgraph_chains import find_backref_chain, find_ref_chain, is_proper_module
from ._objgraph_counts import (at, at_addrs, by_type, count, get_leaking_objects, get_new_ids, growth, most_common_types,
                               show_growth, show_most_common_types, typestats)
from ._objgraph_drawing import show_backrefs, show_chain, show_refs

__all__ = ["at", "at_addrs", "by_type", "count", "find_backref_chain", "find_ref_chain", "get_leaking_objects", "get_new_ids",
           "growth", "is_proper_module", "most_common_types", "show_backrefs", "show_chain", "show_growth",
           "show_most_common_types", "show_refs", "typestats"]
