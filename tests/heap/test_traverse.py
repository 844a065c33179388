"""Types of C modules: what their own traversals show, run in a copy, is what gc.get_referents says; one that crashes or
hangs costs nothing but itself."""
import collections
import os
import pathlib
import platform
import shutil
import subprocess
import tempfile

import pytest

from . import walked

HERE = pathlib.Path(__file__).parent
WRONG = {"Crashes", "Hangs", "VisitsForEver", "CallsTheSystem", "VisitsNoObject", "Recurses", "Refuses"}
ANSWER = str(2999 * 3000 // 2 + 99 * 100 // 2 + 3000 + 100 + 6 + 3 + 50 + 20 * len(WRONG) + 1)

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="copies are made on x86-64 only")


def build(python, folder):
    """extension.c for this Python; skips where it has no headers."""
    words = "import sysconfig; print(sysconfig.get_path('include'))"
    include = subprocess.run(python.command("-c", words), capture_output=True, text=True, check=True).stdout.strip()
    include = python.root.rstrip("/") + include
    if not os.path.exists(include + "/Python.h"):
        pytest.skip(f"no headers of Python {python.version} in {include}")
    options = ["-shared", "-fPIC", "-O1", "-fno-optimize-sibling-calls", "-I", include]
    if python.root != "/":
        options += ["-idirafter", python.root + "/usr/include"]
    subprocess.run(["cc", *options, "-o", os.path.join(folder, "extension.so"), str(HERE / "extension.c")], check=True)


@pytest.fixture(name="extension")
def built(python):
    """The folder that the module lies in, as the interpreter sees it."""
    folder = tempfile.mkdtemp(prefix="pyr-", dir=os.path.join(python.root, "tmp"))
    os.chmod(folder, 0o755)
    build(python, folder)
    yield "/" + os.path.relpath(folder, python.root)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(name="target")
def started(start, extension):
    return start(HERE / "traversed.py", extension, stdin=subprocess.PIPE)


def ask(target):
    target.process.stdin.write(b"how much\n")
    target.process.stdin.flush()
    return target.line()


def by_kind(walk, said):
    """{type: [(what the walk found, what the interpreter said)]}."""
    kinds = collections.defaultdict(list)
    for address, item in said.items():
        assert walk.objects[address].size == item.size, item.kind
        kinds[item.kind].append((walk.objects[address], item))
    return kinds


def kinds_of(item):
    return collections.Counter((kind, label) for _, kind, label in item.edges)


def test_traversals_are_run_in_the_copy(target):
    walk = walked.walk(target.pid, "copy")
    assert ask(target) == ANSWER
    kinds = by_kind(walk, walked.census(os.path.join(target.folder, "census")))
    assert {kind: len(items) for kind, items in kinds.items()} == {
        "Deep": 3000, "Further": 100, "Many": 4, "Open": 2, "Listing": 1, "Items": 2, "Untraversed": 50,
        "builtin_function_or_method": 1, **dict.fromkeys(WRONG, 20)}
    for kind, items in kinds.items():
        for found, item in items:
            assert bool(found.flags & walked.CONSERVATIVE) == (kind in WRONG or kind == "Untraversed"), kind
            assert found.shown() == collections.Counter(item.referents), kind
    # What it refers to by a member has its name; what it does not show is there all the same, but for what is not its own.
    found, item = kinds["Deep"][7]
    assert kinds_of(found) == {(1, "plain"): 1, (0, ""): 3, (walked.HIDDEN, ""): 1}
    assert [walk.objects[to].text for to, kind, _ in found.edges if kind == walked.HIDDEN] == ["unvisited 7"]
    assert kinds_of(kinds["Further"][0][0])[2, "more"] == 1
    items = [found for found, _ in kinds["Listing"] + kinds["Items"]]
    assert [kinds_of(found)[3, ""] for found in items] == [3, 2, 0]
    # Of what was only guessed, too, all that words of the structure lead to.
    for kind in [*WRONG, "Untraversed"]:
        for found, _ in kinds[kind]:
            assert {label for _, _, label in found.edges} >= {"one", "other"}, kind


@pytest.mark.long(2)
def test_without_a_copy_it_is_guessed(target):
    """Of a process that stands still itself, no code is run."""
    os.kill(target.pid, 19)
    walked.wait_stopped(target.pid)
    walk = walked.walk(target.pid)
    kinds = by_kind(walk, walked.census(os.path.join(target.folder, "census")))
    for found, _ in [*kinds["Deep"], *kinds["Many"]]:
        assert found.flags & walked.CONSERVATIVE
    assert kinds_of(kinds["Deep"][7][0])[1, "plain"] == 1
