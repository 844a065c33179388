"""What is in the scenarios comes out: seconds, shares, states, windows and selections."""
import pytest

from .tool import FORMATS, failure, report, report_json


def by_name(rows):
    return {row["name"]: row for row in rows}


def test_plain_functions():
    functions = by_name(report_json("plain")["functions"])
    expected = {"fib": (1.2, 1.2), "parse": (0.5, 0.55), "<module>": (0.05, 1.0), "<GC>": (0.05, 0.05)}
    assert set(functions) == set(expected)
    for name, (self_s, total_s) in expected.items():
        assert functions[name]["self_s"] == pytest.approx(self_s, abs=1e-6)
        assert functions[name]["total_s"] == pytest.approx(total_s, abs=1e-6)


def test_recursion_counts_once_and_unresolved_are_shared_out():
    fib = by_name(report_json("plain", mode="cpu")["functions"])["fib"]
    assert fib["total_s"] == pytest.approx(0.4, abs=1e-6)
    assert fib["self_s"] == pytest.approx(0.4, abs=1e-6)
    # Torn code is known from its 80 exact samples: worse than from 400, for which the binomial error would be 0.015.
    assert 0.025 < fib["self_error_s"] < 0.04


def test_modes():
    cpu = report_json("plain", mode="cpu")
    gil = report_json("plain", mode="gil")
    assert sum(row["self_s"] for row in cpu["functions"]) == pytest.approx(0.95, abs=1e-6)
    assert sum(row["self_s"] for row in gil["functions"]) == pytest.approx(0.95, abs=1e-6)
    assert cpu["run"]["mode"] == "cpu"


def test_lines():
    lines = {(row["file"], row["line"]): row for row in report_json("plain")["lines"]}
    assert lines["sample.py", 6]["self_s"] == pytest.approx(0.5, abs=1e-6)
    assert lines["sample.py", 12]["self_s"] == pytest.approx(0.4, abs=1e-6)
    assert lines["sample.py", 15]["total_s"] == pytest.approx(1.0, abs=1e-6)
    assert lines["sample.py", 9]["self_s"] == pytest.approx(0.8, abs=1e-6)


def test_json_has_what_is_promised():
    data = report_json("plain")
    assert data["format"] == 1 and data["pyrometer"]
    assert data["run"]["command"] == ["python", "app.py", "plain"]
    assert data["run"]["python"] == "3.12.1" and data["run"]["exit_status"] == 0
    assert data["run"]["wall_s"] == pytest.approx(1.01) and data["run"]["cpu_s"] == pytest.approx(0.93)
    assert data["run"]["peak_rss_bytes"] == 30 << 20
    assert data["run"]["started"] == "2025-11-21T08:00:00Z"
    for key in ("samples_taken", "samples_failed", "samples_stopped", "samples_truncated", "deadlines_missed",
                "own_cpu_s", "rate_hz", "unresolved", "samples_exact"):
        assert key in data["quality"]
    assert data["quality"]["unresolved"] == 160 and data["quality"]["samples_exact"] == 360
    (process,) = data["processes"]
    assert (process["pid"], process["parent"], process["command"]) == (100, 1, "python app.py")
    main, worker = process["threads"]
    assert (main["id"], main["native_id"], main["name"]) == (140000000000100, 100, "MainThread")
    assert (main["samples"], main["on_cpu"], main["holding_gil"]) == (1000, 950, 950)
    assert (worker["samples"], worker["on_cpu"], worker["waiting_for_gil"]) == (800, 0, 100)
    assert "memory" not in data and "gc" not in data


def test_verdict():
    verdict = report_json("plain")["verdict"]
    assert verdict["bound"] == "CPU-bound"
    assert verdict["on_cpu"] == pytest.approx(0.95, abs=1e-3) and verdict["gil_wanted"] == pytest.approx(0.1, abs=1e-3)
    assert verdict["in_gc"] == pytest.approx(0.05, abs=1e-3)
    assert report_json("plain", **{"from": 0.91, "to": 0.95})["verdict"]["bound"] == "GC-bound"
    assert report_json("plain", **{"from": 0.95})["verdict"]["bound"] == "IO-bound"
    assert report_json("empty")["verdict"]["bound"] == "unknown"


