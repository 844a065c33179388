"""`pyrometer run` records every collection of the cyclic collector: against what programs measure themselves by gc.callbacks."""
import json
import subprocess

import pytest

from .test_memory import local, place  # noqa: F401: fixtures

pytestmark = pytest.mark.beside

# Writes what its own callback saw: generation, start, stop, collected, uncollectable.
LOGGED = """
import gc, json, os, signal, time
class Node:
    pass
def churn(count):
    for i in range(count):
        node = Node()
        node.me = node
log = []
def note(phase, info, now=time.monotonic_ns):
    if phase == "start":
        note.start = now()
    else:
        log.append([info["generation"], note.start, now(), info["collected"], info["uncollectable"]])
churn(3000)
gc.set_threshold(650, 9, 8)
gc.callbacks.append(note)
kept = []
for i in range(20):
    churn(1000)
    kept.append([[k] for k in range(2000)])
    gc.collect(i % 3)
gc.disable()
print(json.dumps(log), flush=True)
"""
ENDS = {"exits": "", "killed": "os.kill(os.getpid(), signal.SIGKILL)"}


def find(log, pauses):
    """The part of the recording's pauses that the program logged."""
    wanted = [(row[0], row[3]) for row in log]
    got = [(pause[1], pause[3]) for pause in pauses]
    places = [at for at in range(len(got) - len(wanted) + 1) if got[at:at + len(wanted)] == wanted]
    assert len(places) == 1, (wanted, got)
    return pauses[places[0]:places[0] + len(wanted)]


def assert_within(log, pauses):
    """One shift of the clock puts every pause between the program's two readings around it."""
    earliest = max(row[1] - pause[0] * 1e9 for row, pause in zip(log, pauses))
    latest = min(row[2] - (pause[0] + pause[2]) * 1e9 for row, pause in zip(log, pauses))
    assert earliest <= latest + 1000, (earliest, latest)
    assert all(0 < pause[2] * 1e9 <= row[2] - row[1] for row, pause in zip(log, pauses))


@pytest.mark.parametrize("end", ENDS)
def test_collections_are_those_that_the_program_saw(place, end):
    script = place.write(LOGGED + ENDS[end])
    report = place.run(script, status=137 if end == "killed" else 0)
    log, gc = json.loads(place.out), report["gc"]
    assert len(log) > 20 and {row[0] for row in log} == {0, 1, 2}
    assert_within(log, find(log, gc["pauses"]))
    assert gc["pauses_missing"] == 0 and sum(gc["collections"]) == len(gc["pauses"])
    for generation, sums in enumerate(gc["generations"]):
        pauses = [pause for pause in gc["pauses"] if pause[1] == generation]
        assert sums["collections"] == gc["collections"][generation] == len(pauses)
        assert sums["collected"] == sum(pause[3] for pause in pauses)
        assert sums["pause_total_s"] == pytest.approx(sum(pause[2] for pause in pauses), abs=1e-6)
        assert sums["pause_max_s"] == pytest.approx(max(pause[2] for pause in pauses), abs=1e-8)
        assert sums["found_none"] == sum(not pause[3] for pause in pauses)
    assert report["verdict"]["in_gc_measured"] or report["verdict"]["bound"] == "unknown"
    assert (gc["thresholds"], gc["enabled"]) == ([650, 9, 8], True)
    assert "gc.collect(i % 3)" in place.report("-f", "gc") and "  churn\n" in place.report("-f", "gc")


