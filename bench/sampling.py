"""What sampling costs and how true it is, beside the other samplers that run here, in the same run.

Each measurement is a generator of table rows; the first row is the head.
"""
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import tempfile
import time

import pythons
import samplers
import stats
from truth import check, oracle

BENCH = pathlib.Path(__file__).resolve().parent
FLOOR = BENCH.parent / "build" / "meson" / "bench" / "bench_floor"
WORKLOADS = BENCH / "workloads"
RATES = (1000, 10000)
ROUND_S = 1.5
CALIBRATION_SCALE = 0.1
ATTACH_S = 1  # until a sampler takes samples
WORKLOADS_USED = ["json_mix", "objects", "deep", "generators", "threads"]


class Setting:
    """What all measurements share."""

    def __init__(self, options):
        self.seconds, self.pairs, self.workloads = options.seconds, options.pairs, options.workloads or WORKLOADS_USED
        self.pythons = pythons.discover()
        self.python = self.choose(options.python[-1] if options.python else "")
        self.samplers = [(sampler, version) for sampler, version in samplers.installed(self.pythons)
                         if sampler.reads(self.python) and (not options.sampler or sampler.name in options.sampler)]
        self.folder = tempfile.TemporaryDirectory(prefix="pyr-bench-")

    def choose(self, wanted):
        found = [python for python in self.pythons if python.id.startswith(wanted or "")]
        if not found:
            raise SystemExit(f"bench: no interpreter {wanted}; there are: {', '.join(python.id for python in self.pythons)}")
        return found[-1]

    def describe(self):
        yield f"- target: CPython {self.python.id}"
        for sampler, version in self.samplers:
            yield f"- {sampler.name}: {version}"

    def output(self):
        return pathlib.Path(self.folder.name) / f"out-{time.monotonic_ns()}"

    def target(self, script, *arguments, stdin=subprocess.DEVNULL):
        return pythons.Target(self.python, script, map(str, arguments), stdin=stdin)


def failed(error):
    return " ".join(str(error).split())[:80]


