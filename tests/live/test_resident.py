"""RSS explained: what a program knows of its own resident memory, and what the recording says it consists of."""
import json

import pytest

from .test_memory import line_of, place  # noqa: F401 (a fixture)

pytestmark = [pytest.mark.long, pytest.mark.beside]

# Every hundredth record survives. Then the program stands still, but for what tells of it.
PROGRAM = '''
import json, mmap, os, threading, time
class Record:
    __slots__ = tuple("abcdefghij")
def make(count):
    return [Record() for _ in range(count)]  # RECORDS
large = [bytearray(100_000) for _ in range(200)]
shared = mmap.mmap(-1, 5 << 20)
shared.write(b"x" * (5 << 20))
waiting = [threading.Thread(target=time.sleep, args=(600,), daemon=True) for _ in range(8)]
for thread in waiting:
    thread.start()
records = make(100_000)[::100]
time.sleep(0.3)
for attempt in range(2):  # what telling it takes, it has taken the second time
    rss = None
    if os.path.exists("/proc/self/smaps_rollup"):
        with open("/proc/self/smaps_rollup") as file:
            rss = next(int(line.split()[1]) for line in file if line.startswith("Rss:")) * 1024
    print(json.dumps({"rss": rss, "slot_bytes": Record.__basicsize__ + 16}), flush=True)
time.sleep(2)
'''
PAGES = 64 << 10  # what telling it, and reading it, may take


def size_class(size):
    return (size + 15) // 16 * 16


def check_parts(looks, rss):
    last = looks["last"]
    for look in looks.values():
        assert sum(look["parts"].values()) == look["resident_bytes"]
    assert last["parts"]["not_explained"] == 0
    assert rss is None or abs(last["resident_bytes"] - rss) <= PAGES
    assert looks["most"]["resident_bytes"] >= last["resident_bytes"]
    assert last["parts"]["shared"] == 5 << 20
    assert 8 * 4096 <= last["parts"]["stacks"] <= 2 << 20
    assert 200 * 100_000 <= last["asked_for"]["large_blocks"] <= last["parts"]["anonymous"]
    assert last["parts"]["files"] > 1 << 20 and last["parts"]["module_data"] > 100_000


def check_pools(last, size):
    row = next(row for row in last["classes"] if row["block_bytes"] == size)
    assert 1000 <= row["blocks_used"] <= 3000 and row["blocks_free"] > 50_000
    assert sum(row["pools_by_eighth_full"]) == row["pools"] and row["pools_by_eighth_full"][0] > row["pools"] // 2
    first = last["nearly_empty"]["held_by"][0]
    assert first["line"] == line_of("RECORDS", PROGRAM)
    assert first["pools"] > 100 and first["free_bytes"] > 10 * size * first["blocks"]


def test_parts_are_what_the_program_knows_of_itself(place):  # noqa: F811
    report = place.run(place.write(PROGRAM))
    said = json.loads(place.out.splitlines()[-1])
    looks = {row["moment"]: row for row in report["memory"]["resident"]}
    check_parts(looks, said["rss"])
    check_pools(looks["last"], size_class(said["slot_bytes"]))
    shown = place.report("-f", "memory")
    assert "RSS explained" in shown and "resident memory, the sum of these parts" in shown


ENDING = '''
import time
class Large:
    def __init__(self):
        self.kept = [bytearray(1000) for _ in range(20_000)]
    def __del__(self, sleep=time.sleep):
        self.kept.clear()  # the interpreter is being torn down
        sleep(2)
large = Large()
time.sleep(0.5)
'''


def test_the_end_of_the_interpreter_is_not_explained(place):  # noqa: F811
    report = place.run(place.write(ENDING))
    last = next(row for row in report["memory"]["resident"] if row["moment"] == "last")
    assert last["asked_for"]["large_blocks"] > 15_000_000
