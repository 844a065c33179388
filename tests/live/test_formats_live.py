"""Reports of a live recording, opened by the programs that they are for."""
import collections
import json
import shutil
import subprocess

import pytest

pytestmark = pytest.mark.needs("run", "report")

PROGRAM = '''
    class Work:
        def method(self):
            spin(0.1)
            inner()
    def inner():
        spin(0.2)
    thread = threading.Thread(target=spin, args=(0.1,), name="second; one")
    thread.start()
    Work().method()
    thread.join()
    tell(0)
'''
FORMATS = ["text", "lines", "tree", "json", "collapsed", "speedscope", "pprof", "pstats", "chrome"]


@pytest.fixture
def outputs(record, binary):
    """(recorded, {format: path})"""
    recorded = record(PROGRAM)
    paths = {name: recorded.file.with_suffix("." + name) for name in FORMATS}
    for name, path in paths.items():
        subprocess.run([binary, "report", recorded.file, "-f", name, "-o", path], check=True, timeout=60)
    return recorded, paths


def spin_share(weights):
    return sum(weight for leaf, weight in weights if leaf == "spin") / sum(weight for _, weight in weights)


def check_collapsed(text):
    weights = []
    for line in text.splitlines():
        stack, _, weight = line.rpartition(" ")
        weights.append((stack.split(";")[-1].partition(" (")[0], int(weight)))
    return spin_share(weights)


def check_speedscope(text):
    data = json.loads(text)
    assert data["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    frames, weights = data["shared"]["frames"], []
    assert all(frame["name"] for frame in frames)
    for profile in data["profiles"]:
        assert profile["type"] == "sampled" and profile["unit"] in ("seconds", "nanoseconds", "microseconds")
        assert len(profile["samples"]) == len(profile["weights"])
        for stack, weight in zip(profile["samples"], profile["weights"]):
            assert all(0 <= index < len(frames) for index in stack)
            weights += [(frames[stack[-1]]["name"].rpartition(".")[2] if stack else "", weight)]
    return spin_share(weights)


def check_chrome(text):
    events = json.loads(text)["traceEvents"]
    open_at, depth = collections.defaultdict(list), 0
    for event in events:
        assert event["ph"] in "BEXMCI" and {"pid", "ph"} <= event.keys()
        if event["ph"] == "B":
            open_at[event["pid"], event["tid"]].append(event["ts"])
        elif event["ph"] == "E":
            assert open_at[event["pid"], event["tid"]].pop() <= event["ts"]
        depth += event.get("name") == "spin"
    assert not any(open_at.values()) and depth
    names = {event["args"]["name"] for event in events if event["ph"] == "M" and event["name"] == "thread_name"}
    assert {"MainThread", "second; one"} <= {name.partition(" (")[0] for name in names} or any("second" in n for n in names)


PSTATS = """
import pstats, sys
stats = pstats.Stats(sys.argv[1])
stats.sort_stats("cumulative").print_stats().print_callers().print_callees()
rows = {key[2].rpartition(".")[2]: row for key, row in stats.stats.items()}
assert rows["spin"][3] >= rows["spin"][2] > 0.2 and rows["method"][3] > 0.2, rows
assert rows["inner"][3] <= rows["method"][3] * 1.01
print("FINE")
"""


@pytest.mark.long
def test_formats(outputs, python):
    recorded, paths = outputs
    assert check_collapsed(paths["collapsed"].read_text()) > 0.2
    assert check_speedscope(paths["speedscope"].read_text()) > 0.2
    check_chrome(paths["chrome"].read_text())
    for name in "text", "lines", "tree":
        assert ("program1.py" if name == "lines" else "spin") in paths[name].read_text()
    if python.root == "/":
        done = subprocess.run(python.command("-c", PSTATS, paths["pstats"]), capture_output=True, text=True, timeout=60)
        assert done.stdout.endswith("FINE\n"), done.stderr


@pytest.mark.long
def test_pprof(outputs, python):
    go = shutil.which("go", path="/usr/local/go/bin:/usr/bin:/usr/local/bin")
    if not go:
        pytest.skip("no go")
    top = subprocess.run([go, "tool", "pprof", "-top", outputs[1]["pprof"]], capture_output=True, text=True, timeout=60)
    assert top.returncode == 0, top.stderr
    assert any(line.split()[-1].endswith("spin") for line in top.stdout.splitlines() if line.strip()), top.stdout


def test_source_of_the_program_beside_its_lines(record, python):
    recorded = record(PROGRAM)
    text = recorded.report("-f", "lines")
    if python.root == "/":
        assert "while clock() < end:" in text
    else:
        assert "(its source cannot be read here)" in text and recorded.script in text
