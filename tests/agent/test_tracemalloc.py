"""pyrometer.tracemalloc beside the standard module: the same program says the same; and CPython's own tests of it."""
import json
import pathlib
import shutil

import pytest

from . import memory

PACKAGE = memory.pythons.ROOT / "python" / "pyrometer"
# Calls of unittest.main itself count among the frames: as many as the tests' usual runner has.
STAND_IN = """
import sys, types, unittest
from pyrometer import tracemalloc
private = types.ModuleType("_tracemalloc")
private.__dict__.update((name, getattr(tracemalloc, name)) for name in (
    "start", "stop", "is_tracing", "clear_traces", "reset_peak", "get_traced_memory", "get_tracemalloc_memory",
    "get_traceback_limit", "_get_traces", "_get_object_traceback"))
sys.modules["tracemalloc"], sys.modules["_tracemalloc"] = tracemalloc, private

def run(depth):
    return run(depth - 1) if depth else unittest.main(module="test.test_tracemalloc", argv=["test_tracemalloc"])
run(10)
"""


def package(ground):
    """The Python package where the interpreter sees it; the settings to use it with."""
    shutil.copytree(PACKAGE, pathlib.Path(ground.folder) / "pyrometer", ignore=shutil.ignore_patterns("__pycache__"))
    return {"PYTHONPATH": ground.inside(ground.folder), "PYROMETER_AGENT": ground.preload()["LD_PRELOAD"]}


def run(ground, *words, **options):
    done = ground.run(*words, **options)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def test_says_what_the_standard_module_says(ground):
    settings, program = package(ground), ground.put(memory.PROGRAMS / "tracing.py")
    theirs = json.loads(run(ground, program, "standard", 7, agent=False, env=settings))
    late = json.loads(run(ground, program, "ours", 7, agent=False, env=settings))
    assert late == theirs
    assert theirs["live"] > 500000 and len(theirs["traces"]) > 40 and theirs["before"]
    preloaded = json.loads(run(ground, program, "ours", 7, env=settings))
    assert preloaded["traces"] == theirs["traces"]
    assert (preloaded["live"], preloaded["peak"]) == (theirs["live"], theirs["peak"])


def check_known_numbers(ground, how):
    settings, program = package(ground), ground.put(memory.PROGRAMS / "traced.py")
    settings["PYROMETER_MEMORY_MODE"] = how
    answer = run(ground, program, "end", agent=how != "late", env=settings)
    assert answer.splitlines() == ["ok", "ended True"]


def test_known_numbers(ground):
    check_known_numbers(ground, "late")


@pytest.mark.long
@pytest.mark.parametrize("how", ["lines", "stacks"])
def test_known_numbers_preloaded(ground, how):
    check_known_numbers(ground, how)


@pytest.mark.long(3)
def test_cpythons_own_tests(ground):
    if not ground.python.has("test.test_tracemalloc"):
        pytest.skip("this Python is installed without its tests")
    done = ground.run("-c", STAND_IN, agent=False, env=package(ground))
    assert done.returncode == 0, done.stderr.decode()
    assert b"OK" in done.stderr.splitlines()[-1] and b"Ran 4" in done.stderr