# What a program can see of its collector, and what it prints when its callbacks fail.
SEEN = """
import sys
assert 'gc' not in sys.modules
def churn(count):
    for i in range(count):
        node = []
        node.append(node)
churn(20000)
import gc, types
def show(*what):
    print(*what, flush=True)
show(gc.callbacks, sys.getrefcount(gc.callbacks), type(gc.callbacks), gc.get_referrers(gc.callbacks) == [vars(gc)])
show(sorted({type(each).__name__ for each in gc.get_objects()} & {'list', 'pyrometer'}), gc.get_threshold(), gc.isenabled())
def fails(phase, info):
    raise ValueError(phase)
def again(phase, info):
    show(phase, sorted(info), gc.collect(), sys._getframe(1).f_code.co_name)
gc.callbacks[:] = [fails, again]
gc.collect(1)
gc.callbacks.remove(fails)
gc.callbacks.insert(0, lambda phase, info: gc.callbacks.pop())
gc.collect(0)
show(len(gc.callbacks))
gc.callbacks.clear()
sys.setrecursionlimit(300)
def deep(count):
    kept = [], []
    return deep(kept)
for start in range(2, 40, 3):
    gc.set_threshold(start)
    try:
        deep(start)
    except RecursionError:
        pass
gc.set_threshold(700)
class Last:
    def __call__(self, phase, info):
        pass
    def __del__(self):
        sys.__stdout__.write('gone\\n')
gc.callbacks.append(Last())
def later(phase, info):
    pass
gc.callbacks.append(later)
show(gc.callbacks[1] is later, gc.callbacks.count(later))
import importlib
show(importlib.reload(gc) is gc, gc.callbacks[1] is later)
del sys.modules['gc']
import gc as second
show(second is gc, len(second.callbacks))
"""


def test_a_program_sees_nothing_of_it(place):
    script = place.write(SEEN)
    plain = subprocess.run(place.command(script), capture_output=True, text=True, timeout=60, env=place.environment())
    report = place.run(script)
    assert plain.returncode == 0 and "ValueError: start" in plain.stderr, plain.stderr
    assert place.out == plain.stdout
    assert hide_addresses(place.err) == hide_addresses(plain.stderr)
    assert sum(report["gc"]["collections"]) > 10


def hide_addresses(text):
    return " ".join("0x" if word.startswith("0x") else word for word in text.split())


FORKS = """
import gc, os, time
gc.disable()
for i in range(5):
    gc.collect()
if os.fork() == 0:
    for i in range(7):
        gc.collect(1)
    time.sleep(0.3)  # so that it is seen
    os._exit(0)
os.wait()
os._exit(0)
"""


def test_a_child_has_its_own(local):
    report = local.run(local.write(FORKS))
    assert report["gc"]["collections"][1:] == [7, 5]
    both = [json.loads(local.report("--json", "--pid", str(process["pid"])))["gc"]["collections"][1:]
            for process in report["memory"]["processes"]]
    assert sorted(both) == [[0, 5], [7, 0]]


def test_too_many_to_be_read_are_counted(local):
    report = local.run(local.write("import gc, os\ngc.disable()\nfor i in range(100000):\n    gc.collect(0)\nos._exit(0)\n"))
    gc = report["gc"]
    assert 100000 <= gc["collections"][0] < 100100
    assert 0 < len(gc["pauses"]) and gc["pauses_missing"] == sum(gc["collections"]) - len(gc["pauses"])
    starts = [pause[0] for pause in gc["pauses"]]
    assert starts == sorted(set(starts))


def test_a_window_has_its_own(local):
    script = local.write("import gc, time\ngc.disable()\nfor i in range(10):\n    gc.collect()\n    time.sleep(0.05)\n")
    whole = local.run(script)["gc"]
    first, last = whole["pauses"][0][0], whole["pauses"][-1][0]
    middle = (first + last) / 2
    halves = [json.loads(local.report("--json", *words))["gc"] for words in (("--to", f"{middle}"), ("--from", f"{middle}"))]
    assert halves[0]["pauses"] + halves[1]["pauses"] == whole["pauses"] and all(half["pauses"] for half in halves)
    assert sum(halves[0]["collections"]) == len(halves[0]["pauses"])
    trace = json.loads(local.report("-f", "chrome", "--from", f"{middle}"))["traceEvents"]
    slices = [event for event in trace if event.get("name") == "garbage collection"]
    assert [round(event["dur"], 3) for event in slices] == [round(pause[2] * 1e6, 3) for pause in halves[1]["pauses"]]
    assert {event["tid"] for event in slices} == {0}
    assert "garbage collection" in local.report("-f", "text", "--from", f"{middle}")


def test_attached_it_says_why_there_are_none(local):
    local.run(local.write("import time; time.sleep(0.2)"), options=["--memory", "off"])
    done = subprocess.run([local.binary, "report", local.file, "-f", "gc"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "no collections" in done.stderr and "--memory off" in done.stderr
