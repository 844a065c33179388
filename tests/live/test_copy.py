"""Frozen copies of live processes: the process goes on as if there were none, whoever is killed in between."""
import json
import os
import pathlib
import platform
import random
import signal
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "hard"))
from support import assert_free, stat_of, wait_for  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
BUSY = HERE / "busy.py"
SOAK = bool(os.environ.get("PYR_SOAK"))
KILLS = 1000 if SOAK else 100
COPIES = 100 if SOAK else 10
STEPS = 20  # of the guardian, from the first hold to the end of the copy

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="copies are made on x86-64 only")


@pytest.fixture(scope="session")
def copy_tool(binary):
    path = pathlib.Path(binary).resolve().parents[2] / "tests" / "live" / "copy_tool"
    if not path.exists():
        pytest.skip(f"{path} is not built")
    return path


@pytest.fixture
def copies(copy_tool):
    """copies(pid, …) -> what the tool says of each copy."""
    def take(pid, *words):
        done = subprocess.run([copy_tool, str(pid), *map(str, words)], capture_output=True, text=True, timeout=120)
        assert not done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]
    return take


@pytest.fixture
def busy(start, python):
    """busy(…) starts the program; its `stdin` asks it for a verdict."""
    return lambda: start(BUSY, stdin=subprocess.PIPE)


def ask(target):
    assert target.process.poll() is None, f"it has ended with status {target.process.returncode}: {target.said()}"
    target.process.stdin.write(b"how\n")
    target.process.stdin.flush()
    return target.line()


def assert_right(target):
    """It goes on, and its answers are right."""
    first, second = ask(target), ask(target)
    assert first.endswith(" right") and second.endswith(" right"), second
    assert first != second


def children(pid):
    found = []
    for word in os.listdir("/proc"):
        if word.isdigit() and stat_of(int(word))[1] == pid:
            found.append(int(word))
    return found


def running(program):
    """The processes that run it: those that were started and their guardians."""
    found = []
    for word in os.listdir("/proc"):
        if word.isdigit():
            try:
                if os.readlink(f"/proc/{word}/exe") == str(program):
                    found.append(int(word))
            except OSError:
                pass
    return found


def describe(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read()
    except OSError as error:
        return str(error)


def lasting_children(pid):
    """Those of its children that are not its own: these it has one at a time, and not for long."""
    first, due = set(children(pid)), time.monotonic() + 5
    while first and time.monotonic() < due:
        time.sleep(0.01)
        first &= set(children(pid))
    return first


def test_the_process_does_not_notice(busy, copies):
    target = busy()
    taken = copies(target.pid, "times", COPIES)
    assert len(taken) == COPIES
    for copy in taken:
        assert copy["status"] == 0 and copy["value"] == 42 and copy["whole"] == 0 and not copy["stopped"], copy
        assert 0 < copy["pause_ns"] < 2e9
    assert_free(target.pid)
    assert_right(target)
    assert not lasting_children(target.pid)


@pytest.mark.long(1)
def test_what_is_read_stays_shared(start, copies, tmp_path, python):
    """Reading costs no memory: process_vm_readv would have the kernel copy each page for the copy."""
    program = tmp_path / "rests.py"
    program.write_text("plain = bytearray(b'x' * (48 << 20))\nimport time\nprint('READY', flush=True)\ntime.sleep(600)\n")
    (copy,) = copies(start(program).pid, "read")
    assert copy["read"] > 48 << 20
    assert copy["own"] < 8 << 20


def use_numbers_again():
    """Numbers of processes that ended are given to the next ones at once, instead of when all others have been used."""
    try:
        pathlib.Path("/proc/sys/kernel/ns_last_pid").write_text("20000")
    except OSError:  # root may
        pass


@pytest.mark.long(1)
def test_the_tool_is_killed_at_any_moment(busy, copy_tool):
    rng = random.Random(17)
    target = busy()
    for _ in range(KILLS):
        use_numbers_again()
        tool = subprocess.Popen([copy_tool, str(target.pid), "times", "0"], stdout=subprocess.DEVNULL)
        time.sleep(rng.uniform(0, 0.1))
        tool.kill()
        tool.wait()
    wait_for(lambda: not running(copy_tool), "no process of ours is left", 10)
    assert_free(target.pid)
    assert_right(target)
    assert not lasting_children(target.pid)


@pytest.mark.long(1)
def test_the_guardian_is_killed_at_each_step(busy, copies, copy_tool):
    """What it leaves behind is at most a zombie, until the next copy."""
    target = busy()
    for step in range(1, STEPS + 1):
        copies(target.pid, "die-at", step)
        wait_for(lambda: not running(copy_tool), "no process of ours is left", 10)
        assert_free(target.pid)
        time.sleep(0.05)  # a thread that was lent goes on by itself
        assert copies(target.pid)[0]["status"] == 0, step
        left = lasting_children(target.pid)
        assert not left, (step, [describe(child) for child in left])
    assert_right(target)


def test_the_process_is_killed_at_each_step(busy, copies, copy_tool):
    """Its parent learns of it at once, although its other threads are held, and wait for us, too, to end."""
    for step in range(1, STEPS + 1):
        target = busy()
        copies(target.pid, "die-at", step, "it-dies")
        assert target.process.wait(10) == -signal.SIGKILL, step
        wait_for(lambda: not running(copy_tool), "no process of ours is left", 10)
