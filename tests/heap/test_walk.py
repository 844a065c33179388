"""Every object of a process, against what its own interpreter says: the census, the references, the sizes."""
import collections
import os
import pathlib
import platform

import pytest

from . import walked

CAN_COPY = platform.machine() == "x86_64"
EVERYTHING = pathlib.Path(__file__).with_name("everything.py")


@pytest.fixture(name="both")
def both_sides(start, python):
    """(what the walk found, what the interpreter said): of a copy, in which types' own traversals are run."""
    return both(start(EVERYTHING, python=python), *["copy"] * CAN_COPY)


def both(target, *mode):
    walked.wait_stopped(target.pid)
    return walked.walk(target.pid, *mode), walked.census(os.path.join(target.folder, "census"))


def check_census(walk, said):
    """The tracked ones by generation, each with its type. A tuple that the census leaves in a cache may be more."""
    tracked = {address: item.generation for address, item in said.items() if item.generation != walked.UNTRACKED}
    found = {address: item.generation for address, item in walk.objects.items()
             if item.generation not in (walked.UNTRACKED, walked.PERMANENT)}
    assert not {address: said[address] for address in tracked.keys() - found.keys()}
    more = [walk.objects[address] for address in found.keys() - tracked.keys()]
    assert [walk.types[item.type][1] for item in more if item.generation != 0 or walk.types[item.type][1] != "tuple"] == []
    assert len(more) <= 1
    assert all(found[address] == generation for address, generation in tracked.items())
    assert all(walk.objects[address].type == item.type for address, item in said.items() if address in found)


def check_untracked(walk, said):
    """What tracked objects refer to; but for numbers that the census made and that are no more."""
    lost = {address: item for address, item in said.items() if address not in walk.objects}
    strange = {address for address, item in lost.items() if item.kind not in ("int", "dict")}
    assert not [(lost[to], hex(address), item, walk.objects.get(address)) for address, item in said.items()
                for to in strange.intersection(item.referents)]
    assert len(lost) < 40


def wrong_sizes(walk, said, but=()):
    """There are none but of types whose __sizeof__ has to be run: which are those."""
    wrong = [(item.kind, item.size, walk.objects[address].size) for address, item in said.items()
             if item.size and address in walk.objects and walk.objects[address].size != item.size and
             not walk.objects[address].flags & walked.SIZE_BASIC and item.kind not in but]
    assert wrong == []
    return {walk.types[item.type][1] for item in walk.objects.values() if item.flags & walked.SIZE_BASIC}


def check_sizes(walk, said):
    basic = wrong_sizes(walk, said)
    assert basic == {"Sized"}


def is_interned(said, item):
    """The runtime's own table, whose references do not count: each str is there as its own value."""
    return item.kind == "dict" and len(item.referents) > 1000 and all(
        other not in said or said[other].kind == "str" for other in item.referents)


def kinds(said, differ):
    return [(hex(to), said[to].kind if to in said else "?", count) for to, count in differ.items()]


def check_edges(walk, said, exact):
    """exact: whatever the type. Else guessed ones may be wrong, and are few."""
    wrong, examples = collections.Counter(), []
    flagged = 0
    for address, item in said.items():
        found = walk.objects.get(address)
        if found is None or is_interned(said, item):
            continue
        if found.flags & walked.CONSERVATIVE and not exact:
            flagged += 1
        elif found.shown() != collections.Counter(item.referents):
            wrong[item.kind] += 1
            told = collections.Counter(item.referents)
            examples.append((item.kind, hex(address), "too many", kinds(said, found.shown() - told),
                             "missing", kinds(said, told - found.shown())))
    assert wrong == {}, examples[:5]
    assert flagged < len(said) / 100


def check_labels(walk):
    """By what name something is held, however its version keeps attributes."""
    plain = [item for item in walk.objects.values() if walk.types.get(item.type) == ("__main__", "Plain")]
    names = collections.Counter(label for item in plain for _, _, label in item.edges)
    if not names["first"]:  # in dicts with shared keys, or in dicts
        dicts = [walk.objects[to] for item in plain for to, kind, _ in item.edges if kind == 11]
        names = collections.Counter(label or walk.objects[to].text for item in dicts for to, _, label in item.edges)
    assert names["first"] >= 15 and names["second"] >= 15
    slots = [item for item in walk.objects.values() if walk.types.get(item.type) == ("__main__", "Slots")]
    assert {(kind, label) for item in slots for _, kind, label in item.edges} >= {(2, "a")}
    generators = [item for item in walk.objects.values()
                  if walk.types.get(item.type) in (("builtins", "generator"), ("builtins", "frame"))]
    assert {label for item in generators for _, _, label in item.edges} >= {"limit", "held", "start"}


def check_roots(walk):
    kinds = collections.Counter(kind for kind, *_ in walk.roots)
    modules = {holder for kind, _, holder, _ in walk.roots if kind == 0}
    assert {"__main__", "sys", "builtins", "os"} <= modules
    frames = {(holder.partition(" ")[0], name) for kind, _, holder, name in walk.roots if kind == 1}
    assert ("stop", "target") in frames or ("stop", "write") in frames
    assert kinds[2] and kinds[3] and kinds[4]
    assert all(address in walk.objects for _, address, *_ in walk.roots)


def check_whole(walk):
    """Nothing points nowhere, nothing was torn in a process that stands still."""
    assert walk.facts["enabled"] == 0 and walk.facts["collecting"] == 0
    assert walk.facts["torn"] <= 2 and walk.facts["dangling"] == 0
    assert all(to in walk.objects for item in walk.objects.values() for to, _, _ in item.edges)
    assert all(item.type in walk.types for item in walk.objects.values())
    assert not [item for item in walk.objects.values() if item.length == 77_777]
    contents = collections.defaultdict(set)
    for item in walk.objects.values():
        if item.content and walk.types[item.type][1] == "str" and item.length < 40:
            contents[item.content].add((item.text, item.length))
    assert all(len(texts) == 1 for texts in contents.values())


def test_everything(both):
    walk, said = both
    check_census(walk, said)
    check_untracked(walk, said)
    check_sizes(walk, said)
    check_edges(walk, said, exact=CAN_COPY)
    check_labels(walk)
    check_roots(walk)
    check_whole(walk)


@pytest.mark.long(1)
@pytest.mark.skipif(not CAN_COPY, reason="no types' own traversals are run here")
def test_the_whole_library(start, python):
    """All modules of the standard library, and one of each type in them that can be made of next to nothing."""
    walk, said = both(start(EVERYTHING, "library", python=python), "copy")
    assert len({item.type for item in said.values()}) > 1000  # else some 450
    check_census(walk, said)
    check_untracked(walk, said)
    check_sizes(walk, said)
    check_edges(walk, said, exact=True)
    check_whole(walk)


@pytest.mark.long(2)
def test_without_running_code(start, python):
    """Of a process that stands still itself: what has no reader is guessed, and said to be."""
    walk, said = both(start(EVERYTHING, python=python))
    check_census(walk, said)
    check_sizes(walk, said)
    check_edges(walk, said, exact=False)
    check_whole(walk)
