"""Several tools on one process."""
import os
import shutil
import subprocess
import time

import pytest

from .support import PROGRAMS, assert_free, end, functions_of, newest, one_line, samples_of, wait_for
from .test_kill import ask, assert_right

BUSY = """
import time
def short(n): return n + 1
def busy(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for n in range(50): short(n)
print("READY", flush=True)
while True: busy(0.01)
"""


def needs(command):
    return pytest.mark.skipif(not shutil.which(command), reason=f"{command} is not there")


def traced(pid):
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("TracerPid"))


@pytest.mark.parametrize("truths", [("auto", "auto"), ("stop", "stop"), ("exact", "stop")], ids="-".join)
def test_two_at_once(tool, truths):
    """Each has a recording; neither keeps the other from its end."""
    program = tool.python(BUSY)
    both = [tool.start("attach", "-q", "--duration", "1500ms", "-r", "max", "--truth", truth, "-o", f"{number}.pyro",
                       str(program.pid)) for number, truth in enumerate(truths)]
    for number, attached in enumerate(both):
        assert attached.wait(20) == 0
        report = tool.report(f"{number}.pyro")
        assert samples_of(report)[program.pid] > 50 and "busy" in functions_of(report)
    assert_free(program.pid)
    assert program.poll() is None


def test_many_at_once_end_by_kill(tool):
    program = tool.begin([newest(), PROGRAMS / "answer.py"])
    crowd = [tool.start("attach", "-q", "-r", "max", "--truth", "stop", "-o", f"{number}.pyro", str(program.pid))
             for number in range(6)]
    time.sleep(0.5)
    for attached in crowd:
        attached.kill()
        attached.wait()
    assert_free(program.pid)
    assert_right(ask(program), tolerated=2)  # of six that were killed in the middle of their stops: see test_kill


def test_one_on_the_other(tool):
    """pyrometer is no Python program."""
    program = tool.python(BUSY)
    attached = tool.start("attach", "-q", "-o", "r.pyro", str(program.pid))
    wait_for((tool.directory / "r.pyro").exists, "the recording is begun")
    assert "Python" in one_line(tool("attach", "-o", "s.pyro", str(attached.pid), status=1).stderr)


def test_run_within_run(tool):
    done = tool("run", "-q", "-o", "outer.pyro", "--", tool.binary, "run", "-q", "-o", "inner.pyro", "--python",
                newest(), "-c", BUSY.replace("while True: busy(0.01)", "busy(0.6)\nraise SystemExit(3)"), status=3)
    assert done.stdout == b"READY\n"
    for file in ("outer.pyro", "inner.pyro"):
        assert "busy" in functions_of(tool.report(file))


@needs("strace")
@pytest.mark.parametrize("truth", ["auto", "exact", "stop", "no-stop"])
def test_under_strace(tool, truth):
    """A traced process can be measured but not stopped: what cannot be certain is said to be."""
    program = tool.python(BUSY)
    strace = subprocess.Popen(["strace", "-f", "-qq", "-e", "trace=none", "-p", str(program.pid)],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: traced(program.pid), "strace has it")
        done = tool("attach", "-q", "--duration", "1s", "--truth", truth, "-o", "r.pyro", str(program.pid), status=None)
        assert done.returncode == 0 or "traced" in one_line(done.stderr)
        if done.returncode == 0:
            report = tool.report()
            quality = report["quality"]
            assert quality["samples_taken"] + quality["samples_failed"] + samples_of(report)[program.pid] > 0
        assert traced(program.pid) == strace.pid
        tool("dump", str(program.pid))
    finally:
        strace.terminate()
        strace.wait()
    assert_free(program.pid)


@needs("strace")
def test_strace_comes_while_we_measure(tool):
    program = tool.python(BUSY)
    attached = tool.start("attach", "-q", "--duration", "2500ms", "--truth", "stop", "-r", "max", "-o", "r.pyro",
                          str(program.pid))
    wait_for((tool.directory / "r.pyro").exists, "the recording is begun")
    attempts = 0
    while attached.poll() is None and attempts < 10:
        attempts += 1
        strace = subprocess.Popen(["strace", "-qq", "-e", "trace=none", "-p", str(program.pid)],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        time.sleep(0.1)
        strace.terminate()
        strace.communicate()
    assert attached.wait(20) == 0
    assert_free(program.pid)
    assert "busy" in functions_of(tool.report())


@needs("gdb")
@pytest.mark.parametrize("command", ["attach", "dump"])
def test_held_by_a_debugger(tool, command):
    """It stands still: every reading is right, and it is still the debugger's."""
    program = tool.python(BUSY)
    gdb = subprocess.Popen(["gdb", "-q", "-nx", "-batch-silent", "-iex", "set debuginfod enabled off", "-iex",
                            "set auto-solib-add off", "-p", str(program.pid), "-ex", "shell touch held; sleep 4"],
                           cwd=tool.directory, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
    try:
        wait_for((tool.directory / "held").exists, "gdb has it", 60)
        options = ["-q", "--duration", "500ms", "-o", "r.pyro"] if command == "attach" else ["--json"]
        done = tool(command, *options, str(program.pid), timeout=10)
        if command == "attach":
            assert samples_of(tool.report())[program.pid] > 0
        else:
            assert b'"function"' in done.stdout
        assert traced(program.pid) == gdb.pid
    finally:
        gdb.terminate()
        gdb.wait()
        end(program)


@needs("strace")
def test_pyrometer_itself_is_traced(tool):
    """As a CI does that runs all under strace."""
    done = tool("run", "-q", "-o", "r.pyro", "--python", newest(), "-c",
                BUSY.replace("while True: busy(0.01)", "busy(0.5)\nraise SystemExit(3)"),
                prefix=["strace", "-f", "-o", os.devnull], status=3)
    assert done.stdout == b"READY\n"
    tool.report()
