"""pyrometer.heap and pyrometer.objgraph, under every interpreter that can see this file system."""
import json

import pytest

from .test_package import package, run_python  # noqa: F401

pytestmark = pytest.mark.beside

SAMPLE = {
    "snapshot": {"pid": 7, "python": "3.14.0", "objects": 3, "bytes": 100, "later": 1},
    "types": [{"type": "app.A", "count": 2, "shallow_bytes": 60, "retained_bytes": 90, "garbage": 0},
              {"type": "app.A", "count": 1, "shallow_bytes": 40, "retained_bytes": 40, "garbage": 0}],
    "suspects": [{"text": "much", "type": "dict", "retained_bytes": 90, "address": "0x10", "path": "app.A"}],
    "cycles": [], "duplicates": [],
    "containers": [{"kind": "empty", "type": "dict", "count": 1, "bytes": 64, "saved_bytes": 64, "example": "0x7f0000000010"}],
}


def test_json_becomes_dataclasses(package):
    from pyrometer import heap
    taken = heap.from_json(json.dumps(SAMPLE), "a.pyroheap")
    assert (taken.path, taken.pid, taken.python, taken.objects) == ("a.pyroheap", 7, "3.14.0", 3)
    assert taken.suspects[0].address == 0x10 and taken.suspects[0].role is None
    assert taken.containers[0].example == 0x7F0000000010
    with pytest.raises(package.PyrometerError, match="version"):
        heap.from_json("{}")


def test_types_of_one_name_are_one_in_a_diff(package):
    from pyrometer import heap
    before = heap.from_json(json.dumps(SAMPLE))
    after = heap.from_json(json.dumps({**SAMPLE, "types": [{"type": "app.A", "count": 1, "shallow_bytes": 40},
                                                           {"type": "app.B", "count": 4, "shallow_bytes": 8}]}))
    assert before.diff(before) == []
    assert before.diff(after) == [heap.Growth("app.B", 4, 8, 4, 8), heap.Growth("app.A", -2, -60, 1, 40)]


@pytest.mark.needs("heap")
def test_snapshots_of_the_process_itself(python, binary, tmp_path):
    run_python(python, binary, tmp_path, """
        import os
        class Leaked:
            pass
        before = pyrometer.heap.snapshot()
        kept = [Leaked() for _ in range(300)]
        after = pyrometer.heap.snapshot("a.pyroheap")
        assert before.path is None and not [name for name in os.listdir(".") if name not in ("a.pyroheap", "program.py")]
        assert after.pid == os.getpid() and pyrometer.heap.read("a.pyroheap") == after
        row = [row for row in before.diff(after) if row.type == "__main__.Leaked"][0]
        assert (row.count, row.count_after) == (300, 300) and row.bytes >= 300 * sys.getsizeof(kept[0]), row
        try:
            pyrometer.heap.read("none.pyroheap")
        except pyrometer.PyrometerError as error:
            assert "none.pyroheap" in str(error)
        else:
            sys.exit("a file that is not there was read")
    """)


OBJECTS = """
    import gc, io, os, types
    from pyrometer import objgraph

    class Node:
        def __init__(self, *children):
            self.children = list(children)

    class Quiet(list):
        def __repr__(self):
            raise ValueError
        __len__ = __repr__

    def drawn(show, *objects, **options):
        out = io.StringIO()
        show(*objects, output=out, **options)
        return out.getvalue()

    leaf = Node()
    tree = Node(Node(leaf), Node())
"""


def run_objgraph(python, binary, tmp_path, code):
    return run_python(python, binary, tmp_path, OBJECTS + code)


def test_objgraph_counts(python, binary, tmp_path):
    out = run_objgraph(python, binary, tmp_path, """
    assert objgraph.count("Node") == objgraph.count("__main__.Node") == objgraph.typestats()["Node"] == 4
    assert objgraph.count("other.Node") == 0 and objgraph.count("Node", [leaf, 1]) == 1
    assert objgraph.typestats([1, 2, leaf], shortnames=False, filter=lambda o: o != 2) == {"builtins.int": 1, "__main__.Node": 1}
    assert set(map(id, objgraph.by_type("Node"))) == set(map(id, [tree, *tree.children, leaf]))
    assert objgraph.at(id(tree)) is tree and objgraph.at(1) is None
    assert set(map(id, objgraph.at_addrs({id(tree), id(leaf), 1}))) == {id(tree), id(leaf)}
    objgraph.show_most_common_types(objects=[1, 2, "a"])
    objgraph.growth()
    garbage = []; garbage.append(garbage); del garbage
    more = [Node() for _ in range(500)]
    assert objgraph.growth(1, filter=lambda o: type(o) is Node) == [("Node", 504, 500)]
    assert not [row for row in objgraph.growth(None) if row[0] == "Node"]
    objgraph.show_growth(1, peak_stats={}, filter=lambda o: type(o) is Node)
    objgraph.get_new_ids(limit=0); objgraph.get_new_ids(limit=0)
    assert "set" not in {name for name, ids in objgraph.get_new_ids(limit=0).items() if ids}, "its own sets are not new"
    more.append(Node.__new__(Node))  # no list comes with it
    new = objgraph.get_new_ids(limit=1, sortby="new")
    assert new["Node"] == {id(more[-1])} and objgraph.get_new_ids(skip_update=True, limit=0) is new
    alone = [tree]
    assert objgraph.get_leaking_objects([leaf, alone]) == []
    """)
    assert out == ("int 2\nstr 1\nNode      504      +504\n" + "=" * 56 + "\nType      Old_ids  Current_ids      New_ids Count_Deltas\n"
                   + "=" * 56 + "\nNode          504          505           +1           +1\n" + "=" * 56 + "\n")


