"""A heap snapshot of a process with the private heap says which line allocated each object: as tracemalloc does."""
import collections
import json
import os
import random
import struct
import subprocess

import pytest

from tests.heap import walked

from . import memory

KINDS = {"Plain", "Slots", "Names", "Row", "Text", "bytes", "str", "bytearray", "type", "code"}


@pytest.fixture
def snapshot(ground, binary, tmp_path):
    """snapshot(program, …) -> (its file, what the program wrote, its path inside)."""
    def take(program, *arguments, env=()):
        path = ground.put(program)
        with ground.held(path, ground.inside(os.path.join(ground.folder, "said")), *arguments, env=env) as process:
            with open(os.path.join(ground.folder, "said"), encoding="utf-8") as text:
                said = json.load(text)
            file = tmp_path / "x.pyroheap"
            done = subprocess.run([binary, "heap", "-q", str(said.get("pid", process.pid)), "-o", file],
                                  capture_output=True, text=True, timeout=memory.TIMEOUT_S)
            assert done.returncode == 0, done.stderr
        return file, said, path
    return take


def ask(binary, file, query):
    done = subprocess.run([binary, "heap", file, "--query", query, "-n", "100000", "--json"], capture_output=True, text=True,
                          timeout=memory.TIMEOUT_S)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert len(answer["rows"]) == answer["rows_found"]
    return answer["rows"]


def test_sites_are_those_of_tracemalloc(snapshot, binary):
    file, said, inside = snapshot(memory.PROGRAMS / "sites.py")
    found = {int(address, 16): (path, line)
             for address, path, line in ask(binary, file, "select address, file, line from * where line > 0")}
    wrong = {(kind, line, found.get(int(address)))
             for address, (path, line, kind) in said.items() if found.get(int(address)) != (path, line)}
    assert wrong == set()
    kinds = collections.Counter(kind for path, _, kind in said.values() if path == inside)
    assert kinds.keys() >= KINDS and sum(kinds.values()) > 1200, kinds


LEAK = """
import json, os, sys

class Response:
    def __init__(self, number):
        self.body = b"body %d" % number

def handle(number):
    return Response(number)

CACHE = {}
for number in range(5000):
    CACHE[number] = handle(number)
if sys.argv[2:] == ["fork"]:
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        sys.exit()
    made = {}
    exec(compile("def later(number): return Response(number)", "made later", "exec"), globals(), made)
    for number in range(5000, 12000):
        CACHE[number] = made["later"](number)
json.dump({"pid": os.getpid()}, open(sys.argv[1], "w"))
print("READY", flush=True)
sys.stdin.readline()
"""
LINE = LEAK.split("\n").index("    return Response(number)") + 1


@pytest.mark.long(2)
def test_suspects_end_with_the_line(snapshot, binary):
    file, _, path = snapshot(LEAK)
    text = subprocess.run([binary, "heap", file, "--suspects"], capture_output=True, text=True, check=True).stdout
    assert f"5000 entries of `__main__.Response`, allocated at {path}:{LINE}.\n" in text, text
    assert ask(binary, file, "select site, function, count() from Response group by site, function") == [
        [f"{path}:{LINE}", "handle", 5000]]
    assert ask(binary, file, f"select count() from bytes where line = {LINE - 3}") == [[5000]]
    census = subprocess.run([binary, "heap", file, "--census"], capture_output=True, text=True, check=True).stdout
    assert f"  {path}:{LINE - 3}\n" in census.partition("By the line that allocated")[2], census



STACKS = """
import json, sys

class Response:
    def __init__(self, number):
        self.body = b"body %d" % number

def view(number):
    return Response(number)

def serve(number):
    return view(number)

def retry(number, left):
    return retry(number, left - 1) if left else serve(number)

CACHE = {number: None for number in range(8000)}
for number in range(6000):
    CACHE[number] = serve(number)
for number in range(6000, 8000):
    CACHE[number] = retry(number, 30)
json.dump({}, open(sys.argv[1], "w"))
print("READY", flush=True)
sys.stdin.readline()
"""


@pytest.mark.long(2)
def test_stacks(snapshot, binary):
    """One line by two stacks: the line is told of all, the stack with its part."""
    file, _, path = snapshot(STACKS, env={"PYROMETER_MEMORY_MODE": "stacks"})
    lines = STACKS.split("\n")
    place = {text: lines.index(text) + 1 for text in lines}
    stack = [("view", "    return Response(number)"), ("serve", "    return view(number)"),
             ("<module>", "    CACHE[number] = serve(number)")]
    done = subprocess.run([binary, "heap", file, "--json"], capture_output=True, text=True, check=True)
    suspect = next(each for each in json.loads(done.stdout)["suspects"] if each.get("path") == "__main__.CACHE")
    assert suspect["allocated_at"] == f"{path}:{place[stack[0][1]]}" and suspect["allocated_share"] == 1
    assert suspect["allocated_stack"] == [
        {"function": function, "file": path, "line": place[text]} for function, text in stack]
    words = subprocess.run([binary, "heap", file, "--suspects"], capture_output=True, text=True, check=True).stdout
    shown = "".join(f"      {function} ({path}:{place[text]})\n" for function, text in reversed(stack))
    assert " 75 % of that by the stack:\n" + shown in words, words
    assert ask(binary, file, "select line, count() from Response group by line") == [[place[stack[0][1]], 8000]]


@pytest.mark.long(1)
@pytest.mark.parametrize("mode", ["lines", "stacks"])
def test_forked(snapshot, binary, mode):
    """What the child has from its parent, and what it allocated itself: the parent's file is gone."""
    file, _, path = snapshot(LEAK, "fork", env={"PYROMETER_MEMORY_MODE": mode})
    rows = ask(binary, file, "select site, function, count() from Response group by site, function order by count()")
    assert rows == [[f"{path}:{LINE}", "handle", 5000], ["made later:1", "later", 7000]]


@pytest.mark.long(1)
def test_damaged(ground, tmp_path):
    """Tags, sites and texts that were overwritten at random cost what they say, never the walk."""
    path, image = ground.put(memory.PROGRAMS / "sites.py"), tmp_path / "image"
    with ground.held(path, ground.inside(os.path.join(ground.folder, "said"))) as process:
        subprocess.run([walked.TOOL, str(process.pid), "capture", image], check=True, timeout=60)
    sane = subprocess.run([walked.TOOL, image], capture_output=True, timeout=60, check=True).stdout
    assert sane.count(b"\nW ") > 300
    whole = image.read_bytes()
    at = whole.index(b"\x89PYRTAG\n")
    size = struct.unpack_from("<I", whole, at + 12)[0]
    for seed in range(16):
        rng, data = random.Random(seed), bytearray(whole)
        for place in [at + rng.randrange(8, size - 4)] if seed % 2 else \
                [rng.randrange(0, len(whole) - (1 << 18), 4) for _ in range(20000)]:
            struct.pack_into("<I", data, place, rng.choice([0, 1, 2 ** 32 - 1, 2 ** 31, rng.getrandbits(32), rng.getrandbits(8)]))
        image.write_bytes(data)
        done = subprocess.run([walked.TOOL, image], capture_output=True, timeout=60, check=False)
        assert done.returncode in (0, 1), (seed, done.returncode, done.stderr.decode())
        assert done.returncode == 0 or not seed % 2, (seed, done.stderr.decode())
