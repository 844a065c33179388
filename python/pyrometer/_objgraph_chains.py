"""Shortest chains of references between objects."""
import gc
import sys
import types
from typing import Any, Callable, Dict, Iterable, List, Set

Predicate = Callable[[Any], Any]

# gc.get_referrers goes through all objects at each call, and compares each reference with each object asked for.
_AT_ONCE = 32


def is_proper_module(obj: Any) -> bool:
    """Whether this is a module of sys.modules: what keeps the rest, as a root does."""
    # type() and object's own getter: a proxy, or a module that loads when it is first used, is not disturbed.
    if not issubclass(type(obj), types.ModuleType):
        return False
    name = object.__getattribute__(obj, "__dict__").get("__name__")
    return isinstance(name, str) and sys.modules.get(name) is obj


class Found:
    """Objects found so far, each with the address of the one that it was found from. `own` are the addresses of what a
    search itself has, to be passed over."""

    def __init__(self, ignored: Iterable[int]) -> None:
        self.objects: Dict[int, Any] = {}
        self.source: Dict[int, int] = {}
        self.own: Set[int] = set(ignored)
        self.own.update(map(id, (self, self.__dict__, self.objects, self.source, self.own)))

    def add(self, obj: Any, source: int) -> bool:
        """Whether it is a new one."""
        if id(obj) in self.objects or id(obj) in self.own or is_own_frame(obj):
            return False
        self.objects[id(obj)] = obj
        self.source[id(obj)] = source
        return True

    def chain(self, obj: Any) -> List[Any]:
        """From this object to the first one."""
        chain, address = [obj], self.source[id(obj)]
        while address:
            chain.append(self.objects[address])
            address = self.source[address]
        return chain


def is_own_frame(obj: Any) -> bool:
    return type(obj) is types.FrameType and obj.f_globals.get("__package__") == __package__


def _referrers_of(level: List[Any], own: Set[int]) -> Iterable[Any]:
    for first in range(0, len(level), _AT_ONCE):
        part = tuple(level[first:first + _AT_ONCE])
        addresses = {id(obj) for obj in part}
        own.update((id(part), id(addresses)))
        referrers = gc.get_referrers(*part)
        own.add(id(referrers))
        for referrer in referrers:
            if id(referrer) not in own:
                for obj in gc.get_referents(referrer):
                    if id(obj) in addresses:
                        yield referrer, obj
                        break


def _referents_of(level: List[Any], own: Set[int]) -> Iterable[Any]:
    for obj in level:
        for referent in gc.get_referents(obj):
            yield referent, obj


def _search(obj: Any, predicate: Predicate, max_depth: int, extra_ignore: Iterable[int],
            step: Callable[[List[Any], Set[int]], Iterable[Any]]) -> List[Any]:
    """From what the predicate is true of to obj, breadth first; [obj] if there is no such chain."""
    found = Found(extra_ignore)
    found.objects[id(obj)] = obj
    found.source[id(obj)] = 0
    if predicate(obj):
        return [obj]
    level = [obj]
    for _ in range(max_depth):
        following: List[Any] = []
        found.own.update((id(level), id(following)))
        pairs = step(level, found.own)
        found.own.add(id(pairs))  # a generator, whose variables refer to what is found
        for candidate, source in pairs:
            if found.add(candidate, id(source)):
                if predicate(candidate):
                    return found.chain(candidate)
                following.append(candidate)
        level = following
    return [obj]


def find_backref_chain(obj: Any, predicate: Predicate, max_depth: int = 20, extra_ignore: Iterable[int] = ()) -> List[Any]:
    """A shortest chain of references that leads to obj from an object that the predicate is true of: [that, …, obj].

    [obj] if there is none of at most max_depth references. extra_ignore: addresses of objects to pass over.
    """
    return _search(obj, predicate, max_depth, extra_ignore, _referrers_of)


def find_ref_chain(obj: Any, predicate: Predicate, max_depth: int = 20, extra_ignore: Iterable[int] = ()) -> List[Any]:
    """A shortest chain of references that leads from obj to an object that the predicate is true of: [obj, …, that].

    [obj] if there is none of at most max_depth references. extra_ignore: addresses of objects to pass over.
    """
    return _search(obj, predicate, max_depth, extra_ignore, _referents_of)[::-1]
