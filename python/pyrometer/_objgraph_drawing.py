"""Graphs of references in Graphviz' language."""
import builtins
import gc
import os
import shutil
import subprocess
import sys
import tempfile
import types
from typing import IO, Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple

from ._binary import Path
from ._objgraph_chains import is_own_frame, is_proper_module
from ._objgraph_counts import type_name

_TEXT_LENGTH = 40
_ATTRIBUTES = {
    # __doc__ is first: it refers to None, and those that are None do not refer to anything.
    types.FunctionType: ("__doc__", "__code__", "__globals__", "__name__", "__qualname__", "__module__", "__defaults__",
                         "__kwdefaults__", "__closure__", "__builtins__"),
    types.MethodType: ("__self__", "__func__"),
    types.FrameType: ("f_code", "f_globals"),  # f_back would make an object of each frame
}
# Hue and saturation, and the values nearest to the objects asked for and farthest from them.
_PLAIN, _HIGHLIGHTED, _MODULE, _MORE = ("0,0", 1.0, 0.3), ("0.6,0.6", 1.0, 0.65), ("0.3,1", 1.0, 0.3), ("0,1", 1.0, 0.3)


class Style(NamedTuple):
    """How a graph is drawn: the arguments of show_refs and show_backrefs."""
    max_depth: int
    too_many: int
    filter: Optional[Callable[[Any], Any]] = None
    highlight: Optional[Callable[[Any], Any]] = None
    extra_info: Optional[Callable[[Any], Any]] = None
    extra_node_attrs: Optional[Callable[[Any], Dict[str, str]]] = None
    refcounts: bool = False
    shortnames: bool = True


def _quote(text: str) -> str:
    return '"%s"' % text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\0", "\\\\0")


def _text(obj: Any) -> str:
    """An object in few words; of containers only the size, since they may be large."""
    for kind in (dict, list, tuple, set):
        if issubclass(type(obj), kind):
            return "%d items" % kind.__len__(obj)
    if isinstance(obj, (type, types.ModuleType, types.BuiltinFunctionType)):
        return str(obj.__name__)
    if isinstance(obj, types.MethodType):
        return "%s (bound)" % obj.__name__
    if isinstance(obj, types.FrameType):
        return "%s:%s" % (obj.f_code.co_filename, obj.f_lineno)
    if isinstance(obj, types.FunctionType) and obj.__name__ == "<lambda>":
        return "lambda: %s:%s" % (os.path.basename(obj.__code__.co_filename), obj.__code__.co_firstlineno)
    return repr(obj)[:_TEXT_LENGTH]


def _safe_text(obj: Any) -> str:
    try:
        return _text(obj)
    except Exception:  # the program's own __repr__
        return "(unrepresentable)"


def _is_namespace(found: Any, obj: Any) -> bool:
    """Whether this is the dict of an object's attributes."""
    if type(found) is not dict or type(obj).__dictoffset__ == 0 or isinstance(obj, type):
        return False
    try:
        return object.__getattribute__(obj, "__dict__") is found
    except Exception:  # the program's own descriptor
        return False


def _key_label(key: Any, shortnames: bool) -> str:
    if type(key) is str and key.isidentifier() and key.isascii():
        return " [label=%s,weight=2]" % _quote(key)
    return " [label=%s]" % _quote("%s\n%s" % (type_name(key, shortnames), _safe_text(key)))


def _labels(source: Any, target: Any, shortnames: bool) -> Iterator[str]:
    """What the source calls the target: one label for each reference that has a name."""
    if issubclass(type(source), dict):
        for key, value in list(dict.items(source)):
            if value is target:
                yield _key_label(key, shortnames)
    for name in _ATTRIBUTES.get(type(source), ()):
        if getattr(source, name, None) is target:
            yield " [label=%s,weight=10]" % _quote(name)
    if _is_namespace(target, source):
        yield ' [label="__dict__",weight=10]'


