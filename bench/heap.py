"""What a heap snapshot costs from the walk's end on: the file, and the graph with dominators and retained sizes.

Each measurement is a generator of table rows; the first row is the head.
"""
import pathlib
import statistics
import subprocess
import tempfile

TOOL = pathlib.Path(__file__).resolve().parents[1] / "build" / "meson" / "bench" / "bench_heap"
OBJECTS = 4_000_000
RUNS = 5


class Setting:
    """What all measurements share."""

    def __init__(self, options):
        self.objects = int(OBJECTS * options.scale)

    def describe(self):
        yield f"- {self.objects} objects, medians of {RUNS} runs, wall-clock and (CPU of all threads)"


def run(objects, kind):
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([TOOL, str(objects), kind, f"{folder}/made.pyroheap"], capture_output=True, text=True, check=True)
    return {name: float(value) for name, value in (line.split() for line in done.stdout.splitlines())}


def heap(setting):
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


MEASUREMENTS = {"heap": heap}
