"""Live profiles of the truth programs: no impossible stack, and shares as the program's clock has them, within 3 standard
errors and 1 %. One interpreter of each kind of frames; PYR_SOAK=1 takes every one, and ten times as many samples: some
millions."""
import json
import os
import signal
import subprocess
import time

import pytest

from . import check, oracle

pytestmark = pytest.mark.needs("attach", "report")

SOAK = bool(os.environ.get("PYR_SOAK"))
STACKS_S = 10 if SOAK else 1
STACKS_HZ = 5000
SHARES_S = 20 if SOAK else 4
PROGRAMS = [("crossed", []), ("generators", []), ("async_tasks", []), ("recursion", ["300"]), ("recursion", ["3000"]), ("churn", []),
            ("wide", []), ("thread_churn", []), ("exec_again", []), ("mixed", []), ("phases", [])]
LIFE_S = 120
TRUTHS = {"auto": [], "no-stop": ["--no-stop"]}


def program_ids(program):
    return "-".join([program[0], *program[1]])


class Profile:
    """An attach that runs; the program may be told things meanwhile."""

    def __init__(self, binary, target, recording, rate, seconds, truth):
        self.recording = recording
        command = [binary, "attach", str(target.pid), "-o", recording, "-r", str(rate), "--duration", str(seconds)]
        self.process = subprocess.Popen(command + TRUTHS.get(truth, ["--truth", truth]), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        due = time.monotonic() + 20
        while not recording.exists() and self.process.poll() is None and time.monotonic() < due:
            time.sleep(0.002)

    def finish(self, timeout_s):
        said = self.process.communicate(timeout=timeout_s)[1]
        assert self.process.returncode == 0, said


@pytest.fixture(scope="session")
def stopping(binary):
    """Skips where attach cannot be told to stop the target for every sample."""
    asked = subprocess.run([binary, "attach", "--truth", "stop", "--help"], capture_output=True, text=True, timeout=30)
    if asked.returncode != 0:
        pytest.skip("this build's attach has no --truth")


def report(pyrometer, recording):
    """(stacks, figures) of a recording."""
    stacks = oracle.parse(pyrometer("report", recording, "-f", "collapsed", "--no-threads").stdout)
    return stacks, json.loads(pyrometer("report", recording, "-f", "json").stdout)


def judge(pyrometer, recording, program, arguments, record_property):
    """Judged stacks, the stacks, the recording's figures; the sums are said at the end of all tests."""
    stacks, figures = report(pyrometer, recording)
    result = check.judge_stacks(oracle.Oracle(program, arguments), stacks, figures["quality"]["samples_truncated"] > 0)
    record_property("stacks", result["program"])
    record_property("impossible", result["impossible"])
    return result, stacks, figures


@pytest.fixture
def profile_stacks(binary, pyrometer, start, tmp_path, record_property):
    """profile_stacks(program) attaches to one; what judge returns."""
    def profile(*arguments, **options):
        return take_profile(binary, pyrometer, start, tmp_path, record_property, *arguments, **options)
    return profile


def take_profile(binary, pyrometer, start, tmp_path, record_property, program, truth="auto", seconds=STACKS_S):
    name, arguments = program
    target = start(oracle.PROGRAMS / (name + ".py"), str(LIFE_S), *arguments)
    profile = Profile(binary, target, tmp_path / "a.pyro", STACKS_HZ, seconds, truth)
    profile.finish(seconds + 60)
    assert target.alive(), target.said()
    return judge(pyrometer, profile.recording, name, arguments, record_property)


def known_impossible(result):
    """Two reads can be equal by chance: one stack in a million was wrong."""
    return 1 + result["program"] / 200_000


def enough(program):
    """Samples below which the test says nothing. Where much is torn all are exact, some seventy a second; frames by the
    thousand may be taken at a lower rate."""
    return (20 if program[1] == ["3000"] else 60) * STACKS_S


@pytest.mark.long
@pytest.mark.parametrize("program", PROGRAMS, ids=program_ids)
def test_no_impossible_stack(profile_stacks, program, python):
    result, _, figures = profile_stacks(program)
    if 0 < result["program"] < enough(program):  # on a machine that has hardly any CPU for us
        result, _, figures = profile_stacks(program, seconds=5 * STACKS_S)
    assert result["impossible"] <= known_impossible(result), "\n".join(check.describe_stacks(result))
    assert result["program"] >= enough(program), figures["quality"]


@pytest.mark.long
@pytest.mark.parametrize("program", [("crossed", []), ("generators", []), ("churn", [])], ids=program_ids)
def test_no_impossible_stack_when_always_stopped(stopping, profile_stacks, program, python):
    result, _, figures = profile_stacks(program, "stop", 0.5)
    quality = figures["quality"]
    assert result["impossible"] == 0, "\n".join(check.describe_stacks(result))
    assert quality["samples_stopped"] > 0.5 * quality["samples_taken"]


@pytest.mark.long
@pytest.mark.skipif(not SOAK, reason="LEFT to ./dev soak")
@pytest.mark.parametrize("program", PROGRAMS, ids=program_ids)
def test_few_impossible_stacks_without_stopping(profile_stacks, program, python):
    """What was proved by two equal reads alone: nothing, or one in a thousand at most (docs/truth.md)."""
    result, _, figures = profile_stacks(program, "no-stop")
    assert figures["quality"]["samples_stopped"] == 0
    assert result["impossible"] <= 1 + result["program"] / 1000, "\n".join(check.describe_stacks(result))


@pytest.mark.long(2)
@pytest.mark.parametrize("rate", [1000, 10000])
@pytest.mark.parametrize("name", ["mixed", "phases"])
def test_shares(binary, pyrometer, start, tmp_path, name, rate, python, record_property):
    def profile(file):
        target = start(oracle.PROGRAMS / (name + ".py"), str(LIFE_S))
        return profile_shares(binary, pyrometer, target, file, name, rate, record_property)
    shares, result = within_errors(profile, tmp_path)
    assert shares["distance"] <= shares["limit"], "\n".join(check.describe_shares(shares))
    assert result["impossible"] <= known_impossible(result), "\n".join(check.describe_stacks(result))


def profile_shares(binary, pyrometer, target, recording, name, rate, record_property):
    """(the judged shares, the judged stacks) of SHARES_S of this program."""
    profile = Profile(binary, target, recording, rate, SHARES_S, "auto")
    os.kill(target.pid, signal.SIGUSR1)
    waited_ns = cpu_wait_ns(target.pid)
    time.sleep(SHARES_S)
    waited_ns = cpu_wait_ns(target.pid) - waited_ns
    os.kill(target.pid, signal.SIGTERM)
    truth = json.loads(target.line())["shares"]
    profile.finish(60)
    target.stop()
    result, stacks, figures = judge(pyrometer, profile.recording, name, [], record_property)
    return check.judge_shares(oracle.Oracle(name), stacks, truth, independent(figures), waited_ns / (SHARES_S * 1e9)), result


def within_errors(profile, folder):
    """The first of three profiles whose shares are within three standard errors, or the last. Chance alone takes one of some
    hundred out of them, and three in a row never; what is off by more than the errors is so each time. Impossible stacks are
    not forgiven so."""
    for attempt in range(3):
        shares, result = profile(folder / f"{attempt}.pyro")
        if shares["distance"] <= shares["limit"] or result["impossible"] > 1:
            break
    return shares, result


def cpu_wait_ns(pid):
    """How long the main thread has been runnable without a CPU."""
    with open(f"/proc/{pid}/schedstat") as file:
        return int(file.read().split()[1])


def independent(figures):
    """How many samples the shares rest on: by the errors that are stated, for the function that is known worst."""
    whole = sum(row["self_s"] for row in figures["functions"])
    known = [(row["total_s"] / whole, row["total_error_s"] / whole) for row in figures["functions"]]
    return max(1, min(share * (1 - share) / error ** 2 for share, error in known if 0.02 < share < 0.98 and error))
