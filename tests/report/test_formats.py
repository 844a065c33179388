"""Every format is opened by what it is for."""
import gzip
import json
import marshal
import os
import re
import shutil
import subprocess

import pytest

import pythons
from .tool import FORMATS, HERE, recording, report, report_json, report_path

PSTATS = """
import os, pstats, sys, tempfile
with tempfile.NamedTemporaryFile(delete=False) as file:
    file.write(sys.stdin.buffer.read())
stats = pstats.Stats(file.name)
os.unlink(file.name)
stats.sort_stats("cumulative")
for key, (cc, nc, tt, ct, callers) in sorted(stats.stats.items()):
    print(repr((key, nc, round(tt, 6), round(ct, 6), sorted((k, round(v[3], 6)) for k, v in callers.items()))))
stats.stream = open(os.devnull, "w")
stats.print_stats(); stats.print_callers(); stats.print_callees()
"""

GO = shutil.which("go") or "/usr/local/go/bin/go"


def load_pstats(python, data):
    return subprocess.run(python.command("-c", PSTATS), input=data, stdout=subprocess.PIPE, check=True,
                          env=pythons.clean_environment()).stdout.decode()


def test_pstats(python):
    output = load_pstats(python, report("plain", "pstats"))
    rows = {row[0][2]: row for row in map(eval, output.splitlines())}
    assert rows["fib"][:4] == (("sample.py", 9, "fib"), 1200, 1.2, 1.2)
    assert rows["parse"][:4] == (("sample.py", 4, "parse"), 550, 0.5, 0.55)
    module, fib = ("sample.py", 1, "<module>"), ("sample.py", 9, "fib")
    assert rows["fib"][4] == [(module, 0.4), (fib, 0.4)]
    assert rows["parse"][4] == [(module, 0.55)]
    assert rows["<module>"][4] == []


@pytest.mark.skipif(not os.path.exists(GO), reason="go is not installed")
def test_pprof_opens(tmp_path):
    path = tmp_path / "profile.pb.gz"
    path.write_bytes(report("plain", "pprof"))
    done = subprocess.run([GO, "tool", "pprof", "-top", "-unit=ms", str(path)], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=True)
    text = done.stdout.decode()
    rows = {line.split()[5]: line.split() for line in text.splitlines() if re.match(r" +[0-9.]+ms? ", line)}
    assert rows["fib"][0] == "1200ms" and rows["parse"][3] == "550ms"
    assert set(rows) == {"fib", "parse", "<module>", "<GC>"}
    raw = subprocess.run([GO, "tool", "pprof", "-raw", str(path)], stdout=subprocess.PIPE, check=True).stdout.decode()
    assert "samples/count time/nanoseconds" in raw
    assert "thread:[worker]" in raw and "pid:[100]" in raw
    peek = subprocess.run([GO, "tool", "pprof", "-lines", "-top", str(path)], stdout=subprocess.PIPE, check=True)
    assert "sample.py:12" in peek.stdout.decode()


