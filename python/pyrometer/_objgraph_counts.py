"""The objects that the garbage collector tracks: how many of each type, which are new, where one is."""
import collections
import gc
import sys
from typing import IO, Any, Callable, Dict, Iterable, List, Optional, Set, Tuple

Filter = Callable[[Any], Any]

_peaks: Dict[str, int] = {}
_ids: Dict[str, Any] = {}
_COLUMNS = ("old", "current", "new", "deltas")


def type_name(obj: Any, short: bool = True) -> str:
    """The name of an object's type, with its module unless short. What an object says of its own class is not asked."""
    kind = type(obj)
    return kind.__name__ if short else "%s.%s" % (kind.__module__, kind.__name__)


def typestats(objects: Optional[Iterable[Any]] = None, shortnames: bool = True,
              filter: Optional[Filter] = None) -> Dict[str, int]:
    """How many objects there are of each type: of these objects, or of all that are tracked.

    shortnames: types of one name are one; else names begin with the module. filter: counts only objects that it is true of.
    """
    if objects is None:
        objects = gc.get_objects()
    # By type first: names are made once for each.
    kinds = collections.Counter(map(type, objects if filter is None else (obj for obj in objects if filter(obj))))
    stats: Dict[str, int] = {}
    for kind, number in kinds.items():
        name = kind.__name__ if shortnames else "%s.%s" % (kind.__module__, kind.__name__)
        stats[name] = stats.get(name, 0) + number
    return stats


def most_common_types(limit: Optional[int] = 10, objects: Optional[Iterable[Any]] = None, shortnames: bool = True,
                      filter: Optional[Filter] = None) -> List[Tuple[str, int]]:
    """(type, number of objects), the most first; at most limit of them, None: all. The rest is as in `typestats`."""
    stats = typestats(objects, shortnames=shortnames, filter=filter)
    return sorted(stats.items(), key=lambda row: row[1], reverse=True)[:limit]


def show_most_common_types(limit: Optional[int] = 10, objects: Optional[Iterable[Any]] = None, shortnames: bool = True,
                           file: Optional[IO[str]] = None, filter: Optional[Filter] = None) -> None:
    """Prints `most_common_types`, to file or to standard output."""
    rows = most_common_types(limit, objects, shortnames=shortnames, filter=filter)
    width = max((len(name) for name, _ in rows), default=0)
    for name, number in rows:
        print("%-*s %d" % (width, name, number), file=file)


def growth(limit: Optional[int] = 10, peak_stats: Optional[Dict[str, int]] = None, shortnames: bool = True,
           filter: Optional[Filter] = None) -> List[Tuple[str, int, int]]:
    """(type, number of objects, how many more than ever before), the most grown first.

    Collects garbage first. The highest number of each type is kept from call to call, in peak_stats if that is given: the
    first call says that everything has grown.
    """
    peaks = _peaks if peak_stats is None else peak_stats
    gc.collect()
    grown = []
    for name, number in typestats(shortnames=shortnames, filter=filter).items():
        more = number - peaks.get(name, 0)
        if more > 0:
            grown.append((name, number, more))
            peaks[name] = number
    return sorted(grown, key=lambda row: row[2], reverse=True)[:limit]


def show_growth(limit: Optional[int] = 10, peak_stats: Optional[Dict[str, int]] = None, shortnames: bool = True,
                file: Optional[IO[str]] = None, filter: Optional[Filter] = None) -> None:
    """Prints `growth`, to file or to standard output; nothing if nothing grew."""
    rows = growth(limit, peak_stats, shortnames, filter)
    width = max((len(name) for name, _, _ in rows), default=0)
    for name, number, more in rows:
        print("%-*s%9d %+9d" % (width, name, number, more), file=file)


def _ids_by_type(shortnames: bool, ignored: Set[int]) -> Dict[str, Set[int]]:
    objects = gc.get_objects()
    ids: Dict[str, Set[int]] = collections.defaultdict(set)
    for obj in objects:
        if id(obj) not in ignored:
            ids[type_name(obj, shortnames)].add(id(obj))
    return ids


