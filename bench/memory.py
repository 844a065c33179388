"""What the private heap costs: time and memory of whole programs, plain and with the agent, in turns.

Each measurement is a generator of table rows; the first row is the head.
"""
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import tempfile

import pythons
import stats

BENCH = pathlib.Path(__file__).resolve().parent
AGENT = BENCH.parent / "build" / "meson" / "agent" / "libpyrometer-agent.so"
WORKLOADS = BENCH / "workloads"
ALL = ["json_mix", "objects", "deep", "strings", "numeric_loop", "cycles", "generators", "threads", "async_fan",
       "numpy_arrays"]


class Setting:
    """What all measurements share."""

    def __init__(self, options):
        self.pairs, self.scale, self.workloads = options.pairs, options.scale, options.workloads or ALL
        found = pythons.discover()
        self.pythons = [python for wanted in options.python or [found[-1].id] for python in found
                        if python.id.startswith(wanted)]

    def describe(self):
        for python in self.pythons:
            yield f"- target: CPython {python.id}"


class Run:
    """One whole program, from exec to exit, by the kernel's own account of it."""

    def __init__(self, python, words, env, quiet=False):
        command = python.command(*words)
        if python.root != "/":  # what is preloaded lies inside the root: chroot itself must not look for it
            command = [*command[:2], "/usr/bin/env", *(f"{name}={value}" for name, value in env.items()), *command[2:]]
            env = {}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL if quiet else None,
                                   env=pythons.clean_environment(env))
        self.output = process.stdout.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, words))} ended with {process.returncode}")
        self.answer, self.wall_s = self.output.split()[0], float(self.output.split()[1])
        self.cpu_s = usage.ru_utime + usage.ru_stime
        self.peak_rss = usage.ru_maxrss * 1024


class Ground:
    """A folder inside an interpreter's root with the workloads, the agent, and room for its files."""

    def __init__(self, python, agent=AGENT):
        self.python = python
        self.folder = tempfile.mkdtemp(prefix="pyr-", dir=os.path.join(python.root, "tmp"))
        for script in WORKLOADS.glob("*.py"):
            shutil.copy(script, self.folder)
        shutil.copy(agent, self.folder)
        self.inside = "/" + os.path.relpath(self.folder, python.root)

    def with_agent(self, mode):
        files = os.path.join(self.folder, "files")
        shutil.rmtree(files, ignore_errors=True)
        os.mkdir(files)
        return {"LD_PRELOAD": f"{self.inside}/{AGENT.name}", "PYROMETER_MEMORY_DIR": f"{self.inside}/files",
                "PYROMETER_MEMORY_MODE": mode}

    def run(self, name, scale, mode):
        """mode: None, without the agent; "lines" or "stacks"."""
        return Run(self.python, [f"{self.inside}/{name}.py", scale], self.with_agent(mode) if mode else {})

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def usable(python, names):
    for name in names:
        if name != "numpy_arrays" or python.has("numpy"):
            yield name


def pairs_of(ground, name, scale, count, chooser, mode):
    """(plain, with the agent), as often as asked; which goes first is left to chance."""
    for _ in range(count):
        found = {}
        for how in chooser.sample([None, mode], 2):
            found[how] = ground.run(name, scale, how)
        if found[None].answer != found[mode].answer:
            raise RuntimeError(f"{name}: the answers differ")
        yield found[None], found[mode]


def percent(ratio):
    return f"{ratio:.3f}"


def table(setting, mode):
    yield "python", "workload", "pairs", "CPU time", "95 % interval", "of the fastest", "peak RSS", "peak RSS, MB more"
    chooser = random.Random(1)
    for python in setting.pythons:
        ground = Ground(python)
        medians, fastest, sizes = [], [], []
        try:
            for name in usable(python, setting.workloads):
                pairs = list(pairs_of(ground, name, setting.scale, setting.pairs, chooser, mode))
                ratios = [agent.cpu_s / plain.cpu_s for plain, agent in pairs]
                low, high = stats.bootstrap(ratios, statistics.median)
                best = min(agent.cpu_s for _, agent in pairs) / min(plain.cpu_s for plain, _ in pairs)
                rss = [statistics.median(run[side].peak_rss for run in pairs) for side in (0, 1)]
                medians.append(statistics.median(ratios))
                fastest.append(best)
                sizes.append(rss[1] / rss[0])
                yield (python.id, name, len(pairs), percent(medians[-1]), f"{low:.3f} to {high:.3f}", percent(best),
                       percent(sizes[-1]), f"{(rss[1] - rss[0]) / 1e6:+.1f}")
            yield (python.id, "**geomean**", "", f"**{percent(stats.geomean(medians))}**", "",
                   percent(stats.geomean(fastest)), percent(stats.geomean(sizes)), "")
        finally:
            ground.close()


def lines(setting):
    """Every allocation attributed to its line: time and memory beside the plain run's, interleaved."""
    return table(setting, "lines")


def stacks(setting):
    """Every allocation attributed to its whole stack: time and memory beside the plain run's, interleaved."""
    return table(setting, "stacks")


def peers(setting):
    """Beside tracemalloc, memray and scalene: CPU time / peak RSS of whole processes over the plain run's, in turns."""
    import peers as others
    return others.table(setting)


MEASUREMENTS = {"memory-lines": lines, "memory-stacks": stacks, "memory-peers": peers}
