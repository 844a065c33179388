"""The oracles themselves: they accept what the programs really do, and see a stack that they cannot have."""
import subprocess
import sys

import pytest

from . import check, oracle

# Runs a program with a profiler inside: at every call its true stack is kept, as the collapsed format shows it.
WITNESS = """
import runpy, sys, threading, time
seen = {}
def stack(frame):
    names = []
    while frame is not None and frame.f_code.co_filename != __file__ and "runpy" not in frame.f_code.co_filename:
        names.append("%s (%s:%d)" % (frame.f_code.co_name, frame.f_code.co_filename, frame.f_lineno or 0))
        frame = frame.f_back
    return ";".join(reversed(names))
def witness(frame, event, argument):
    if event in ("call", "return") and len(seen) < 20000:
        key = stack(frame)
        seen[key] = seen.get(key, 0) + 1
sys.argv = sys.argv[2:]
out = sys.stdout
threading.setprofile(witness)
sys.setprofile(witness)
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    sys.setprofile(None)
    for key in seen:
        print("STACK", key, seen[key])
"""
# exec_again replaces the process, and with it the witness.
PROGRAMS = {"crossed": [], "generators": [], "async_tasks": [], "recursion": ["300"], "churn": [], "wide": [],
            "thread_churn": [], "phases": [], "mixed": []}


def witnessed(tmp_path, program, seconds, arguments):
    witness = tmp_path / "witness.py"
    witness.write_text(WITNESS)
    path = oracle.PROGRAMS / (program + ".py")
    done = subprocess.run([sys.executable, witness, "--", path, str(seconds), *arguments], capture_output=True, text=True,
                          timeout=120)
    assert done.returncode == 0, done.stderr
    return oracle.parse("\n".join(line[6:] for line in done.stdout.splitlines() if line.startswith("STACK ")))


@pytest.mark.parametrize("program", PROGRAMS)
def test_accepts_what_happens(tmp_path, program):
    judge = oracle.Oracle(program, PROGRAMS[program])
    stacks = [stack for stack in witnessed(tmp_path, program, 0.3, PROGRAMS[program]) if stack.frames]
    result = check.judge_stacks(judge, stacks)
    assert result["program"] > 50
    assert result["impossible"] == 0, "\n".join(check.describe_stacks(result))


def lines_of(program):
    return (oracle.PROGRAMS / (program + ".py")).read_text().splitlines()


def at(program, text, nth=0):
    """The line number of the nth line that contains the text."""
    return [number for number, line in enumerate(lines_of(program), 1) if text in line][nth]


def cases():
    crossed = "<module> (crossed.py:{m});main (crossed.py:{r});batch (crossed.py:{a});a (crossed.py:{x})"
    places = dict(m=at("crossed", "main(float"), r=at("crossed", "batch(500)"), a=at("crossed", "#> a"), x=at("crossed", "#> x"))
    head = crossed.format(**places)
    p, q = at("crossed", "return n + 1"), at("crossed", "return n + 2")
    yield "crossed", (), f"{head};x (crossed.py:{at('crossed', '#> p')});p (crossed.py:{p})", True
    yield "crossed", (), f"{head};y (crossed.py:{at('crossed', '#> q')});q (crossed.py:{q})", False
    yield "crossed", (), f"{head};x (crossed.py:{at('crossed', '#> p')});q (crossed.py:{q})", False
    yield "crossed", (), f"{head};x (crossed.py:{p});p (crossed.py:{p})", False
    yield "crossed", (), f"a (crossed.py:{at('crossed', '#> x')});x (crossed.py:{at('crossed', '#> p')})", False
    yield "crossed", (), f"{head};x (crossed.py:{q})", False
    loop = f"<module> (async_tasks.py:{at('async_tasks', 'main(float')});main (async_tasks.py:{at('async_tasks', 'asyncio.run(')})"
    loop += ";run (runners.py:1);run_until_complete (base_events.py:1);run_forever (base_events.py:2);_run_once (base_events.py:3)"
    stepped = loop + f";_run (events.py:1);call_b (async_tasks.py:{at('async_tasks', 'await inner_b')})"
    inner = at("async_tasks", "n = leaf_b(n)")
    yield "async_tasks", (), f"{stepped};inner_b (async_tasks.py:{inner});leaf_b (async_tasks.py:{at('async_tasks', 'def leaf_b')})", True
    yield "async_tasks", (), f"{stepped};inner_a (async_tasks.py:{at('async_tasks', 'async def inner_a')})", False
    yield "async_tasks", (), f"{loop};call_b (async_tasks.py:{at('async_tasks', 'await inner_b')})", False
    yield "async_tasks", (), f"{loop};_run (events.py:1);inner_b (async_tasks.py:{inner})", False
    one = f"<module> (churn.py:{at('churn', 'main(float')});main (churn.py:{at('churn', '#> one')});one (churn.py:{at('churn', '#> drive')});drive (churn.py:{at('churn', 'function(60)')})"
    yield "churn", (), one + ";outer_8 (churn_8.py:10);inner_8 (churn_8.py:4)", True
    yield "churn", (), one + ";outer_8 (churn_8.py:10);inner_7 (churn_7.py:4)", False
    yield "churn", (), one + ";outer_8 (churn_7.py:10)", False
    yield "churn", (), one + ";outer_8 (churn_8.py:40)", False
    yield "churn", (), "outer_8 (churn_8.py:10)", False
    root = f"<module> (recursion.py:{at('recursion', 'main(float')});main (recursion.py:{at('recursion', '#> work')});work (recursion.py:{at('recursion', '#> even', 1)})"
    even, odd = f";even (recursion.py:{at('recursion', 'odd(n - 1) + 1')})", f";odd (recursion.py:{at('recursion', 'even(n - 1) + 1')})"
    bottom = f";even (recursion.py:{at('recursion', '#> bottom_a')});bottom_a (recursion.py:{at('recursion', 'return 1')})"
    yield "recursion", ("2",), root + even + odd + bottom, True
    yield "recursion", ("4",), root + even + odd + bottom, False
    yield "recursion", ("4",), root + even + even + odd, False


@pytest.mark.parametrize("program, arguments, stack, legal", list(cases()))
def test_sees_what_cannot_happen(program, arguments, stack, legal):
    result = check.judge_stacks(oracle.Oracle(program, arguments), oracle.parse(stack + " 3\n"))
    assert result["samples"] == 3
    assert result["impossible"] == (0 if legal else 3), result


def test_distance_is_total_variation():
    judge = oracle.Oracle("mixed")
    line = f"<module> (mixed.py:1);main (mixed.py:1);cycle (mixed.py:1);%s (mixed.py:1) %d\n"
    stacks = oracle.parse(line % ("calls", 300) + line % ("loop", 700))
    result = check.judge_shares(judge, stacks, {"calls": 0.4, "loop": 0.6})
    assert result["distance"] == pytest.approx(0.1)
    assert result["distance"] > result["limit"]
    assert check.judge_shares(judge, stacks, {"calls": 0.31, "loop": 0.69})["distance"] < result["limit"]


def test_expected_distance_is_what_sampling_gives():
    import random
    shares, samples = {"a": 0.5, "b": 0.3, "c": 0.2}, 2000
    chosen = random.Random(7)
    distances = []
    for _ in range(400):
        drawn = chosen.choices(list(shares), list(shares.values()), k=samples)
        distances.append(0.5 * sum(abs(drawn.count(part) / samples - share) for part, share in shares.items()))
    mean, _ = check.expected_distance(shares, samples)
    assert mean == pytest.approx(sum(distances) / len(distances), rel=0.1)
