"""What a heap snapshot costs: of a live program, from attach to report; and the file and the graph alone, of made heaps.

Each measurement is a generator of table rows; the first row is the head.
"""
import pathlib
import statistics
import subprocess
import tempfile

import heap_peers
import pythons
from heap_program import Program, take

RECORDS = 400_000  # of about twelve objects each
SIZES_MB = (200, 1000, 2000)
TOOL = pathlib.Path(__file__).resolve().parents[1] / "build" / "meson" / "bench" / "bench_heap"
OBJECTS = 4_000_000
RUNS = 5


class Setting:
    """What all measurements share."""

    def __init__(self, options):
        self.objects, self.scale = int(OBJECTS * options.scale), options.scale
        found = pythons.discover()
        self.pythons = [python for wanted in options.python or [found[-1].id] for python in found
                        if python.id.startswith(wanted)]

    def describe(self):
        yield from (f"- target: CPython {python.id}" for python in self.pythons)
        yield f"- {self.objects} objects, medians of {RUNS} runs, wall-clock and (CPU of all threads)"


def run(objects, kind):
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([TOOL, str(objects), kind, f"{folder}/made.pyroheap"], capture_output=True, text=True, check=True)
    return {name: float(value) for name, value in (line.split() for line in done.stdout.splitlines())}


def snapshot(setting):
    """From attach to report of a live program, beside a walk of its own by gc.get_referents, which does no more than walk."""
    yield ["python", "objects", "M objects/s", "CPU ns per object", "anonymous bytes per object", "get_referents, M objects/s"]
    for python in setting.pythons:
        with Program(python, int(RECORDS * setting.scale), 0) as program:
            taken, walks = [], []
            for _ in range(RUNS):
                taken.append(take(program))
                walks.append(program.ask("walk"))
        objects = taken[0][2]
        wall, cpu, _, anonymous, _ = (statistics.median(column) for column in zip(*taken))
        walked = statistics.median(count / took for count, took in walks)
        yield [python.id, objects, f"{objects / wall / 1e6:.2f}", f"{cpu / objects * 1e9:.0f}", f"{anonymous / objects:.1f}",
               f"{walked * 1e3:.2f}"]


def pause(setting):
    """How long a program stands still, by its own clock, beside what a fork of its own takes; and writing to its memory after."""
    yield ["python", "memory", "stood still, ms", "of which ours says", "os.fork(), ms", "ms for each GB", "page faults meanwhile",
           "writing to each page after, ms", "without a snapshot"]
    for python in setting.pythons:
        for size in SIZES_MB:
            with Program(python, int(20_000 * setting.scale), int(size * setting.scale)) as program:
                rows = []
                for _ in range(RUNS):
                    plain = program.ask("touch")[0]
                    forked = program.ask("fork")[0]
                    program.ask("touch")
                    program.start("watch")
                    pause_ns = take(program)[4]
                    program.start("touch")  # ends the watching
                    still, faults = program.answer()
                    rows.append((still, pause_ns, forked, faults, program.answer()[0], plain))
                rss = program.memory("VmRSS")
            still, said, forked, faults, touched, plain = (statistics.median(column) for column in zip(*rows))
            yield [python.id, f"{rss / 1e9:.2f} GB", f"{still / 1e6:.1f}", f"{said / 1e6:.1f}", f"{forked / 1e6:.1f}",
                   f"{still / 1e6 / (rss / 1e9):.0f}", f"{faults:.0f}", f"{touched / 1e6:.0f}", f"{plain / 1e6:.0f}"]


def file(setting):
    """Nanoseconds and bytes for each object of a snapshot: writing it, opening it, its graph."""
    yield ["heap", "file bytes", "collect ns", "finish ns", "open and check ns", "graph and dominators ns",
           "anonymous bytes, writer", "graph"]
    for kind in ("records", "linked"):
        runs = [run(setting.objects, kind) for _ in range(RUNS)]
        assert all(found["whole"] == 1 for found in runs)
        mid = {name: statistics.median(found[name] for found in runs) for name in runs[0]}
        yield [kind, f"{mid['file_bytes']:.1f}",
               *(f"{mid[phase + '_ns']:.0f} ({mid[phase + '_cpu_ns']:.0f})" for phase in ("collect", "finish", "open", "graph")),
               f"{mid['writer_bytes']:.1f}", f"{mid['graph_bytes']:.1f}"]


MEASUREMENTS = {"snapshot": snapshot, "pause": pause, "peers": heap_peers.peers, "file": file}
