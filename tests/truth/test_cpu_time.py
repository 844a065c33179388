"""Seconds of CPU and of wall time, against the clocks of the program itself: on a machine that has a CPU for it, on one that
does not, and where pyrometer itself is kept from sampling. Within 3 standard errors and 1 %."""
import json
import subprocess
import sys

import pytest

from tests.live import programs

from . import oracle

pytestmark = pytest.mark.needs("run", "report")

SECONDS = 6
PROGRAM = (oracle.PROGRAMS / "cpu.py").read_text()
# Stops its parent, which is pyrometer, for a second in the middle of a phase.
STOPPED = """
import json, os, signal, sys, time

def spin(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass

def before():
    spin(0.7)

def during():
    spin(0.5)
    stopped = time.perf_counter()
    os.kill(os.getppid(), signal.SIGSTOP)
    spin(1)
    os.kill(os.getppid(), signal.SIGCONT)
    spent["stopped"] = time.perf_counter() - stopped
    spin(0.5)

def after():
    time.sleep(0.7)

spent = {}
for phase in before, during, after:
    begun = time.perf_counter()
    phase()
    spent[phase.__name__] = time.perf_counter() - begun
print(json.dumps(spent), flush=True)
"""


@pytest.fixture
def record(binary, python, tmp_path):
    recorder = programs.make_recorder(binary, python, tmp_path)
    yield recorder
    programs.drop(recorder)


@pytest.fixture(params=[0, 4], ids=["calm", "busy"])
def rivals(request):
    """So many processes that always want a CPU."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(request.param)]
    yield request.param
    for process in busy:
        process.kill()
        process.wait()


def rows(report):
    return {row["name"]: row for row in report["functions"]}


def check(found, truth_s, whole_s, what):
    """A row that is not there counts as none."""
    got_s, error_s = (found["total_s"], found["total_error_s"]) if found else (0, 0)
    assert got_s == pytest.approx(truth_s, abs=3 * error_s + 0.01 * whole_s), (what, error_s)


@pytest.mark.long(2)
def test_seconds(record, rivals):
    recorded = record(PROGRAM, SECONDS, rate=1000, prelude=False)
    truth = json.loads(recorded.stdout)
    cpu, wall = recorded.json("--mode", "cpu"), recorded.json("--mode", "wall")
    whole_s = sum(phase["wall_s"] for phase in truth.values())
    for phase, used in truth.items():
        check(rows(cpu).get(phase), used["cpu_s"], whole_s, phase)
        check(rows(wall).get(phase), used["wall_s"], whole_s, phase)
    agree(cpu, truth)


def agree(report, truth):
    """What is said of threads, of the run and in the verdict is the same; to a hundredth it is the program's own, but for
    what a thread used before it was found and after it was last looked at."""
    threads = {thread["name"]: thread for thread in report["processes"][0]["threads"]}
    assert threads["worker"]["cpu_s"] == pytest.approx(truth["crunch"]["cpu_s"], rel=0.01, abs=0.15)
    listed_s = sum(row["self_s"] for row in report["functions"])
    counted_s = sum(thread["cpu_s"] for thread in threads.values())
    assert counted_s == pytest.approx(listed_s, rel=0.001) == pytest.approx(report["run"]["cpu_s"], abs=0.3)
    for thread in threads.values():
        assert thread["on_cpu"] / thread["samples"] == pytest.approx(thread["cpu_s"] / thread["seconds"], rel=0.001)
        assert thread["on_cpu"] + thread["waiting_for_cpu"] <= thread["samples"] * 1.000001
    verdict = report["verdict"]
    assert verdict["on_cpu"] + verdict["waiting_for_cpu"] <= 1.000001
    assert ("waited for a CPU" in verdict["because"]) == (verdict["waiting_for_cpu"] >= 0.05)


@pytest.mark.long(1)
def test_what_waits_for_a_cpu_is_still_bound_by_it(record):
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(6)]
    try:
        verdict = record(PROGRAM, 2, "spin", rate=1000, prelude=False).json()["verdict"]
    finally:
        for process in busy:
            process.kill()
            process.wait()
    assert verdict["bound"] == "CPU-bound"
    assert verdict["waiting_for_cpu"] > 0.3 and "the machine is busy" in verdict["because"]


@pytest.mark.long(2)
def test_time_in_which_we_were_stopped(record):
    recorded = record(STOPPED, rate=1000, prelude=False)
    truth, report = json.loads(recorded.stdout), recorded.json("--mode", "wall")
    stopped_s = truth.pop("stopped")
    whole_s = sum(truth.values())
    for phase, spent_s in truth.items():
        check(rows(report).get(phase), spent_s, whole_s, phase)
    quality = report["quality"]
    assert quality["longest_gap_s"] == pytest.approx(stopped_s, abs=0.15)
    # Where the machine is busy, there are other gaps: no more than samples were missed.
    assert 0.99 * quality["longest_gap_s"] <= quality["unobserved_s"] <= 0.3 + quality["deadlines_missed"] / 1000
    assert "no sample was taken" in recorded.report()
    (thread,) = report["processes"][0]["threads"]
    assert thread["seconds"] == pytest.approx(report["processes"][0]["sampled_s"], rel=0.01)
    unseen_s = report["run"]["wall_s"] - report["processes"][0]["sampled_s"]  # while Python began and ended, mostly
    assert sum(rows(report)[phase]["total_s"] for phase in truth) == pytest.approx(whole_s, abs=0.01 * whole_s + unseen_s)