def floor(rate, seconds):
    done = subprocess.run([FLOOR, str(rate), str(seconds)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def own_cpu(setting):
    """CPU that the sampler itself uses, per sample, beside a bare sleep loop at the same rate."""
    yield "sampler", "rate", "CPU of one core", "us per tick", "times the sleep loop"
    for rate in RATES:
        before = floor(rate, setting.seconds / 2)
        rows = []
        for sampler, _ in setting.samplers:
            target = setting.target(WORKLOADS / "json_mix.py", 1000)
            time.sleep(1)
            try:
                run = sampler.start(target.pid, rate, setting.seconds, setting.output()).finish()
                rows.append((sampler.name, run.cpu_s / setting.seconds))
            except RuntimeError as error:
                rows.append((failed(error), None))
            finally:
                target.stop()
        after = floor(rate, setting.seconds / 2)
        bare = (before["cpu_share"] + after["cpu_share"]) / 2
        yield "sleep loop", rate, f"{100 * bare:.2f} %", f"{1e6 * bare / rate:.1f}", "1"
        for name, share in rows:
            yield (name, rate) + (("", "", "") if share is None else
                                  (f"{100 * share:.2f} %", f"{1e6 * share / rate:.1f}", f"{share / bare:.2f}"))


class Rounds:
    """One process that does a workload's work over and over, about ROUND_S at a time."""

    def __init__(self, setting, name):
        self.target = setting.target(BENCH / "rounds.py", stdin=subprocess.PIPE)
        shutil.copy(WORKLOADS / (name + ".py"), self.target.folder)
        self.tell(name)
        self.scale = CALIBRATION_SCALE
        self.scale *= ROUND_S / self.run()[0]

    def tell(self, word):
        self.target.process.stdin.write(f"{word}\n".encode())
        self.target.process.stdin.flush()

    def run(self):
        """(wall, CPU) seconds of one round, by the program's own clocks."""
        self.tell(self.scale)
        return tuple(map(float, self.target.line(timeout_s=600).split()))

    def run_under(self, setting, sampler, rate):
        """The same with a sampler on it, that has had a round to find its feet: start-up is not what is asked for."""
        started = sampler.start(self.target.pid, rate, 600, setting.output())
        try:
            time.sleep(ATTACH_S)
            self.run()
            measured = self.run()
            if started.process.poll() is not None:
                raise RuntimeError(f"{sampler.name} ended: {started.process.stdout.read().strip()[-300:]}")
            return measured
        finally:
            started.process.send_signal(signal.SIGINT)
            started.process.communicate()


def interval(ratios):
    low, high = stats.bootstrap(ratios, stats.geomean)
    return f"{100 * (stats.geomean(ratios) - 1):+.2f} % ({100 * (low - 1):+.2f} to {100 * (high - 1):+.2f})"


def slowdown(setting):
    """How much longer a fixed amount of work takes under the sampler: rounds of one process, with and without it in random order.

    Its wall time is its CPU time and its time off the CPU, in which it waited or was stopped. The latter says most on a
    shared machine, whose speed goes up and down but takes wall and CPU time with it."""
    yield "workload", "sampler", "rate", "pairs", "off the CPU (95 % interval)", "CPU time", "wall"
    chooser = random.Random(1)
    compared = [samplers.SleepLoop(FLOOR), *(sampler for sampler, _ in setting.samplers)]
    for name in setting.workloads:
        rounds = Rounds(setting, name)
        ratios = {sampler: [] for sampler in compared}
        failures = {}
        for _ in range(setting.pairs):
            taken = {}
            for sampler in chooser.sample([None, *ratios], len(ratios) + 1):
                try:
                    taken[sampler] = rounds.run_under(setting, sampler, 1000) if sampler else rounds.run()
                except RuntimeError as error:
                    failures[sampler] = failed(error)
                    del ratios[sampler]
            for sampler in ratios:
                wall, cpu = (under / plain for under, plain in zip(taken[sampler], taken[None]))
                ratios[sampler].append((wall / cpu, cpu, wall))
        rounds.target.stop()
        for sampler in compared:
            columns = map(interval, zip(*ratios[sampler])) if sampler in ratios else (failures[sampler], "", "")
            yield name, sampler.name, 1000, setting.pairs, *columns


def highest(setting):
    """Samples per second, asked for as many as can be."""
    yield "sampler", "samples per second", "of them without a stack", "CPU of one core"
    for sampler, _ in setting.samplers:
        target = setting.target(WORKLOADS / "json_mix.py", 1000)
        time.sleep(1)
        try:
            run = sampler.start(target.pid, "max", setting.seconds, setting.output()).finish()
            rate = f"{run.samples / run.wall_s:,.0f}" if run.samples else "not said"
            dropped = "not said" if run.dropped is None else f"{100 * run.dropped:.2f} %"
            yield sampler.name, rate, dropped, f"{100 * run.cpu_s / setting.seconds:.0f} %"
        except RuntimeError as error:
            yield sampler.name, failed(error), "", ""
        finally:
            target.stop()


def threads(setting):
    """CPU of the sampler over a program of 1,000 threads, nearly all waiting, at 100 samples per second."""
    yield "sampler", "threads", "rate", "CPU of one core"
    for sampler, _ in setting.samplers:
        target = setting.target(WORKLOADS / "many_threads.py", 1000, setting.seconds + 60)
        try:
            target.wait_ready()
            run = sampler.start(target.pid, 100, setting.seconds, setting.output()).finish()
            yield sampler.name, 1000, 100, f"{100 * run.cpu_s / setting.seconds:.2f} %"
        except RuntimeError as error:
            yield sampler.name, 1000, 100, failed(error)
        finally:
            target.stop()


def judge(setting, sampler, name, rate):
    """(impossible share, shares off or None, samples dropped) of one live run over a truth program."""
    target = setting.target(oracle.PROGRAMS / (name + ".py"), setting.seconds + 60)
    judged = oracle.Oracle(name)
    try:
        target.wait_ready()
        shares = hasattr(judged.module, "part_of")
        if shares:
            os.kill(target.pid, signal.SIGUSR1)
        run = sampler.start(target.pid, rate, setting.seconds, setting.output()).finish()
        stacks = oracle.parse(sampler.collapsed(run))
        found = check.judge_stacks(judged, stacks)
        off = None
        if shares:
            os.kill(target.pid, signal.SIGTERM)
            off = check.judge_shares(judged, stacks, json.loads(target.line())["shares"])["distance"]
        return found["impossible"] / max(1, found["samples"]), off, run.dropped
    finally:
        target.stop()


def percent(value):
    return "" if value is None else f"{100 * value:.3g} %"


def truth(setting):
    """Stacks that cannot be, and shares off (total variation), on the programs of tests/truth."""
    yield "program", "sampler", "rate", "without a stack", "impossible stacks", "shares off"
    for name in ("crossed", "generators", "churn", "mixed", "phases"):
        for sampler, _ in setting.samplers:
            for rate in RATES:
                try:
                    impossible, off, dropped = judge(setting, sampler, name, rate)
                    yield name, sampler.name, rate, percent(dropped), percent(impossible), percent(off)
                except (RuntimeError, OSError, ValueError) as error:
                    yield name, sampler.name, rate, failed(error), "", ""


MEASUREMENTS = {"own_cpu": own_cpu, "slowdown": slowdown, "highest": highest, "threads": threads, "truth": truth}
