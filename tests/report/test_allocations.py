"""Memory in reports: the figures of the scenario, in every format that has them."""
import os
import subprocess

import pytest

from .test_formats import GO
from .tool import failure, report, report_json

KIB = 1024
LINE = "parse (sample.py:6)"


def stacks(**options):
    lines = report("memory", "collapsed", **options).decode().splitlines()
    return {line.rpartition(" ")[0]: int(line.rpartition(" ")[2]) for line in lines}


def test_collapsed():
    process = 'process 100:"python app.py";'
    child = 'process 101:"python app.py";'
    assert stacks(weight="peak") == {process + LINE: 400 * KIB, process + "<no Python frame>": 200, child + LINE: 7000}
    assert stacks(weight="live", no_threads="") == {LINE: 10 * KIB + 7000, "<no Python frame>": 300}
    assert stacks(weight="allocated", pid="100", no_threads="") == {
        LINE: 1000 * KIB, "fib (sample.py:12)": 500000, "<no Python frame>": 300}
    assert stacks(weight="temporary", no_threads="") == {LINE: 100 * KIB, "fib (sample.py:12)": 500000}
    assert stacks(weight="allocated", by="function", no_threads="")["parse (sample.py:4)"] == 1000 * KIB + 7000


def test_json():
    data = report_json("memory")
    memory = data["memory"]
    assert (memory["peak_bytes"], memory["allocations"], memory["allocated_bytes"]) == (416800, 6010, 1531300)
    assert (memory["live_bytes"], memory["live_blocks"], memory["peak_at_s"]) == (17540, 20, 0.5)
    assert memory["live_at_main_end"] is True
    rows = {(row["function"], row["line"]): row for row in data["lines"]}
    assert rows["parse", 6]["allocations"] == 1007 and rows["parse", 6]["peak_bytes"] == 400 * KIB + 7000
    assert rows["parse", 6]["live_blocks"] == 17 and rows["parse", 6]["self_s"] == 0
    assert rows["fib", 12]["temporary_bytes"] == 500000 and rows["parse", 6]["temporary_blocks"] == 100
    assert (memory["temporary_bytes"], memory["temporary_blocks"], memory["temporary_within"]) == (602400, 5100, 64)
    assert rows["fib", 12]["allocated_bytes"] == 500000 and rows["fib", 12]["live_bytes"] == 0
    by_pid = {row["pid"]: row for row in memory["processes"]}
    assert by_pid[101]["peak_bytes"] == 7000 and by_pid[102]["none_because"].startswith("PYTHONMALLOC")


def test_timeline_adds_the_processes():
    alone = report_json("memory", pid="100")["memory"]["timeline"]
    assert len(alone) == 100 and alone[0] == [0.002, 8196, 10 << 20] and alone[49][1] == 50 * 8196
    both = report_json("memory")["memory"]["timeline"]
    assert len(both) == 50 and max(point[1] for point in both) == 50 * 8196
    # The child's second step is from 0.72 to 0.74 s; the parent's steps that meet 0.722 to 0.742 s are its 73rd and 74th.
    assert both[36][0] == pytest.approx(0.722) and both[36][1] == (100 - 72) * 4096 + 3 * 8196


def test_part_of_a_run_has_no_memory():
    data = report_json("memory", to="0.5")
    assert "memory" not in data and all("allocations" not in row for row in data["lines"])
    assert "memory" not in report_json("plain")


def test_recordings_that_do_not_say_what_was_temporary():
    data = report_json("older_memory")
    assert "temporary_within" not in data["memory"] and not any("temporary_bytes" in row for row in data["lines"])
    assert b"temporary" in report("memory", "memory") and b"temporary" not in report("older_memory", "memory")


def test_speedscope():
    data = report_json("memory", "speedscope", weight="live")
    names = [frame["name"] for frame in data["shared"]["frames"]]
    assert [profile["unit"] for profile in data["profiles"]] == ["bytes", "bytes"]
    for profile in data["profiles"]:
        assert len(profile["samples"]) == len(profile["weights"]) and sum(profile["weights"]) == profile["endValue"]
    first = data["profiles"][0]
    assert dict(zip((names[stack[-1]] for stack in first["samples"]), first["weights"]))["parse"] == 10 * KIB


@pytest.mark.skipif(not os.path.exists(GO), reason="go is not installed")
def test_pprof(tmp_path):
    path = tmp_path / "memory.pb.gz"
    path.write_bytes(report("memory", "pprof", weight="peak"))
    raw = subprocess.run([GO, "tool", "pprof", "-raw", str(path)], stdout=subprocess.PIPE, check=True).stdout.decode()
    assert "alloc_objects/count alloc_space/bytes inuse_objects/count inuse_space/bytes peak_objects/count peak_space/bytes[dflt] temporary_objects/count temporary_space/bytes" in raw
    assert f"{1000:>10} {1000 * KIB:>10} {10:>10} {10 * KIB:>10} {400:>10} {400 * KIB:>10} {100:>10} {100 * KIB:>10}" in raw.replace(",", "")


@pytest.mark.parametrize("scenario, form, options, said", [
    ("older_memory", "collapsed", {"weight": "temporary"}, "does not say what was temporary"),
    ("memory", "lines", {"weight": "live"}, "collapsed, speedscope, pprof and tree"),
    ("memory", "collapsed", {"weight": "live", "to": "0.5"}, "whole runs"),
    ("memory", "memory", {"thread": "100"}, ""), ("memory", "memory", {"pid": "102"}, "PYTHONMALLOC"),
    ("plain", "memory", {}, "pyrometer run"), ("plain", "leaks", {}, "pyrometer run"),
    ("plain", "pprof", {"weight": "peak"}, "pyrometer run")])
def test_refusals(scenario, form, options, said):
    status, text = failure(scenario, form, **options)
    assert status < 0 and said in text
