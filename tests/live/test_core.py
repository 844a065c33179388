"""pyrometer heap CORE: what a core file holds is what the process held."""
import json
import os
import random
import signal
import struct
import subprocess

import pytest

import pythons
from tests.hard.support import wait_for

from . import core_file, programs

pytestmark = pytest.mark.beside

PROGRAM = '''
import sys
import threading
import time

if sys.argv[1:]:
    import os, resource
    os.chdir(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

class Record:
    def __init__(self, number):
        self.number = [number]

RECORDS = {number: Record(number) for number in range(10000)}

def work(count):
    held = "x" * count
    started.set()
    threading.Event().wait()

started = threading.Event()
threading.Thread(target=work, args=(5,), name="worker", daemon=True).start()
started.wait()
print("READY", flush=True)
sys.stdin.readline()
'''


@pytest.fixture
def held(start, binary, tmp_path):
    """A process that stands still; given a folder, it may leave a core file there."""
    def hold(*folder, **options):
        target = start(programs.write(tmp_path / "records.py", PROGRAM), *folder, stdin=subprocess.PIPE, **options)
        wait_for(lambda: both_wait(binary, target.pid), "both threads wait")
        return target
    return hold


def both_wait(binary, pid):
    done = subprocess.run([binary, "dump", "--json", str(pid)], capture_output=True, text=True, check=True, timeout=60)
    return all(thread["idle"] and not thread["waits_gil"] for thread in json.loads(done.stdout)["threads"])


def counts(binary, what, output, *options):
    done = subprocess.run([binary, "heap", "-q", str(what), "-o", output, "--force", "--json", *map(str, options)],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return found, {row["type"]: (row["count"], row["shallow_bytes"], row["retained_bytes"]) for row in found["types"]}


def stacks(binary, what, *options):
    done = subprocess.run([binary, "dump", "-l", "--json", str(what), *map(str, options)], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 0, done.stderr
    return [(thread["id"], thread["native_id"], thread["name"], thread["frames"])
            for thread in json.loads(done.stdout)["threads"]]


def test_core_holds_what_the_process_held(held, binary, python, tmp_path):
    target = held()
    _, alive = counts(binary, target.pid, tmp_path / "live.pyroheap")
    threads = stacks(binary, target.pid)
    os.kill(target.pid, signal.SIGSTOP)
    core = core_file.write(target.pid, tmp_path / "core", python.root)
    os.kill(target.pid, signal.SIGCONT)
    found, dead = counts(binary, core, tmp_path / "core.pyroheap", "--root", python.root)
    assert stacks(binary, core, "--root", python.root) == threads
    assert [(name, frames[-1]["function"]) for _, _, name, frames in threads] == [("MainThread", "<module>"), ("worker", threads[1][3][-1]["function"])]
    assert threads[1][3][-4]["function"] == "work" and threads[1][3][-4]["locals"] == {"count": "5", "held": "'xxxxx'"}
    assert dead == alive and dead["__main__.Record"][0] == 10000
    assert found["snapshot"]["pid"] == target.pid and found["snapshot"]["objects_torn"] == 0
    assert found["snapshot"]["python"] == python.version and "records.py" in found["snapshot"]["command"]
    assert "`__main__.RECORDS`, a module global, 10.0 k entries" in found["suspects"][0]["text"]


@pytest.fixture(scope="module")
def newest():
    """Of this system itself."""
    return [python for python in pythons.discover() if python.root == "/" and not python.free_threaded][-1]


def test_cores_of_gdb_and_of_the_kernel(held, binary, newest, tmp_path):
    target = held(tmp_path, python=newest)
    _, alive = counts(binary, target.pid, tmp_path / "live.pyroheap")
    made = [core_file.by_gdb(target.pid, tmp_path), core_file.by_kernel(target.process, tmp_path)]
    if not any(made):
        pytest.skip("neither gdb nor a kernel that writes cores to files")
    for core in filter(None, made):
        assert counts(binary, core, tmp_path / "core.pyroheap")[1] == alive, core


@pytest.fixture
def core(held, newest, tmp_path):
    target = held(python=newest)
    os.kill(target.pid, signal.SIGSTOP)
    return core_file.write(target.pid, tmp_path / "core")


def take(binary, core, *options):
    return subprocess.run([binary, "heap", core, "-o", core.with_name("x.pyroheap"), "--force", *options], capture_output=True,
                          text=True, timeout=60)


def test_from_python(core, binary, monkeypatch, tmp_path):
    monkeypatch.setenv("PYROMETER", str(binary))
    monkeypatch.syspath_prepend(str(pythons.ROOT / "python"))
    monkeypatch.chdir(tmp_path)
    from pyrometer import heap
    taken = heap.snapshot(core=core)
    assert [row.count for row in taken.types if row.type == "__main__.Record"] == [10000] and taken.path is None
    assert heap.snapshot("7", core=core.rename("8")).types == taken.types == heap.read("7").types


def test_files_that_are_gone(core, binary, tmp_path):
    done = take(binary, core, "--root", str(tmp_path))
    assert done.returncode == 1 and "which the process had mapped, and which is not there any more" in done.stderr
    assert not core.with_name("x.pyroheap").exists()


def test_cut_short_and_damaged(core, binary):
    whole = core.read_bytes()
    for size in [40, 64, 1000, 5000, len(whole) // 3, len(whole) // 2, len(whole) - 100000]:
        core.write_bytes(whole[:size])
        done = take(binary, core)
        assert done.returncode in (0, 1) and done.stderr.startswith("pyrometer: "), (size, done.stderr)
        assert done.returncode == 1 or "it was cut short" in done.stderr
    headers = struct.unpack_from("<H", whole, 56)[0] * 56 + 64 + 40000
    for seed in range(16):
        rng, data = random.Random(seed), bytearray(whole)
        for _ in range(1 << seed % 8):
            struct.pack_into("<Q", data, rng.randrange(16, headers), rng.choice(
                [0, 1, 2 ** 64 - 1, 2 ** 63 - 1, rng.getrandbits(64), rng.getrandbits(20), 4096]))
        core.write_bytes(data)
        done = take(binary, core)
        assert done.returncode in (0, 1) and done.stderr.startswith("pyrometer: "), (seed, done.returncode, done.stderr)