def _print_new_ids(state: Dict[str, Any], limit: Optional[int], sortby: str, file: Optional[IO[str]]) -> None:
    rows = []
    for name, ids in state["current"].items():
        old = len(state["old"].get(name, ()))
        rows.append((name, old, len(ids), len(state["new"].get(name, ())), len(ids) - old))
    column = 1 + _COLUMNS.index(sortby)
    rows = sorted(rows, key=lambda row: (-row[column], -row[2], row[0]))[:limit]
    width = max((len(row[0]) for row in rows), default=4)
    rule = "=" * (width + 4 * 13)
    print(rule, "%-*s%13s%13s%13s%13s" % (width, "Type", "Old_ids", "Current_ids", "New_ids", "Count_Deltas"), rule,
          sep="\n", file=file)
    for row in rows:
        print("%-*s%13d%13d%+13d%+13d" % ((width,) + row), file=file)
    print(rule, file=file)


def get_new_ids(skip_update: bool = False, limit: Optional[int] = 10, sortby: str = "deltas",
                shortnames: Optional[bool] = None, file: Optional[IO[str]] = None,
                _state: Optional[Dict[str, Any]] = None) -> Dict[str, Set[int]]:
    """The addresses of objects that were not there at the last call, by type; prints how many, for limit types (0: prints
    nothing, None: all), ordered by "old", "current", "new" or "deltas".

    Collects garbage first. skip_update: the same answer as last time, without looking. shortnames: as in `typestats`; None
    is as last time. An object at the address of one that went since looks old. The sets that this function keeps are not
    counted. Raises ValueError if sortby is something else.
    """
    state = _ids if _state is None else _state
    if sortby not in _COLUMNS:
        raise ValueError("sortby is one of %s, not %r" % (", ".join(_COLUMNS), sortby))
    if not state:
        state.update(old={}, current={}, new={}, shortnames=True)
    if shortnames is not None and shortnames != state["shortnames"]:
        state.update(current={}, shortnames=shortnames)
    if not skip_update:
        gc.collect()
        own = {id(state)}
        for key in ("old", "current", "new"):
            own.add(id(state[key]))
            own.update(map(id, state[key].values()))
        own.add(id(own))
        old, current = state["current"], _ids_by_type(state["shortnames"], own)
        new = {name: ids - old.get(name, set()) for name, ids in current.items()}
        state.update(old=old, current=current, new=collections.defaultdict(set, new))
    if limit != 0:
        _print_new_ids(state, limit, sortby, file)
    found: Dict[str, Set[int]] = state["new"]
    return found


def count(typename: str, objects: Optional[Iterable[Any]] = None) -> int:
    """How many of these objects, or of all that are tracked, are of this type: "Class" or "module.Class"."""
    return len(by_type(typename, objects))


def by_type(typename: str, objects: Optional[Iterable[Any]] = None) -> List[Any]:
    """Those of these objects, or of all that are tracked, that are of this type: "Class" or "module.Class"."""
    short = "." not in typename
    found = []
    wanted: Dict[type, bool] = {}
    for obj in gc.get_objects() if objects is None else objects:
        kind = type(obj)
        if kind not in wanted:
            wanted[kind] = type_name(obj, short) == typename
        if wanted[kind]:
            found.append(obj)
    return found


def at(addr: int) -> Any:
    """The tracked object at this address: at(id(obj)) is obj. None if there is none."""
    for obj in gc.get_objects():
        if id(obj) == addr:
            return obj
    return None


def at_addrs(address_set: Iterable[int]) -> List[Any]:
    """The tracked objects at these addresses, in no order."""
    addresses = frozenset(address_set)
    return [obj for obj in gc.get_objects() if id(obj) in addresses]


def get_leaking_objects(objects: Optional[List[Any]] = None) -> List[Any]:
    """Those of these objects, or of all that are tracked, that no tracked object refers to.

    Collects garbage first. C code may have forgotten its references to them; or it may well hold them, as may the variables
    of a running function.
    """
    gc.collect()
    tracked = gc.get_objects()
    candidates = tracked if objects is None else list(objects)
    ignored = {id(objects), id(candidates), id(tracked), id(sys._getframe())}
    left = {id(obj) for obj in candidates}
    for obj in tracked:
        if id(obj) not in ignored:
            left.difference_update(map(id, gc.get_referents(obj)))
    return [obj for obj in candidates if id(obj) in left]