def test_objgraph_chains(python, binary, tmp_path):
    run_objgraph(python, binary, tmp_path, """
    def holders(chain):
        return [o for o in chain if type(o) in (Node, types.ModuleType)]
    main = sys.modules["__main__"]
    chain = objgraph.find_backref_chain(tree.children[1], objgraph.is_proper_module)
    assert holders(chain) == [main, tree, tree.children[1]], chain
    for source, target in zip(chain, chain[1:]):
        assert any(o is target for o in gc.get_referents(source)), (source, target)
    links = len(chain) - 1
    del chain, source, target  # each a shorter way
    to_module = [len(objgraph.find_backref_chain(tree.children[1], objgraph.is_proper_module, max_depth=depth))
                 for depth in (links, links - 1)]
    assert to_module == [links + 1, 1], to_module
    assert objgraph.find_backref_chain(tree, lambda o: False, max_depth=2) == [tree]
    names = id(globals())  # which methods refer to: everything is near everything
    forward = objgraph.find_ref_chain(tree, lambda o: o is leaf, extra_ignore=[names])
    assert holders(forward) == [tree, tree.children[0], leaf], forward
    assert objgraph.find_ref_chain(tree, lambda o: o is leaf, extra_ignore=[names, id(tree.children[0])]) == [tree]

    # Of many objects at once none is lost, and nothing of the search itself is found.
    wide = Node(*[Node(Node()) for _ in range(100)])
    deep = wide.children[77].children[0]
    assert holders(objgraph.find_backref_chain(deep, lambda o: o is wide, extra_ignore=[names])) == [wide, wide.children[77], deep]
    seen = []
    objgraph.find_backref_chain(deep, lambda o: seen.append(type(o).__name__), max_depth=3)
    assert not set(seen) - {"Node", "list", "dict", "frame", "module", "function"}, seen

    assert objgraph.is_proper_module(gc)
    assert not objgraph.is_proper_module(types.ModuleType("gc")) and not objgraph.is_proper_module([])
    """)


def test_objgraph_drawings(python, binary, tmp_path):
    run_objgraph(python, binary, tmp_path, r"""
    def name(o):
        return "o%d" % id(o)
    text = drawn(objgraph.show_refs, [{"key": leaf, (1, 2): [], "q": Quiet()}], max_depth=1, too_many=9)
    assert text.startswith('digraph ObjectGraph {\n  node[shape=box, style=filled, fillcolor=white];\n') and text[-2:] == "}\n"
    assert ' -> %s [label="key",weight=2];\n' % name(leaf) in text and '[label="tuple\\n2 items"];' in text, text
    assert '[label="Quiet\\n0 items"]' in text and 'fillcolor="0,0,1"' in text and 'fillcolor="0,0,0.3"' in text, text

    text = drawn(objgraph.show_refs, [[1, 2, 3]], too_many=2)
    assert 'label="1 more references"' in text and text.count(" -> ") == 2, text
    text = drawn(objgraph.show_refs, leaf, max_depth=1, shortnames=False, highlight=lambda o: o is leaf,
                 extra_info=lambda o: 'a "b"', extra_node_attrs=lambda o: {"URL": "u"})
    assert '__main__.Node\\n' in text and '\\na \\"b\\"", URL="u"];' in text and '"0.6,0.6,1"' in text, text
    assert "dict" not in drawn(objgraph.show_refs, leaf, filter=lambda o: type(o) is list)

    text = drawn(objgraph.show_backrefs, [leaf], max_depth=9, filter=lambda o: type(o) in (Node, list, dict, types.ModuleType))
    assert name(tree) + "[label=" in text and name(sys.modules["__main__"]) + "[label=" in text, text
    assert "Style" not in text and "_Graph" not in text, text
    text = drawn(objgraph.show_chain, objgraph.find_backref_chain(leaf, lambda o: o is tree.children[0]))
    assert text.startswith("digraph") and text.count("Node\\n") == 2, text
    assert drawn(objgraph.show_chain, [], []).count("->") == 0

    one = [Node()]
    three = [one[0].children, one[0].children]
    assert '[label="Node [1]\\n' in drawn(objgraph.show_refs, one, refcounts=True, max_depth=1)
    assert '[label="list [3]\\n' in drawn(objgraph.show_refs, one, refcounts=True, filter=lambda o: o is three[0] or type(o) is dict)

    objgraph.show_refs([leaf], filename="a.dot")
    assert open("a.dot").read() == drawn(objgraph.show_refs, [leaf])
    os.mkdir("bin")
    with open("bin/dot", "w") as dot:
        dot.write('#!/bin/sh\necho "$@" > dot.txt\n')
    os.chmod("bin/dot", 0o755)
    os.environ["TMPDIR"] = os.getcwd()
    os.environ["PATH"] = "bin:/bin:/usr/bin"
    objgraph.show_refs([leaf], filename="a.svg")
    asked = open("dot.txt").read().split()
    assert asked[:2] == ["-Tsvg", "-oa.svg"] and open(asked[2]).read() == open("a.dot").read(), asked

    import builtins
    class Shell:
        pass
    builtins.get_ipython = Shell  # as in a notebook
    with open("bin/dot", "w") as dot:
        dot.write('#!/bin/sh\nsed s/digraph/svg/\n')
    drawing = objgraph.show_refs([leaf])
    assert drawing.source == open("a.dot").read()
    assert drawing._repr_mimebundle_() == {
        "text/plain": drawing.source, "image/svg+xml": drawing.source.replace("digraph", "svg")}
    assert objgraph.show_refs([leaf], filename="b.dot") is None
    """)