class _Graph:
    """A graph that is drawn breadth first."""

    def __init__(self, objects: Iterable[Any], style: Style, backwards: bool, ignored: Iterable[int]) -> None:
        self.style = style
        self.backwards = backwards
        self.nodes = list({id(obj): obj for obj in objects}.values())
        self.depth = dict.fromkeys(map(id, self.nodes), 0)
        self.lines: List[str] = []
        self.ignored: Set[int] = set(ignored)
        self.labels: Dict[Tuple[int, int], List[str]] = {}
        self.ignored.update(map(id, (self, self.__dict__, self.nodes, self.depth, objects, style, self.labels, self.lines)))
        self.own_references = self._own_references()

    def _own_references(self) -> int:
        # Measured, since how many references a call holds differs between Pythons. What is measured is a node, as are others.
        self.nodes.append(object())
        count = self._references(len(self.nodes) - 1)
        self.nodes.pop()
        return count

    def _references(self, index: int) -> int:
        return sys.getrefcount(self.nodes[index])

    def draw(self) -> str:
        # No variable keeps a node here: it would be one more reference.
        self.lines.extend(map("  o%d[fontcolor=red];".__mod__, self.depth))
        index = 0
        while index < len(self.nodes):
            count = self._references(index) - self.own_references if self.style.refcounts else None
            self._draw_node(self.nodes[index], count)
            index += 1
        return "digraph ObjectGraph {\n  node[shape=box, style=filled, fillcolor=white];\n%s}\n" % "".join(
            line + "\n" for line in self.lines)

    def _name(self, obj: Any) -> str:
        return "o%d" % id(obj)

    def _colour(self, scale: Tuple[str, float, float], depth: int) -> Tuple[str, float]:
        hue, near, far = scale
        value = near + (far - near) * depth / max(self.style.max_depth, 1)
        return "%s,%g" % (hue, value), value

    def _draw_node(self, obj: Any, count: Optional[int]) -> None:
        name, depth = self._name(obj), self.depth[id(obj)]
        self.lines.append("  %s[label=%s%s];" % (name, _quote(self._label(obj, count)), self._extra_attributes(obj)))
        highlighted = self.style.highlight is not None and self.style.highlight(obj)
        scale = _HIGHLIGHTED if highlighted else _MODULE if issubclass(type(obj), types.ModuleType) else _PLAIN
        colour, value = self._colour(scale, depth)
        self.lines.append('  %s[fillcolor="%s"];' % (name, colour))
        if value < 0.5:
            self.lines.append("  %s[fontcolor=white];" % name)
        if hasattr(type(obj), "__del__") and not isinstance(obj, type):
            self._draw_finalizer(name)
        if depth < self.style.max_depth and not (self.backwards and is_proper_module(obj)):
            self._draw_edges(obj, depth)

    def _label(self, obj: Any, count: Optional[int]) -> str:
        label = type_name(obj, self.style.shortnames)
        if count is not None:
            label += " [%d]" % count
        label += "\n" + _safe_text(obj)
        if self.style.extra_info is not None:
            label += "\n" + str(self.style.extra_info(obj))
        return label

    def _extra_attributes(self, obj: Any) -> str:
        attributes = self.style.extra_node_attrs(obj) if self.style.extra_node_attrs is not None else {}
        return "".join(", %s=%s" % (name, _quote(value)) for name, value in attributes.items())

    def _draw_finalizer(self, name: str) -> None:
        mark = "%s_has_a_del" % name
        self.lines.append("  %s->%s[color=red,style=dotted,len=0.25,weight=10];" % (name, mark))
        self.lines.append('  %s[label="__del__",shape=doublecircle,height=0.25,color=red,fillcolor="0,.5,1",fontsize=6];' % mark)

    def _draw_edges(self, obj: Any, depth: int) -> None:
        neighbours = gc.get_referrers(obj) if self.backwards else gc.get_referents(obj)
        self.ignored.add(id(neighbours))
        drawn = skipped = 0
        for other in neighbours:
            if not self._is_shown(other):
                continue
            if drawn == self.style.too_many:
                skipped += 1
                continue
            drawn += 1
            self._draw_edge(*((other, obj) if self.backwards else (obj, other)))
            if id(other) not in self.depth:
                self.depth[id(other)] = depth + 1
                self.nodes.append(other)
        if skipped:
            self._draw_skipped(self._name(obj), depth, skipped)

    def _is_shown(self, obj: Any) -> bool:
        if id(obj) in self.ignored or is_own_frame(obj):
            return False
        return self.style.filter is None or bool(self.style.filter(obj))

    def _draw_edge(self, source: Any, target: Any) -> None:
        pair = (id(source), id(target))
        if pair not in self.labels:
            self.labels[pair] = list(_labels(source, target, self.style.shortnames))
            self.ignored.add(id(self.labels[pair]))
        labels = self.labels[pair]
        # Of several references to one object each has its own name.
        label = labels.pop(0) if labels else ""
        self.lines.append("  %s -> %s%s;" % (self._name(source), self._name(target), label))

    def _draw_skipped(self, name: str, depth: int, skipped: int) -> None:
        more = "too_many_%s" % name
        arrow = (more, name) if self.backwards else (name, more)
        self.lines.append("  %s->%s[color=red,style=dotted,len=0.25,weight=10];" % arrow)
        self.lines.append('  %s[label="%d more %s",shape=box,height=0.25,color=red,fillcolor="%s",fontsize=6];' % (
            more, skipped, "backreferences" if self.backwards else "references", self._colour(_MORE, depth + 1)[0]))
        self.lines.append("  %s[fontcolor=white];" % more)


