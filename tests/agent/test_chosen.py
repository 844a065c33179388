"""pyrometer.memory: lines of chosen functions, beside what tracemalloc says between the same statements."""
import json
import os
import re
import shutil

import pytest

from . import memory

PROGRAM = memory.PROGRAMS / "chosen.py"


@pytest.fixture
def env(ground):
    shutil.copytree(memory.pythons.ROOT / "python" / "pyrometer", os.path.join(ground.folder, "pyrometer"),
                    ignore=shutil.ignore_patterns("__pycache__"))
    return {"PYTHONPATH": ground.inside(ground.folder)}


def run(ground, *words, **options):
    done = ground.run(*words, **options)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode(), done.stderr.decode()


def test_what_tracemalloc_says(ground, env):
    program = ground.put(PROGRAM)
    told, table = run(ground, program, env=env)
    ours = json.loads(told)
    (file, ) = ground.read()
    assert file.total().peak_bytes == file.peak_bytes > 6e6  # that somebody looked on changed nothing
    rows = re.findall(r"^ +(\d+) +([\d.]+) MiB +(-?[\d.]+) MiB +(-?[\d.]+) MiB +(\d+)", table, re.MULTILINE)
    assert [int(line) for line, *_ in rows][-len(ours):] == list(range(302, 302 + len(ours)))
    assert rows[-len(ours)][2:4] == ("0.191", "0.095")  # of bytes(100000), twice
    if ground.python.info < (3, 9):
        return  # its tracemalloc cannot forget a peak
    theirs = json.loads(run(ground, "-X", "tracemalloc=1", program, "trace", agent=False)[0])
    assert [increment for increment, _ in ours] == [increment for increment, _ in theirs]
    # A trace function has the interpreter make a bound method for a call of one in C; the number of a line, an object, may
    # be what the peak consists of.
    more, less = (72, 0) if ground.python.info < (3, 12) else (0, 32) if ground.python.info < (3, 14) else (0, 0)
    assert all(-less <= mine - other <= more for (_, mine), (_, other) in zip(ours, theirs)), (ours, theirs)


KINDS = """
import asyncio, ctypes, mmap, sys, threading, time
from pyrometer import memory

libc = ctypes.PyDLL(None) # which keeps the GIL
libc.malloc.restype, libc.free.argtypes, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_void_p], [ctypes.c_size_t]
quiet = memory.profile(stream=sys.stderr)
kept = []

@quiet
def c_memory():
    block = libc.malloc(1000000)  # MALLOC
    area = mmap.mmap(-1, 1 << 20)  # MAP
    libc.free(block)  # FREE
    both = libc.free(libc.malloc(3000000))  # BOTH
    area.close()  # UNMAP

@quiet
def inner(count):
    block = bytes(count)
    kept.append(bytes(100000))  # KEPT
    if count:
        return inner(count - 500000)  # AGAIN
    raise ValueError  # RAISE

def outer():
    try:
        inner(1000000)
    except ValueError:
        pass
outer = quiet(outer)

@quiet
def numbers():
    got = yield bytes(200000)  # FIRST
    try:
        yield bytes(len(got))  # SECOND
    except KeyError:
        kept.append(bytes(50000))  # CAUGHT
    return 7

def all_numbers():
    gone = numbers()
    next(gone)
    assert len(gone.send("x" * 30000)) == 30000
    try:
        gone.throw(KeyError())
    except StopIteration as stop:
        return stop.value

@quiet
async def task(size):
    block = bytes(size)  # TASK
    await asyncio.sleep(0.01)
    return len(block)  # DONE

async def tasks():
    return await asyncio.gather(task(300000), task(400000))

@quiet
def in_thread():
    block = bytes(600000)  # THREAD
    ready.set()
    go.wait()

@quiet
def beside():
    ready.wait()
    while not go._cond._waiters:  # it is at its last line
        time.sleep(0.01)
    block = bytes(5000000)
    del block  # DEL

c_memory(); c_memory()
outer()
assert all_numbers() == 7
assert asyncio.new_event_loop().run_until_complete(tasks()) == [300000, 400000]
ready, go = threading.Event(), threading.Event()
thread = threading.Thread(target=in_thread)
thread.start()
beside()
go.set()
thread.join()
held = memory.current()
assert held.python_bytes > 1000000 and held.bytes == held.python_bytes + held.c_bytes
import json
print(json.dumps({function.name: [[row.line, row.occurrences, row.increment_bytes, row.peak_bytes] for row in function.lines] +
                                 [function.calls] for function in memory.lines()}))
"""


