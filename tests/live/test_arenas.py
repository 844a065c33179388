"""pyrometer heap PID: the pools and arenas of CPython's allocator, against sys._debugmallocstats()."""
import json
import re

import pytest

from tests.hard.support import wait_for

from . import programs

pytestmark = pytest.mark.beside

# Nothing is allocated from the moment at which the interpreter speaks of itself.
LEAVE_GAPS = '''
import signal, sys, time
stats, wait = sys._debugmallocstats, signal.pause
keep = [bytes(n % 480) for n in range(30_000)]
del keep[::3], keep[10_000:19_000]
'''
ALONE = LEAVE_GAPS + '''
print("READY", flush=True)
stats()
wait()
'''
BESIDE = '''
import threading
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
INSIDE = """
import os, sys, time
stats, tell, wait = sys._debugmallocstats, os.write, time.sleep
keep = [bytes(n %% 200) for n in range(20_000)]
del keep[::2]
stats()
tell(%d, b"x")
wait(1000)
"""
import os
told, tell = os.pipe()
threading.Thread(target=interpreters.run_string, args=(interpreters.create(), INSIDE % tell), daemon=True).start()
''' + LEAVE_GAPS + '''
os.read(told, 1)
print("READY", flush=True)
stats()
wait()
'''
ROW = re.compile(r"^ +\d+ +(\d+) +(\d+) +(\d+) +(\d+)$", re.M)


def said_by(target, times=1):
    """{size of block: [pools, blocks in use, blocks free]}, arenas, unused pools: summed over as many tables."""
    wait_for(lambda: target.said().count("# bytes lost to arena alignment") == times, "tables")
    text, classes = target.said(), {}
    for size, *counts in ROW.findall(text):
        row = classes.setdefault(int(size), [0, 0, 0])
        classes[int(size)] = [have + int(more) for have, more in zip(row, counts)]
    return (classes, sum(map(int, re.findall(r"arenas allocated current += +([\d,]+)", text))),
            sum(int(count.replace(",", "")) for count in re.findall(r"([\d,]+) unused pools", text)))


def seen(pyrometer, target, tmp_path):
    shown = pyrometer("heap", target.pid, "-q", "-o", tmp_path / "x.pyroheap", "--json").stdout
    return json.loads(shown)["arenas"]


def check(found, said):
    classes, arenas, unused = said
    assert {row["block_bytes"]: [row["pools"], row["blocks_used"], row["blocks_free"]]
            for row in found["cpython"]["classes"]} == classes
    assert found["cpython"]["arenas"] == arenas
    assert found["cpython"]["empty_pools"] <= unused
    assert found["cpython"]["used_bytes"] == sum(size * used for size, (_, used, _) in classes.items())
    assert all(sum(row["pools_by_eighth_full"]) == row["pools"] for row in found["cpython"]["classes"])
    assert found["pyrometer"]["arenas"] == 0


def test_pools_are_those_that_the_interpreter_tells_of(start, pyrometer, tmp_path, python):
    target = start(programs.write(tmp_path / "alone.py", ALONE))
    said = said_by(target)
    assert sum(used for _, used, _ in said[0].values()) > 10_000
    check(seen(pyrometer, target, tmp_path), said)


def test_a_subinterpreter_has_an_allocator_of_its_own(start, pyrometer, tmp_path, python):
    if python.info < (3, 12):
        pytest.skip("they share one")
    target = start(programs.write(tmp_path / "beside.py", BESIDE))
    check(seen(pyrometer, target, tmp_path), said_by(target, 2))


@pytest.mark.long(1)
def test_what_is_in_nearly_empty_pools_is_named(start, pyrometer, tmp_path, python):
    """One of a hundred records survives: its pools stay."""
    source = """
        import signal
        class Survivor:
            __slots__ = ("a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k")
        records = [Survivor() for _ in range(20_000)]
        records = records[::100]
        print("READY", flush=True)
        signal.pause()
    """
    target = start(programs.write(tmp_path / "survivors.py", source))
    first = seen(pyrometer, target, tmp_path)["nearly_empty"]["held_by"][0]
    assert first["type"] == "__main__.Survivor" and 190 <= first["blocks"] <= 200
    shown = pyrometer("heap", tmp_path / "x.pyroheap", "--arenas").stdout
    assert re.search(r"^ +\d+ +\d+ +\S+ [KM]iB +__main__\.Survivor$", shown, re.M)
    assert "|" in shown and "▁" in shown
