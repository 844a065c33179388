"""NumPy and pandas: census, references and sizes are what the interpreter says of them; dtypes that are too wide."""
import collections
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys

import pytest

from . import test_walk, walked

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import pythons  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
INSTALLED = HERE.parents[1] / "build" / "arrays"
INSTALL_S = 600
HIDDEN_ITEM, HIDDEN_MEMBER = walked.HIDDEN + 3, walked.HIDDEN + 1

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="copies are made on x86-64 only")


def oldest_and_newest():
    """That pip can install for from here."""
    found = [each for each in pythons.discover() if each.root == "/" and each.has("pip")]
    return found[:1] + found[1:][-1:]


@pytest.fixture(name="installed", params=oldest_and_newest(), ids=pythons.ids(oldest_and_newest()))
def with_numpy(request):
    """(an interpreter, the folder with its NumPy and pandas): installed once, below build."""
    python = request.param
    folder = INSTALLED / python.id
    if not folder.exists():
        part = INSTALLED / f"{python.id}.{os.getpid()}"
        words = ["-m", "pip", "install", "-q", "--disable-pip-version-check", "--target", part, "numpy", "pandas"]
        done = subprocess.run(python.command(*words), env=pythons.clean_environment(), capture_output=True, text=True,
                              timeout=INSTALL_S)
        if done.returncode:
            shutil.rmtree(part, ignore_errors=True)
            pytest.skip(f"pip cannot install NumPy and pandas: {done.stderr.strip()[-200:]}")
        part.rename(folder)
    return python, folder


def attributes(walk, name):
    """The module's globals, {name: object}, by keys and values of its dict."""
    module, = walk.named("module", name)
    names = next(walk.objects[to] for to, kind, _ in walk.objects[module].edges if kind == 11)
    pairs = [to for to, _, _ in names.edges]
    return {walk.objects[key].text: walk.objects[value] for key, value in zip(pairs[::2], pairs[1::2])}


def check_objects(walk, found):
    """An array of objects refers to them, a view to its base, each to its dtype."""
    objects, records = found["OBJECTS"], found["RECORDS"]
    texts = [walk.objects[to].text for to, kind, _ in objects.edges if kind == HIDDEN_ITEM]
    assert texts[:2] == ["", "a"] and len(texts) == 6 and objects.text == "object"
    assert {label for _, kind, label in objects.edges if kind == HIDDEN_MEMBER} == {"dtype"}
    kinds = collections.Counter(walk.types[walk.objects[to].type][1] for to, kind, _ in records.edges if kind == HIDDEN_ITEM)
    assert kinds["list"] == kinds["dict"] == 1 and records.flags & walked.CONSERVATIVE
    data = next(address for address, item in walk.objects.items() if item is found["DATA"])
    views = [item for item in walk.objects.values() if (data, HIDDEN_MEMBER, "base") in item.edges]
    assert len(views) >= 3 and all(item.size < 200 for item in views) and found["DATA"].size > 800000


def check_dtypes(walk, found):
    """What a narrower dtype would save, to the byte."""
    table = [to for to, _, _ in found["SMALL"].edges]
    said = {walk.objects[key].text: walk.objects[value].text for key, value in zip(table[::2], table[1::2])}
    assert said == {
        "int8": "int64; int8 would save 7000 bytes",
        "uint8": "int64; uint8 would save 7000 bytes",
        "int16": "int32; int16 would save 2000 bytes",
        "uint16": "uint32; uint16 would save 2000 bytes",
        "int32": "int64; int32 would save 4000 bytes",
        "uint32": "int64; uint32 would save 4000 bytes",
        "float32": "float64; float32 would save 4000 bytes",
        "int8 of floats": "float64; int8 would save 7000 bytes",
        "int16 of single floats": "float32; int16 would save 2000 bytes",
        "itself": "int64",
        "itself, of tenths": "float64",
        "itself, swapped": "int64",
    }
    assert found["DATA"].text == "int64; int32 would save 400000 bytes"


def check_report(found):
    """What would be saved of all arrays of the module SMALL, at least: NumPy and pandas have some of their own."""
    rows = {row["detail"]: row for row in found["containers"] if "detail" in row}
    assert rows["int64 as int8"]["saved_bytes"] >= 7000 and rows["float64 as float32"]["saved_bytes"] >= 4000
    row = rows["int64 as int32"]
    assert row["kind"] == "wide" and row["saved_bytes"] >= 404000 and row["path"] == "__main__.DATA"


def test_arrays(installed, start, pyrometer):
    python, folder = installed
    target = start(HERE / "arrays.py", folder, HERE, python=python)
    walk, said = test_walk.both(target, "copy")
    test_walk.check_census(walk, said)
    test_walk.check_untracked(walk, said)
    test_walk.check_edges(walk, said, exact=True)
    test_walk.check_whole(walk)
    # Static types of NumPy's own metatype: from 3.13 on, 16 bytes more for a head that they have not.
    basic = test_walk.wrong_sizes(walk, said, but=("_DTypeMeta",))
    assert not basic & {"ndarray", "matrix", "float64", "int8", "bytes_", "str_", "void", "clongdouble", "dtype"}
    found = attributes(walk, "__main__")
    check_objects(walk, found)
    check_dtypes(walk, found)
    file = os.path.join(target.folder, "x.pyroheap")
    check_report(json.loads(pyrometer("heap", target.pid, "-o", file, "--json").stdout))
