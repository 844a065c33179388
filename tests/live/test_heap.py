"""pyrometer heap PID: every object of a live process, and what keeps those that leak, by name."""
import json
import os
import re
import signal
import stat
import subprocess
import time

import pytest

from . import programs

pytestmark = pytest.mark.beside

HERE = os.path.dirname(os.path.abspath(__file__))
LEAKS = os.path.join(HERE, "leaks.py")
RECORDS = 20_000

CENSUS = '''
import functools
import sys

class Plain:
    def __init__(self, number):
        self.number = number

class Slotted:
    __slots__ = ("number",)

class Names(dict):
    pass

class Never:
    pass

class Keyed:
    pass

@functools.lru_cache(maxsize=10)
def remember(key):
    return [key]

remember(7)
keyed = {key: Keyed() for key in KEYS}
plain = [Plain(number) for number in range(1234)]
slotted = tuple(Slotted() for _ in range(567))
names = {number: Names(number=number) for number in range(89)}
waiting = (each for each in plain)
next(waiting)
print("READY", flush=True)
for line in sys.stdin:
    named = sum(each["number"] for each in names.values())
    print(sum(each.number for each in plain) + len(slotted) + named, flush=True)
'''
KEYS = [0, 7, -3, True, 2**30, 2**60 - 1, 1 - 2**60, "/x", ("GET", 17), ("a",), (), (1, (2, 3), 4), (1, 2, 3, 4, 5), b"\x00a\xff"]
SHOWN = [*map(repr, KEYS[:-3]), "(1, (…), 4)", "(1, 2, 3, 4, …)", "b'\\x00a\\xff'"]
TOTAL = sum(range(1234)) + 567 + sum(range(89))


@pytest.fixture
def ask():
    def ask_target(target):
        target.process.stdin.write(b"how much\n")
        target.process.stdin.flush()
        return int(target.line())
    return ask_target


@pytest.fixture
def take(pyrometer, tmp_path):
    """take(pid, …) -> what the snapshot says, as JSON."""
    def take_json(pid, *options):
        return json.loads(pyrometer("heap", pid, "-o", tmp_path / "x.pyroheap", "--json", *options).stdout)
    return take_json


def write_census(folder):
    return programs.write(folder / "census.py", CENSUS.replace("KEYS", repr(KEYS)))


def test_census_is_exact_and_the_program_runs_on(start, take, ask, pyrometer, tmp_path, python):
    target = start(write_census(tmp_path), stdin=subprocess.PIPE)
    found = take(target.pid)
    counts = {row["type"]: row["count"] for row in found["types"]}
    assert {name: counts.get(f"__main__.{name}", 0) for name in ("Plain", "Slotted", "Names", "Never")} == {
        "Plain": 1234, "Slotted": 567, "Names": 89, "Never": 0}
    assert sum(row["count"] for row in found["types"]) == found["snapshot"]["objects"]
    assert found["snapshot"]["objects_torn"] == 0
    assert 0 < found["snapshot"]["pause_us"] < 2_000_000
    assert found["snapshot"]["pid"] == target.pid
    assert ask(target) == TOTAL
    assert target.alive() and not target.said()
    query = ("--query", "select name from Keyed limit 100", "--json")
    rows = json.loads(pyrometer("heap", tmp_path / "x.pyroheap", *query).stdout)["rows"]
    assert sorted(name for name, in rows) == sorted(f"__main__.keyed[{key}]" for key in SHOWN)
    query = ("--query", "select name from _lru_list_elem limit 1000", "--json")
    names = {name for name, in json.loads(pyrometer("heap", tmp_path / "x.pyroheap", *query).stdout)["rows"]}
    assert "__main__.remember.<cache>[7]" in names and not [name for name in names if name.startswith("<functools")]