def _write(path: Path, text: str, nodes: int) -> None:
    with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
    print("Graph written to %s (%d nodes)" % (os.fspath(path), nodes))


def _render(dot_file: str, picture: str) -> None:
    program = shutil.which("dot")
    if program is None:
        print("Image renderer (dot) not found, not doing anything else")
        return
    form = os.path.splitext(picture)[1][1:]
    done = subprocess.run([program, "-T" + form, "-o" + picture, dot_file], stdin=subprocess.DEVNULL, check=False)
    if done.returncode == 0:
        print("Image generated as %s" % picture)
    else:
        print("dot could not make %s (exit status %d); the graph is in %s" % (picture, done.returncode, dot_file))


def _temporary(text: str, nodes: int) -> str:
    descriptor, path = tempfile.mkstemp(".dot", "objgraph-")
    os.close(descriptor)
    _write(path, text, nodes)
    return path


class Drawing:
    """A graph for Graphviz: `source`; Jupyter shows it as a picture."""

    def __init__(self, source: str) -> None:
        self.source = source

    def _repr_mimebundle_(self, **_: Any) -> Dict[str, str]:
        bundle = {"text/plain": self.source}
        program = shutil.which("dot")
        if program is not None:
            done = subprocess.run([program, "-Tsvg"], input=self.source.encode("utf-8", "backslashreplace"),
                                  stdout=subprocess.PIPE, check=False)
            if done.returncode == 0:
                bundle["image/svg+xml"] = done.stdout.decode("utf-8")
        return bundle


def _in_notebook() -> bool:
    """IPython puts this function among the builtins; in a terminal its shell can show no pictures."""
    get_ipython = getattr(builtins, "get_ipython", None)
    return get_ipython is not None and "Terminal" not in type(get_ipython()).__name__


def _show(text: str, nodes: int, filename: Optional[Path], output: Optional[IO[str]]) -> Optional[Drawing]:
    """To output; to filename, by way of `dot` unless it is a .dot file; else into the notebook that this is one of, or to a
    window of xdot, or a picture."""
    name = None if filename is None else os.fspath(filename)
    if output is None and name is None and _in_notebook():
        return Drawing(text)
    if output is not None:
        output.write(text)
    elif name is not None and name.endswith(".dot"):
        _write(name, text, nodes)
    elif name is not None:
        _render(_temporary(text, nodes), name)
    else:
        path = _temporary(text, nodes)
        viewer = shutil.which("xdot")
        if viewer is None:
            _render(path, path[:-len("dot")] + "png")
        else:
            print("Spawning graph viewer (xdot)")
            subprocess.Popen([viewer, path], stdin=subprocess.DEVNULL)
    return None