def check_speedscope(data):
    assert data["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    frames = data["shared"]["frames"]
    for frame in frames:
        assert isinstance(frame["name"], str) and set(frame) <= {"name", "file", "line", "col"}
    for profile in data["profiles"]:
        assert set(profile) == {"type", "name", "unit", "samples", "weights", "startValue", "endValue"}
        assert profile["type"] == "sampled" and profile["unit"] == "seconds"
        assert len(profile["samples"]) == len(profile["weights"]) > 0
        assert all(0 <= frame < len(frames) for stack in profile["samples"] for frame in stack)
        assert all(weight >= 0 for weight in profile["weights"])
        assert sum(profile["weights"]) == pytest.approx(profile["endValue"] - profile["startValue"], abs=1e-5)


@pytest.mark.parametrize("scenario", ["plain", "processes", "hostile", "no_stop", "empty"])
def test_speedscope(scenario):
    check_speedscope(report_json(scenario, "speedscope"))


def test_speedscope_stacks():
    data = report_json("plain", "speedscope")
    assert len(data["profiles"]) == 2
    names = [frame["name"] for frame in data["shared"]["frames"]]
    main = data["profiles"][0]
    stacks = {tuple(names[i] for i in stack): weight for stack, weight in zip(main["samples"], main["weights"])}
    assert stacks[("<module>", "fib", "fib", "fib")] == pytest.approx(0.4)
    assert stacks[("<module>", "parse", "<GC>")] == pytest.approx(0.05)


def self_seconds(pairs):
    sums = {}
    for name, seconds in pairs:
        sums[name] = sums.get(name, 0) + seconds
    return {name: pytest.approx(seconds, abs=2e-5) for name, seconds in sums.items() if seconds > 1e-5}


@pytest.mark.parametrize("mode", ["wall", "cpu", "gil"])
@pytest.mark.parametrize("scenario", ["plain", "processes", "restless", "no_stop"])
def test_formats_agree(scenario, mode):
    """Self seconds by function: speedscope's and pstats' are JSON's."""
    told = self_seconds((row["name"], row["self_s"]) for row in report_json(scenario, "json", mode=mode)["functions"])
    data = report_json(scenario, "speedscope", mode=mode)
    names = [frame["name"] for frame in data["shared"]["frames"]]
    assert self_seconds((names[stack[-1]], weight) for profile in data["profiles"]
                        for stack, weight in zip(profile["samples"], profile["weights"]) if stack) == told
    rows = marshal.loads(report(scenario, "pstats", mode=mode))
    assert self_seconds((key[2], row[2]) for key, row in rows.items()) == told


COLLAPSED = re.compile(r"([^;\n]+(?:;[^;\n]+)*) (\d+)")


def collapsed(scenario, **options):
    stacks = {}
    for line in report(scenario, "collapsed", **options).decode("utf-8").splitlines():
        match = COLLAPSED.fullmatch(line)
        assert match, line
        stacks[match.group(1)] = stacks.get(match.group(1), 0) + int(match.group(2))
    return stacks


def test_collapsed():
    main = 'process 100:"python app.py";thread 100 "MainThread";<module> (sample.py:15)'
    assert collapsed("plain") == {
        main: 50, main + ";parse (sample.py:6)": 500, main + ";parse (sample.py:6);<GC>": 50,
        main + ";fib (sample.py:12)" * 3: 400,
        'process 100:"python app.py";thread 101 "worker";fib (sample.py:9)': 800}


def test_collapsed_by_function_without_threads():
    stacks = collapsed("plain", no_threads=1, by="function", mode="gil")
    module = "<module> (sample.py:1)"
    assert stacks == {module + ";parse (sample.py:4)": 500, module + ";parse (sample.py:4);<GC>": 50,
                      module + ";fib (sample.py:9)" * 3: 400}


@pytest.mark.parametrize("options", [{}, {"no_threads": 1, "pid": 200}, {"pid": 100}])
def test_collapsed_weighs_processes_by_their_time(options):
    """Their samples are not equally dense: 1,000 in 1 s of one, 250 in 0.5 s of the other."""
    weights = collapsed("processes", **options)
    seconds = sum(row["self_s"] for row in report_json("processes", "json", **options)["functions"])
    assert sum(weights.values()) == pytest.approx(1250 * seconds / 1.5, abs=1)
    if not options:
        child = sum(weight for stack, weight in weights.items() if stack.startswith("process 200:"))
        assert child / sum(weights.values()) == pytest.approx(0.5 / 1.5, abs=0.001)


def test_collapsed_rounding_keeps_the_sum():
    assert sum(collapsed("big", size=20000).values()) == pytest.approx(20000, abs=1)


def check_chrome(data):
    """Every B has its E, which says whose end it is (speedscope needs to know), times ascend within a thread.

    Returns seconds by function, outermost only.
    """
    open_frames, seconds, last = {}, {}, {}
    for event in data["traceEvents"]:
        if event["ph"] not in "BE":
            continue
        key = event["pid"], event["tid"]
        assert event["ts"] >= last.get(key, 0)
        last[key] = event["ts"]
        stack = open_frames.setdefault(key, [])
        if event["ph"] == "B":
            stack.append((event["name"], event.get("args"), event["ts"]))
        else:
            name, args, start = stack.pop()
            assert (event["name"], event.get("args")) == (name, args)
            if all(name != other for other, _, _ in stack):
                seconds[name] = seconds.get(name, 0) + (event["ts"] - start) / 1e6
    assert not any(open_frames.values())
    return seconds


def test_chrome():
    seconds = check_chrome(report_json("plain", "chrome"))
    assert seconds["parse"] == pytest.approx(0.55, abs=0.002)
    assert seconds["fib"] == pytest.approx(1.2, abs=0.002)
    windowed = check_chrome(report_json("plain", "chrome", **{"from": 0.2, "to": 0.4, "thread": "MainThread"}))
    assert windowed == {"parse": pytest.approx(0.2, abs=0.002), "<module>": pytest.approx(0.2, abs=0.002)}


@pytest.mark.parametrize("scenario", ["processes", "hostile", "empty", "nothing"])
def test_chrome_is_balanced(scenario):
    check_chrome(report_json(scenario, "chrome"))


# In expressions.py, by hand: (column, end column, end line, seconds), in characters from 1.
EXPRESSIONS = {2: [(13, 24, 2, 0.4), (27, 38, 2, 0.36), (41, 52, 2, 0.06)], 3: [(20, 34, 4, 0.08), (12, 34, 4, 0.04)]}
BEYOND = (901, 906, 2, 0.06)


def columns_of(line):
    return [(c["column"], c["end_column"], c["end_line"], pytest.approx(c["self_s"], abs=1e-6)) for c in line["columns"]]


def test_json_columns_are_characters():
    lines = {line["line"]: line for line in report_json("expressions")["lines"]}
    inside = {number: [c for c in columns_of(line) if c[:3] != BEYOND[:3]] for number, line in lines.items()}
    assert inside == EXPRESSIONS
    beyond = [c for c in lines[2]["columns"] if c["in_bytes"]]
    assert [(c["column"], c["end_column"], c["end_line"], pytest.approx(c["self_s"])) for c in beyond] == [BEYOND]
    for number, line in lines.items():
        assert line["self_s"] == pytest.approx(sum(c["self_s"] for c in line["columns"]))
        assert [c["total_s"] for c in line["columns"]] == sorted((c["total_s"] for c in line["columns"]), reverse=True)
    source = open(os.path.join(HERE, "expressions.py"), encoding="utf-8").read().splitlines()
    assert [source[1][c[0] - 1:c[1] - 1] for c in inside[2]] == ["naïve(rows)", "naïve(rows)", 'quick("日本")']


def test_json_columns_are_bytes_where_the_source_is_not(tmp_path):
    data = json.loads(report_path(recording("expressions"), "json", cwd=tmp_path).decode())
    columns = [c for line in data["lines"] if line["line"] == 2 for c in line["columns"]]
    assert all(c["in_bytes"] for c in columns)
    assert {(c["column"], c["end_column"]) for c in columns} == {(13, 25), (28, 40), (43, 58), BEYOND[:2]}


def test_columns_only_where_frames_are_expressions():
    assert len(collapsed("expressions", no_threads=1)) == 2
    for line in report_json("expressions", by="function")["lines"]:
        assert line["columns"] == []
    frames = report_json("expressions", "speedscope", by="function")["shared"]["frames"]
    assert frames == [{"name": "work", "file": "expressions.py", "line": 1}]


def test_speedscope_columns():
    data = report_json("expressions", "speedscope")
    check_speedscope(data)
    profile = data["profiles"][0]
    seconds = {data["shared"]["frames"][stack[-1]]["col"]: weight
               for stack, weight in zip(profile["samples"], profile["weights"])}
    assert seconds == {column: pytest.approx(seconds, abs=1e-6)
                       for column, _, _, seconds in EXPRESSIONS[2] + EXPRESSIONS[3] + [BEYOND]}


def read_varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return value, at


def fields(data):
    """[(number, int or bytes)] of a protocol buffer with only varints and bytes in it."""
    found, at = [], 0
    while at < len(data):
        key, at = read_varint(data, at)
        value, at = read_varint(data, at)
        if key & 7 == 2:
            value, at = data[at:at + value], at + value
        found.append((key >> 3, value))
    return found


def test_pprof_columns_are_bytes():
    """Line.column counts from 1, in bytes, as compilers' do."""
    locations = [dict(fields(value)) for number, value in fields(gzip.decompress(report("expressions", "pprof")))
                 if number == 4]
    lines = [dict(fields(location[4])) for location in locations]
    assert sorted((line[2], line[3]) for line in lines) == [(2, 13), (2, 28), (2, 43), (2, 901), (3, 12), (3, 20)]


@pytest.mark.skipif(not os.path.exists(GO), reason="go is not installed")
def test_pprof_shows_columns(tmp_path):
    path = tmp_path / "p.pb.gz"
    path.write_bytes(report("expressions", "pprof"))
    done = subprocess.run([GO, "tool", "pprof", "-lines", "-showcolumns", "-top", str(path)], stdout=subprocess.PIPE, check=True)
    assert "work expressions.py:2:13" in done.stdout.decode()


def test_pprof_is_gzip():
    assert gzip.decompress(report("plain", "pprof"))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("scenario", ["empty", "nothing"])
def test_nothing_to_report_is_a_report(scenario, form):
    output = report(scenario, form)
    if form in ("json", "speedscope", "chrome"):
        json.loads(output.decode())
