"""Heap snapshots, from Python: every object of a process at one instant, and what keeps it.

    before = pyrometer.heap.snapshot()
    work()
    after = pyrometer.heap.snapshot()
    for row in before.diff(after)[:10]:
        print(row.bytes, row.count, row.type)

    for suspect in pyrometer.heap.read("app.pyroheap").suspects:
        print(suspect.text)

The snapshot is taken by the program `pyrometer` from a process of its own. Sizes are in bytes.
"""
import dataclasses
import json
import os
import tempfile
from typing import Any, Dict, Iterable, List, Optional, Tuple, Type, TypeVar

from ._binary import Path, PyrometerError, run, run_on_self

__all__ = ["Container", "Cycle", "Duplicate", "Growth", "Snapshot", "Suspect", "TypeCount", "read", "snapshot"]

_Row = TypeVar("_Row")


@dataclasses.dataclass(frozen=True)
class TypeCount:
    """The objects of a type. retained_bytes: what they keep that none of their own kind keeps already; garbage: how many of
    them no root leads to."""
    type: str = ""
    count: int = 0
    shallow_bytes: int = 0
    retained_bytes: int = 0
    garbage: int = 0


@dataclasses.dataclass(frozen=True)
class Suspect:
    """What keeps a tenth of the heap or more; text says it in words. address, path and role are None where the weight is
    that of many objects that no one object keeps. allocated_at: the line that allocated most of the entries, by what they
    keep, and allocated_share how much of that (0 to 1); None and 0 where the process had no private heap to know it."""
    text: str = ""
    type: str = ""
    retained_bytes: int = 0
    address: Optional[int] = None
    path: Optional[str] = None
    role: Optional[str] = None
    entries_type: Optional[str] = None
    entries: int = 0
    entries_retained_bytes: int = 0
    allocated_at: Optional[str] = None
    allocated_share: float = 0.0


@dataclasses.dataclass(frozen=True)
class Cycle:
    """Cycles of garbage that are alike. types: those of the members of one; address: that of a member."""
    types: List[str] = dataclasses.field(default_factory=list)
    cycles: int = 0
    objects: int = 0
    bytes: int = 0
    with_finalizer: int = 0
    unfreeable: int = 0
    address: Optional[int] = None
    allocated_at: Optional[str] = None


@dataclasses.dataclass(frozen=True)
class Duplicate:
    """Equal objects; saved_bytes is all but one of them. object: its text; address: that of one."""
    type: str = ""
    object: str = ""
    count: int = 0
    bytes: int = 0
    saved_bytes: int = 0
    address: Optional[int] = None


@dataclasses.dataclass(frozen=True)
class Container:
    """Memory that containers need not take. kind: "empty", "room", "numbers", "instances" or "records"; of NumPy's arrays,
    "wide" or "objects", where detail says from what to what ("int64 as int8"); "collisions", where detail says how many other
    keys a lookup passes in the worst of these dicts or sets, the example, and saved_bytes is 0. example: the address of one, which path leads to."""
    kind: str = ""
    type: str = ""
    count: int = 0
    bytes: int = 0
    saved_bytes: int = 0
    example: Optional[int] = None
    path: Optional[str] = None
    detail: Optional[str] = None