def _draw_and_show(objects: Iterable[Any], style: Style, backwards: bool, ignored: Iterable[int], filename: Optional[Path],
                   output: Optional[IO[str]]) -> Optional[Drawing]:
    if filename is not None and output is not None:
        raise ValueError("Cannot specify both output and filename.")
    graph = _Graph(objects, style, backwards, ignored)
    text = graph.draw()
    return _show(text, len(graph.nodes), filename, output)


def _as_objects(objs: Any) -> Iterable[Any]:
    # Not copied: a list of ours would be one more reference to each.
    return objs if isinstance(objs, (list, tuple)) else (objs,)


def show_refs(objs: Any, max_depth: int = 3, extra_ignore: Iterable[int] = (), filter: Optional[Callable[[Any], Any]] = None,
              too_many: int = 10, highlight: Optional[Callable[[Any], Any]] = None, filename: Optional[Path] = None,
              extra_info: Optional[Callable[[Any], Any]] = None, refcounts: bool = False, shortnames: bool = True,
              output: Optional[IO[str]] = None,
              extra_node_attrs: Optional[Callable[[Any], Dict[str, str]]] = None) -> Optional[Drawing]:
    """Draws what an object, or each of a list of objects, refers to, and so on for max_depth references.

    extra_ignore: addresses of objects to leave out. filter: leaves out what it is not true of. too_many: the most references
    drawn of each object. highlight: colours what it is true of. filename: a .dot file, or a picture that `dot` makes, its
    ending says of what kind; without `dot` the graph stays in a .dot file, whose name is printed. output: a text file to
    write the graph to instead. Without either: in Jupyter the picture, as what is returned; else a window of xdot, or a
    .png. extra_info: a function that gives more text for an object; extra_node_attrs: one that gives Graphviz attributes.
    refcounts: tells how many references there are, by this call's own too if objs is no list. shortnames: types without
    their module.
    """
    style = Style(max_depth, too_many, filter, highlight, extra_info, extra_node_attrs, refcounts, shortnames)
    return _draw_and_show(_as_objects(objs), style, False, extra_ignore, filename, output)


def show_backrefs(objs: Any, max_depth: int = 3, extra_ignore: Iterable[int] = (),
                  filter: Optional[Callable[[Any], Any]] = None, too_many: int = 10,
                  highlight: Optional[Callable[[Any], Any]] = None, filename: Optional[Path] = None,
                  extra_info: Optional[Callable[[Any], Any]] = None, refcounts: bool = False, shortnames: bool = True,
                  output: Optional[IO[str]] = None,
                  extra_node_attrs: Optional[Callable[[Any], Dict[str, str]]] = None) -> Optional[Drawing]:
    """Draws what refers to an object, or to each of a list of objects, and so on, up to modules. The arguments are those of
    `show_refs`."""
    style = Style(max_depth, too_many, filter, highlight, extra_info, extra_node_attrs, refcounts, shortnames)
    return _draw_and_show(_as_objects(objs), style, True, extra_ignore, filename, output)


def show_chain(*chains: List[Any], backrefs: bool = True, highlight: Optional[Callable[[Any], Any]] = None,
               filename: Optional[Path] = None, extra_info: Optional[Callable[[Any], Any]] = None, refcounts: bool = False,
               shortnames: bool = True, output: Optional[IO[str]] = None,
               extra_node_attrs: Optional[Callable[[Any], Dict[str, str]]] = None) -> Optional[Drawing]:
    """Draws chains as find_backref_chain finds them, from their ends backwards; backrefs=False: as find_ref_chain does, from
    their beginnings. Empty ones are left out. The other arguments are those of `show_refs`."""
    filled = [chain for chain in chains if chain]
    members = {id(obj) for chain in filled for obj in chain}
    ignored = [id(chain) for chain in filled] + [id(filled), id(chains)]
    ends = (chain[-1 if backrefs else 0] for chain in filled)
    style = Style(max((len(chain) for chain in filled), default=1) - 1, sys.maxsize, lambda obj: id(obj) in members, highlight,
                  extra_info, extra_node_attrs, refcounts, shortnames)
    return _draw_and_show(ends, style, backrefs, ignored, filename, output)
