"""A heap snapshot of a process with the private heap says which line allocated each object: as tracemalloc does."""
import collections
import json
import os
import subprocess

import pytest

from . import memory

KINDS = {"Plain", "Slots", "Names", "Row", "Text", "bytes", "str", "bytearray", "type", "code"}


@pytest.fixture
def snapshot(ground, binary, tmp_path):
    """snapshot(program, …) -> (its file, what the program wrote, its path inside)."""
    def take(program, *arguments, env=()):
        path = ground.put(program)
        with ground.held(path, ground.inside(os.path.join(ground.folder, "said")), *arguments, env=env) as process:
            file = tmp_path / "x.pyroheap"
            done = subprocess.run([binary, "heap", "-q", str(process.pid), "-o", file], capture_output=True, text=True,
                                  timeout=memory.TIMEOUT_S)
            assert done.returncode == 0, done.stderr
        return file, json.loads(open(os.path.join(ground.folder, "said"), encoding="utf-8").read()), path
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
