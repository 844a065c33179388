"""The truth programs with CPython's JIT on, where a Python has it: stacks, callers' lines and shares are as true as without;
how much ran compiled, and so may have an earlier innermost line, is told."""
import json
import subprocess
import time

import pytest

import pythons
from . import check, oracle, test_truth

pytestmark = pytest.mark.needs("attach", "report")

ON = {"PYTHON_JIT": "1"}
PROBE = "import sys; print(hasattr(sys, '_jit') and sys._jit.is_enabled())"

# Two parts of the same length by the program's clock; only `compiled` is a loop that the JIT takes.
PARTS = '''
import sys, time
def compiled(end, clock=time.perf_counter):
    x = 1.5
    while clock() < end:
        for _ in range(2000):
            x = x * 1.0000001
            x = x - 0.5
            x = x + 0.25
def asleep():
    time.sleep(0.1)
print("READY", flush=True)
while True:
    compiled(time.perf_counter() + 0.1)
    asleep()
'''


def known_impossible(result):
    """Generators that are resumed within nanoseconds: about one stack in 50,000 had a wrong line of a caller."""
    return 1 + result["program"] / 5000


@pytest.fixture
def jit(python):
    """The Python, with its JIT on."""
    asked = subprocess.run(python.command("-c", PROBE), env=pythons.clean_environment(ON), capture_output=True, text=True)
    if asked.stdout.strip() != "True":
        pytest.skip("no JIT")
    return python


@pytest.mark.long
@pytest.mark.parametrize("program", test_truth.PROGRAMS, ids=test_truth.program_ids)
def test_no_impossible_stack(binary, pyrometer, start, tmp_path, program, jit, record_property):
    name, arguments = program
    target = start(oracle.PROGRAMS / (name + ".py"), str(test_truth.LIFE_S), *arguments, env=ON)
    profile = test_truth.Profile(binary, target, tmp_path / "a.pyro", test_truth.STACKS_HZ, test_truth.STACKS_S, "auto")
    profile.finish(60)
    result, _, figures = test_truth.judge(pyrometer, profile.recording, name, arguments, record_property)
    assert result["impossible"] <= known_impossible(result), "\n".join(check.describe_stacks(result))
    assert result["program"] >= test_truth.enough(program), figures["quality"]


@pytest.mark.long(2)
@pytest.mark.parametrize("name", ["mixed", "phases"])
def test_shares(binary, pyrometer, start, tmp_path, name, jit, record_property):
    def profile(file):
        target = start(oracle.PROGRAMS / (name + ".py"), str(test_truth.LIFE_S), env=ON)
        time.sleep(1)
        return test_truth.profile_shares(binary, pyrometer, target, file, name, 2000, record_property)
    shares, result = test_truth.within_errors(profile, tmp_path)
    assert shares["distance"] <= shares["limit"], "\n".join(check.describe_shares(shares))
    assert result["impossible"] <= known_impossible(result), "\n".join(check.describe_stacks(result))


def quality_of_parts(pyrometer, start, tmp_path, env):
    (tmp_path / "parts.py").write_text(PARTS, encoding="utf-8")
    target = start(tmp_path / "parts.py", env=env)
    time.sleep(0.5)
    pyrometer("attach", target.pid, "-q", "--opcodes", "-o", tmp_path / "a.pyro", "--duration", "2")
    text = pyrometer("report", tmp_path / "a.pyro").stdout
    data = json.loads(pyrometer("report", tmp_path / "a.pyro", "--json", "--opcodes").stdout)
    return data["quality"], text, {row["opcode"] for line in data["lines"] for row in line["opcodes"]}


def test_how_much_ran_compiled_is_told(pyrometer, start, tmp_path, jit):
    quality, text, opcodes = quality_of_parts(pyrometer, start, tmp_path, ON)
    assert quality["samples_compiled"] / quality["samples_taken"] == pytest.approx(0.5, abs=0.12)
    assert "JIT" in text and "ENTER_EXECUTOR" in opcodes
    assert "JIT" in pyrometer("report", tmp_path / "a.pyro", "-f", "lines", "--opcodes").stdout


def test_nothing_is_told_with_the_jit_off(pyrometer, start, tmp_path, jit):
    quality, text, opcodes = quality_of_parts(pyrometer, start, tmp_path, {"PYTHON_JIT": "0"})
    assert "samples_compiled" not in quality and "JIT" not in text and "ENTER_EXECUTOR" not in opcodes
