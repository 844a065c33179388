"""How many keys a lookup passes: what the probes of dicts and sets, written down here once more, come to."""
import json
import os
import pathlib
import platform
import subprocess

import pytest

from . import test_arrays, walked

PROGRAM = pathlib.Path(__file__).with_name("collisions.py")
LINEAR_PROBES = 9

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="copies are made on x86-64 only")


def slots(first, mask, linear):
    """The order in which slots are looked at for a hash below 32."""
    while True:
        yield from range(first, first + (linear if first + linear <= mask else 0) + 1)
        first = (first * 5 + 1) & mask


def passed(count, mask, linear=0):
    """On average, if count keys of hash 7 have gone into an empty table one after the other."""
    places = {}
    for number, slot in enumerate(slots(7, mask, linear)):
        if len(places) == count:
            return "%.1f other keys in the way of a lookup" % (sum(places.values()) / count)
        places.setdefault(slot, number)


def texts(walk, name):
    table = test_arrays.attributes(walk, "__main__")[name]
    pairs = [to for to, _, _ in table.edges]
    return {walk.objects[key].text: walk.objects[value].text for key, value in zip(pairs[::2], pairs[1::2])}


def test_what_a_lookup_passes(start, python, pyrometer):
    target = start(PROGRAM, python=python, stdin=subprocess.PIPE)
    walk = walked.walk(target.pid, "copy")
    found = texts(walk, "COLLIDING")
    assert float(found.pop("multiples").split()[0]) > 3
    in_dict, in_set = passed(101, 255), passed(101, 511, LINEAR_PROBES)
    assert found == {**dict.fromkeys(("dict", "subclass", "ordered", "default"), in_dict),
                     **dict.fromkeys(("set", "frozenset"), in_set), "thinned": passed(81, 511, LINEAR_PROBES)}
    assert set(texts(walk, "APART").values()) == {""}
    file = os.path.join(target.folder, "x.pyroheap")
    rows = [row for row in json.loads(pyrometer("heap", target.pid, "-o", file, "--json").stdout)["containers"]
            if row["kind"] == "collisions"]
    assert {row["type"]: (row["count"], row["saved_bytes"]) for row in rows} == {
        "dict": (2, 0), "__main__.Table": (1, 0), "collections.OrderedDict": (1, 0), "collections.defaultdict": (1, 0),
        "set": (2, 0), "frozenset": (1, 0)}
    assert {row["path"]: row["detail"] for row in rows}["__main__.COLLIDING['dict']"] == in_dict
    shown = pyrometer("heap", file, "--containers").stdout
    assert f"dict: {in_dict}, such as __main__.COLLIDING['dict']" in shown
