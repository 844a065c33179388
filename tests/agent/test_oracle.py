"""What the agent says of each line, beside what tracemalloc says of the same program run without the agent."""
import collections
import json

import pytest

from tests.conftest import SOAK

from . import memory, memory_file

pytestmark = pytest.mark.long

WORKLOADS = memory.pythons.ROOT / "bench" / "workloads"


def compare(ground, program, argument):
    """(our file, {(file, line): ((bytes, blocks) of ours, of tracemalloc's)} of the program's own lines, what tracemalloc says
    of the peak less what was live at the end)"""
    driver, inside = ground.put(memory.PROGRAMS / "driver.py"), ground.put(program)
    with ground.held(driver, "hold", inside, argument):
        ours = ground.read()[0]
    theirs, live, peak = ground.traced(driver, "trace", inside, argument)
    mine = {place: (figures.live_bytes, figures.live_blocks) for place, figures in ours.lines().items()}
    places = {place for place in {*mine, *theirs} if place[0] == inside}
    return ours, {place: (mine.get(place, (0, 0)), theirs.get(place, (0, 0))) for place in places}, peak - live


# Blocks that a free list handed to another line than the one that allocated them: tracemalloc follows that, the agent
# does not. At most as many as a list keeps.
HANDED_ON = 90


def marked(program):
    return {number for number, line in enumerate(program.read_text().splitlines(), 1) if line.endswith("#=")}


def test_exact(ground):
    program = memory.PROGRAMS / "exact.py"
    _, lines, _ = compare(ground, program, 1)
    exact = {place: pair for place, pair in lines.items() if place[1] in marked(program)}
    assert len(exact) == len(marked(program))
    assert {place: pair for place, pair in exact.items() if pair[0] != pair[1]} == {}
    assert {place: pair for place, pair in lines.items() if abs(pair[0][1] - pair[1][1]) > HANDED_ON} == {}


# Of the workloads' own lines in all: (what is at the end of the line, its scale, which call of moment() is the one).
MOMENTS = {"json_mix": ("groups[key].sort()", 0.04, 5), "objects": ("total += event.kind", 0.02, 20000),
           "deep": ("return leaf(count)", 0.001, 30), "strings": ("for line in make(40000)]", 0.07, 1),
           "numeric_loop": ("smooth(row, out)", 0.001, 30), "cycles": ("total += ring(60).left.value", 0.002, 200),
           "generators": ("stream = keep(pairs(numbers(400000)), modulus)", 0.04, 2), "threads": ("worker.join()", 0.004, 4),
           "async_fan": ("total += (number * step) % 13", 0.02, 6150)}
HOLDING = """
kept = []
def main(scale):
    import gc
    gc.disable()
    kept.append(["gone before the end %d" % number for number in range(50000)])
    del kept[0][1000:]
    for count in (2000, 30000):
        kept.append({number: ("key %d" % number, [number, float(number)], {"n": number}) for number in range(count)})
    gc.enable()
"""


def with_moments(name):
    """A workload that calls moment() at the end of that line; nothing is at another line than before."""
    end, scale, call = MOMENTS[name]
    more = " + moment()" if "return" in end else "; moment()"
    text = (WORKLOADS / (name + ".py")).read_text()
    assert text.count(end + "\n") == 1
    return text.replace(end + "\n", end + more + "\n"), scale, call


# By how many bytes the peaks of two runs, one of them with tracemalloc, differ beyond a thousandth: by what threads happen
# to have at the same time; in deep by 3,920 bytes of 3.5 MB under 3.9.
APART = {"threads": 16384, "deep": 1024}


@pytest.mark.parametrize("name", MOMENTS)
def test_workloads(ground, name):
    scale = MOMENTS[name][1]
    ours, lines, above = compare(ground, WORKLOADS / (name + ".py"), scale)
    assert lines
    assert {place: pair for place, pair in lines.items() if abs(pair[0][1] - pair[1][1]) > HANDED_ON} == {}
    assert abs(ours.peak_bytes - ours.total().live_bytes - above) < 0.001 * ours.peak_bytes + APART.get(name, 0)


def beside(ground, name, mode):
    """{(file, line): ((bytes, blocks) of ours, of tracemalloc's)} of the domains mem and obj at the moment of a workload,
    in one process that has both: of all code that the workload loaded."""
    text, scale, call = with_moments(name)
    driver, inside = ground.put(memory.PROGRAMS / "driver.py"), ground.put(text)
    with ground.held(driver, "both", inside, scale, call, env={"PYROMETER_MEMORY_MODE": mode}) as process:
        (file,) = ground.read()
        answer = json.loads(process.communicate(b"\n")[0])
    heap = collections.Counter(), collections.Counter()
    for site, figures in file.heap_by_number():
        if site >= memory_file.RESERVED:
            heap[0][file.place_of(site)[:2]] += figures.live_bytes
            heap[1][file.place_of(site)[:2]] += figures.live_blocks
    theirs = memory.traced_lines(answer)
    places = {place for place in {*heap[1], *theirs} if place[0] not in answer["before"]
              and not place[0].startswith("<")}  # <frozen …>, <unknown>: also what was before tracemalloc
    return {place: ((heap[0][place], heap[1][place]), theirs.get(place, (0, 0))) for place in places}


# Up to 3.11 tracemalloc answers only while it follows free lists: what the answer takes from them it moves to that line.
ASKED = 10

KEEP_LITTLE = ("deep", "generators", "numeric_loop", "threads")  # at their moments


@pytest.mark.parametrize("name, mode", [(name, "lines") for name in (MOMENTS if SOAK else ("json_mix", "async_fan"))] +
                         [("cycles", "stacks")])
def test_every_line(ground, name, mode):
    """Where both see the same process, and tracemalloc does not follow free lists, they agree in every block."""
    if ground.python.info[:2] == (3, 12):
        pytest.skip("its tracemalloc cannot be kept from following free lists")
    lines = beside(ground, name, mode)
    differ = {place: ours[1] - theirs[1] for place, (ours, theirs) in lines.items() if ours != theirs}
    assert min(differ.values(), default=1) > 0
    assert sum(differ.values()) <= (0 if ground.python.info >= (3, 13) else ASKED), differ
    assert sum(theirs[1] for _, theirs in lines.values()) > (5 if name in KEEP_LITTLE else 5000)


def test_whole_structures(ground):
    """Much of everything that free lists keep too: the error is theirs, and stays below their lengths."""
    ours, lines, above = compare(ground, ground.put(HOLDING, "holding.py") and
                                      memory.pathlib.Path(ground.folder, "holding.py"), 1)
    mine, theirs = (sum(pair[side][0] for pair in lines.values()) for side in (0, 1))
    assert theirs > 10e6
    assert abs(mine - theirs) / theirs < 0.001
    # The agent also counts what was there before tracemalloc was: in the peak as at the end.
    assert abs(ours.peak_bytes - ours.total().live_bytes - above) / theirs < 0.001


def test_sums(ground):
    """The parts make up the whole: live, and at the peak."""
    with ground.held(ground.put(memory.PROGRAMS / "driver.py"), "hold", ground.put(memory.PROGRAMS / "exact.py"), 1):
        file = ground.read()[0]
    total = file.total()
    assert total.peak_bytes == file.peak_bytes
    assert total.live_bytes <= file.peak_bytes
    assert all(figures.live_blocks >= 0 and figures.live_bytes >= 0 and figures.peak_bytes >= 0
               for _, figures in file.figures())
    assert file.lost_sites == 0