def test_window():
    functions = by_name(report_json("plain", **{"from": 0.2, "to": 0.5, "thread": "MainThread"})["functions"])
    assert functions["parse"]["self_s"] == pytest.approx(0.3, abs=1e-6)
    assert set(functions) == {"parse", "<module>"}


@pytest.mark.parametrize("thread", ["worker", "101", "140000000000101"])
def test_one_thread(thread):
    functions = by_name(report_json("plain", thread=thread)["functions"])
    assert set(functions) == {"fib"}
    assert functions["fib"]["self_s"] == pytest.approx(0.8, abs=1e-6)


def test_processes_share_functions_and_keep_their_own_seconds():
    data = report_json("processes")
    assert by_name(data["functions"])["work"]["self_s"] == pytest.approx(1.5, abs=1e-6)
    assert len(data["functions"]) == 1
    assert [p["sampled_s"] for p in data["processes"]] == pytest.approx([1.0, 0.5], abs=1e-6)
    assert data["processes"][1]["exit_status"] == 137
    child = report_json("processes", pid=200)
    assert [p["pid"] for p in child["processes"]] == [200]
    assert child["functions"][0]["self_s"] == pytest.approx(0.5, abs=1e-6)


def test_fewer_samples_than_asked_for_are_explained():
    text = report("restless", "text").decode()
    assert "700 samples at 1000 per second; 42.9 % of them exact." in text
    assert "200 were taken while all are exact, and fewer than asked for" in text
    assert "too fast" not in report("plain", "text").decode()


def test_first_tick_does_not_stand_for_a_long_interval():
    work = by_name(report_json("late_start")["functions"])["work"]
    assert 1.9 <= work["self_s"] < 1.905


def test_no_stop_leaves_unresolved_and_says_so():
    functions = by_name(report_json("no_stop")["functions"])
    assert functions["<unresolved>"]["self_s"] == pytest.approx(0.5, abs=1e-6)
    assert report_json("no_stop")["quality"]["unresolved_left_s"] == pytest.approx(0.5, abs=1e-6)
    text = report("no_stop", "text").decode()
    assert "<unresolved>" in text and "--no-stop" in text


def test_refusals():
    status, text = failure("plain", "nope")
    assert status == -20 and "speedscope" in text and "nope" in text
    status, text = failure("plain", "text", pid=77)
    assert status == -17 and "77" in text
    status, text = failure("plain", "text", thread="nobody")
    assert status == -17 and "nobody" in text
    status, text = failure("plain", "text", **{"from": 2, "to": 1})
    assert status == -20


def test_opcodes_add_up_to_their_line():
    plain = {(row["line"], row["function"]): row for row in report_json("opcodes")["lines"]}
    rows = {(row["line"], row["function"]): row for row in report_json("opcodes", opcodes="yes")["lines"]}
    assert set(rows) == set(plain)
    for key, row in rows.items():
        opcodes = row.pop("opcodes")
        assert row == plain[key]
        if key[0] > 1:  # on the first one a frame stands that has not begun
            assert sum(each["self_s"] for each in opcodes) == pytest.approx(row["self_s"])
            calls = [(each["self_s"], each["total_s"]) for each in opcodes if each["opcode"] == "CALL_PY_EXACT_ARGS"]
            assert calls == ([pytest.approx((0.06, 0.36))] if key == (2, "work") else [])


def test_opcodes_go_with_lines_and_json():
    for form in set(FORMATS) - {"lines", "json"}:
        assert "-f lines and json" in failure("opcodes", form, opcodes="yes")[1]
    assert "--by function" in failure("opcodes", "lines", opcodes="yes", by="function")[1]
    assert "run --opcodes" in failure("plain", "lines", opcodes="yes")[1]
