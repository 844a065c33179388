"""Other tools' answers about the same heap: each asked inside the program, as they have to be, in a process of its own."""
import dataclasses
import importlib.metadata
import pathlib
import statistics
import subprocess
import sys

from heap_program import Program, take

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "build" / "peers"
PACKAGES = ("objgraph", "pympler", "guppy3")
RECORDS = 100_000  # of about twelve objects each: what takes minutes for some of them
RUNS = 3
TIMEOUT_S = 600
PIP = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]


@dataclasses.dataclass(frozen=True)
class Job:
    """What is done in the program. word: of workloads/heap_jobs.py; package: None for what needs none."""
    tool: str
    does: str
    word: str
    package: str = None


WHO = "who keeps one object"  # beside the row of pyrometer's that answers it, all others beside its whole report
JOBS = (
    Job("gc.get_referents", "walks", "walk"),
    Job("gc.get_referents, sys.getsizeof", "census", "walk_sizes"),
    Job("objgraph.most_common_types", "census of tracked objects, no sizes", "objgraph_types", "objgraph"),
    Job("objgraph.find_backref_chain", WHO, "objgraph_chain", "objgraph"),
    Job("pympler.muppy, summary", "census", "pympler_summary", "pympler"),
    Job("pympler.asizeof", "size of one list with all below", "pympler_asizeof", "pympler"),
    Job("guppy.hpy().heap()", "census", "guppy_heap", "guppy3"),
    Job("guppy domisize", "what one list keeps", "guppy_retained", "guppy3"),
)


@dataclasses.dataclass
class Cost:
    """Of one job. found: objects, bytes or links. wait_ns: the longest that another thread of the program had to wait."""
    found: int
    took_s: float
    wait_ns: int
    added_bytes: int  # by which the program's memory was more at its most
    beside_bytes: int = 0  # of another process


class Packages:
    """What pip has for one version of Python, in a folder of its own."""

    def __init__(self, python):
        self.folder = FOLDER / ("%d.%d" % python.info[:2])
        self.missing = {name: why for name in PACKAGES for why in [self.install(name)] if why}

    def install(self, name):
        """None, or why it is not there."""
        if not self.version(name):
            done = subprocess.run([*PIP, "--target", self.folder, "--python-version", self.folder.name, name],
                                  capture_output=True, text=True)
            if done.returncode:
                return (done.stderr.strip().splitlines() or ["pip failed"])[-1]
        return None

    def version(self, name):
        for found in importlib.metadata.distributions(path=[str(self.folder)]):
            if found.metadata["Name"].lower() == name:
                return found.version
        return None

    def title(self, job):
        return f"{job.tool} {self.version(job.package)}" if job.package else job.tool


def ask(python, records, packages, job):
    """Its cost; None if it took too long, or failed."""
    with Program(python, records, 0, packages.folder if job.package else None) as program:
        before = program.memory("VmRSS")
        program.forget_peak()
        program.start("job " + job.word)
        answer = program.answer(TIMEOUT_S)
        if not answer:
            return None
        found, took_ns, wait_ns = answer
        return Cost(found, took_ns / 1e9, wait_ns, program.memory("VmHWM") - before)


def ask_pyrometer(python, records, *view):
    """view None: the way to one object, whose address the program told."""
    with Program(python, records, 0) as program:
        program.start("wait")
        before = program.faults()
        wall_s, _, objects, anonymous, _ = take(program, *(view or ("--paths", hex(program.last_record))))
        written = (program.faults() - before) * 4096
        return Cost(objects, wall_s, program.ask("end")[0], written, anonymous)


def middle(costs):
    return Cost(*(statistics.median(column) for column in zip(*map(dataclasses.astuple, costs))))


def row(python, title, does, cost, objects, ours):
    return [python.id, title, does, int(cost.found), f"{cost.took_s:.3f}", f"{cost.took_s / ours.took_s:.2f}",
            f"{cost.wait_ns / 1e6:.1f}", f"{cost.added_bytes / objects:.1f}", f"{cost.beside_bytes / objects:.1f}"]


def rows(python, records):
    packages = Packages(python)
    jobs = [job for job in JOBS if job.package not in packages.missing]
    own = {("--suspects",): [], (): []}
    costs = {job: [] for job in jobs}
    for _ in range(RUNS):
        for view, taken in own.items():
            taken.append(ask_pyrometer(python, records, *view))
        for job in jobs:
            if None not in costs[job]:
                costs[job].append(ask(python, records, packages, job))
    whole, path = map(middle, own.values())
    objects = whole.found
    yield row(python, "pyrometer heap PID --suspects", "census, sizes, graph, retained sizes, suspects", whole, objects, whole)
    yield row(python, "pyrometer heap PID --paths 0x…", WHO, path, objects, path)
    for job in jobs:
        if None in costs[job]:
            yield [python.id, packages.title(job), job.does, f"no answer in {TIMEOUT_S} s"] + [""] * 5
        else:
            yield row(python, packages.title(job), job.does, middle(costs[job]), objects, path if job.does == WHO else whole)
    for name, why in packages.missing.items():
        yield [python.id, name, f"not installed: {why}"] + [""] * 6


def peers(setting):
    """Questions to objgraph, pympler, guppy3 and a walk by gc.get_referents, beside a snapshot of the same heap."""
    yield ["python", "tool", "what it does", "found", "seconds", "times pyrometer's", "longest wait of another thread, ms",
           "bytes more in the program, per object", "in another process"]
    for python in setting.pythons:
        yield from rows(python, int(RECORDS * setting.scale))