@dataclasses.dataclass(frozen=True)
class Growth:
    """A type in two snapshots: objects and bytes more (negative: less) in the later one, and how many there are then."""
    type: str
    count: int
    bytes: int
    count_after: int
    bytes_after: int


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """A process's objects at one instant. types: the greatest retained_bytes first; cycles, duplicates and containers: up to
    a hundred rows each. path: the file, None if it was not kept; taken_ns: since 1970; pause_us: that the process stood
    still; objects_torn: that could not be read whole."""
    path: Optional[str] = None
    pid: int = 0
    python: str = ""
    command: str = ""
    taken_ns: int = 0
    pause_us: int = 0
    rss_bytes: int = 0
    objects: int = 0
    bytes: int = 0
    references: int = 0
    reachable_objects: int = 0
    reachable_bytes: int = 0
    objects_torn: int = 0
    references_dangling: int = 0
    types: List[TypeCount] = dataclasses.field(default_factory=list)
    suspects: List[Suspect] = dataclasses.field(default_factory=list)
    cycles: List[Cycle] = dataclasses.field(default_factory=list)
    duplicates: List[Duplicate] = dataclasses.field(default_factory=list)
    containers: List[Container] = dataclasses.field(default_factory=list)

    def diff(self, later: "Snapshot") -> List[Growth]:
        """What is more or less in the later snapshot, by type, the most bytes gained first. Types of one name are one."""
        before, after = _totals(self.types), _totals(later.types)
        rows = []
        for name in before.keys() | after.keys():
            (count, size), (count_after, size_after) = before.get(name, (0, 0)), after.get(name, (0, 0))
            if (count, size) != (count_after, size_after):
                rows.append(Growth(name, count_after - count, size_after - size, count_after, size_after))
        return sorted(rows, key=lambda row: (-row.bytes, -row.count, row.type))


def _totals(types: Iterable[TypeCount]) -> Dict[str, Tuple[int, int]]:
    totals: Dict[str, Tuple[int, int]] = {}
    for row in types:
        count, size = totals.get(row.type, (0, 0))
        totals[row.type] = (count + row.count, size + row.shallow_bytes)
    return totals


def _row(kind: Type[_Row], facts: Dict[str, Any], **more: Any) -> _Row:
    """The dataclass from those facts that it has fields for, addresses as numbers."""
    names = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    known = {name: value for name, value in facts.items() if name in names}
    for name in ("address", "example"):
        if known.get(name) is not None:
            known[name] = int(known[name], 16)
    return kind(**{**known, **more})


def from_json(text: str, path: Optional[str] = None) -> Snapshot:
    """The snapshot that `pyrometer heap --json` printed. Raises PyrometerError if it is none."""
    try:
        facts = json.loads(text)
        return _row(Snapshot, facts["snapshot"], path=path, types=[_row(TypeCount, row) for row in facts["types"]],
                    suspects=[_row(Suspect, row) for row in facts["suspects"]],
                    cycles=[_row(Cycle, row) for row in facts["cycles"]],
                    duplicates=[_row(Duplicate, row) for row in facts["duplicates"]],
                    containers=[_row(Container, row) for row in facts["containers"]])
    except (KeyError, TypeError, ValueError) as error:
        raise PyrometerError("the program pyrometer printed something else than a heap snapshot (%r); is it of the version "
                             "of this package?" % error) from error


def _plain(path: Path) -> str:
    """A file whose name is a number or begins with a dash is a file all the same."""
    return os.path.join(os.path.dirname(os.fspath(path)) or ".", os.path.basename(os.fspath(path)))


def read(path: Path) -> Snapshot:
    """The heap snapshot in this file. Raises PyrometerError if it cannot be read."""
    return from_json(run("heap", _plain(path), "--json").decode("utf-8", "surrogateescape"), os.fspath(path))


def snapshot(path: Optional[Path] = None, pid: Optional[int] = None, core: Optional[Path] = None) -> Snapshot:
    """Takes a heap snapshot of a process, by default of this one, and reads it.

    path: the file to keep it in (.pyroheap), which is overwritten; None keeps none. core: a core file, which it is taken of
    instead.
    The process stands still for a moment, then runs on while its copy is read. Raises PyrometerError if the snapshot cannot
    be taken: the message says why.
    """
    if path is None:
        with tempfile.TemporaryDirectory(prefix="pyrometer-") as directory:
            taken = _take(os.path.join(directory, "snapshot.pyroheap"), pid, core)
        return dataclasses.replace(taken, path=None)
    return _take(os.fspath(path), pid, core)


def _take(path: str, pid: Optional[int], core: Optional[Path]) -> Snapshot:
    own = core is None and (pid is None or pid == os.getpid())
    source = _plain(core) if core is not None else str(os.getpid() if own else pid)
    arguments = ["heap", source, "--json", "--force", "--quiet", "-o", path]
    text = run_on_self(*arguments) if own else run(*arguments)
    return from_json(text.decode("utf-8", "surrogateescape"), path)