# The first suspect: its type, its name as an expression, its role, what it has 20,000 of.
ITEMS = "__main__.Record"
LEAKING = {
    "module_global": ("dict", r"__main__\.CACHE", "a module global", ITEMS),
    "lru_cache_on_method": ("dict", r"__main__\.Parser\.parse\.<cache>", "the results that functools.lru_cache keeps",
                            ITEMS),
    "listener": ("list", r"__main__\.BUS\.listeners", "an attribute", "method"),
    "traceback_kept": ("list", r"__main__\.LAST_ERROR\.__traceback__\.tb_next\.tb_frame\.<local batch>",
                       "a local of a frame that is kept", ITEMS),
    "thread_local": ("list", r'(?=.*"pool-7")(?=.*<threading\.local).*\.connections', None, ITEMS),
    "closure": ("dict", r"__main__\.HANDLER\.__closure__\.<pending>", "a variable of a closure", ITEMS),
    "class_attribute": ("list", r"__main__\.Registry\.entries", "a class attribute", ITEMS),
    "c_callback": ("list",
                   r"<ctypes\..*CFunctionType at 0x\w+>\..*\.__closure__\.<bag>", "a variable of a closure", ITEMS),
    "exit_function": ("list", None, None, ITEMS),
    "context_variable": ("list", r"<thread \w+ \"MainThread\">\.context\[ContextVar 'request'\]",
                         "the value of a context variable", ITEMS),
    "profile_slot": ("list", r'<thread \w+ "MainThread">\.profile\.seen', "an attribute", ITEMS),
}


@pytest.mark.long(1)
@pytest.mark.parametrize("leak", LEAKING)
def test_what_keeps_a_leak_is_the_first_suspect(start, take, ask, leak, python):
    kind, path, role, entries = LEAKING[leak]
    target = start(LEAKS, leak, RECORDS, stdin=subprocess.PIPE)
    suspect = take(target.pid)["suspects"][0]
    assert suspect["type"] == kind and suspect["entries_type"] == entries and not suspect["garbage"], suspect
    assert suspect["entries"] == RECORDS
    assert path is None or re.fullmatch(path, suspect["path"]), suspect
    assert role in (None, suspect["role"])
    assert ask(target) == RECORDS * (RECORDS - 1) // 2


@pytest.mark.long(1)
def test_listeners_are_named_by_their_method(start, take, python):
    target = start(LEAKS, "listener", RECORDS, stdin=subprocess.PIPE)
    assert "20.0 k entries of `method` such as `Widget.on_change`" in take(target.pid)["suspects"][0]["text"]


@pytest.mark.long(1)
@pytest.mark.parametrize("leak", ["c_callback", "exit_function"])
def test_what_only_c_holds_is_said_to_be(start, take, leak, python):
    """The functions to call at exit are in the state of atexit, which shows them, in an array of C's, or in a list of the
    interpreter's, by version; the thunk's reference is no one's."""
    target = start(LEAKS, leak, RECORDS, stdin=subprocess.PIPE)
    suspect = take(target.pid)["suspects"][0]
    assert "held from outside of Python's objects" in suspect["text"] or suspect["path"].startswith(("<interp", "atexit.")), suspect


@pytest.mark.long(1)
def test_cycles_with_the_collector_off_are_the_first_suspect(start, take, ask, python):
    """All but one at most: up to 3.10 a word that the interpreter left in a list of free dicts may still lead to it."""
    all_of_them = (RECORDS - 1, RECORDS) if python.info < (3, 11) else (RECORDS,)
    target = start(LEAKS, "cycle", RECORDS, stdin=subprocess.PIPE)
    found = take(target.pid)
    suspect, row = found["suspects"][0], found["cycles"][0]
    assert suspect["garbage"] and suspect["type"] == "__main__.Node" and suspect["entries"] in all_of_them
    assert "the collector, which is off, has not come to" in suspect["text"]
    assert row["cycles"] in all_of_them and "__main__.Node" in row["types"]
    counts = {each["type"]: each["garbage"] for each in found["types"]}
    assert counts["__main__.Node"] in all_of_them and counts["__main__.Record"] in all_of_them
    assert ask(target) == RECORDS * (RECORDS - 1) // 2


COLLECTED = '''
import gc, json, time

kept = [[number] for number in range(5000)]
for generation in (2, 0, 0, 1):
    for _ in range(500):
        cycle = []
        cycle.append(cycle)
    gc.collect(generation)
gc.freeze()
gc.disable()
print("READY", json.dumps([gc.get_stats(), gc.get_threshold(), gc.get_freeze_count()]), flush=True)
time.sleep(1000)
'''


