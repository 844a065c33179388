"""Fixtures for tests against live interpreters.

`python` runs a test once under every CPython found; `start(script, …)` starts a script under it, waits for its READY
line and kills it in the end; `pyrometer(…)` runs the built binary. `--python 3.14 --python 3.8` narrows the first.
Tests marked `long` run under a few interpreters only, unless some are asked for by --python or PYR_SOAK is set; what was
left out is said at the end.
"""
import os
import pathlib
import signal
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import pythons  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[1]
SOAK = bool(os.environ.get("PYR_SOAK"))
LEFT = pytest.StashKey()
BINARY = pathlib.Path(os.environ.get("PYROMETER", ROOT / "build" / "pyrometer"))


def pytest_addoption(parser):
    parser.addoption("--python", action="append", default=[], metavar="ID",
                     help="only interpreters whose id begins so, such as 3.14 or 3.11.2-system")


    parser.addoption("--part", choices=["alone", "beside"],
                     help="alone: what measures live programs, and has to have the machine to itself; beside: the rest")


def is_alone(item):
    measures = {"cli", "hard", "live", "truth"} & set(pathlib.Path(str(item.fspath)).parts)
    return bool(measures) and not item.get_closest_marker("beside")


def interpreters(metafunc, found):
    """Those of the interpreters found under which a test runs now."""
    wanted = tuple(metafunc.config.getoption("--python"))
    return [each for each in found if each.id.startswith(wanted)] if wanted else narrowed(metafunc, found)


def narrowed(metafunc, found):
    """Without those that a test marked long leaves out now; they are noted."""
    marker = metafunc.definition.get_closest_marker("long")
    if not marker or SOAK:
        return found
    chosen = pythons.one_of_each_kind(found, *marker.args)
    left = [name for each, name in zip(found, pythons.ids(found)) if each not in chosen]
    metafunc.config.stash.setdefault(LEFT, {})[metafunc.definition.nodeid] = left
    return chosen


def pytest_generate_tests(metafunc):
    if "python" not in metafunc.fixturenames:
        return
    found = interpreters(metafunc, pythons.discover())
    metafunc.parametrize("python", found, ids=pythons.ids(found))


def pytest_collection_modifyitems(config, items):
    """What is measured live beside whatever else the machine does may be tried once more; what is judged as true or not
    (tests/truth) and what is a pure function never is."""
    part = config.getoption("--part")
    if part:
        left = [item for item in items if is_alone(item) != (part == "alone")]
        items[:] = [item for item in items if is_alone(item) == (part == "alone")]
        config.hook.pytest_deselected(items=left)
    if not config.pluginmanager.hasplugin("rerunfailures"):
        return
    for item in items:
        if {"live", "hard"} & set(pathlib.Path(str(item.fspath)).parts):
            item.add_marker(pytest.mark.flaky(reruns=1))


def pytest_sessionfinish(session):
    """Where tests run side by side, each worker notes the same; what says so at the end is told."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left"] = session.config.stash.get(LEFT, {})


class SideBySide:
    """Hooks of pytest-xdist."""

    @staticmethod
    def pytest_testnodedown(node):
        node.config.stash.setdefault(LEFT, {}).update(getattr(node, "workeroutput", {}).get("left", {}))


def pytest_configure(config):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it, and so would targets
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    if config.pluginmanager.hasplugin("xdist"):
        config.pluginmanager.register(SideBySide())


def say_stacks(terminalreporter):
    """How many samples the truth tests judged, and how many of them were impossible, by kind of test."""
    sums = {}
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        properties = dict(report.user_properties)
        if report.when == "call" and "stacks" in properties:
            kind = sums.setdefault(report.nodeid.split("[")[0], [0, 0])
            kind[0] += properties["stacks"]
            kind[1] += properties["impossible"]
    for test, (stacks, impossible) in sorted(sums.items()):
        terminalreporter.write_line(f"STACKS: {impossible:.0f} impossible of {stacks:.0f} in {test}")


def pytest_terminal_summary(terminalreporter, config):
    say_stacks(terminalreporter)
    for test, left in sorted(config.stash.get(LEFT, {}).items()):
        if left:
            terminalreporter.write_line(f"LEFT to ./dev soak: {test} under {', '.join(left)}")


@pytest.fixture
def start(request):
    """start(script, *arguments, python=…, env=…) -> pythons.Target that has said READY."""
    targets = []

    def start_script(script, *arguments, python=None, env=None, **options):
        if python is None:
            python = request.getfixturevalue("python")
        targets.append(pythons.Target(python, script, arguments, env, **options))
        targets[-1].ready = targets[-1].wait_ready()
        return targets[-1]

    yield start_script
    for target in targets:
        target.stop()


@pytest.fixture(scope="session")
def commands(binary):
    """The help of pyrometer: which commands it has."""
    return subprocess.run([binary, "--help"], capture_output=True, text=True, timeout=30).stdout


@pytest.fixture(autouse=True)
def needs(request):
    """@pytest.mark.needs("attach"): skipped while this build has no such command."""
    for marker in request.node.iter_markers("needs"):
        for command in marker.args:
            if f" {command} " not in request.getfixturevalue("commands"):
                pytest.skip(f"this build has no {command} command")


@pytest.fixture(scope="session")
def binary():
    """Path of the built pyrometer."""
    assert BINARY.exists(), f"{BINARY} is not there: run ./dev build"
    return BINARY


@pytest.fixture
def pyrometer(binary):
    """pyrometer(*arguments) runs the binary to its end; fails with its stderr unless it exits as expected."""

    def run(*arguments, timeout=120, status=0):
        done = subprocess.run([binary, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=timeout)
        words = " ".join(map(str, arguments))
        assert done.returncode == status, f"pyrometer {words}: exit status {done.returncode}: {done.stderr}"
        return done

    return run
