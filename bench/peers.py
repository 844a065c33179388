"""What every allocation at its line or by its stack costs, beside the peers: tracemalloc, memray, scalene.

Peers that are no part of Python are installed by pip into a folder of their own, build/peers, one for each interpreter; where
that cannot be, the table says so.
"""
import dataclasses
import os
import random
import statistics
import subprocess
import sys

import memory
import stats

PEERS = memory.BENCH.parent / "build" / "peers"
PACKAGES = ["memray", "scalene"]
INSTALL_S = 600
PLAIN = "plain"


class Way:
    """One way to run a workload. package: what has to be installed; settings: of the environment, from the ground."""

    def __init__(self, name, package=None, before=(), after=(), settings=None):
        self.name, self.package, self.before, self.after, self.settings = name, package, before, after, settings

    def run(self, ground, python, script, scale):
        names = {"out": os.path.join(ground.inside, "out")}
        words = [*(word.format(**names) for word in self.before), f"{ground.inside}/{script}.py",
                 *self.after, scale]
        return memory.Run(python, words, self.settings(ground) if self.settings else {}, quiet=True)


WAYS = [
    Way(PLAIN),
    Way("pyrometer, lines", settings=lambda ground: ground.with_agent("lines")),
    Way("pyrometer, stacks", settings=lambda ground: ground.with_agent("stacks")),
    Way("tracemalloc, 1", before=["-X", "tracemalloc=1"]),
    Way("tracemalloc, 25", before=["-X", "tracemalloc=25"]),
    Way("memray", "memray", before=["-m", "memray", "run", "-q", "-f", "-o", "{out}"]),
    Way("memray, Python allocators", "memray",
        before=["-m", "memray", "run", "-q", "-f", "--trace-python-allocators", "-o", "{out}"]),
    Way("scalene", "scalene", before=["-m", "scalene", "run", "-o", "{out}"], after=["---"]),
]


def done(step):
    try:
        return subprocess.run(step, stdout=subprocess.DEVNULL, timeout=INSTALL_S, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def installed(python):
    """The interpreter with the peers that can be had: one of a folder of its own, or itself."""
    if python.root != "/":
        return python
    folder = PEERS / python.id
    executable = folder / "bin" / "python"
    steps = [[python.executable, "-m", "venv", folder],
             *([executable, "-m", "pip", "install", "-q", "--only-binary", ":all:", package] for package in PACKAGES)]
    for step in steps if not executable.exists() else []:
        if not done(step):
            print(f"bench: failed: {' '.join(map(str, step))}", file=sys.stderr)
    return dataclasses.replace(python, executable=str(executable)) if executable.exists() else python


def measured(ground, python, name, ways, setting, chooser):
    """{way: (CPU time, peak RSS) over the plain run's}, medians over rounds in which each has its turn."""
    rounds = []
    for _ in range(setting.pairs):
        runs = {way: way.run(ground, python, name, setting.scale) for way in chooser.sample(ways, len(ways))}
        if len({run.answer for run in runs.values()}) != 1:
            raise RuntimeError(f"{name}: the answers differ")
        rounds.append(runs)
    plain = ways[0]
    return {way: (statistics.median(runs[way].cpu_s / runs[plain].cpu_s for runs in rounds),
                  statistics.median(runs[way].peak_rss / runs[plain].peak_rss for runs in rounds)) for way in ways[1:]}


def cells(figures, ways):
    return (f"{figures[way][0]:.2f} / {figures[way][1]:.2f}" if way in figures else "not installed" for way in ways[1:])


def table(setting):
    """Time and memory with each tool over the plain run's: CPU time / peak RSS, in turns."""
    yield "python", "workload", "rounds", *(way.name for way in WAYS[1:])
    chooser = random.Random(1)
    for found in setting.pythons:
        python, ground, rows = installed(found), memory.Ground(found), []
        ways = [way for way in WAYS if not way.package or python.has(way.package)]
        try:
            for name in memory.usable(python, setting.workloads):
                rows.append(measured(ground, python, name, ways, setting, chooser))
                yield (found.id, name, setting.pairs, *cells(rows[-1], WAYS))
            means = {way: [stats.geomean([row[way][side] for row in rows]) for side in (0, 1)] for way in ways[1:]}
            yield (found.id, "**geomean**", "", *cells(means, WAYS))
        finally:
            ground.close()