@pytest.mark.long
def test_kinds_of_functions_and_memory(ground, env):
    done, _ = run(ground, ground.put(KINDS, "kinds.py"), env=env)
    told = json.loads(done)
    calls = {name: rows.pop() for name, rows in told.items()}
    rows = {line: row for function in told.values() for line, *row in function}
    marks = {line.rpartition("# ")[2]: number for number, line in enumerate(KINDS.splitlines(), 1) if "  # " in line}
    times, increment, peak = ({mark: rows[line][column] for mark, line in marks.items()} for column in range(3))
    assert calls == {"c_memory": 2, "inner": 3, "outer": 1, "numbers": 1, "task": 2, "in_thread": 1, "beside": 1}

    about = 3000  # objects that are made beside the block
    assert increment["MALLOC"] == pytest.approx(2000000, abs=about) and increment["FREE"] == pytest.approx(-2000000, abs=about)
    assert increment["MAP"] == pytest.approx(2 << 20, abs=about) and increment["UNMAP"] == pytest.approx(-2 << 20, abs=about)
    assert increment["BOTH"] == pytest.approx(0, abs=about)
    assert peak["BOTH"] == pytest.approx(3000000 + (1 << 20), abs=about)

    assert times["KEPT"] == 3 and increment["KEPT"] == pytest.approx(300000, abs=about)
    assert times["AGAIN"] == 2 and peak["AGAIN"] == pytest.approx(1000000 + 500000 + 300000, abs=3 * about)
    assert times["RAISE"] == 1 and peak["RAISE"] == pytest.approx(100000, abs=about)

    assert increment["FIRST"] == pytest.approx(200000, abs=about) and increment["CAUGHT"] == pytest.approx(50000, abs=about)
    assert increment["SECOND"] == pytest.approx(30000, abs=about)
    assert times["TASK"] == 2 and increment["TASK"] == pytest.approx(700000, abs=about) and times["DONE"] == 2
    # What another thread takes meanwhile is in it: the figures are of the whole process.
    assert times["DEL"] == 1 and increment["DEL"] == pytest.approx(-5000000, abs=about)
    assert increment["THREAD"] == pytest.approx(600000, abs=about)
    wait = max(line for line, *_ in told["in_thread"])
    assert rows[wait][2] == pytest.approx(5600000, abs=10 * about)


@pytest.mark.long
def test_beside_a_debugger(ground, env):
    """Its trace function stays; where there is sys.monitoring both follow."""
    out, _ = run(ground, ground.put("""
import sys
from pyrometer import memory
def trace(frame, event, value): return trace
@memory.profile
def work(): return 5
@memory.profile
def numbers(): yield 7
sys.settrace(trace)
assert work() == 5 and list(numbers()) == [7] and sys.gettrace() is trace
sys.settrace(None)
print([function.calls for function in memory.lines()])
"""), env=env)
    assert out.splitlines()[0] == ("[0, 0]" if ground.python.info < (3, 12) else "[1, 1]")


@pytest.mark.long
def test_without_the_agent(ground, env):
    program = ground.put("""
from pyrometer import memory
def work(): return 5
followed = memory.profile(work)
assert followed is work and followed() == 5 and memory.lines() == []
memory.show_results()
try:
    memory.current()
except memory.PyrometerError as error:
    print(error)
try:
    memory.profile(len)
except TypeError:
    print("not len")
""")
    out, err = run(ground, program, agent=False, env=env)
    assert "pyrometer run" in out and out.endswith("not len\n")
    assert err.count("\n") == 1 and "pyrometer run" in err


@pytest.mark.long
def test_script_with_a_decorator_from_nowhere(ground, env):
    script = ground.put("import sys\n@profile\ndef work():\n    return bytes(2 * 1024 * 1024)\nwork()\nprint(sys.argv[1:], __name__)\n",
                        "script.py")
    out, _ = run(ground, "-m", "pyrometer.memory", script, "x", env=env)
    lines = out.splitlines()
    assert lines[0] == "['x'] __main__" and lines[1] == "Filename: " + script
    assert re.match(r" +4 +[\d.]+ MiB +2\.0 MiB +2\.0 MiB +1 +return bytes", [line for line in lines if line][-1]), out
