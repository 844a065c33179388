"""SIGKILL of pyrometer at any moment: the program goes on, unstopped and untraced, and its answers stay right."""
import os
import random
import signal
import sys
import time

import pytest

from .support import PROGRAMS, SOAK, assert_free, is_over, newest, read_line, wait_for

TRUTHS = ("auto", "exact", "stop", "no-stop")
KILLS = 1000 if SOAK else 60
EACH = KILLS // (2 * len(TRUTHS))
LONGEST_S = 0.2


def ask(program):
    program.stdin.write(b"how\n")
    program.stdin.flush()
    return read_line(program)


def assert_right(verdict, rounds=1, tolerated=0):
    """`tolerated`: so many waits may have been broken by EINTR, but nothing else may be wrong."""
    wrong = []
    for part in verdict.split(" | "):
        count, _, word = part.partition(" ")
        assert int(count) >= rounds, verdict
        wrong += [] if word == "right" else word.split("; ")
    assert len(wrong) <= tolerated and all(" errno 4 " in fault for fault in wrong), verdict


@pytest.fixture
def answers(tool):
    return tool.begin([newest(), PROGRAMS / "answer.py"])


def kill_at_random(process, rng, longest=LONGEST_S):
    time.sleep(rng.uniform(0, longest))
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        stream.close()


@pytest.mark.parametrize("truth", TRUTHS)
def test_attached(tool, answers, truth):
    """Waits are never broken, neither by sampling nor by its sudden end."""
    rng = random.Random(truth)
    for number in range(EACH):
        rate = rng.choice(["1k", "10k", "max"])
        attached = tool.start("attach", "-q", "--force", "-o", "r.pyro", "--truth", truth, "-r", rate, str(answers.pid))
        kill_at_random(attached, rng)
        assert_free(answers.pid)
    # Killed between a stop and the mending of the call that it broke, we leave one EINTR behind: with nothing but stops
    # at the highest rate that was seen once in 125 kills, so three of seven in one of 50,000 runs.
    assert_right(ask(answers), rounds=EACH, tolerated=2 + EACH // 50 if truth == "stop" else 0)
    before = ask(answers)
    wait_for(lambda: ask(answers) != before, "it goes on")


@pytest.mark.parametrize("truth", TRUTHS)
def test_run(tool, truth):
    """The program runs to its right end without us, or was never begun."""
    rng = random.Random("run " + truth)
    for number in range(EACH):
        result = tool.directory / f"answer-{number}"
        running = tool.start("run", "-q", "--force", "-o", "r.pyro", "--truth", truth, "--python", newest(),
                             PROGRAMS / "answer.py", "4", result)
        kill_at_random(running, rng)
        begun = result.with_suffix(".begun")
        wait_for(lambda: begun.exists() or session_over(running.pid), "the program begins or is over")
        if not begun.exists():
            continue
        wait_for(begun.read_text, "its number is written")
        pid = int(begun.read_text())
        assert_free(pid)
        wait_for(result.exists, "the answer")
        assert_right(result.read_text(), rounds=4)
        wait_for(lambda: is_over(pid), "its end")


def session_over(session):
    for word in os.listdir("/proc"):
        if word.isdigit():
            try:
                if os.getsid(int(word)) == session and not is_over(int(word)):
                    return False
            except ProcessLookupError:
                pass
    return True


COUNTER = """
import os, signal, sys, threading, time
count = 0
def note(number, frame):
    global count
    count += 1
signal.signal(signal.SIGUSR1, note)
print("READY", flush=True)
def short(n): return n + 1
def work(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for n in range(200): short(n)
while True:
    line = sys.stdin.readline()
    if not line: break
    seen = -1
    while seen != count:
        seen = count
        work(0.1)
    print(count, flush=True)
    threading.Thread(target=work, args=(float(line),)).start()
"""


def test_no_signal_is_lost(tool):
    """Signals that come while a thread is held by a tracer that dies are delivered, each once."""
    rng = random.Random(5)
    counter = tool.python(COUNTER)
    sent = 0

    def count():
        counter.stdin.write(b"0.5\n")
        counter.stdin.flush()
        return int(read_line(counter))

    for _ in range(100 if SOAK else 4):
        count()
        attached = tool.start("attach", "-q", "--force", "-o", "r.pyro", "--truth", "stop", "-r", "max", str(counter.pid))
        deadline = time.monotonic() + rng.uniform(0.1, 0.3)
        while time.monotonic() < deadline:
            os.kill(counter.pid, signal.SIGUSR1)
            sent += 1
            # One at a time: the kernel merges those that wait.
            wait_for(lambda: not pending(counter.pid), "the signal is taken", 5)
        kill_at_random(attached, rng, 0.02)
        assert_free(counter.pid)
        wait_for(lambda: not pending(counter.pid), "the signal is taken", 5)
    assert 0 < count() <= sent
    assert counter.poll() is None


def pending(pid):
    with open(f"/proc/{pid}/status") as file:
        fields = dict(line.split(":\t", 1) for line in file.read().splitlines() if ":\t" in line)
    return int(fields["ShdPnd"], 16) | int(fields["SigPnd"], 16)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__]))
