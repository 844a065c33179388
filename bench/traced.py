"""What tracing every block costs: the standard module tracemalloc, and pyrometer's, beside untraced runs.

Each measurement is a generator of table rows; the first row is the head.
"""
import os
import random
import resource
import shutil
import statistics
import subprocess

import memory
import pythons
import stats
from memory import Setting  # noqa: F401

PROGRAM = """
import runpy, sys
which, frames, sys.argv = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
import tracemalloc as standard
from pyrometer import tracemalloc as pyrometer
if frames:
    {"standard": standard, "pyrometer": pyrometer}[which].start(frames)
runpy.run_path(sys.argv[0], run_name="__main__")
"""
PLAIN = ("standard", 0)
WAYS = [("standard", 1), ("pyrometer", 1), ("standard", 25), ("pyrometer", 25)]


def cpu_s(ground, name, scale, which, frames):
    """Of a whole process, start-up included, which imports both modules whatever it does."""
    environment = {"PYTHONPATH": ground.inside, "PYROMETER_AGENT": f"{ground.inside}/{memory.AGENT.name}",
                   "PYTHONDONTWRITEBYTECODE": "1"}
    command = ground.python.command("-c", PROGRAM, which, frames, f"{ground.inside}/{name}.py", scale)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=pythons.clean_environment(environment), stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def ratios(ground, name, setting, chooser):
    """Medians over rounds, in each of which every way has its turn."""
    rounds = []
    for _ in range(setting.pairs):
        took = {way: cpu_s(ground, name, setting.scale, *way) for way in chooser.sample([PLAIN, *WAYS], len(WAYS) + 1)}
        rounds.append([took[way] / took[PLAIN] for way in WAYS])
    return [statistics.median(column) for column in zip(*rounds)]


def tracemalloc(setting):
    """tracemalloc, the standard module and pyrometer's, with 1 and 25 frames: CPU time over the untraced run's."""
    yield "python", "workload", "rounds", *(f"{which}, {frames}" for which, frames in WAYS)
    chooser = random.Random(1)
    for python in setting.pythons:
        ground, rows = memory.Ground(python), []
        shutil.copytree(memory.BENCH.parent / "python" / "pyrometer", os.path.join(ground.folder, "pyrometer"))
        try:
            for name in memory.usable(python, setting.workloads):
                rows.append(ratios(ground, name, setting, chooser))
                yield (python.id, name, setting.pairs, *(f"{ratio:.2f}" for ratio in rows[-1]))
            yield (python.id, "**geomean**", "", *(f"**{stats.geomean(column):.2f}**" for column in zip(*rows)))
        finally:
            ground.close()


MEASUREMENTS = {"tracemalloc": tracemalloc}
