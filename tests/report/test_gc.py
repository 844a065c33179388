"""Collections in reports: sums by generation, windows, processes, and where there are none."""
import json
import re

import pytest

from .tool import failure, report, report_json


def test_figures():
    gc = report_json("gc", pid=100)["gc"]
    assert gc["collections"] == [8, 1, 1] and (gc["collected"], gc["uncollectable"]) == (160, 2)
    assert (gc["pause_total_s"], gc["pause_max_s"]) == pytest.approx((0.053, 0.04))
    assert gc["pauses"][0] == [0.1, 0, 0.001, 10] and gc["pauses"][4] == [0.45, 1, 0.005, 100] and len(gc["pauses"]) == 10
    assert (gc["thresholds"], gc["enabled"], gc["pauses_missing"]) == ([700, 10, 10], True, 0)
    assert [row["found_none"] for row in gc["generations"]] == [2, 0, 1]
    assert [row["pause_max_s"] for row in gc["generations"]] == pytest.approx([0.001, 0.005, 0.04])


def test_the_verdict_takes_what_was_measured():
    verdict = report_json("gc", pid=100)["verdict"]
    assert verdict["in_gc_measured"] and verdict["in_gc"] == pytest.approx(0.053 / 0.999, abs=1e-4)
    part = report_json("gc", pid=100, **{"from": 0.89, "to": 0.95})["verdict"]
    assert part["bound"] == "GC-bound" and part["in_gc"] == pytest.approx(0.04 / 0.059, abs=0.01)
    assert not report_json("plain")["verdict"]["in_gc_measured"]


def test_processes_add_up():
    gc = report_json("gc")["gc"]
    assert gc["collections"] == [11, 1, 1] and gc["pauses_missing"] == 1 and len(gc["pauses"]) == 12
    assert [pause[0] for pause in gc["pauses"]] == sorted(pause[0] for pause in gc["pauses"])
    child = report_json("gc", pid=101)["gc"]
    assert child["collections"] == [3, 0, 0] and "thresholds" not in child


def test_a_window_is_of_the_pauses_that_begin_in_it():
    gc = report_json("gc", pid=100, **{"from": 0.4, "to": 0.5})["gc"]
    assert gc["collections"] == [1, 1, 0] and gc["collected"] == 110 and gc["pause_total_s"] == pytest.approx(0.006)
    assert report_json("gc", pid=100, **{"from": 0.91, "to": 0.95})["gc"]["pauses"] == []


def test_a_thread_has_none():
    assert "gc" not in report_json("gc", thread="MainThread")
    assert "--thread" in failure("gc", "gc", thread="MainThread")[1]
    assert "no collections" in failure("plain", "gc")[1]


def test_chrome_slices():
    events = json.loads(report("gc", "chrome"))["traceEvents"]
    slices = [event for event in events if event.get("name") == "garbage collection"]
    assert len(slices) == 12 and all(event["ph"] == "X" and event["tid"] == 0 for event in slices)
    (longest,) = [event for event in slices if event["dur"] == 40000]
    assert longest["ts"] == 900000 and longest["args"] == {"generation": 2, "collected": 0, "uncollectable": 0,
                                                            "function": "<no Python frame>"}
    assert {event["args"].get("line") for event in slices} == {6, 12, None}
    named = [event for event in events if event["ph"] == "M" and event["args"]["name"] == "garbage collector"]
    assert [event["pid"] for event in named] == [100, 101]


@pytest.mark.parametrize("form", ["gc", "text", "memory"])
def test_hostile_figures_break_nothing(form):
    text = report("gc_hostile", form).decode("utf-8")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)
    json.loads(report("gc_hostile", "json"))
    json.loads(report("gc_hostile", "chrome"))
    if form != "memory":
        report("gc_hostile", form, **{"from": 1e-6, "to": 1e9})
