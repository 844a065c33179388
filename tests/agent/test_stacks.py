"""Stacks: what the agent says of each, beside what tracemalloc says, with all frames, of the same program without it."""
import pytest

from . import memory

pytestmark = pytest.mark.long

WORKLOADS = memory.pythons.ROOT / "bench" / "workloads"
STACKS = {"PYROMETER_MEMORY_MODE": "stacks"}
SCALE = {"json_mix": 0.01, "deep": 0.0002, "async_fan": 0.005}
HANDED_ON = 90  # see test_oracle


def compare(ground, program, argument):
    """{stack: ((bytes, blocks) of ours, of tracemalloc's)} of those whose innermost line is the program's own."""
    driver, inside = ground.put(memory.PROGRAMS / "driver.py"), ground.put(program)
    with ground.held(driver, "hold", inside, argument, env=STACKS):
        (file,) = ground.read()
    assert file.lost_sites == 0
    ours, theirs = file.stacks(), ground.traced_stacks(driver, "trace", inside, argument)
    stacks = {stack for stack in {*ours, *theirs} if stack and stack[0][0] == inside}
    return {stack: (ours.get(stack, (0, 0)), theirs.get(stack, (0, 0))) for stack in stacks}


def handed_on(stacks):
    return {stack: pair for stack, pair in stacks.items() if abs(pair[0][1] - pair[1][1]) > HANDED_ON}


def test_exact(ground):
    """Stacks that differ only where nobody looks. Strings are in no free list."""
    program = memory.PROGRAMS / "stacks.py"
    stacks = compare(ground, program, 0.5)
    (keep,) = [number for number, line in enumerate(program.read_text().splitlines(), 1) if "kept.append(\"" in line]
    strings = {stack: pair for stack, pair in stacks.items() if stack[0][1] == keep}
    assert len(strings) > 900 and max(map(len, strings)) > 150
    assert {stack: pair for stack, pair in strings.items() if pair[0] != pair[1]} == {}
    assert handed_on(stacks) == {}


@pytest.mark.parametrize("name", SCALE)
def test_workloads(ground, name):
    stacks = compare(ground, WORKLOADS / (name + ".py"), SCALE[name])
    assert stacks and handed_on(stacks) == {}


DEEP = """
import sys
sys.setrecursionlimit(20000)
kept = []
def keep(depth):
    kept.append("kept at depth %d" % depth)  # a string of its own
def down(depth):
    keep(depth)
    if depth:
        down(depth - 1)
    keep(depth)
down(3000)
down(3000)
sys.stdout.write("READY\\n")
sys.stdout.flush()
sys.stdin.read()
"""


def test_deep(ground):
    """Thousands of frames, with allocations at each depth on the way down and up."""
    inside = ground.put(DEEP)
    with ground.held(inside, env=STACKS):
        (file,) = ground.read()
    held = {stack: blocks for stack, (_, blocks) in file.stacks().items() if stack[:1] == ((inside, 6),)}
    assert len(held) == 4 * 3001 and max(map(len, held)) == 3003
    assert sum(held.values()) - 4 * 3001 < 200  # the list too is made larger there


def test_unharmed(ground):
    """Frame objects that a program asks for, traces and clears are as they would be without marks in some."""
    program = """
import gc, sys, traceback, inspect
def ask(depth):
    if depth:
        return ask(depth - 1)
    frames, frame = [], sys._getframe()
    made = [str(n) * 3 for n in range(300)]
    while frame:
        frames.append(frame)
        frame = frame.f_back
    return [(f.f_lineno, f.f_code.co_name, f.f_trace_lines, sorted(f.f_locals)[:2]) for f in frames[:60]], frames
def work(depth):
    if depth:
        return work(depth - 1)
    made = [str(n) * 3 for n in range(300)]
    try:
        ask(3)[0][0].nothing
    except AttributeError:
        return traceback.format_exc(limit=4), len(inspect.stack(0)), ask(20)
text, count, (said, frames) = work(100)
gc.collect()
seen = []
def tracer(frame, event, argument):
    seen.append((event, frame.f_lineno - frame.f_code.co_firstlineno))
    return tracer
sys.settrace(tracer)
work(3)
sys.settrace(None)
frames[3].clear()
print(text, count, said, len(gc.get_referrers(frames[2])) > 0, seen[:200], [sys.getrefcount(f) for f in frames[4:9]])
"""
    path = ground.put(program)
    plain, ours = ground.run(path, agent=False), ground.run(path, env=STACKS)
    assert plain.returncode == 0, plain.stderr.decode()
    assert (ours.returncode, ours.stdout, ours.stderr) == (plain.returncode, plain.stdout, plain.stderr)


MANY = """
import sys
kept = []
def keep():
    kept.append("kept %d" % len(kept))
def walk(depth):
    if not depth:
        keep()
        return
    walk(depth - 1)
    walk(depth - 1)
walk(20)
sys.stdout.write("READY\\n")
sys.stdout.flush()
sys.stdin.read()
"""


@pytest.mark.long(1)
def test_more_stacks_than_there_is_room_for(ground):
    """A million and more: those that come too late are known by their line."""
    inside = ground.put(MANY)
    with ground.held(inside, env=STACKS):
        (file,) = ground.read()
    strings = {stack: blocks for stack, (_, blocks) in file.stacks().items() if stack[:1] == ((inside, 5),)}
    late = {stack: blocks for stack, blocks in strings.items() if len(stack) < 20}
    assert len(late) == 1 and len(strings) > 100000
    assert 0 <= sum(strings.values()) - (1 << 20) < 200  # the list too is made larger there
    assert max(blocks for stack, blocks in strings.items() if stack not in late) < 10
    assert file.lost_sites == 0