def test_the_collector_is_told_as_it_tells_itself(start, pyrometer, tmp_path, python):
    target = start(programs.write(tmp_path / "collected.py", COLLECTED))
    stats, thresholds, frozen = json.loads(target.ready)
    lines = pyrometer("heap", target.pid, "-o", tmp_path / "x.pyroheap", "--gc").stdout.splitlines()
    first = next(number for number, line in enumerate(lines) if line.split()[:1] == ["generation"]) + 1
    rows = [list(map(int, line.split()[:6])) for line in lines[first:first + 3]]
    assert [(row[1], row[3:]) for row in rows] == [
        (threshold, [one["collections"], one["collected"], one["uncollectable"]]) for threshold, one in zip(thresholds, stats)]
    assert lines[first - 2].strip() == "disabled"
    assert lines[first + 3].startswith(f"  {frozen} objects of ")


# ---- what goes wrong ----

@pytest.fixture
def small(start, tmp_path):
    return lambda: start(write_census(tmp_path), stdin=subprocess.PIPE)


@pytest.mark.long(1)
def test_an_existing_file_is_kept_without_force(small, pyrometer, tmp_path, python):
    target, file = small(), tmp_path / "here.pyroheap"
    file.write_text("mine")
    assert "--force" in pyrometer("heap", target.pid, "-o", file, status=1).stderr
    assert file.read_text() == "mine"
    pyrometer("heap", target.pid, "-o", file, "--force", "-q")
    assert "1234" in pyrometer("heap", file, "--census").stdout
    assert sorted(os.listdir(tmp_path)) == ["census.py", "here.pyroheap"]


def test_what_is_no_regular_file_is_never_replaced(pyrometer, tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    assert "no regular file" in pyrometer("heap", os.getpid(), "-o", path, "--force", status=1).stderr
    assert stat.S_ISFIFO(path.stat().st_mode)


def test_what_is_no_python_or_gone_is_said(pyrometer, tmp_path):
    other = subprocess.Popen(["sleep", "60"])
    try:
        said = pyrometer("heap", other.pid, "-o", tmp_path / "x.pyroheap", status=1).stderr
        assert "does not run CPython" in said
        other.kill()
        os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
        said = pyrometer("heap", other.pid, "-o", tmp_path / "x.pyroheap", status=1).stderr
        assert f"process {other.pid} has ended" in said
    finally:
        other.kill()
        other.wait()
    said = pyrometer("heap", other.pid, "-o", tmp_path / "x.pyroheap", status=1).stderr
    assert f"no process {other.pid}" in said
    assert not os.listdir(tmp_path)


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return file.read().split()


@pytest.mark.long(1)
def test_an_interrupt_leaves_nothing_half_done(start, binary, ask, tmp_path, python):
    target = start(LEAKS, "listener", 10 * RECORDS, stdin=subprocess.PIPE)
    folder = tmp_path / "out"
    folder.mkdir()
    for delay_s in (0.005, 0.02, 0.05, 0.1, 0.2, 0.3):
        taking = subprocess.Popen([binary, "heap", str(target.pid), "-o", folder / "x.pyroheap", "--json"],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        time.sleep(delay_s)
        taking.send_signal(signal.SIGINT)
        status = taking.wait(timeout=30)
        said = taking.stderr.read().decode()
        taking.stderr.close()
        assert status in (0, -signal.SIGINT) or (status == 1 and "nothing was written" in said), said
        due = time.monotonic() + 10
        while children(target.pid) and time.monotonic() < due:
            time.sleep(0.01)
        assert not children(target.pid), delay_s
        if status:
            left = os.listdir(folder)
            assert left == (["x.pyroheap"] if "objects in" in said else []), (delay_s, status, said)
            if left:  # interrupted when all was written: it is whole
                subprocess.run([binary, "heap", folder / left[0], "--json"], stdout=subprocess.DEVNULL, check=True)
        for name in os.listdir(folder):
            os.unlink(folder / name)
    assert ask(target) == 10 * RECORDS * (10 * RECORDS - 1) // 2
